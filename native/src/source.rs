//! Verified chunks: a store, with a cache in front of it if there is one.
//!
//! [`ChunkSource`] gives them to tasks that wait for a network; threads that read local folders themselves use
//! its `Loader` (`local`).

mod local;

use std::{
    cell::RefCell,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use aria_storage_core::{
    ChunkId, Digest, StoredForm,
    codec::{Decoder, ExpectedSize},
};
use tokio_util::task::TaskTracker;

pub(crate) use self::local::{Loaded, Loader, Origin};
use crate::{
    Error, Result,
    progress::Progress,
    store::{LocalStore, Store, StoredChunk},
};

/// Gives chunks that are what their names say.
///
/// A chunk is looked for in the cache first, then in the store; what comes from the store and proves right is
/// kept in the cache. A chunk in the cache that proves wrong is fetched again and replaced.
#[derive(Debug)]
pub struct ChunkSource {
    store: Arc<dyn Store>,
    cache: Option<Arc<LocalStore>>,
    digest: Digest,
    progress: Arc<dyn Progress>,
    counts: Counts,
    tasks: TaskTracker,
}

/// What a source has done so far.
#[derive(Debug, Default)]
struct Counts {
    fetched_chunks: AtomicU64,
    fetched_bytes: AtomicU64,
    transferred_bytes: AtomicU64,
    cached_chunks: AtomicU64,
    bad_cache_chunks: AtomicU64,
}

/// What a source has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceStats {
    /// Chunks that came from the store.
    pub fetched_chunks: u64,
    /// Their bytes, decoded.
    pub fetched_bytes: u64,
    /// Their bytes as stored: what went over the network.
    pub transferred_bytes: u64,
    /// Chunks that came from the cache.
    pub cached_chunks: u64,
    /// Chunks that were damaged in the cache and fetched again.
    pub bad_cache_chunks: u64,
}

thread_local! {
    /// One decoder and buffer for each thread: their work space is what makes them fast.
    static WORK: RefCell<(Decoder, Vec<u8>)> = RefCell::new((Decoder::new(), Vec::new()));
}

/// Decodes and checks a stored chunk, and shows it to `then`.
pub(crate) fn decode<T>(
    stored: &StoredChunk,
    digest: Digest,
    id: &ChunkId,
    size: ExpectedSize,
    then: impl FnOnce(&[u8]) -> Result<T>,
) -> Result<T> {
    WORK.with_borrow_mut(|(decoder, chunk)| {
        decoder
            .decode(stored.form, &stored.bytes, digest, id, size, chunk)
            .map_err(|source| Error::BadChunk { id: *id, place: stored.place.clone(), source })?;
        then(chunk)
    })
}

impl ChunkSource {
    /// A source of chunks named by `digest`. Notices (a damaged chunk in the cache) go to `progress`.
    pub fn new(
        store: Arc<dyn Store>,
        cache: Option<Arc<LocalStore>>,
        digest: Digest,
        progress: Arc<dyn Progress>,
    ) -> Self {
        Self { store, cache, digest, progress, counts: Counts::default(), tasks: TaskTracker::new() }
    }

    /// Whether a [`Loader`] can get all that the store has.
    pub(crate) fn is_local(&self) -> bool {
        self.store.locals().is_some()
    }

    /// The threads at work for this source: what is dropped half-way leaves one running for a moment.
    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    /// What it has done so far.
    pub fn stats(&self) -> SourceStats {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        SourceStats {
            fetched_chunks: get(&self.counts.fetched_chunks),
            fetched_bytes: get(&self.counts.fetched_bytes),
            transferred_bytes: get(&self.counts.transferred_bytes),
            cached_chunks: get(&self.counts.cached_chunks),
            bad_cache_chunks: get(&self.counts.bad_cache_chunks),
        }
    }

