//! Bringing chunks into a store: from another store, or from the file that an index describes.

use std::{fs::File, path::Path, sync::Arc};

use aria_storage_core::{ChunkId, Index, codec::DEFAULT_LEVEL, index::IndexChunk};
use futures_util::{TryStreamExt, stream};
use hashbrown::HashSet;
use tokio_util::sync::CancellationToken;

use crate::{
    Error, Result, file,
    make::encode,
    progress::{Phase, Progress, Silent},
    source::ChunkSource,
    store::Store,
};

/// How chunks are copied.
#[derive(Clone, Debug)]
pub struct CopyOptions {
    /// Chunks that need not be copied.
    pub ignore: HashSet<ChunkId>,
    /// How many are copied at a time.
    pub concurrency: usize,
    /// zstd's compression level, where chunks are compressed anew.
    pub level: i32,
    /// Is told how far the work is.
    pub progress: Arc<dyn Progress>,
    /// Stops the work.
    pub cancel: CancellationToken,
}

impl Default for CopyOptions {
    fn default() -> Self {
        Self {
            ignore: HashSet::new(),
            concurrency: 10,
            level: DEFAULT_LEVEL,
            progress: Arc::new(Silent),
            cancel: CancellationToken::new(),
        }
    }
}

/// What was copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CopyStats {
    /// Different chunks that the indexes need.
    pub chunks: u64,
    /// Chunks that were copied; the others were there already.
    pub copied: u64,
}

/// Copies the chunks of some indexes that `target` lacks from `source`. Each is checked on the way.
pub async fn cache(
    indexes: &[Index],
    source: Arc<dyn Store>,
    target: Arc<dyn Store>,
    options: &CopyOptions,
) -> Result<CopyStats> {
    let mut stats = CopyStats::default();
    for index in indexes {
        let from = Arc::new(ChunkSource::new(
            Arc::clone(&source),
            None,
            index.digest(),
            Arc::clone(&options.progress),
        ));
        let level = options.level;
        let copied = copy_missing(index, &target, options, |chunk| {
            let (from, form) = (Arc::clone(&from), target.form());
            async move {
                from.with_chunk(chunk.id, chunk.size, move |bytes| Ok(encode(form, bytes, level)))
                    .await?
                    .map_err(|source| Error::BadChunk { id: chunk.id, place: "a store".to_owned(), source })
            }
        })
        .await?;
        stats.chunks += copied.chunks;
        stats.copied += copied.copied;
    }
    Ok(stats)
}

/// Stores the chunks of a file that `target` lacks. The file must match the index.
pub async fn chop(
    index: &Index,
    path: &Path,
    target: Arc<dyn Store>,
    options: &CopyOptions,
) -> Result<CopyStats> {
    let file = Arc::new(File::open(path).map_err(Error::io("open", path))?);
    let meta = file.metadata().map_err(Error::io("open", path))?;
    if meta.is_file() && meta.len() != index.len() {
        let reason = format!("it has {} bytes, not {}", meta.len(), index.len());
        return Err(Error::Mismatch { path: path.to_path_buf(), reason });
    }
    let (digest, level) = (index.digest(), options.level);
    let stats = copy_missing(index, &target, options, |chunk| {
        let (file, path, form) = (Arc::clone(&file), path.to_path_buf(), target.form());
        async move {
            tokio::task::spawn_blocking(move || {
                let mut bytes = vec![0; chunk.size as usize];
                file::read_exact_at(&file, &mut bytes, chunk.start).map_err(Error::io("read", &path))?;
                if digest.id(&bytes) != chunk.id {
                    let reason = format!(
                        "the bytes from {} to {} differ (chunk {})",
                        chunk.start,
                        chunk.end(),
                        chunk.id
                    );
                    return Err(Error::Mismatch { path, reason });
                }
                encode(form, &bytes, level).map_err(|source| {
                    let place = path.display().to_string();
                    Error::BadChunk { id: chunk.id, place, source }
                })
            })
            .await?
        }
    })
    .await?;
    if stats.copied > 0 {
        target.sync().await?;
    }
    Ok(stats)
}

/// Puts into `target` the chunks of an index that it lacks, each encoded by `get`.
async fn copy_missing<F>(
    index: &Index,
    target: &Arc<dyn Store>,
    options: &CopyOptions,
    get: impl Fn(IndexChunk) -> F,
) -> Result<CopyStats>
where
    F: Future<Output = Result<Vec<u8>>>,
{
    let mut seen = HashSet::new();
    let wanted: Vec<IndexChunk> = index
        .chunks()
        .iter()
        .filter(|c| seen.insert(c.id) && !options.ignore.contains(&c.id))
        .copied()
        .collect();
    let progress = &options.progress;
    progress.start(Phase::Copy, Some(wanted.len() as u64));
    let chunks = wanted.len() as u64;
    let copied = std::sync::atomic::AtomicU64::new(0);
    let work = stream::iter(wanted.into_iter().map(Ok::<_, Error>)).try_for_each_concurrent(
        options.concurrency.max(1),
        |chunk: IndexChunk| {
            let (get, copied) = (&get, &copied);
            async move {
                if !target.has(&chunk.id).await? {
                    let stored = get(chunk).await?;
                    target.put(&chunk.id, &stored).await?;
                    copied.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                }
                progress.advance(Phase::Copy, 1);
                Ok(())
            }
        },
    );
    tokio::select! {
        done = work => done?,
        () = options.cancel.cancelled() => return Err(Error::Cancelled),
    }
    progress.finish(Phase::Copy);
    Ok(CopyStats { chunks, copied: copied.into_inner() })
}
