//! Putting blocks that were searched in any order into theirs, and cutting them.

use std::{collections::BTreeMap, mem};

use aria_storage_core::{Boundaries, Cutter};

use super::batch::Batch;

/// A block that has been searched.
pub(super) struct Searched {
    /// [`Boundaries::BEFORE`] bytes of the block before, then the block.
    pub(super) bytes: Vec<u8>,
    /// Where chunks may end, in bytes from the start of the block.
    pub(super) ends: Vec<usize>,
    /// Whether it is the last block.
    pub(super) last: bool,
}

/// Cuts blocks into chunks.
pub(super) struct Sequence {
    cutter: Cutter,
    /// Blocks that came before their turn.
    early: BTreeMap<usize, Searched>,
    /// The number of the block whose turn it is.
    next: usize,
    /// Where it starts in the input.
    start: u64,
    /// The start of the chunk whose end has not been found.
    rest: Vec<u8>,
    /// Chunks that have been cut.
    chunks: usize,
}

impl Sequence {
    pub(super) fn new(cutter: Cutter) -> Self {
        Self { cutter, early: BTreeMap::new(), next: 0, start: 0, rest: Vec::new(), chunks: 0 }
    }

    /// Takes a block; gives to `out` what chunks are now complete.
    pub(super) fn push(&mut self, number: usize, block: Searched, mut out: impl FnMut(Batch)) {
        self.early.insert(number, block);
        while let Some(block) = self.early.remove(&self.next) {
            self.next += 1;
            out(self.cut(block));
        }
    }

    fn cut(&mut self, block: Searched) -> Batch {
        let Searched { bytes, ends, last } = block;
        let len = bytes.len() - Boundaries::BEFORE;
        self.cutter.push(len as u64, &ends);
        let first = self.chunks;
        let (mut head, mut chunks) = (Vec::new(), Vec::new());
        let mut at = Boundaries::BEFORE;
        while let Some(end) = self.cutter.cut(last) {
            let end = Boundaries::BEFORE + (end - self.start) as usize;
            if self.rest.is_empty() {
                chunks.push(at..end);
            } else {
                self.rest.extend_from_slice(&bytes[at..end]);
                head = mem::take(&mut self.rest);
            }
            at = end;
            self.chunks += 1;
        }
        self.rest.extend_from_slice(&bytes[at..]);
        self.start += len as u64;
        Batch { first, head, bytes, chunks }
    }
}

#[cfg(test)]
mod tests {
    use aria_storage_core::{ChunkSizes, Chunker, ChunkerKind};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever the order in which blocks come, the chunks are those of the chunker, in order.
        #[test]
        fn any_order_gives_the_same_chunks(
            seed in any::<u64>(),
            order in Just((0..12usize).collect::<Vec<_>>()).prop_shuffle(),
            block in 1usize..6000,
            spare in 0usize..6000,
            (min, avg, max) in prop::sample::select(&[(64, 256, 1024), (1000, 1000, 1000), (256, 1024, 40_000)]),
        ) {
            let len = block * (order.len() - 1) + spare.min(block);
            let data: Vec<u8> = {
                let mut random = fastrand::Rng::with_seed(seed);
                let mut data: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(len).collect();
                data[len / 3..len / 2].fill(0);
                data
            };
            let chunker = Chunker::new(ChunkerKind::Casync, ChunkSizes::new(min, avg, max).unwrap()).unwrap();
            let (boundaries, cutter) = chunker.boundaries().unwrap();
            let stream = [&[0; Boundaries::BEFORE][..], &data].concat();
            let mut sequence = Sequence::new(cutter);
            let mut found = Vec::new();
            for &number in &order {
                let start = number * block;
                let end = (start + block).min(len);
                let bytes = stream[start..end + Boundaries::BEFORE].to_vec();
                let mut ends = Vec::new();
                boundaries.find(&bytes, &mut ends);
                sequence.push(number, Searched { bytes, ends, last: number == order.len() - 1 }, |batch| {
                    assert_eq!(batch.first, found.len());
                    found.extend(batch.slices().iter().map(|chunk| chunk.to_vec()));
                });
            }
            let (mut expected, mut at, mut chunker) = (Vec::new(), 0, chunker);
            while let Some(size) = chunker.cut(&data[at..], true) {
                expected.push(data[at..at + size].to_vec());
                at += size;
            }
            prop_assert_eq!(found, expected);
        }
    }
}
