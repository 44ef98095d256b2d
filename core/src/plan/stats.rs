//! What a plan costs and saves, in bytes and chunks.

use alloc::vec::Vec;

use super::Source;
use crate::Index;

/// Bytes (uncompressed) and chunks of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Amount {
    /// Chunks.
    pub chunks: u64,
    /// Bytes of the target that they make up.
    pub bytes: u64,
}

impl Amount {
    pub(super) fn add(&mut self, bytes: u64) {
        self.chunks += 1;
        self.bytes += bytes;
    }
}

/// What a plan costs and saves. Every chunk of the target counts in `total` and in one of the sources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub struct PlanStats {
    /// The whole target.
    pub total: Amount,
    /// The chunks of the target, each counted once however often it stands there: what a store keeps.
    pub unique: Amount,
    /// In the output already.
    pub in_place: Amount,
    /// Zeros.
    pub null: Amount,
    /// From seeds, by their numbers.
    pub seeds: Vec<Amount>,
    /// Copied within the output.
    pub own: Amount,
    /// From the cache.
    pub cache: Amount,
    /// To be fetched from the store.
    pub fetch: Amount,
}

impl PlanStats {
    /// With the total of this target, and nothing else.
    pub(super) fn new(target: &Index) -> Self {
        let total = Amount { chunks: target.chunks().len() as u64, bytes: target.len() };
        Self { total, ..Self::default() }
    }

    pub(super) fn count(&mut self, source: Source, bytes: u64) {
        match source {
            Source::InPlace => &mut self.in_place,
            Source::Null => &mut self.null,
            Source::Seed { seed, .. } => &mut self.seeds[seed],
            Source::Own { .. } => &mut self.own,
            Source::Cache => &mut self.cache,
            Source::Fetch => &mut self.fetch,
        }
        .add(bytes);
    }

    /// What all seeds give together.
    pub fn from_seeds(&self) -> Amount {
        self.seeds.iter().fold(Amount::default(), |sum, seed| Amount {
            chunks: sum.chunks + seed.chunks,
            bytes: sum.bytes + seed.bytes,
        })
    }

    /// Bytes that need not be fetched.
    pub const fn reused_bytes(&self) -> u64 {
        self.total.bytes - self.fetch.bytes
    }
}
