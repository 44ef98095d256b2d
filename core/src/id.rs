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
        let hex = self.to_hex().map(char::from);
        let mut path = String::with_capacity(5 + 64 + form.extension().len());
        path.extend(&hex[..4]);
        path.push('/');
        path.extend(&hex);
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

    /// Reads the name of a chunk file: 64 hex digits and an extension of a known form. Takes text or the bytes
    /// of a directory entry, which need not be text.
    pub fn from_file_name(name: impl AsRef<[u8]>) -> Option<(Self, StoredForm)> {
        let (digits, extension) = name.as_ref().split_first_chunk()?;
        let form = StoredForm::from_extension(core::str::from_utf8(extension).ok()?)?;
        Some((Self::from_hex(digits)?, form))
    }

    /// The 64 hex digits of the ID, as ASCII.
    pub fn to_hex(&self) -> [u8; 64] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut hex = [0; 64];
        for (pair, byte) in hex.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        hex
    }

    /// The ID that has these hex digits (lower case).
    fn from_hex(digits: &[u8; 64]) -> Option<Self> {
        let mut bytes = [0; 32];
        // What is no digit has high bits set: looked at once, behind the loop.
        let mut seen = 0;
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let (high, low) = (VALUES[usize::from(pair[0])], VALUES[usize::from(pair[1])]);
            seen |= high | low;
            *byte = high << 4 | low & 15;
        }
        (seen < 16).then_some(Self(bytes))
    }
}

/// The value of each hex digit by its ASCII code; 255 for anything else.
const VALUES: [u8; 256] = {
    let mut values = [255; 256];
    let mut value = 0;
    while value < 16 {
        values[b"0123456789abcdef"[value as usize] as usize] = value;
        value += 1;
    }
    values
};

impl FromStr for ChunkId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        match text.as_bytes().try_into() {
            Ok(digits) => Self::from_hex(digits).ok_or(ParseIdError::Digit),
            Err(_) => Err(ParseIdError::Length(text.chars().count())),
        }
    }
}

impl fmt::Display for ChunkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Digits are text, so this cannot fail.
        f.write_str(core::str::from_utf8(&self.to_hex()).map_err(|_| fmt::Error)?)
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

    #[test]
    fn file_names_are_read_as_bytes() {
        let id: ChunkId = HEX.parse().unwrap();
        assert_eq!(id.to_hex(), HEX.as_bytes());
        assert_eq!(ChunkId::from_file_name(HEX), Some((id, StoredForm::Plain)));
        let name = format!("{HEX}.cacnk").into_bytes();
        assert_eq!(ChunkId::from_file_name(&name), Some((id, StoredForm::Compressed)));
        // Every byte that is no digit, in every place, makes it no chunk.
        for at in 0..name.len() {
            for byte in 0..=255 {
                let mut other = name.clone();
                other[at] = byte;
                let sound = other[64..] == *b".cacnk" && !other[..64].iter().any(u8::is_ascii_uppercase);
                let mut expected = [0; 32];
                let expected = (sound && hex::decode_to_slice(&other[..64], &mut expected).is_ok())
                    .then_some((expected.into(), StoredForm::Compressed));
                assert_eq!(ChunkId::from_file_name(&other), expected, "{at} {byte}");
            }
        }
    }
}
