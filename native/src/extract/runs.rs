//! Runs of neighbouring chunks, handed out to threads in the order of the output.

use std::{
    ops::Range,
    sync::{Mutex, PoisonError},
};

use aria_storage_core::{index::IndexChunk, plan::Segment};

/// How many bytes a run has at most, unless one chunk alone has more: enough to make one write of many chunks
/// and to fill the lanes of the digests with several of them, little enough to stay in the processor's caches
/// meanwhile. (With 256 KiB, of four chunks, SHA-512/256 was measured to take twice as long.)
const RUN: u64 = 1 << 20;

/// Hands out the chunks of an index, each once.
#[derive(Debug, Default)]
pub(super) struct Runs {
    next: Mutex<usize>,
}

impl Runs {
    /// The numbers of the next chunks; `None` when all have been handed out, or after [`stop`](Self::stop).
    /// `chunks` are the same ones on every call.
    pub(super) fn next(&self, chunks: &[IndexChunk]) -> Option<Range<usize>> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let rest = chunks.get(*next..)?;
        let start = rest.first()?.start;
        let fitting = rest.iter().take_while(|chunk| chunk.end() - start <= RUN).count();
        let run = *next..*next + fitting.max(1);
        *next = run.end;
        Some(run)
    }

    /// Nothing more is handed out.
    pub(super) fn stop(&self) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = usize::MAX;
    }
}

/// How many bytes neighbouring chunks have.
pub(super) fn bytes_of(chunks: &[IndexChunk]) -> usize {
    match chunks {
        [first, .., last] => (last.end() - first.start) as usize,
        [only] => only.size as usize,
        [] => 0,
    }
}

/// The segments of a plan that have a part in a run, each with the numbers of its chunks there.
pub(super) fn parts(
    segments: &[Segment],
    run: Range<usize>,
) -> impl Iterator<Item = (&Segment, Range<usize>)> {
    let first = segments.partition_point(|segment| segment.chunks.end <= run.start);
    segments[first..]
        .iter()
        .take_while(move |segment| segment.chunks.start < run.end)
        .map(move |segment| (segment, segment.chunks.start.max(run.start)..segment.chunks.end.min(run.end)))
}

#[cfg(test)]
mod tests {
    use aria_storage_core::{ChunkId, ChunkSizes, Digest, FeatureFlags, Index, Planner, Source};

    use super::*;

    fn index(sizes: &[u64]) -> Index {
        let mut index =
            Index::new(FeatureFlags::blob(Digest::Sha256), ChunkSizes::new(1, 4 << 20, 4 << 20).unwrap());
        for (number, size) in sizes.iter().enumerate() {
            index.push(*size, ChunkId::new([number as u8; 32])).unwrap();
        }
        index
    }

    #[test]
    fn every_chunk_is_handed_out_once() {
        let index = index(&[RUN / 2, RUN / 2, 1, RUN - 1, 3 * RUN, RUN + 1, 5, 6]);
        let runs = Runs::default();
        let mut found = Vec::new();
        while let Some(run) = runs.next(index.chunks()) {
            assert_eq!(bytes_of(&index.chunks()[run.clone()]) as u64, {
                index.chunks()[run.clone()].iter().map(|chunk| u64::from(chunk.size)).sum::<u64>()
            });
            found.push(run);
        }
        assert_eq!(found, [0..2, 2..4, 4..5, 5..6, 6..8]);
        assert_eq!(runs.next(index.chunks()), None);
        let runs = Runs::default();
        runs.stop();
        assert_eq!(runs.next(index.chunks()), None);
        assert_eq!(Runs::default().next(&[]), None);
    }

    #[test]
    fn runs_are_cut_where_sources_change() {
        let index = index(&[1; 10]);
        let mut planner = Planner::new(&index);
        [2, 3, 4, 7].into_iter().for_each(|number| planner.in_place(number));
        let plan = planner.plan();
        let found: Vec<_> =
            parts(plan.segments(), 3..8).map(|(segment, chunks)| (segment.source, chunks)).collect();
        assert_eq!(found, [(Source::InPlace, 3..5), (Source::Fetch, 5..7), (Source::InPlace, 7..8)]);
        assert_eq!(parts(plan.segments(), 0..1).count(), 1);
    }
}
