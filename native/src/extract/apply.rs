//! Carrying out a plan.
//!
//! Seeds are copied by threads while chunks are fetched; a chunk that a seed no longer has is fetched as
//! well. What the output repeats of itself is copied last, when its source is there.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use aria_storage_core::{
    ChunkId, Index, Plan, Source,
    index::IndexChunk,
    plan::{PlanStats, Segment},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use hashbrown::HashMap;

use super::{ExtractOptions, output::Output, seeds::Seeds};
use crate::{
    Error, Result,
    make::threads,
    progress::Phase,
    source::{ChunkSource, SourceStats},
};

/// A run from a seed is copied in pieces of about this many bytes, so that it is checked while it is in the
/// processor's cache and cancelling is quick.
const PIECE: u64 = 1 << 20;

/// The work of one plan. Cheap to clone: threads and tasks share it.
#[derive(Clone, Debug)]
pub(super) struct Apply(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    index: Arc<Index>,
    plan: Plan,
    seeds: Arc<Seeds>,
    output: Arc<Output>,
    source: Arc<ChunkSource>,
    options: Arc<ExtractOptions>,
    kernel_copied_bytes: AtomicU64,
}

/// What is left when a plan has been carried out.
pub(super) struct Applied {
    pub(super) output: Output,
    pub(super) plan: PlanStats,
    pub(super) source: SourceStats,
    pub(super) bad_seed_chunks: u64,
    pub(super) kernel_copied_bytes: u64,
}

impl Apply {
    pub(super) fn new(
        index: Arc<Index>,
        plan: Plan,
        seeds: Arc<Seeds>,
        output: Arc<Output>,
        source: Arc<ChunkSource>,
        options: Arc<ExtractOptions>,
    ) -> Self {
        Self(Arc::new(Inner {
            index,
            plan,
            seeds,
            output,
            source,
            options,
            kernel_copied_bytes: AtomicU64::new(0),
        }))
    }

    /// Carries the plan out. On an error nothing goes on in the background when this returns.
    pub(super) async fn run(self) -> Result<Applied> {
        let (progress, total) = (&self.0.options.progress, self.0.index.len());
        progress.start(Phase::Assemble, Some(total));
        progress.advance(Phase::Assemble, self.0.plan.stats().in_place.bytes);
        let done = self.carry_out().await;
        // Threads that are still at work must not outlive this: they write to the output.
        self.0.source.tasks().close();
        self.0.source.tasks().wait().await;
        let bad_seed_chunks = done?;
        progress.finish(Phase::Assemble);
        let source = self.0.source.stats();
        let kernel_copied_bytes = self.0.kernel_copied_bytes.load(Ordering::Relaxed);
        let inner =
            Arc::into_inner(self.0).ok_or_else(|| Error::Worker("still at work at the end".to_owned()))?;
        let output =
            Arc::into_inner(inner.output).ok_or_else(|| Error::Worker("output still in use".to_owned()))?;
        Ok(Applied { output, plan: inner.plan.stats().clone(), source, bad_seed_chunks, kernel_copied_bytes })
    }

    /// All segments. Gives the number of chunks that the seeds turned out not to have.
    async fn carry_out(&self) -> Result<u64> {
        let (bad, ()) = tokio::try_join!(self.copy_all_seeds(), self.fetch(self.0.plan_to_load()))?;
        let count = bad.len() as u64;
        let (missing, mut copies) = self.0.instead_of_seeds(bad);
        self.fetch(missing).await?;
        copies.extend(self.0.plan.segments().iter().filter_map(|segment| match segment.source {
            Source::Own { offset } => Some((offset, segment.bytes.clone())),
            _ => None,
        }));
        self.on_thread(move |inner| copies.into_iter().try_for_each(|(from, to)| inner.copy_own(from, to)))
            .await?;
        Ok(count)
    }

    async fn on_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let inner = Arc::clone(&self.0);
        self.0.source.tasks().spawn_blocking(move || work(&inner)).await?
    }

    /// Copies all runs from seeds, and makes the zeros. Gives the numbers of chunks that the seeds turned out
    /// not to have.
    async fn copy_all_seeds(&self) -> Result<Vec<usize>> {
        let width = threads(self.0.options.threads);
        let pieces = self.0.pieces();
        stream::iter(pieces)
            .map(|segment| self.on_thread(move |inner| inner.copy_piece(&segment)))
            .buffer_unordered(width)
            .try_concat()
            .await
    }

    /// Fetches chunks, each to its place.
    async fn fetch(&self, chunks: Vec<usize>) -> Result<()> {
        let inner = &self.0;
        let work = stream::iter(chunks).map(Ok).try_for_each_concurrent(
            inner.options.concurrency.max(1),
            |number| async move {
                let chunk = inner.index.chunks()[number];
                let (output, options) = (Arc::clone(&inner.output), Arc::clone(&inner.options));
                inner
                    .source
                    .with_chunk(chunk.id, chunk.size, move |bytes| {
                        output.write(bytes, chunk.start)?;
                        options.progress.advance(Phase::Assemble, bytes.len() as u64);
                        Ok(())
                    })
                    .await
            },
        );
        tokio::select! {
            done = work => done,
            () = inner.options.cancel.cancelled() => Err(Error::Cancelled),
        }
    }
}

