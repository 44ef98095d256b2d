//! The two hash functions a chunk can be named by.
//!
//! One chunk is hashed by the crate `sha2`. Many at once are faster, by kernels of our own:
//!
//! | module | holds |
//! |---|---|
//! | `lanes` | the scheduler, which deals chunks of any lengths and number to a kernel |
//! | `rounds` | the rounds of SHA-2 over vectors, for all vector kernels |
//! | `sha_ni`, `avx2`, `avx512` | the kernels for x86-64 |
//! | `simd128` | the kernels for WebAssembly |
//!
//! On other processors chunks are hashed one after another; `sha2` itself uses what 64-bit Arm has.

#[cfg(any(test, target_arch = "x86_64", all(target_arch = "wasm32", target_feature = "simd128")))]
mod lanes;
#[cfg(any(target_arch = "x86_64", all(target_arch = "wasm32", target_feature = "simd128")))]
mod rounds;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod sha_ni;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;

#[cfg(test)]
mod tests;

use alloc::vec::Vec;
use core::{fmt, str::FromStr};

use sha2::{Digest as _, Sha256, Sha512_256};
use thiserror::Error;

use crate::{ChunkId, cpu::Features};

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
    ///
    /// Faster than one after another, by as much as the processor can do at the same time: the more chunks
    /// the better, and best if they are of similar size. It takes some 16 chunks to fill all lanes of any
    /// processor.
    pub fn ids(self, chunks: &[&[u8]], ids: &mut Vec<ChunkId>) {
        self.ids_with(Features::current(), chunks, ids);
    }

    /// [`ids`](Self::ids), using these processor extensions as far as they are there: for tests and
    /// measurements.
    #[doc(hidden)]
    pub fn ids_with(self, features: Features, chunks: &[&[u8]], ids: &mut Vec<ChunkId>) {
        ids.clear();
        ids.resize(chunks.len(), ChunkId::new([0; 32]));
        let ids = ids.as_mut_slice();
        match self {
            Self::Sha256 => {
                #[cfg(target_arch = "x86_64")]
                {
                    if let Some(kernel) = sha_ni::ShaNi::new(features) {
                        return lanes::run::<_, { sha_ni::N }>(kernel, chunks, ids);
                    }
                    if let Some(kernel) = avx512::x16::Avx512x16::new(features) {
                        return lanes::run(kernel, chunks, ids);
                    }
                    if let Some(kernel) = avx2::x8::Avx2x8::new(features) {
                        return lanes::run(kernel, chunks, ids);
                    }
                }
                #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
                if let Some(kernel) = simd128::x4::Simd128x4::new(features) {
                    return lanes::run(kernel, chunks, ids);
                }
            }
            Self::Sha512_256 => {
                #[cfg(target_arch = "x86_64")]
                {
                    if let Some(kernel) = avx512::x8::Avx512x8::new(features) {
                        return lanes::run(kernel, chunks, ids);
                    }
                    if let Some(kernel) = avx2::x4::Avx2x4::new(features) {
                        return lanes::run(kernel, chunks, ids);
                    }
                }
                #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
                if let Some(kernel) = simd128::x2::Simd128x2::new(features) {
                    return lanes::run(kernel, chunks, ids);
                }
            }
        }
        let _ = features; // Nobody asks for them on other processors.
        ids.iter_mut().zip(chunks).for_each(|(id, chunk)| *id = self.id(chunk));
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

    /// The digest that this one is not.
    pub const fn other(self) -> Self {
        match self {
            Self::Sha256 => Self::Sha512_256,
            Self::Sha512_256 => Self::Sha256,
        }
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
