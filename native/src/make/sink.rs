//! What becomes of new chunks: they are encoded and stored, unless the store has them.

use std::{path::PathBuf, sync::Arc};

use aria_storage_core::{ChunkError, ChunkId, codec::Encoder};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{MakeStats, encode};
use crate::{
    Error, Result,
    store::{LocalStore, Store},
};

/// A chunk and its name.
pub(super) type Named<'a> = (ChunkId, &'a [u8]);

/// Where the chunks of one input go.
#[derive(Clone)]
pub(super) struct Sink {
    pub(super) store: Arc<dyn Store>,
    pub(super) level: i32,
    /// How many chunks a thread has in transfer at a time, where the store is not local.
    pub(super) concurrency: usize,
    pub(super) runtime: tokio::runtime::Handle,
    /// What messages call the input.
    pub(super) place: PathBuf,
}

/// A sink with the work space of one thread.
pub(super) struct Worker<'a> {
    sink: &'a Sink,
    encoder: Option<Encoder>,
    stored: Vec<u8>,
}

impl Sink {
    pub(super) fn worker(&self) -> Worker<'_> {
        Worker { sink: self, encoder: None, stored: Vec::new() }
    }

    fn failed(&self, id: ChunkId) -> impl FnOnce(ChunkError) -> Error {
        let place = self.place.display().to_string();
        move |source| Error::BadChunk { id, place, source }
    }

    /// Stores a chunk in a store that is not local.
    async fn send(&self, (id, chunk): Named<'_>) -> Result<MakeStats> {
        if self.store.has(&id).await? {
            return Ok(MakeStats::default());
        }
        let stored = encode(self.store.form(), chunk, self.level).map_err(self.failed(id))?;
        self.store.put(&id, &stored).await?;
        Ok(MakeStats::of_new(chunk, &stored))
    }
}

impl Worker<'_> {
    /// Stores those of the chunks that the store lacks. Counts them.
    pub(super) fn store(&mut self, chunks: &[Named<'_>]) -> Result<MakeStats> {
        if let Some(local) = self.sink.store.as_local() {
            let mut stats = MakeStats::default();
            for &chunk in chunks {
                stats += self.write(local, chunk)?;
            }
            return Ok(stats);
        }
        let sink = self.sink;
        sink.runtime.block_on(
            stream::iter(chunks)
                .map(|&chunk| sink.send(chunk))
                .buffer_unordered(sink.concurrency.max(1))
                .try_fold(MakeStats::default(), |sum, stats| std::future::ready(Ok(sum + stats))),
        )
    }

    fn write(&mut self, local: &LocalStore, (id, chunk): Named<'_>) -> Result<MakeStats> {
        if local.contains(&id)? {
            return Ok(MakeStats::default());
        }
        let encoder = match &mut self.encoder {
            Some(encoder) => encoder,
            none => none.insert(Encoder::new(self.sink.level).map_err(self.sink.failed(id))?),
        };
        encoder.encode(self.sink.store.form(), chunk, &mut self.stored).map_err(self.sink.failed(id))?;
        local.write(&id, &self.stored)?;
        Ok(MakeStats::of_new(chunk, &self.stored))
    }
}
