//! How long work says how far it is.

use std::fmt;

/// A part of the work, with its own total.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Cutting a file into chunks (and storing them), in bytes of the file.
    Chunk,
    /// Chunking a seed that has no index, in bytes of the seed.
    Seed,
    /// Looking at what an interrupted run left, or at a file that is being verified, in bytes.
    Check,
    /// Putting the output together, in bytes of the output.
    Assemble,
    /// Copying chunks from one store to another, in chunks.
    Copy,
    /// Verifying the chunks of a store, in chunks (the total is not known).
    Verify,
    /// Removing chunks from a store, in chunks.
    Prune,
}

impl Phase {
    /// A name for machines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chunk => "chunk",
            Self::Seed => "seed",
            Self::Check => "check",
            Self::Assemble => "assemble",
            Self::Copy => "copy",
            Self::Verify => "verify",
            Self::Prune => "prune",
        }
    }

    /// Whether the work is counted in bytes (or else in chunks).
    pub const fn in_bytes(self) -> bool {
        matches!(self, Self::Chunk | Self::Seed | Self::Check | Self::Assemble)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Is told how far the work is, from any thread. Calls are frequent; an implementation should be quick.
pub trait Progress: Send + Sync + fmt::Debug {
    /// A phase begins. `total` is `None` where it is not known.
    fn start(&self, phase: Phase, total: Option<u64>);

    /// The phase is further by this much.
    fn advance(&self, phase: Phase, by: u64);

    /// The phase is over.
    fn finish(&self, phase: Phase);

    /// Something that is no error but that a person may want to know: a damaged chunk in a cache was fetched
    /// again, a seed has changed.
    fn notice(&self, text: &str);
}

/// Nobody listens. Notices go to `tracing`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn start(&self, _: Phase, _: Option<u64>) {}
    fn advance(&self, _: Phase, _: u64) {}
    fn finish(&self, _: Phase) {}
    fn notice(&self, text: &str) {
        tracing::warn!("{text}");
    }
}
