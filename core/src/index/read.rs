//! Reading an index file, in pieces as they come.

use alloc::vec::Vec;

use super::{
    Index, IndexError,
    write::{HEADER_SIZE, INDEX_MAGIC, ITEM_SIZE, PREAMBLE_SIZE, TABLE_MAGIC, TAIL_MAGIC, table_size},
};
use crate::{ChunkId, ChunkSizes, FeatureFlags, codec::Preview};

/// Reads an index from bytes that come in pieces of any size.
///
/// Nothing is allocated from a length in the input: memory grows with the bytes received, or is set aside for
/// a length that the caller knows ([`for_len`](Self::for_len)). The first wrong byte that can be told from a
/// right one ends the reading.
#[derive(Debug, Default)]
pub struct IndexReader {
    /// Bytes of a record that is not complete yet.
    pending: Vec<u8>,
    received: u64,
    /// Chunks to set room aside for.
    expected: usize,
    state: State,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Preamble,
    Table(Index),
    Done(Index),
    /// An error was returned; it is returned again, so that a caller who went on is not told otherwise.
    Failed(IndexError),
}

impl IndexReader {
    /// A reader at the start of an index.
    pub fn new() -> Self {
        Self::default()
    }

    /// A reader of an input that has `len` bytes, as the system that holds it says and not the input itself:
    /// room for its chunks is made once and exactly. With another length than that it still reads all.
    pub fn for_len(len: u64) -> Self {
        let items = len.saturating_sub(PREAMBLE_SIZE as u64) / ITEM_SIZE as u64;
        Self { expected: usize::try_from(items.saturating_sub(1)).unwrap_or(0), ..Self::default() }
    }

    /// Takes the next bytes.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), IndexError> {
        if let State::Failed(error) = &self.state {
            return Err(error.clone());
        }
        self.received += bytes.len() as u64;
        let result = self.take(&mut bytes);
        if let Err(error) = &result {
            self.state = State::Failed(error.clone());
        }
        result
    }

    fn take(&mut self, bytes: &mut &[u8]) -> Result<(), IndexError> {
        while !bytes.is_empty() {
            let wanted = match &self.state {
                State::Preamble => PREAMBLE_SIZE,
                _ => ITEM_SIZE,
            };
            // Records are mostly whole in what comes; only one that is split is put together in a buffer.
            if self.pending.is_empty() && bytes.len() >= wanted {
                let (record, rest) = bytes.split_at(wanted);
                *bytes = rest;
                self.record(record)?;
                continue;
            }
            let (piece, rest) = bytes.split_at(bytes.len().min(wanted - self.pending.len()));
            *bytes = rest;
            self.pending.extend_from_slice(piece);
            if matches!(self.state, State::Done(_)) {
                return Err(IndexError::TrailingBytes);
            }
            if self.pending.len() == wanted {
                let record = core::mem::take(&mut self.pending);
                self.record(&record)?;
            } else if matches!(self.state, State::Preamble) {
                check_magic(&self.pending)?;
            }
        }
        Ok(())
    }

    fn record(&mut self, record: &[u8]) -> Result<(), IndexError> {
        match core::mem::take(&mut self.state) {
            State::Preamble => {
                let mut index = preamble(record)?;
                // Without the room it grows as it comes.
                let _ = index.chunks.try_reserve_exact(self.expected);
                self.state = State::Table(index);
            }
            State::Table(mut index) => {
                self.state = if item(&mut index, record)? { State::Table(index) } else { State::Done(index) };
            }
            State::Done(_) => return Err(IndexError::TrailingBytes),
            State::Failed(error) => return Err(error),
        }
        Ok(())
    }

    /// The index, if all of it has come.
    pub fn finish(self) -> Result<Index, IndexError> {
        let truncated = |part| IndexError::Truncated { len: self.received, part };
        match self.state {
            State::Done(index) => Ok(index),
            State::Preamble => Err(truncated("header")),
            State::Table(_) if !self.pending.is_empty() => Err(truncated("chunk table")),
            State::Table(index) => Err(IndexError::MissingTail { chunks: index.chunks().len() }),
            State::Failed(error) => Err(error),
        }
    }
}

impl Index {
    /// Reads an index that is in memory.
    pub fn decode(bytes: &[u8]) -> Result<Self, IndexError> {
        let mut reader = IndexReader::for_len(bytes.len() as u64);
        reader.push(bytes)?;
        reader.finish()
    }
}

/// The `number`th 64-bit field of a record; the records here are long enough for the fields asked for.
fn field(record: &[u8], number: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&record[8 * number..8 * number + 8]);
    u64::from_le_bytes(bytes)
}

