//! Carrying out a plan.
//!
//! Threads bring together what seeds, cache and local stores have (`worker`) while chunks are fetched from a
//! store that is remote; a chunk that they turn out not to have is fetched as well. What the output repeats of
//! itself is copied last, when its source is there.

use std::{
    ops::Range,
    sync::{Arc, atomic::AtomicU64},
};

use aria_storage_core::{ChunkId, Index, Plan, Source, plan::PlanStats};
use futures_util::{StreamExt, TryStreamExt, future::try_join_all, stream};
use hashbrown::HashMap;

use super::{
    ExtractOptions,
    output::Output,
    runs::Runs,
    seeds::Seeds,
    worker::{Left, Pass, Worker},
};
use crate::{
    Error, Result,
    make::threads,
    progress::Phase,
    source::{ChunkSource, SourceStats},
};

/// The work of one plan. Cheap to clone: threads and tasks share it.
#[derive(Clone, Debug)]
pub(super) struct Apply(Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) index: Arc<Index>,
    pub(super) plan: Plan,
    pub(super) seeds: Seeds,
    pub(super) output: Output,
    pub(super) source: Arc<ChunkSource>,
    pub(super) options: ExtractOptions,
    /// Whether threads can read all that the store has.
    pub(super) local: bool,
    pub(super) kernel_copied_bytes: AtomicU64,
    outside: Runs,
    own: Runs,
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
        seeds: Seeds,
        output: Output,
        source: ChunkSource,
        options: ExtractOptions,
    ) -> Self {
        Self(Arc::new(Inner {
            local: source.is_local(),
            index,
            plan,
            seeds,
            output,
            source: Arc::new(source),
            options,
            kernel_copied_bytes: AtomicU64::new(0),
            outside: Runs::default(),
            own: Runs::default(),
        }))
    }

    /// Carries the plan out. On an error nothing goes on in the background when this returns.
    pub(super) async fn run(self) -> Result<Applied> {
        let (progress, total) = (&self.0.options.progress, self.0.index.len());
        progress.start(Phase::Assemble, Some(total));
        progress.advance(Phase::Assemble, self.0.plan.stats().in_place.bytes);
        let done = self.carry_out().await;
        // Threads that are still at work must not outlive this: they write to the output.
        self.0.outside.stop();
        self.0.own.stop();
        self.0.source.tasks().close();
        self.0.source.tasks().wait().await;
        let bad_seed_chunks = done?;
        progress.finish(Phase::Assemble);
        let inner =
            Arc::into_inner(self.0).ok_or_else(|| Error::Worker("still at work at the end".to_owned()))?;
        Ok(Applied {
            output: inner.output,
            plan: inner.plan.stats().clone(),
            source: inner.source.stats(),
            bad_seed_chunks,
            kernel_copied_bytes: inner.kernel_copied_bytes.into_inner(),
        })
    }

    /// All segments. Gives the number of chunks that the seeds turned out not to have.
    async fn carry_out(&self) -> Result<u64> {
        let remote = Remote { inner: Arc::clone(&self.0), segment: 0, chunks: 0..0 };
        let (left, ()) = tokio::try_join!(self.on_threads(Pass::Outside), self.fetch(remote))?;
        let (missing, copies) = self.0.each_once(left.missing);
        self.fetch(missing.into_iter()).await?;
        for (from, to) in copies {
            self.on_thread(move |inner| inner.copy_chunk(from, to)).await?;
        }
        if self.0.plan.stats().own.chunks > 0 {
            self.on_threads(Pass::Own).await?;
        }
        Ok(left.bad_seed_chunks)
    }

    async fn on_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let inner = Arc::clone(&self.0);
        self.0.source.tasks().spawn_blocking(move || work(&inner)).await?
    }

    /// All runs of one pass, on as many threads as are asked for.
    async fn on_threads(&self, pass: Pass) -> Result<Left> {
        let work = move |inner: &Inner| {
            let runs = if pass == Pass::Own { &inner.own } else { &inner.outside };
            Worker::new(inner, pass).work(runs)
        };
        let threads = (0..threads(self.0.options.threads)).map(|_| self.on_thread(work));
        let left = try_join_all(threads).await?;
        Ok(left.into_iter().fold(Left::default(), |mut all, one| {
            all.missing.extend(one.missing);
            all.bad_seed_chunks += one.bad_seed_chunks;
            all
        }))
    }

    /// Fetches chunks, each to its place.
    async fn fetch(&self, chunks: impl Iterator<Item = usize>) -> Result<()> {
        let inner = &self.0;
        let work = stream::iter(chunks).map(Ok).try_for_each_concurrent(
            inner.options.concurrency.max(1),
            |number| async move {
                let chunk = inner.index.chunks()[number];
                let inner = Arc::clone(inner);
                let source = Arc::clone(&inner.source);
                let keep = move |bytes: &[u8]| {
                    if !inner.output.is_hole(bytes) {
                        inner.output.write(bytes, chunk.start)?;
                    }
                    inner.options.progress.advance(Phase::Assemble, bytes.len() as u64);
                    Ok(())
                };
                // The cache has been looked into already.
                source.fetch(chunk.id, chunk.size, keep).await
            },
        );
        tokio::select! {
            done = work => done,
            () = inner.options.cancel.cancelled() => Err(Error::Cancelled),
        }
    }
}

/// The chunks that the plan wants from a store that is remote, in order.
struct Remote {
    inner: Arc<Inner>,
    /// The next segment.
    segment: usize,
    /// What is left of the one before.
    chunks: Range<usize>,
}

impl Iterator for Remote {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        loop {
            if let Some(number) = self.chunks.next() {
                return Some(number);
            }
            let segment = self.inner.plan.segments().get(self.segment).filter(|_| !self.inner.local)?;
            self.segment += 1;
            if segment.source == Source::Fetch {
                self.chunks = segment.chunks.clone();
            }
        }
    }
}

impl Inner {
    /// Chunks to be fetched, each ID to one place only, and the copies from there to the others.
    fn each_once(&self, mut chunks: Vec<usize>) -> (Vec<usize>, Vec<(usize, usize)>) {
        chunks.sort_unstable();
        let all = self.index.chunks();
        let mut first: HashMap<(ChunkId, u32), usize> = HashMap::new();
        let (mut missing, mut copies) = (Vec::new(), Vec::new());
        for number in chunks {
            match first.insert((all[number].id, all[number].size), number) {
                None => missing.push(number),
                Some(other) => copies.push((other, number)),
            }
        }
        (missing, copies)
    }

    /// Copies one chunk of the output to where it stands again.
    fn copy_chunk(&self, from: usize, to: usize) -> Result<()> {
        let [from, to] = [from, to].map(|number| &self.index.chunks()[number]);
        let mut bytes = vec![0; from.size as usize];
        self.output.read(&mut bytes, from.start)?;
        self.output.write(&bytes, to.start)?;
        self.options.progress.advance(Phase::Assemble, bytes.len() as u64);
        Ok(())
    }
}
