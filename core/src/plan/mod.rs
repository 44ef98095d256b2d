//! The planner: which byte of a target comes from where.
//!
//! [`Planner`] is told what there is (seeds, cached chunks, chunks already in place) and makes a [`Plan`]: the
//! target from its first byte to its last as [`Segment`]s, each a run of chunks with one [`Source`], and the
//! [`PlanStats`] that a person wants to see. Carrying it out is I/O and happens elsewhere.

mod guess;
mod make;
mod places;
mod stats;

use alloc::vec::Vec;
use core::ops::Range;

pub use self::{guess::guess_chunker, make::Planner, stats::PlanStats};

/// Where a run of chunks comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// The output holds these bytes already.
    InPlace,
    /// Zeros: a hole, where the file system has them.
    Null,
    /// A seed, as numbered by [`Planner::seed`], from this offset on.
    Seed {
        /// The number of the seed.
        seed: usize,
        /// Where the run starts in the seed, in bytes.
        offset: u64,
    },
    /// The output itself, from this offset on, once the segments with other sources are there.
    Own {
        /// Where the run starts in the output, in bytes.
        offset: u64,
    },
    /// The chunk cache.
    Cache,
    /// The store.
    Fetch,
}

/// A run of neighbouring chunks of the target with one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Where the bytes come from.
    pub source: Source,
    /// The numbers of the chunks in the target's index.
    pub chunks: Range<usize>,
    /// The bytes of the target.
    pub bytes: Range<u64>,
}

/// A plan for one target. Its segments cover the target from 0 to its end, in order, without gaps.
///
/// A chunk is in at most one segment from [`Source::Cache`] or [`Source::Fetch`]; where it stands again in the
/// target, that is a segment from [`Source::Own`] (or a seed).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    segments: Vec<Segment>,
    stats: PlanStats,
}

impl Plan {
    /// The segments, in the order of the target.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// What the plan costs and saves.
    pub const fn stats(&self) -> &PlanStats {
        &self.stats
    }

    /// The numbers of the chunks to be fetched from the store, in the order of the target, none named twice.
    pub fn fetch_list(&self) -> impl Iterator<Item = usize> {
        self.segments.iter().filter(|segment| segment.source == Source::Fetch).flat_map(|s| s.chunks.clone())
    }
}
