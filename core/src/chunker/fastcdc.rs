//! The FastCDC rule, as the `fastcdc` crate has it.
//!
//! W. Xia et al., "The Design of Fast Content-Defined Chunking for Data Deduplication Based Storage Systems",
//! IEEE TPDS 31 (9), 2020.

use fastcdc::v2020::{self, Normalization};

use crate::sizes::{ChunkSizes, SizesError};

/// The parameters of the rule; it keeps no state between chunks.
#[derive(Clone, Debug)]
pub(super) struct Scanner {
    sizes: ChunkSizes,
    mask_s: u64,
    mask_l: u64,
}

impl Scanner {
    pub(super) fn new(sizes: ChunkSizes) -> Result<Self, SizesError> {
        let (min, avg, max) = (sizes.min(), sizes.avg(), sizes.max());
        let legal = (v2020::MINIMUM_MIN..=v2020::MINIMUM_MAX).contains(&min)
            && (v2020::AVERAGE_MIN..=v2020::AVERAGE_MAX).contains(&avg)
            && (v2020::MAXIMUM_MIN..=v2020::MAXIMUM_MAX).contains(&max)
            && [min, avg, max].iter().all(|size| size % 2 == 0);
        if !legal {
            return Err(SizesError::FastCdc(min as u32, avg as u32, max as u32));
        }
        let (mask_s, mask_l) = v2020::select_masks(avg, Normalization::Level1);
        Ok(Self { sizes, mask_s, mask_l })
    }

    /// The length of the chunk at the start of `bytes`, which is not empty and either has `max` bytes or is
    /// all there is. With fewer the rule could not be told from the end of the input.
    pub(super) fn cut(&self, bytes: &[u8]) -> usize {
        let (min, avg, max) = (self.sizes.min(), self.sizes.avg(), self.sizes.max());
        let (mask_s, mask_l) = (self.mask_s, self.mask_l);
        v2020::cut(bytes, min, avg, max, mask_s, mask_l, mask_s << 1, mask_l << 1).1
    }
}
