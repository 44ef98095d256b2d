//! The ways in which an index can be wrong.

use thiserror::Error;

use crate::{codec::Preview, flags::FlagsError, sizes::SizesError};

/// Why bytes are not an index.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IndexError {
    /// It does not start as an index does.
    #[error("not an index: it starts with {0}")]
    BadMagic(Preview),
    /// The header claims a size other than 48 bytes.
    #[error("the index header says that it has {0} bytes; it must have 48")]
    HeaderSize(u64),
    /// The feature flags are unknown or contradict each other.
    #[error(transparent)]
    Flags(#[from] FlagsError),
    /// The chunk sizes are not legal.
    #[error(transparent)]
    Sizes(#[from] SizesError),
    /// What follows the header is not a table of chunks.
    #[error("the index header is not followed by a chunk table")]
    TableMagic,
    /// The table's size field must be all ones, as tables are written without knowing their length.
    #[error("the chunk table says that it has {0} bytes; it must not say")]
    TableSize(u64),
    /// It ends in the middle of the header or of a table entry.
    #[error("truncated: it ends after {len} bytes, in the middle of the {part}")]
    Truncated {
        /// How many bytes there were.
        len: u64,
        /// What was cut.
        part: &'static str,
    },
    /// A chunk ends where it starts or before.
    #[error(
        "chunk {chunk} ends at offset {offset}, not behind the chunk before it, which ends at {previous}"
    )]
    OffsetNotIncreasing {
        /// The number of the chunk, from 0.
        chunk: usize,
        /// Its end.
        offset: u64,
        /// The end of the chunk before it.
        previous: u64,
    },
    /// A chunk is larger than the maximum that the header gives.
    #[error("chunk {chunk} has {size} bytes, more than the maximum of {max} that the index itself sets")]
    ChunkTooLarge {
        /// The number of the chunk, from 0.
        chunk: usize,
        /// Its size in bytes.
        size: u64,
        /// The maximum in bytes.
        max: u64,
    },
    /// It ends behind an entry, without the tail that closes the table.
    #[error("truncated: it ends after {chunks} chunks without the tail that closes the table")]
    MissingTail {
        /// How many chunks there were.
        chunks: usize,
    },
    /// The tail is there, but one of its fields is wrong.
    #[error("the tail of the chunk table is damaged: {field} is {found:#x}, must be {expected:#x}")]
    WrongTail {
        /// The name of the field.
        field: &'static str,
        /// What must be there.
        expected: u64,
        /// What is there.
        found: u64,
    },
    /// More bytes follow the tail.
    #[error("bytes follow the end of the index")]
    TrailingBytes,
}
