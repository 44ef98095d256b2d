//! The commands, one a file.

pub(super) mod cache;
pub(super) mod cat;
pub(super) mod chop;
pub(super) mod chunk;
pub(super) mod extract;
pub(super) mod info;
pub(super) mod inspect_chunks;
pub(super) mod list_chunks;
pub(super) mod make;
pub(super) mod prune;
pub(super) mod publish;
pub(super) mod serve;
pub(super) mod verify;
pub(super) mod verify_index;
