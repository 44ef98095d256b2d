//! Looking after stores: verifying and pruning them, copying chunks between them, checking files.

mod copy;
mod info;
mod prune;
mod verify;

pub use self::{
    copy::{CopyOptions, CopyStats, cache, chop},
    info::{IndexInfo, info},
    prune::{PruneStats, prune, prune_candidates},
    verify::{BadChunk, VerifyStats, verify_file, verify_store},
};
