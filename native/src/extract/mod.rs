//! Putting a file together from what is at hand and what a store has.
//!
//! The steps: look at what an interrupted run left (`output`), chunk seeds that have no index (`seeds`),
//! let the planner of the core decide, carry the plan out (`apply`; on threads in `worker`, by `runs`), give the
//! output its name.

mod apply;
mod output;
mod runs;
mod seeds;
mod worker;

use std::{path::Path, sync::Arc};

use aria_storage_core::{Index, Plan, Planner, plan::PlanStats};
use tokio_util::sync::CancellationToken;

pub use self::seeds::SeedFile;
use self::{apply::Apply, output::Output, seeds::Seeds};
use crate::{
    Error, Result,
    progress::{Progress, Silent},
    source::{ChunkSource, SourceStats},
    store::{LocalStore, Store},
};

/// How a file is put together.
#[derive(Clone, Debug)]
pub struct ExtractOptions {
    /// Files that may have some of the content, the likeliest first.
    pub seeds: Vec<SeedFile>,
    /// Where fetched chunks are kept, and looked for first.
    pub cache: Option<Arc<LocalStore>>,
    /// Write into the output itself instead of a new file beside it: saves space, but it has no whole content
    /// until the end, and what was in it is gone if the work is given up.
    pub in_place: bool,
    /// How many chunks are fetched at a time.
    pub concurrency: usize,
    /// Threads that read and check seeds; 0 for one per processor.
    pub threads: usize,
    /// Is told how far the work is.
    pub progress: Arc<dyn Progress>,
    /// Stops the work. What has arrived is kept for the next run.
    pub cancel: CancellationToken,
}

impl Default for ExtractOptions {
    fn default() -> Self {
        Self {
            seeds: Vec::new(),
            cache: None,
            in_place: false,
            concurrency: 16,
            threads: 0,
            progress: Arc::new(Silent),
            cancel: CancellationToken::new(),
        }
    }
}

/// What [`extract`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExtractStats {
    /// What was planned.
    pub plan: PlanStats,
    /// Chunks that came from the store.
    pub fetched_chunks: u64,
    /// Their bytes.
    pub fetched_bytes: u64,
    /// Their bytes as stored: what went over the network.
    pub transferred_bytes: u64,
    /// Chunks that came from the cache.
    pub cached_chunks: u64,
    /// Chunks that were damaged in the cache and fetched again.
    pub bad_cache_chunks: u64,
    /// Chunks that a seed was to give but no longer has, and that were fetched instead.
    pub bad_seed_chunks: u64,
    /// Bytes that were copied from seeds inside the kernel (which may share blocks instead of copying).
    pub kernel_copied_bytes: u64,
}

/// Writes the file that `index` describes to `output`.
///
/// Every chunk that is written has been checked against the index, wherever it came from. Without `in_place`
/// the output appears under its name whole or not at all; until then it is beside it, named `.NAME.aria-part`,
/// and the next run for the same output goes on from there.
///
/// The index can be given up or shared (`Arc`): one of a large file takes much of the memory that is needed.
pub async fn extract(
    index: impl Into<Arc<Index>>,
    store: Arc<dyn Store>,
    output: &Path,
    options: ExtractOptions,
) -> Result<ExtractStats> {
    extract_shared(index.into(), store, output, options).await
}

async fn extract_shared(
    index: Arc<Index>,
    store: Arc<dyn Store>,
    output: &Path,
    mut options: ExtractOptions,
) -> Result<ExtractStats> {
    let seeds = std::mem::take(&mut options.seeds);
    let (file, kept, options) = {
        let (index, output) = (Arc::clone(&index), output.to_path_buf());
        tokio::task::spawn_blocking(move || {
            let file = Output::open(&output, index.len(), options.in_place)?;
            let kept = file.find_kept(&index, &options)?;
            Ok::<_, Error>((file, kept, options))
        })
        .await??
    };
    let mut seeds = Seeds::prepare(seeds, &index, &file, &options).await?;
    let (plan, seeds) = {
        let (index, cache) = (Arc::clone(&index), options.cache.clone());
        tokio::task::spawn_blocking(move || {
            let plan = plan(&index, &seeds, kept, cache.as_deref())?;
            seeds.forget_indexes();
            Ok::<_, Error>((plan, seeds))
        })
        .await??
    };
    // The least that must fit: fetched chunks share no block with anything.
    file.check_space(plan.stats().fetch.bytes + plan.stats().cache.bytes)?;

    let source =
        ChunkSource::new(store, options.cache.clone(), index.digest(), Arc::clone(&options.progress));
    let apply = Apply::new(index, plan, seeds, file, source, options);
    let done = apply.run().await?;
    let SourceStats { fetched_chunks, fetched_bytes, transferred_bytes, cached_chunks, bad_cache_chunks } =
        done.source;
    tokio::task::spawn_blocking(move || done.output.commit()).await??;
    Ok(ExtractStats {
        plan: done.plan,
        fetched_chunks,
        fetched_bytes,
        transferred_bytes,
        cached_chunks,
        bad_cache_chunks,
        bad_seed_chunks: done.bad_seed_chunks,
        kernel_copied_bytes: done.kernel_copied_bytes,
    })
}

/// Lets the planner decide.
fn plan(index: &Index, seeds: &Seeds, kept: Vec<u32>, cache: Option<&LocalStore>) -> Result<Plan> {
    let mut planner = Planner::new(index);
    for seed in seeds.indexes() {
        planner.seed(seed);
    }
    for number in kept {
        planner.in_place(number as usize);
    }
    if let Some(cache) = cache {
        for chunk in index.chunks() {
            if cache.contains(&chunk.id)? {
                planner.cached(chunk.id);
            }
        }
    }
    Ok(planner.plan())
}
