//! The name of a chunk: 32 bytes of digest, their text form and their place in a store.

use alloc::string::String;
use core::{fmt, str::FromStr};

use thiserror::Error;

use crate::codec::StoredForm;

/// The name of a chunk (its CAID): the 32-byte digest of the chunk's uncompressed bytes.
///
/// The ID does not say which digest made it; the index that names the chunk does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChunkId([u8; 32]);

/// Why a text is not a chunk ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ParseIdError {
    /// Not 64 characters long.
    #[error("a chunk ID has 64 hexadecimal digits, not {0} characters")]
    Length(usize),
    /// A character that is not `0-9` or `a-f`. Upper case is refused, as casync does: a store's paths are
    /// case-sensitive, and two spellings of one ID would be two files.
    #[error("a chunk ID is made of the digits 0-9 and a-f (lower case); found another character")]
    Digit,
}

impl ChunkId {
    /// Length of an ID in bytes.
    pub const LEN: usize = 32;

    /// Wraps the 32 bytes of a digest.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The raw digest.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The path of the chunk below the root of a store, with `/` between folder and name:
    /// the first four hex digits, then the ID with the form's extension (`abcd/abcd….cacnk`).
    pub fn store_path(&self, form: StoredForm) -> String {
        let hex = hex::encode(self.0);
        let mut path = String::with_capacity(5 + 64 + form.extension().len());
        path.push_str(&hex[..4]);
        path.push('/');
        path.push_str(&hex);
        path.push_str(form.extension());
        path
    }

    /// Reads a store path as [`store_path`](Self::store_path) writes it. `None` for anything else, also for
    /// a chunk in a folder that is not its own.
    pub fn from_store_path(path: &str) -> Option<(Self, StoredForm)> {
        let (folder, name) = path.split_once('/')?;
        let (id, form) = Self::from_file_name(name)?;
        (folder.len() == 4 && name.starts_with(folder)).then_some((id, form))
    }

    /// Reads the name of a chunk file: 64 hex digits and an extension of a known form.
    pub fn from_file_name(name: &str) -> Option<(Self, StoredForm)> {
        let (hex, extension) = name.split_at_checked(64)?;
        let form = StoredForm::from_extension(extension)?;
        Some((hex.parse().ok()?, form))
    }
}

impl FromStr for ChunkId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        if text.len() != 64 {
            return Err(ParseIdError::Length(text.chars().count()));
        }
        if text.bytes().any(|b| !matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(ParseIdError::Digit);
        }
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| ParseIdError::Digit)?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for ChunkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 64];
        // The buffer is exactly twice the length of the ID, so this cannot fail.
        hex::encode_to_slice(self.0, &mut text).map_err(|_| fmt::Error)?;
        f.write_str(core::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for ChunkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChunkId({self})")
    }
}

impl From<[u8; 32]> for ChunkId {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for ChunkId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for ChunkId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <alloc::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use alloc::{format, string::ToString};

    use super::*;

    const HEX: &str = "c672b8d1ef56ed28ab87c3622c5114069bdd3ad7b8f9737498d0c01ecef0967a";

    #[test]
    fn text_goes_round() {
        let id: ChunkId = HEX.parse().unwrap();
        assert_eq!(id.to_string(), HEX);
        assert_eq!(id.as_bytes()[..2], [0xc6, 0x72]);
    }

    #[test]
    fn wrong_texts_are_refused() {
        assert_eq!("abc".parse::<ChunkId>(), Err(ParseIdError::Length(3)));
        assert_eq!(HEX.to_uppercase().parse::<ChunkId>(), Err(ParseIdError::Digit));
        assert_eq!(HEX.replace('c', "g").parse::<ChunkId>(), Err(ParseIdError::Digit));
        // 64 bytes that are not 64 characters
        assert_eq!("é".repeat(32).parse::<ChunkId>(), Err(ParseIdError::Digit));
    }

    #[test]
    fn store_paths_go_round_and_nothing_else_does() {
        let id: ChunkId = HEX.parse().unwrap();
        let path = id.store_path(StoredForm::Compressed);
        assert_eq!(path, format!("c672/{HEX}.cacnk"));
        assert_eq!(ChunkId::from_store_path(&path), Some((id, StoredForm::Compressed)));
        assert_eq!(ChunkId::from_store_path(&format!("c672/{HEX}")), Some((id, StoredForm::Plain)));
        for wrong in [
            format!("c673/{HEX}.cacnk"),
            format!("c67/{HEX}.cacnk"),
            format!("c672/{HEX}.tmp"),
            format!("c672/../{HEX}.cacnk"),
            format!("/{HEX}"),
            HEX.to_string(),
            "c672/é".to_string(),
        ] {
            assert_eq!(ChunkId::from_store_path(&wrong), None, "{wrong}");
        }
    }
}
