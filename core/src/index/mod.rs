//! Indexes: which chunks, in which order, make up a file.
//!
//! [`Index`] is what the rest of the program works with; [`IndexReader`] and [`Index::encode`] are its file
//! format, casync's `.caibx` (a blob) and `.caidx` (an archive), byte for byte.

mod error;
mod read;
mod write;

use alloc::vec::Vec;
use core::ops::Range;

pub use self::{error::IndexError, read::IndexReader};
use crate::{ChunkId, ChunkSizes, Digest, FeatureFlags};

/// The list of chunks that make up a file, with what is needed to chunk another version the same way.
///
/// Every index that exists is sound: chunks lie one behind the other from offset 0, none is empty, none is
/// larger than [`ChunkSizes::max`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    flags: FeatureFlags,
    sizes: ChunkSizes,
    chunks: Vec<IndexChunk>,
}

/// A chunk in an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexChunk {
    /// Where the chunk starts in the file, in bytes.
    pub start: u64,
    /// How many bytes it has, at least 1 and at most [`ChunkSizes::max`].
    pub size: u32,
    /// Its name.
    pub id: ChunkId,
}

impl IndexChunk {
    /// Where the chunk ends in the file, in bytes.
    pub const fn end(&self) -> u64 {
        self.start + self.size as u64
    }

    /// The bytes of the file that it covers.
    pub const fn range(&self) -> Range<u64> {
        self.start..self.end()
    }
}

impl Index {
    /// An index without chunks (of an empty file).
    pub const fn new(flags: FeatureFlags, sizes: ChunkSizes) -> Self {
        Self { flags, sizes, chunks: Vec::new() }
    }

    /// Adds a chunk behind the last one. Refuses an empty chunk, one above the maximum, and a file of more
    /// than 2^64-1 bytes.
    pub fn push(&mut self, size: u64, id: ChunkId) -> Result<(), IndexError> {
        let start = self.len();
        let number = self.chunks.len();
        let end = start.checked_add(size).filter(|&end| end > start);
        if end.is_none() {
            let offset = start.wrapping_add(size);
            return Err(IndexError::OffsetNotIncreasing { chunk: number, offset, previous: start });
        }
        if size > self.sizes.max() as u64 {
            return Err(IndexError::ChunkTooLarge { chunk: number, size, max: self.sizes.max() as u64 });
        }
        self.chunks.push(IndexChunk { start, size: size as u32, id });
        Ok(())
    }

    /// The feature flags.
    pub const fn flags(&self) -> FeatureFlags {
        self.flags
    }

    /// The digest that names the chunks.
    pub const fn digest(&self) -> Digest {
        self.flags.digest()
    }

    /// The chunk sizes the file was cut with.
    pub const fn sizes(&self) -> ChunkSizes {
        self.sizes
    }

    /// The chunks, in the order of the file.
    pub fn chunks(&self) -> &[IndexChunk] {
        &self.chunks
    }

    /// The size of the file in bytes.
    pub fn len(&self) -> u64 {
        self.chunks.last().map_or(0, IndexChunk::end)
    }

    /// Whether the file is empty.
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// The numbers of the chunks that hold any byte of `range` (in bytes of the file).
    pub fn covering(&self, range: Range<u64>) -> Range<usize> {
        if range.is_empty() {
            return 0..0;
        }
        let first = self.chunks.partition_point(|chunk| chunk.end() <= range.start);
        let last = self.chunks.partition_point(|chunk| chunk.start < range.end);
        first..last.max(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn covering_finds_exactly_the_chunks_of_a_range() {
        let mut index = Index::new(FeatureFlags::blob(Digest::Sha256), ChunkSizes::DEFAULT);
        for size in [10, 20, 30] {
            index.push(size, ChunkId::new([size as u8; 32])).unwrap();
        }
        assert_eq!(index.len(), 60);
        assert_eq!(index.covering(0..60), 0..3);
        assert_eq!(index.covering(9..11), 0..2);
        assert_eq!(index.covering(10..30), 1..2);
        assert_eq!(index.covering(59..600), 2..3);
        assert_eq!(index.covering(60..61), 3..3);
        assert_eq!(index.covering(5..5), 0..0);
    }

    #[test]
    fn unsound_chunks_are_refused() {
        let mut index = Index::new(FeatureFlags::blob(Digest::Sha256), ChunkSizes::DEFAULT);
        let id = ChunkId::new([0; 32]);
        assert!(matches!(index.push(0, id), Err(IndexError::OffsetNotIncreasing { .. })));
        assert!(matches!(index.push(262_145, id), Err(IndexError::ChunkTooLarge { .. })));
        assert!(matches!(index.push(u64::MAX, id), Err(IndexError::ChunkTooLarge { .. })));
        assert!(index.push(262_144, id).is_ok());
        assert!(matches!(index.push(u64::MAX, id), Err(IndexError::OffsetNotIncreasing { .. })));
    }
}
