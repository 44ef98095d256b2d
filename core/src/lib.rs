//! Formats and decisions of content-addressed delta sync.
//!
//! Everything in this crate is a pure function of its input: it opens no file or socket, starts no thread
//! and reads no clock. The edges (the native SDK, the browser module, the server) do the I/O around the
//! decisions taken here, so that a browser and a game client plan the same update.
//!
//! The formats are casync's: index files (`.caibx`, `.caidx`), chunks (`.cacnk`), chunk stores (`.castr`).
//!
//! | module | holds |
//! |---|---|
//! | [`id`] | [`ChunkId`], the name of a chunk, and its path in a store |
//! | [`digest`] | the two hash functions a chunk can be named by |
//! | [`flags`] | the feature flags of an index, and which combinations are legal |
//! | [`index`] | [`Index`], and the streaming reader and the writer of its file format |
//! | [`sizes`] | [`ChunkSizes`]: the minimum, average and maximum size of a chunk |
//! | [`chunker`] | where to cut a stream of bytes into chunks |
//! | [`cpu`] | which processor extensions the kernels use |
//! | [`codec`] | the stored forms of a chunk, and the check that a chunk is what its name says |
//! | [`plan`](mod@plan) | which byte of a target comes from where |
//! | [`manifest`] | the list of published assets and versions |
//!
//! Without default features the crate needs only `alloc`. `std` adds nothing but `std::error::Error`
//! and run-time CPU detection, `zstd` the compressed form of chunks (C code), `fastcdc` the FastCDC
//! chunker, `serde` the manifest.
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

pub mod chunker;
pub mod codec;
pub mod cpu;
pub mod digest;
pub mod flags;
pub mod id;
pub mod index;
#[cfg(feature = "serde")]
pub mod manifest;
pub mod plan;
pub mod sizes;

pub use chunker::{Boundaries, ChunkStream, Chunker, ChunkerKind, Cutter};
pub use codec::{ChunkError, StoredForm};
pub use digest::{Digest, Hasher};
pub use flags::FeatureFlags;
pub use id::ChunkId;
pub use index::{Index, IndexChunk, IndexError};
pub use plan::{Plan, Planner, Segment, Source};
pub use sizes::ChunkSizes;
