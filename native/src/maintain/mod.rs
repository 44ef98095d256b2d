//! Looking after stores: verifying and pruning them, copying chunks between them, checking files.

mod chunk_set;
mod copy;
mod info;
mod prune;
mod verify;

pub use self::{
    chunk_set::{ChunkSet, ChunkSlice},
    copy::{CopyOptions, CopyStats, cache, chop},
    info::{IndexInfo, info},
    prune::{PruneStats, Unneeded, prune, prune_candidates},
    verify::{BadChunk, VerifyStats, verify_file, verify_store},
};
