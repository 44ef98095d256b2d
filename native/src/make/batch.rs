//! Chunks that are worked on together.

use std::ops::Range;

/// Neighbouring chunks with their bytes: about a block of the input.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// The number of the first chunk.
    pub(super) first: usize,
    /// The first chunk, if it began in an earlier block; else empty.
    pub(super) head: Vec<u8>,
    /// The block, and maybe bytes that are of no chunk here.
    pub(super) bytes: Vec<u8>,
    /// Where the chunks are in the block, `head` aside.
    pub(super) chunks: Vec<Range<usize>>,
}

impl Batch {
    /// The chunks, in order.
    pub(super) fn slices(&self) -> Vec<&[u8]> {
        let head = (!self.head.is_empty()).then_some(&self.head[..]);
        head.into_iter().chain(self.chunks.iter().map(|range| &self.bytes[range.clone()])).collect()
    }
}