/// Tells early, from as many bytes as are there, that this is no index (but a web page, say).
fn check_magic(start: &[u8]) -> Result<(), IndexError> {
    if start.len() >= 16 && field(start, 1) != INDEX_MAGIC {
        return Err(IndexError::BadMagic(Preview::of(start)));
    }
    Ok(())
}

fn preamble(record: &[u8]) -> Result<Index, IndexError> {
    check_magic(record)?;
    if field(record, 0) != HEADER_SIZE {
        return Err(IndexError::HeaderSize(field(record, 0)));
    }
    let flags = FeatureFlags::new(field(record, 2))?;
    let sizes = ChunkSizes::new(field(record, 3), field(record, 4), field(record, 5))?;
    if field(record, 7) != TABLE_MAGIC {
        return Err(IndexError::TableMagic);
    }
    if field(record, 6) != u64::MAX {
        return Err(IndexError::TableSize(field(record, 6)));
    }
    Ok(Index::new(flags, sizes))
}

/// Takes one entry of the table. `false` if it was the tail that closes it.
fn item(index: &mut Index, record: &[u8]) -> Result<bool, IndexError> {
    let end = field(record, 0);
    // No chunk can end at 0, so this is where an entry and the tail differ.
    if end != 0 {
        let previous = index.len();
        let Some(size) = end.checked_sub(previous).filter(|&size| size > 0) else {
            return Err(IndexError::OffsetNotIncreasing {
                chunk: index.chunks().len(),
                offset: end,
                previous,
            });
        };
        let mut id = [0; ChunkId::LEN];
        id.copy_from_slice(&record[8..]);
        index.push(size, ChunkId::new(id))?;
        return Ok(true);
    }
    let expected = [
        ("the zero field", 0),
        ("the offset of the header", HEADER_SIZE),
        ("the size of the table", table_size(index.chunks().len())),
        ("the end marker", TAIL_MAGIC),
    ];
    for (number, (name, expected)) in expected.into_iter().enumerate() {
        let found = field(record, number + 1);
        if found != expected {
            return Err(IndexError::WrongTail { field: name, expected, found });
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use proptest::prelude::*;

    use super::*;
    use crate::{Digest, flags::FlagsError, sizes::SizesError};

    fn sample() -> Index {
        let mut index = Index::new(FeatureFlags::blob(Digest::Sha512_256), ChunkSizes::DEFAULT);
        for size in [100_000, 262_144, 1, 70_000] {
            index.push(size, ChunkId::new([size as u8; 32])).unwrap();
        }
        index
    }

    /// The sample with the 64-bit field at `offset` replaced.
    fn with(offset: usize, value: u64) -> Result<Index, IndexError> {
        let mut bytes = sample().encode();
        bytes[offset..offset + 8].copy_from_slice(&value.to_le_bytes());
        Index::decode(&bytes)
    }

    #[test]
    fn empty_index_is_the_known_104_bytes() {
        let bytes = Index::new(FeatureFlags::blob(Digest::Sha512_256), ChunkSizes::DEFAULT).encode();
        assert_eq!(bytes.len(), 104);
        assert_eq!(
            hex::encode(&bytes[64..]),
            format!("{}30000000000000003800000000000000d1ec49550e054f4b", "0".repeat(32))
        );
        assert_eq!(Index::decode(&bytes).unwrap().len(), 0);
    }

    #[test]
    fn each_fault_has_its_own_error() {
        let bytes = sample().encode();
        let chunk = |n: usize| 64 + 40 * n;
        let tail = chunk(4);
        assert!(matches!(with(8, 1), Err(IndexError::BadMagic(_))));
        assert_eq!(with(0, 49), Err(IndexError::HeaderSize(49)));
        assert_eq!(with(16, 1 << 40), Err(FlagsError::Unknown(1 << 40).into()));
        assert_eq!(with(16, 3), Err(FlagsError::NotNormal(3, 2).into()));
        assert_eq!(with(24, 0), Err(SizesError::Order(0, 65_536, 262_144).into()));
        assert_eq!(with(40, u64::MAX), Err(SizesError::Order(16_384, 65_536, u64::MAX).into()));
        assert_eq!(with(48, 100), Err(IndexError::TableSize(100)));
        assert_eq!(with(56, 0), Err(IndexError::TableMagic));
        let not_increasing =
            |chunk, offset, previous| Err(IndexError::OffsetNotIncreasing { chunk, offset, previous });
        assert_eq!(with(chunk(1), 100_000), not_increasing(1, 100_000, 100_000));
        assert_eq!(with(chunk(1), 5), not_increasing(1, 5, 100_000));
        assert_eq!(
            with(chunk(0), 262_145),
            Err(IndexError::ChunkTooLarge { chunk: 0, size: 262_145, max: 262_144 })
        );
        assert!(matches!(with(chunk(0), u64::MAX), Err(IndexError::ChunkTooLarge { .. })));
        for (offset, value) in [(8, 1), (16, 47), (24, 0), (32, 0)] {
            assert!(
                matches!(with(tail + offset, value), Err(IndexError::WrongTail { .. })),
                "tail + {offset}"
            );
        }
        // an entry whose end is 0 is taken for the tail
        assert!(matches!(with(chunk(2), 0), Err(IndexError::WrongTail { .. })));
        assert_eq!(Index::decode(&[&bytes[..], b"x"].concat()), Err(IndexError::TrailingBytes));
        assert_eq!(Index::decode(&[&bytes[..], &[0; 40]].concat()), Err(IndexError::TrailingBytes));
    }

    #[test]
    fn every_truncation_is_noticed() {
        let bytes = sample().encode();
        for len in 0..bytes.len() {
            let error = Index::decode(&bytes[..len]).unwrap_err();
            if len < 64 {
                assert_eq!(error, IndexError::Truncated { len: len as u64, part: "header" });
            } else if (len - 64) % 40 == 0 {
                assert_eq!(error, IndexError::MissingTail { chunks: (len - 64) / 40 });
            } else {
                assert_eq!(error, IndexError::Truncated { len: len as u64, part: "chunk table" });
            }
        }
    }

    #[test]
    fn a_web_page_is_known_from_its_first_bytes() {
        let mut reader = IndexReader::new();
        let error = reader.push(b"<!DOCTYPE html><p>Not found").unwrap_err();
        assert!(format!("{error}").contains("a web page"), "{error}");
        assert_eq!(reader.push(b"more"), Err(error.clone()));
        assert_eq!(reader.finish(), Err(error));
    }

    #[test]
    fn a_known_length_is_room_and_no_promise() {
        let bytes = sample().encode();
        for (len, room) in
            [(bytes.len() as u64, Some(4)), (0, None), (104 + 40 * 100, Some(100)), (u64::MAX, None)]
        {
            let mut reader = IndexReader::for_len(len);
            reader.push(&bytes).unwrap();
            let index = reader.finish().unwrap();
            assert_eq!(index, sample());
            if let Some(room) = room {
                assert_eq!(index.chunks.capacity(), room);
            }
        }
    }

    #[test]
    fn flags_of_archives_are_kept() {
        let flags = FeatureFlags::new(0xb000_0001_ffef_fe26).unwrap();
        let index = Index::new(flags, ChunkSizes::DEFAULT);
        assert_eq!(Index::decode(&index.encode()).unwrap().flags(), flags);
    }

    proptest! {
        #[test]
        fn round_trip_in_any_pieces(
            sizes in prop::collection::vec((1u64..=4096, any::<[u8; 32]>()), 0..60),
            sha512 in any::<bool>(),
            pieces in prop::collection::vec(1usize..200, 1..40),
        ) {
            let digest = if sha512 { Digest::Sha512_256 } else { Digest::Sha256 };
            let mut index = Index::new(FeatureFlags::blob(digest), ChunkSizes::new(1, 64, 4096).unwrap());
            for (size, id) in sizes {
                index.push(size, ChunkId::new(id)).unwrap();
            }
            let bytes = index.encode();
            prop_assert_eq!(bytes.len(), 104 + 40 * index.chunks().len());
            prop_assert_eq!(&Index::decode(&bytes).unwrap(), &index);
            let mut reader = IndexReader::new();
            let mut rest = &bytes[..];
            for piece in pieces.iter().cycle() {
                if rest.is_empty() { break; }
                let (now, later) = rest.split_at(rest.len().min(*piece));
                reader.push(now).unwrap();
                rest = later;
            }
            prop_assert_eq!(reader.finish().unwrap(), index);
        }

        /// Whatever the bytes: an error or an index that encodes to them, never a panic.
        #[test]
        fn damaged_indexes_are_refused_or_sound(
            at in 0usize..304, value in any::<u8>(), cut in 0usize..305,
        ) {
            let mut bytes = sample().encode();
            if at < bytes.len() { bytes[at] = value; }
            bytes.truncate(cut.max(1));
            if let Ok(index) = Index::decode(&bytes) {
                prop_assert_eq!(index.encode(), bytes);
            }
        }

        #[test]
        fn arbitrary_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(Index::decode(&bytes).is_err());
        }
    }
}
