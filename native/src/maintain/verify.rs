//! Checking that stored chunks are what their names say, and that a file is what its index says.

use std::{
    fs::File,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use aria_storage_core::{
    ChunkError, ChunkId, Digest, Index, StoredForm, codec::ExpectedSize, sizes::MAX_CHUNK_SIZE,
};
use tokio_util::sync::CancellationToken;

use crate::{
    Error, Result, file,
    make::threads,
    progress::{Phase, Progress},
    source::decode,
    store::LocalStore,
};

/// A chunk of a store that is not what its name says.
#[derive(Debug)]
pub struct BadChunk {
    /// Its name.
    pub id: ChunkId,
    /// How it is stored.
    pub form: StoredForm,
    /// What is wrong.
    pub error: Error,
    /// Whether it was removed.
    pub removed: bool,
}

/// What [`verify_store`] found.
#[derive(Debug, Default)]
pub struct VerifyStats {
    /// Chunks looked at.
    pub chunks: u64,
    /// Those that are not right.
    pub bad: Vec<BadChunk>,
}

/// Reads every chunk of a local store and checks it against its name, by either digest (a store does not say
/// which it has, and may have both). With `repair`, bad chunks are removed.
pub async fn verify_store(
    store: Arc<LocalStore>,
    repair: bool,
    threads_asked: usize,
    progress: Arc<dyn Progress>,
    cancel: CancellationToken,
) -> Result<VerifyStats> {
    tokio::task::spawn_blocking(move || {
        progress.start(Phase::Verify, None);
        let entries = Mutex::new(store.walk());
        let stats = Mutex::new(VerifyStats::default());
        let work = || -> Result<()> {
            // The digest that matched last is tried first: a store mostly has one.
            let mut digest = Digest::default();
            loop {
                if cancel.is_cancelled() {
                    return Err(Error::Cancelled);
                }
                let next = entries.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some(entry) = next else { return Ok(()) };
                let (id, form) = entry?;
                let bad = match check(&store, &id, form, &mut digest) {
                    Ok(()) => None,
                    // Gone since it was listed.
                    Err(Error::MissingChunk { .. }) => None,
                    Err(error) => {
                        let removed = repair && matches!(error, Error::BadChunk { .. });
                        if removed {
                            store.remove(&id, form)?;
                        }
                        Some(BadChunk { id, form, error, removed })
                    }
                };
                let mut stats = stats.lock().unwrap_or_else(PoisonError::into_inner);
                stats.chunks += 1;
                stats.bad.extend(bad);
                progress.advance(Phase::Verify, 1);
            }
        };
        on_threads(threads_asked, work)?;
        progress.finish(Phase::Verify);
        let mut stats = stats.into_inner().unwrap_or_else(PoisonError::into_inner);
        stats.bad.sort_by_key(|bad| bad.id);
        Ok(stats)
    })
    .await?
}

fn check(store: &LocalStore, id: &ChunkId, form: StoredForm, digest: &mut Digest) -> Result<()> {
    let store = LocalStore::open(store.root(), form)?;
    let stored = store.read(id, MAX_CHUNK_SIZE)?;
    match decode(&stored, *digest, id, ExpectedSize::UNKNOWN, |_| Ok(())) {
        Err(Error::BadChunk { source: ChunkError::OtherDigest { found, .. }, .. }) => {
            *digest = found;
            Ok(())
        }
        other => other,
    }
}

/// Runs the same work on several threads; the first error is the result.
fn on_threads(asked: usize, work: impl Fn() -> Result<()> + Sync) -> Result<()> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads(asked)).map(|_| scope.spawn(&work)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| Error::Worker("while verifying".to_owned()))?)
            .fold(Ok(()), Result::and)
    })
}

/// Checks that a file has exactly the content that `index` describes.
pub async fn verify_file(
    index: Arc<Index>,
    path: &Path,
    threads_asked: usize,
    progress: Arc<dyn Progress>,
    cancel: CancellationToken,
) -> Result<()> {
    let path = path.to_path_buf();
    tokio::task::spawn_blocking(move || {
        let file = File::open(&path).map_err(Error::io("open", &path))?;
        let meta = file.metadata().map_err(Error::io("open", &path))?;
        if meta.is_file() && meta.len() != index.len() {
            let reason = format!("it has {} bytes, not {}", meta.len(), index.len());
            return Err(Error::Mismatch { path, reason });
        }
        progress.start(Phase::Check, Some(index.len()));
        let next = AtomicUsize::new(0);
        on_threads(threads_asked, || {
            let mut buffer = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(chunk) = index.chunks().get(number) else { return Ok(()) };
                if cancel.is_cancelled() {
                    return Err(Error::Cancelled);
                }
                buffer.resize(chunk.size as usize, 0);
                file::read_exact_at(&file, &mut buffer, chunk.start).map_err(Error::io("read", &path))?;
                if index.digest().id(&buffer) != chunk.id {
                    let reason = format!(
                        "the bytes from {} to {} differ (chunk {})",
                        chunk.start,
                        chunk.end(),
                        chunk.id
                    );
                    return Err(Error::Mismatch { path: path.clone(), reason });
                }
                progress.advance(Phase::Check, u64::from(chunk.size));
            }
        })?;
        progress.finish(Phase::Check);
        Ok(())
    })
    .await?
}