    /// Gets a chunk of `size` bytes, checks it, and shows it to `then` on a thread where it may block.
    pub async fn with_chunk<T: Send + 'static>(
        self: &Arc<Self>,
        id: ChunkId,
        size: u32,
        then: impl FnOnce(&[u8]) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        match self.from_cache(id, size, then).await? {
            Ok(value) => Ok(value),
            Err(then) => self.fetch(id, size, then).await,
        }
    }

    /// As [`with_chunk`](Self::with_chunk), but does not look into the cache, only keeps the chunk there.
    pub(crate) async fn fetch<T: Send + 'static>(
        self: &Arc<Self>,
        id: ChunkId,
        size: u32,
        then: impl FnOnce(&[u8]) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let stored = self.store.get(&id, size as usize).await?;
        let this = Arc::clone(self);
        self.tasks
            .spawn_blocking(move || {
                let size = ExpectedSize::Exactly(size as usize);
                decode(&stored, this.digest, &id, size, |chunk| {
                    this.count_fetched(chunk.len(), stored.bytes.len());
                    if let Some(cache) = &this.cache {
                        this.keep(cache, &id, stored.form, &stored.bytes, chunk, &stored.place)?;
                    }
                    then(chunk)
                })
            })
            .await?
    }

    /// Tries the cache. Gives `then` back if the chunk is not there, or not right.
    async fn from_cache<T, F>(self: &Arc<Self>, id: ChunkId, size: u32, then: F) -> Result<Result<T, F>>
    where
        T: Send + 'static,
        F: FnOnce(&[u8]) -> Result<T> + Send + 'static,
    {
        let Some(cache) = self.cache.clone() else { return Ok(Err(then)) };
        let this = Arc::clone(self);
        self.tasks
            .spawn_blocking(move || {
                let size = ExpectedSize::Exactly(size as usize);
                let mut then = Some(then);
                let found = cache.read(&id, size.limit()).and_then(|stored| {
                    decode(&stored, this.digest, &id, size, |chunk| {
                        this.counts.cached_chunks.fetch_add(1, Ordering::Relaxed);
                        // Taken exactly once: this closure runs at most once.
                        then.take().map_or(Err(Error::Cancelled), |then| Ok(then(chunk)))
                    })
                });
                match (found, then) {
                    (Ok(value), _) => Ok(Ok(value?)),
                    (Err(Error::MissingChunk { .. }), Some(then)) => Ok(Err(then)),
                    (Err(error @ Error::BadChunk { .. }), Some(then)) => {
                        this.bad_in_cache(&error);
                        Ok(Err(then))
                    }
                    (Err(error), _) => Err(error),
                }
            })
            .await?
    }

    /// Counts a chunk that came from the store, by its size and the size it is stored in.
    fn count_fetched(&self, size: usize, stored: usize) {
        self.counts.fetched_chunks.fetch_add(1, Ordering::Relaxed);
        self.counts.fetched_bytes.fetch_add(size as u64, Ordering::Relaxed);
        self.counts.transferred_bytes.fetch_add(stored as u64, Ordering::Relaxed);
    }

    /// Counts a chunk that is damaged in the cache, and says so.
    fn bad_in_cache(&self, error: &Error) {
        self.counts.bad_cache_chunks.fetch_add(1, Ordering::Relaxed);
        self.progress.notice(&format!("{error} (in the cache); it is fetched again"));
    }

    /// Puts a checked chunk into the cache: as it came, if that is the cache's form too.
    fn keep(
        &self,
        cache: &LocalStore,
        id: &ChunkId,
        form: StoredForm,
        stored: &[u8],
        chunk: &[u8],
        place: &dyn fmt::Display,
    ) -> Result<()> {
        if form == cache.form() {
            return cache.write(id, stored);
        }
        let encoded = crate::make::encode(cache.form(), chunk, aria_storage_core::codec::DEFAULT_LEVEL)
            .map_err(|source| Error::BadChunk { id: *id, place: place.to_string(), source })?;
        cache.write(id, &encoded)
    }
}
