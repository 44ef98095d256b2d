//! The two hash functions a chunk can be named by.

use alloc::vec::Vec;
use core::{fmt, str::FromStr};

use sha2::{Digest as _, Sha256, Sha512_256};
use thiserror::Error;

use crate::ChunkId;

/// The hash function that names chunks: SHA-256, or SHA-512/256 (FIPS 180-4, with its own initial values;
/// it is not SHA-512 cut short).
///
/// An index says which one it uses by a feature flag, so reading never needs to be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Digest {
    /// SHA-256: what CPUs and browsers have in hardware, hence the fast one and the default.
    #[default]
    #[cfg_attr(feature = "serde", serde(rename = "sha256"))]
    Sha256,
    /// SHA-512/256: the default of casync and desync.
    #[cfg_attr(feature = "serde", serde(rename = "sha512-256"))]
    Sha512_256,
}

/// A text that names no digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("unknown digest: the digests are sha256 and sha512-256")]
pub struct UnknownDigest;

impl Digest {
    /// The ID of a chunk with these bytes.
    pub fn id(self, chunk: &[u8]) -> ChunkId {
        match self {
            Self::Sha256 => ChunkId::new(Sha256::digest(chunk).into()),
            Self::Sha512_256 => ChunkId::new(Sha512_256::digest(chunk).into()),
        }
    }

    /// The IDs of several chunks, in their order; what `ids` held is dropped.
    pub fn ids(self, chunks: &[&[u8]], ids: &mut Vec<ChunkId>) {
        ids.clear();
        ids.extend(chunks.iter().map(|chunk| self.id(chunk)));
    }

    /// Starts hashing bytes that come in pieces.
    pub fn hasher(self) -> Hasher {
        match self {
            Self::Sha256 => Hasher::Sha256(Sha256::new()),
            Self::Sha512_256 => Hasher::Sha512_256(Sha512_256::new()),
        }
    }

    /// The ID of `len` zero bytes.
    pub fn id_of_zeros(self, len: u64) -> ChunkId {
        const ZEROS: [u8; 4096] = [0; 4096];
        let mut hasher = self.hasher();
        let mut left = len;
        while left > 0 {
            let piece = left.min(ZEROS.len() as u64);
            hasher.update(&ZEROS[..piece as usize]);
            left -= piece;
        }
        hasher.finish()
    }

    /// The name used on command lines and in manifests: `sha256` or `sha512-256`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512_256 => "sha512-256",
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Digest {
    type Err = UnknownDigest;

    fn from_str(text: &str) -> Result<Self, UnknownDigest> {
        match text {
            "sha256" => Ok(Self::Sha256),
            "sha512-256" => Ok(Self::Sha512_256),
            _ => Err(UnknownDigest),
        }
    }
}

/// A digest being computed over bytes that come in pieces. Made by [`Digest::hasher`].
#[derive(Clone)]
pub enum Hasher {
    /// SHA-256 in progress.
    Sha256(Sha256),
    /// SHA-512/256 in progress.
    Sha512_256(Sha512_256),
}

impl Hasher {
    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(state) => state.update(bytes),
            Self::Sha512_256(state) => state.update(bytes),
        }
    }

    /// The ID of all bytes taken.
    pub fn finish(self) -> ChunkId {
        match self {
            Self::Sha256(state) => ChunkId::new(state.finalize().into()),
            Self::Sha512_256(state) => ChunkId::new(state.finalize().into()),
        }
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sha256(_) => "Hasher(sha256)",
            Self::Sha512_256(_) => "Hasher(sha512-256)",
        })
    }
}

#[cfg(test)]
mod tests {
    use alloc::{string::ToString, vec};

    use super::*;

    #[test]
    fn known_answers() {
        assert_eq!(
            Digest::Sha512_256.id(b"").to_string(),
            "c672b8d1ef56ed28ab87c3622c5114069bdd3ad7b8f9737498d0c01ecef0967a"
        );
        assert_eq!(
            Digest::Sha256.id(b"").to_string(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }

    #[test]
    fn null_chunk_of_the_default_size() {
        assert_eq!(
            Digest::Sha512_256.id_of_zeros(262_144).to_string(),
            "1c8109946feed9f9e9fe4b5144d90f05a50fb3275e848cb72f4b9546d8c533f2"
        );
        assert_eq!(
            Digest::Sha256.id_of_zeros(262_144).to_string(),
            "8a39d2abd3999ab73c34db2476849cddf303ce389b35826850f9a700589b4a90"
        );
        assert_eq!(Digest::Sha256.id_of_zeros(5000), Digest::Sha256.id(&vec![0; 5000]));
    }

    #[test]
    fn pieces_give_the_same_id() {
        let data: Vec<u8> = (0..1000u32).map(|i| (i * 7) as u8).collect();
        for digest in [Digest::Sha256, Digest::Sha512_256] {
            let mut hasher = digest.hasher();
            data.chunks(37).for_each(|piece| hasher.update(piece));
            assert_eq!(hasher.finish(), digest.id(&data));
            assert_eq!(digest.name().parse(), Ok(digest));
        }
    }
}
