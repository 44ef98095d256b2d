//! What can go wrong, named so that a program can tell the cases apart and a person knows what to do.

use std::{
    io,
    path::{Path, PathBuf},
};

use aria_storage_core::{ChunkError, ChunkId, IndexError, sizes::SizesError};
use thiserror::Error;

/// An error of this crate. Its text is one line that names the file, URL or chunk at fault.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// No store has the chunk.
    #[error("chunk {id} is missing in {place}")]
    MissingChunk {
        /// The chunk.
        id: ChunkId,
        /// The store, or the last of several.
        place: String,
    },
    /// What a store gave is not the chunk.
    #[error("chunk {id} from {place} is {source}")]
    BadChunk {
        /// The chunk.
        id: ChunkId,
        /// The store.
        place: String,
        /// What is wrong with it.
        source: ChunkError,
    },
    /// Something other than a chunk is not there.
    #[error("{place} does not exist")]
    NotFound {
        /// The file or URL.
        place: String,
    },
    /// A file ended early, or a server sent less than it said it would.
    #[error("{place} is truncated: {reason}")]
    Truncated {
        /// The file or URL.
        place: String,
        /// What was seen.
        reason: String,
    },
    /// A server could not be reached, or did not answer in time, in spite of retries.
    #[error("{place} cannot be reached ({reason}; tried {attempts} times)")]
    Unreachable {
        /// The URL.
        place: String,
        /// What the last attempt saw.
        reason: String,
        /// How many attempts were made.
        attempts: u32,
    },
    /// A server answered, but refused.
    #[error("{place}: the server answered {status}")]
    Refused {
        /// The URL.
        place: String,
        /// The status line.
        status: String,
    },
    /// A server sent more than the thing asked for can have.
    #[error("{place}: the server sent more than the {limit} bytes this can have")]
    TooLong {
        /// The URL or file.
        place: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// Something is not an index.
    #[error("{place}: {source}")]
    Index {
        /// The file or URL.
        place: String,
        /// What is wrong with it.
        source: IndexError,
    },
    /// The chunk sizes do not suit the chunker.
    #[error(transparent)]
    Sizes(#[from] SizesError),
    /// A file could not be read, written or made.
    #[error("cannot {action} {}: {}", path.display(), describe(source))]
    Io {
        /// What was tried: "read", "write", "create", …
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Less space than the output needs for certain.
    #[error("no room for {}: {needed} bytes are needed, {available} are free", path.display())]
    NoSpace {
        /// The output.
        path: PathBuf,
        /// Bytes needed.
        needed: u64,
        /// Bytes free.
        available: u64,
    },
    /// Another process is writing the same output.
    #[error("{} is being written by another process", path.display())]
    Busy {
        /// The output.
        path: PathBuf,
    },
    /// The output is one of its own seeds, and would be overwritten while it is read.
    #[error("{} is both the output and a seed; leave out --in-place, or the seed", path.display())]
    SeedIsOutput {
        /// The file.
        path: PathBuf,
    },
    /// A file does not have the content an index says it has.
    #[error("{} does not match the index: {reason}", path.display())]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// Where they differ.
        reason: String,
    },
    /// A location that is not understood.
    #[error("\"{location}\" is not a location this program knows: {reason}")]
    Location {
        /// What was given.
        location: String,
        /// Why it will not do.
        reason: &'static str,
    },
    /// A store of this kind cannot do that.
    #[error("{place} {reason}")]
    Unsupported {
        /// The store.
        place: String,
        /// What it cannot do.
        reason: &'static str,
    },
    /// An option that makes no sense.
    #[error("{0}")]
    Option(String),
    /// The work was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// A worker thread ended in a panic; a bug.
    #[error("internal error: a worker ended unexpectedly ({0})")]
    Worker(String),
}

/// The kinds of error that scripts tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Anything else.
    Other,
    /// A chunk, index or file is not there.
    Missing,
    /// Something has the wrong content, or only a part of it.
    Damaged,
    /// A server does not answer, or refuses.
    Unreachable,
    /// The user stopped it.
    Cancelled,
}

impl Error {
    /// For `map_err` on an operation on a file.
    pub fn io(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.as_ref().to_path_buf(), source }
    }

    /// Which kind of error this is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::MissingChunk { .. } | Self::NotFound { .. } => ErrorKind::Missing,
            Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => ErrorKind::Missing,
            Self::BadChunk { .. }
            | Self::Truncated { .. }
            | Self::TooLong { .. }
            | Self::Index { .. }
            | Self::Mismatch { .. } => ErrorKind::Damaged,
            Self::Unreachable { .. } | Self::Refused { .. } => ErrorKind::Unreachable,
            Self::Cancelled => ErrorKind::Cancelled,
            _ => ErrorKind::Other,
        }
    }
}

/// The system's own words without the number behind them.
fn describe(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((words, _)) => words.to_lowercase(),
        None => text,
    }
}

impl From<tokio::task::JoinError> for Error {
    fn from(error: tokio::task::JoinError) -> Self {
        if error.is_cancelled() { Self::Cancelled } else { Self::Worker(error.to_string()) }
    }
}