impl Inner {
    /// The chunks that the plan wants from the cache or the store.
    fn plan_to_load(&self) -> Vec<usize> {
        let wanted = |segment: &&Segment| matches!(segment.source, Source::Cache | Source::Fetch);
        self.plan.segments().iter().filter(wanted).flat_map(|segment| segment.chunks.clone()).collect()
    }

    /// The runs from seeds and the zeros, in pieces for the threads.
    fn pieces(&self) -> Vec<Segment> {
        let mut pieces = Vec::new();
        for segment in self.plan.segments() {
            match segment.source {
                Source::Null => pieces.push(segment.clone()),
                Source::Seed { seed, offset } => {
                    let mut chunks = segment.chunks.clone();
                    while !chunks.is_empty() {
                        let all = self.index.chunks();
                        let start = all[chunks.start].start;
                        let fitting =
                            all[chunks.clone()].iter().take_while(|chunk| chunk.end() - start <= PIECE);
                        let end = chunks.start + fitting.count().max(1);
                        let source = Source::Seed { seed, offset: offset + (start - segment.bytes.start) };
                        let bytes = start..all[end - 1].end();
                        pieces.push(Segment { source, chunks: chunks.start..end, bytes });
                        chunks.start = end;
                    }
                }
                _ => {}
            }
        }
        pieces
    }

    fn chunks_of(&self, segment: &Segment) -> &[IndexChunk] {
        &self.index.chunks()[segment.chunks.clone()]
    }

    /// Copies a piece of a seed to its place and checks it there. Gives the numbers of the chunks that are
    /// wrong.
    fn copy_piece(&self, segment: &Segment) -> Result<Vec<usize>> {
        if self.options.cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let (at, len) = (segment.bytes.start, segment.bytes.end - segment.bytes.start);
        let Source::Seed { seed, offset } = segment.source else {
            self.output.write_zeros(at, len)?;
            self.options.progress.advance(Phase::Assemble, len);
            return Ok(Vec::new());
        };
        let (path, file) = self.seeds.file(seed);
        let mut buffer = vec![0; len as usize];
        // The kernel copies, or lets both files share the blocks; what arrived is read back and checked. A
        // seed that has become shorter is not worth more than reading what it has.
        let in_kernel = self.output.copy_in_kernel(file, offset, at, len).unwrap_or(false);
        if in_kernel {
            self.output.read(&mut buffer, at)?;
        } else if let Err(error) = crate::file::read_exact_at(file, &mut buffer, offset) {
            self.options.progress.notice(&format!(
                "the seed {} cannot be read at {offset} ({error}); the chunks there are fetched",
                path.display()
            ));
            return Ok(segment.chunks.clone().collect());
        }
        let mut bad = Vec::new();
        for (number, chunk) in segment.chunks.clone().zip(self.chunks_of(segment)) {
            let from = (chunk.start - at) as usize;
            let bytes = &buffer[from..from + chunk.size as usize];
            if self.index.digest().id(bytes) != chunk.id {
                bad.push(number);
                if in_kernel {
                    self.output.discard(chunk.start, u64::from(chunk.size))?;
                }
                continue;
            }
            if in_kernel {
                self.kernel_copied_bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            } else {
                self.output.write(bytes, chunk.start)?;
            }
            self.options.progress.advance(Phase::Assemble, bytes.len() as u64);
        }
        if !bad.is_empty() {
            self.options.progress.notice(&format!(
                "the seed {} has changed: {} chunks at {offset} are fetched instead",
                path.display(),
                bad.len()
            ));
        }
        Ok(bad)
    }

    /// What to do about chunks that the seeds did not have: each is fetched to one place, and copied from
    /// there to the others.
    fn instead_of_seeds(&self, mut bad: Vec<usize>) -> (Vec<usize>, Vec<(u64, Range<u64>)>) {
        bad.sort_unstable();
        let chunks = self.index.chunks();
        let mut first: HashMap<ChunkId, usize> = HashMap::new();
        let (mut missing, mut copies) = (Vec::new(), Vec::new());
        for number in bad {
            match first.insert(chunks[number].id, number) {
                None => missing.push(number),
                Some(other) => copies.push((chunks[other].start, chunks[number].range())),
            }
        }
        (missing, copies)
    }

    /// Copies what the output repeats of itself, from an offset to a range that does not overlap it.
    fn copy_own(&self, mut from: u64, to: Range<u64>) -> Result<()> {
        let mut buffer = Vec::new();
        let mut at = to.start;
        while at < to.end {
            if self.options.cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
            let len = (to.end - at).min(PIECE);
            buffer.resize(len as usize, 0);
            self.output.read(&mut buffer, from)?;
            self.output.write(&buffer, at)?;
            self.options.progress.advance(Phase::Assemble, len);
            (from, at) = (from + len, at + len);
        }
        Ok(())
    }
}
