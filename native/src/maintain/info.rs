//! What an index is about, and how much of it is at hand.

use std::sync::Arc;

use aria_storage_core::{ChunkId, Index};
use futures_util::{StreamExt, TryStreamExt, stream};
use hashbrown::{HashMap, HashSet};
use serde::Serialize;

use crate::{Result, store::Store};

/// What [`info`] tells, by the names that desync gives it. All but `total` and `size` count each different
/// chunk once; sizes are in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct IndexInfo {
    /// Chunks in the index.
    pub total: u64,
    /// Different chunks.
    pub unique: u64,
    /// Of those, how many the store has (0 without a store).
    pub in_store: u64,
    /// Of those, how many the seeds have.
    pub in_seed: u64,
    /// Of those, how many the cache has.
    pub in_cache: u64,
    /// Of those, how many neither a seed nor the cache has.
    pub not_in_seed_nor_cache: u64,
    /// The size of the file.
    pub size: u64,
    /// The size of the different chunks that no seed has.
    pub dedup_size_not_in_seed: u64,
    /// The size of the different chunks that neither a seed nor the cache has.
    pub dedup_size_not_in_seed_nor_cache: u64,
    /// The smallest chunk that is cut on purpose.
    pub chunk_size_min: u64,
    /// The size aimed for.
    pub chunk_size_avg: u64,
    /// The largest chunk.
    pub chunk_size_max: u64,
}

/// Counts an index against a store, seeds and a cache.
pub async fn info(
    index: &Index,
    store: Option<Arc<dyn Store>>,
    seeds: &[Index],
    cache: Option<Arc<dyn Store>>,
    concurrency: usize,
) -> Result<IndexInfo> {
    let unique: HashMap<ChunkId, u64> =
        index.chunks().iter().map(|chunk| (chunk.id, u64::from(chunk.size))).collect();
    let seeded: HashSet<ChunkId> = seeds.iter().flat_map(Index::chunks).map(|chunk| chunk.id).collect();
    let ids: Vec<ChunkId> = unique.keys().copied().collect();
    let stored = present(&ids, store, concurrency).await?;
    let cached = present(&ids, cache, concurrency).await?;
    let sizes = index.sizes();
    let mut info = IndexInfo {
        total: index.chunks().len() as u64,
        unique: unique.len() as u64,
        in_store: stored.len() as u64,
        in_cache: cached.len() as u64,
        size: index.len(),
        chunk_size_min: sizes.min() as u64,
        chunk_size_avg: sizes.avg() as u64,
        chunk_size_max: sizes.max() as u64,
        ..IndexInfo::default()
    };
    for (id, size) in unique {
        if seeded.contains(&id) {
            info.in_seed += 1;
            continue;
        }
        info.dedup_size_not_in_seed += size;
        if !cached.contains(&id) {
            info.not_in_seed_nor_cache += 1;
            info.dedup_size_not_in_seed_nor_cache += size;
        }
    }
    Ok(info)
}

/// Which of these chunks a store has.
async fn present(
    ids: &[ChunkId],
    store: Option<Arc<dyn Store>>,
    concurrency: usize,
) -> Result<HashSet<ChunkId>> {
    let Some(store) = store else { return Ok(HashSet::new()) };
    let store = &store;
    stream::iter(ids.iter().copied())
        .map(|id| async move { store.has(&id).await.map(|has| has.then_some(id)) })
        .buffer_unordered(concurrency.max(1))
        .try_filter_map(|found| std::future::ready(Ok(found)))
        .try_collect()
        .await
}
