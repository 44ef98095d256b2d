//! Several stores behind each other: a chunk that one does not have is asked for at the next.

use std::sync::Arc;

use aria_storage_core::{ChunkId, StoredForm};
use async_trait::async_trait;
use futures_util::stream::BoxStream;

use super::{LocalStore, Store, StoredChunk};
use crate::{Error, Result};

/// Stores that are asked one after the other. Only a missing chunk moves on to the next; any other error is
/// one. It is for reading.
#[derive(Clone, Debug)]
pub struct Chain {
    stores: Vec<Arc<dyn Store>>,
}

impl Chain {
    /// These stores, in this order. At least one is needed.
    pub fn new(stores: Vec<Arc<dyn Store>>) -> Result<Self> {
        if stores.is_empty() {
            return Err(Error::Option("at least one store is needed".to_owned()));
        }
        Ok(Self { stores })
    }

    fn read_only(&self) -> Error {
        Error::Unsupported { place: self.location(), reason: "are several stores, which can only be read" }
    }
}

#[async_trait]
impl Store for Chain {
    fn location(&self) -> String {
        self.stores.iter().map(|store| store.location()).collect::<Vec<_>>().join(", ")
    }

    fn form(&self) -> StoredForm {
        self.stores[0].form()
    }

    async fn get(&self, id: &ChunkId, max_size: usize) -> Result<StoredChunk> {
        for store in &self.stores {
            match store.get(id, max_size).await {
                Err(Error::MissingChunk { .. }) => {}
                other => return other,
            }
        }
        Err(Error::MissingChunk { id: *id, place: self.location() })
    }

    async fn has(&self, id: &ChunkId) -> Result<bool> {
        for store in &self.stores {
            if store.has(id).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn locals(&self) -> Option<Vec<&LocalStore>> {
        let locals: Option<Vec<_>> = self.stores.iter().map(|store| store.locals()).collect();
        locals.map(|locals| locals.concat())
    }

    async fn put(&self, _: &ChunkId, _: &[u8]) -> Result<()> {
        Err(self.read_only())
    }

    async fn delete(&self, _: &ChunkId, _: StoredForm) -> Result<()> {
        Err(self.read_only())
    }

    async fn list(&self) -> Result<BoxStream<'static, Result<(ChunkId, StoredForm)>>> {
        Err(self.read_only())
    }
}
