//! Where chunks live.
//!
//! A [`Store`] moves stored bytes, keyed by chunk ID; it does not look into them. Turning them into chunks,
//! and checking them, is done by [`ChunkSource`](crate::source::ChunkSource). Backends are one per file;
//! [`Chain`] puts several behind each other; [`open`] maps a location to a store.

mod chain;
mod http;
mod local;
mod open;
mod retry;

use std::fmt;

use aria_storage_core::{ChunkId, StoredForm};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

pub use self::{
    chain::Chain,
    http::{HttpClient, HttpStore},
    local::{FolderContent, LocalStore, Walker},
    open::{Location, StoreOptions, open, open_chain, open_with},
    retry::{Retry, RetryPolicy},
};
use crate::Result;

/// A chunk as a store keeps it.
#[derive(Clone, Debug)]
pub struct StoredChunk {
    /// How it is stored.
    pub form: StoredForm,
    /// The stored bytes, unchecked.
    pub bytes: Bytes,
    /// Where it came from, for messages.
    pub place: String,
}

/// A place that keeps chunks.
#[async_trait]
pub trait Store: Send + Sync + fmt::Debug {
    /// What a person calls this store: its path or URL, without secrets.
    fn location(&self) -> String;

    /// The form in which chunks are written.
    fn form(&self) -> StoredForm;

    /// The stored bytes of a chunk that has at most `max_size` bytes when decoded.
    /// [`Error::MissingChunk`](crate::Error::MissingChunk) if the store does not have it.
    async fn get(&self, id: &ChunkId, max_size: usize) -> Result<StoredChunk>;

    /// Whether the store has the chunk. Its content is not looked at.
    async fn has(&self, id: &ChunkId) -> Result<bool>;

    /// Keeps a chunk, given in the form that [`form`](Self::form) says. It appears whole or not at all;
    /// one that is there already is replaced.
    async fn put(&self, id: &ChunkId, stored: &[u8]) -> Result<()>;

    /// Removes a chunk in a form. One that is not there is no error.
    async fn delete(&self, id: &ChunkId, form: StoredForm) -> Result<()>;

    /// All chunks of the store, in no order. A chunk stored in two forms comes twice.
    async fn list(&self) -> Result<BoxStream<'static, Result<(ChunkId, StoredForm)>>>;

    /// This store, if it is a local one: threads may then read and write its files themselves.
    fn as_local(&self) -> Option<&LocalStore> {
        None
    }

    /// The local stores that this one reads from, in order, if it reads from nothing else.
    fn locals(&self) -> Option<Vec<&LocalStore>> {
        self.as_local().map(|store| vec![store])
    }

    /// Makes sure that what was put survives a power failure, where the store can promise that.
    async fn sync(&self) -> Result<()> {
        Ok(())
    }
}
