//! The names of chunks and of unfinished chunks below the root of a store, without an allocation.

use std::{
    fmt::{self, Write},
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

use aria_storage_core::{ChunkId, StoredForm};

/// What unfinished chunks are called; desync's name, so that its `prune` clears ours away and ours its.
pub(super) const TEMPORARY_PREFIX: &str = ".tmp-cacnk";

/// A name below the root of a store.
#[derive(Clone, Copy)]
pub(super) struct Name {
    bytes: [u8; 80],
    len: usize,
}

impl Name {
    const EMPTY: Self = Self { bytes: [0; 80], len: 0 };

    /// The folder with this number.
    pub(super) fn folder(number: u16) -> Self {
        let mut name = Self::EMPTY;
        // Four digits fit.
        let _ = write!(name, "{number:04x}");
        name
    }

    /// A chunk, as [`ChunkId::store_path`] has it.
    pub(super) fn chunk(id: &ChunkId, form: StoredForm) -> Self {
        let hex = id.to_hex();
        let extension = form.extension().as_bytes();
        let mut name = Self::EMPTY;
        name.bytes[..4].copy_from_slice(&hex[..4]);
        name.bytes[4] = b'/';
        name.bytes[5..69].copy_from_slice(&hex);
        name.len = 69 + extension.len();
        name.bytes[69..name.len].copy_from_slice(extension);
        name
    }

    /// A name for an unfinished chunk that hardly anybody else uses: it has the number of the process (asked
    /// for once), one that counts up, and a random one.
    pub(super) fn temporary(folder: u16) -> Self {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        static PROCESS: LazyLock<u32> = LazyLock::new(std::process::id);
        let (process, random) = (*PROCESS, fastrand::u32(..));
        let mut name = Self::EMPTY;
        // 5 + 10 + 8 + 16 + 8 characters and two hyphens fit.
        let _ = write!(name, "{folder:04x}/{TEMPORARY_PREFIX}{process:x}-{number:x}-{random:08x}");
        name
    }

    /// The name.
    pub(super) fn as_str(&self) -> &str {
        // Digits and what is written above: always text.
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }
}

impl Write for Name {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

/// The number of the folder of a chunk.
pub(super) fn folder_of(id: &ChunkId) -> u16 {
    let [high, low, ..] = *id.as_bytes();
    u16::from_be_bytes([high, low])
}

/// The number of the folder with this name, if that is one of a store: four hex digits, in lower case.
pub(super) fn folder_number(name: &[u8]) -> Option<u16> {
    let digits = <&[u8; 4]>::try_from(name).ok()?;
    digits.iter().try_fold(0, |number: u16, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u16::from(value))
    })
}

#[cfg(test)]
mod tests {
    use aria_storage_core::Digest;

    use super::*;

    #[test]
    fn names_are_those_of_the_format() {
        let id = Digest::Sha256.id(b"x");
        for form in [StoredForm::Plain, StoredForm::Compressed] {
            assert_eq!(Name::chunk(&id, form).as_str(), id.store_path(form));
        }
        let folder = Name::folder(folder_of(&id));
        assert_eq!(folder.as_str(), &id.to_string()[..4]);
        let temporary = Name::temporary(0x00af);
        assert!(temporary.as_str().starts_with("00af/.tmp-cacnk"), "{}", temporary.as_str());
        assert_ne!(temporary.as_str(), Name::temporary(0x00af).as_str());
    }

    #[test]
    fn folders_have_four_digits() {
        for number in [0, 1, 0xabcd, 0xffff] {
            assert_eq!(folder_number(Name::folder(number).as_str().as_bytes()), Some(number));
        }
        for wrong in ["", "abc", "abcde", "ABCD", "abc/", "+abc", "..", "éa"] {
            assert_eq!(folder_number(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
