//! Content-addressed delta sync for programs.
//!
//! A file is cut into chunks by its content, each chunk is named by its digest and kept once in a store, and
//! a small index lists the chunks of each version. Updating a file then means fetching the chunks it lacks:
//!
//! ```no_run
//! # async fn update() -> Result<(), aria_storage::Error> {
//! use aria_storage::{ExtractOptions, SeedFile, extract, index_file, store};
//!
//! let index = index_file::read("https://cdn.example/game.pak.caibx").await?;
//! let store = store::open("https://cdn.example/store")?;
//! let options = ExtractOptions { seeds: vec![SeedFile::new("game-1.pak")], ..ExtractOptions::default() };
//! let stats = extract(index, store, "game-2.pak".as_ref(), options).await?;
//! println!("{} bytes came over the network", stats.transferred_bytes);
//! # Ok(())
//! # }
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`store`] | where chunks live: a local folder, an HTTP server, several of them |
//! | [`source`] | verified chunks: a store with a cache in front |
//! | [`index_file`] | reading and writing index files, local or remote |
//! | [`make`](mod@make) | cutting a file into chunks and storing them |
//! | [`extract`](mod@extract) | putting a file together from seeds, a cache and a store |
//! | [`maintain`] | verifying and pruning stores, copying chunks between them |
//! | [`progress`] | how long work says how far it is, and how it is cancelled |
//!
//! The async functions need a tokio runtime with time and I/O enabled. Files on local disks are read and
//! written by blocking calls on threads of their own.

pub mod error;
pub mod extract;
mod file;
pub mod index_file;
pub mod maintain;
pub mod make;
pub mod progress;
pub mod source;
pub mod store;
mod workers;

pub use aria_storage_core as core;
pub use tokio_util::sync::CancellationToken;

pub use crate::{
    error::Error,
    extract::{ExtractOptions, ExtractStats, SeedFile, extract},
    file::AtomicFile,
    make::{Input, MakeOptions, MakeStats, make},
    progress::{Phase, Progress},
    store::{Store, StoreOptions},
};

/// What the functions of this crate return.
pub type Result<T, E = Error> = std::result::Result<T, E>;
