//! The ways in which stored bytes are not the chunk they should be.

use core::fmt;

use thiserror::Error;

use crate::{ChunkId, Digest};

/// Why stored bytes are not the chunk they should be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ChunkError {
    /// The stored bytes end before the chunk does.
    #[error("truncated: it ends after {stored} stored bytes, before the chunk is complete")]
    Truncated {
        /// How many bytes there were.
        stored: usize,
    },
    /// Not the compressed form of anything: an error page, perhaps.
    #[error("not a compressed chunk: it starts with {0}")]
    NotCompressed(Preview),
    /// Compressed by a program this one does not understand.
    #[error("compressed by {0}, which this program does not read (store it again with zstd)")]
    Unsupported(&'static str),
    /// The zstd frame is damaged; the text is zstd's.
    #[error("corrupt: {0}")]
    Damaged(&'static str),
    /// It decompresses to more than it may.
    #[error("too large: it decompresses to more than the {limit} bytes it may have")]
    TooLarge {
        /// The most bytes it may have.
        limit: usize,
    },
    /// A chunk of another size than the index says.
    #[error("wrong size: {found} bytes where the index says {expected}")]
    Size {
        /// What the index says.
        expected: usize,
        /// What it has.
        found: usize,
    },
    /// Its digest is not its name.
    #[error("corrupt: the {digest} of its content is {found}")]
    Digest {
        /// The digest it was checked by.
        digest: Digest,
        /// The ID its content has.
        found: ChunkId,
    },
    /// Its name is right, but by the other digest than the index says.
    #[error(
        "its name is the {found} of its content, but it was asked for by {expected}: the index is for another digest"
    )]
    OtherDigest {
        /// What the index says.
        expected: Digest,
        /// What would match.
        found: Digest,
    },
    /// It cannot be compressed or decompressed at all.
    #[error("zstd failed: {0}")]
    Zstd(&'static str),
}

/// The first bytes of something unexpected, for an error message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Preview {
    bytes: [u8; 16],
    len: u8,
}

impl Preview {
    /// Of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let len = bytes.len().min(16);
        let mut kept = [0; 16];
        kept[..len].copy_from_slice(&bytes[..len]);
        Self { bytes: kept, len: len as u8 }
    }
}

impl fmt::Display for Preview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = &self.bytes[..usize::from(self.len)];
        if bytes.is_empty() {
            return f.write_str("nothing (it is empty)");
        }
        write!(f, "\"{}\"", bytes.escape_ascii())?;
        let text = bytes.trim_ascii_start().to_ascii_lowercase();
        if text.starts_with(b"<!doctype") || text.starts_with(b"<html") {
            f.write_str(", a web page")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Preview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Preview({self})")
    }
}
