//! How a plan is made.

use alloc::vec::Vec;

use super::{
    Plan, PlanStats, Segment, Source,
    places::{Bits, Homes, Places},
};
use crate::{ChunkId, Index, index::IndexChunk};

/// Of a chunk that stands in a seed many times, this many places are tried as the start of a run. The run
/// that is being followed is always tried first, so this only bounds the search for new ones.
const PLACES_TRIED: usize = 8;

/// Collects what there is and makes a plan of it.
///
/// Sources are preferred in this order: bytes already in place, zeros, seeds (the longest run wins; of equal
/// ones the seed named first), the output itself, the cache, the store.
#[derive(Debug)]
pub struct Planner<'a> {
    target: &'a Index,
    /// For every ID of the target, the place that the others with it are copied from: one that is there
    /// already, else the first.
    homes: Homes<'a>,
    seeds: Vec<Places<'a>>,
    cached: Bits,
    in_place: Bits,
    /// What is known before the plan is.
    stats: PlanStats,
}

/// The place of a chunk in a seed.
#[derive(Clone, Copy)]
struct Place {
    seed: usize,
    chunk: usize,
}

impl<'a> Planner<'a> {
    /// A planner for this target with nothing at hand.
    pub fn new(target: &'a Index) -> Self {
        let chunks = target.chunks();
        let mut stats = PlanStats::new(target);
        let homes = Homes::new(chunks, |chunk| stats.unique.add(u64::from(chunk.size)));
        let none = Bits::new(chunks.len());
        Self { target, homes, seeds: Vec::new(), cached: none.clone(), in_place: none, stats }
    }

    /// Adds a seed: a file that has the chunks of `index` where it says. Returns its number.
    ///
    /// A seed named by another digest than the target has no chunk in common with it.
    pub fn seed(&mut self, index: &'a Index) -> usize {
        let alike = index.digest() == self.target.digest();
        self.seeds.push(Places::new(if alike { index.chunks() } else { &[] }, PLACES_TRIED));
        self.seeds.len() - 1
    }

    /// Adds a chunk that is in the cache.
    pub fn cached(&mut self, id: ChunkId) {
        if let Some(home) = self.homes.get(&id) {
            self.cached.insert(home);
        }
    }

    /// Says that the output already has the target's chunk with this number where it belongs.
    pub fn in_place(&mut self, chunk: usize) {
        let Some(IndexChunk { id, .. }) = self.target.chunks().get(chunk) else { return };
        self.in_place.insert(chunk);
        // The first that is in place is the one to copy from, in whatever order they are named.
        if self.homes.get(id).is_some_and(|home| chunk < home || !self.in_place.contains(home)) {
            self.homes.prefer(chunk);
        }
    }

    /// Makes the plan.
    pub fn plan(&self) -> Plan {
        let chunks = self.target.chunks();
        let null = self.null_id();
        let mut segments: Vec<Segment> = Vec::new();
        let mut stats = self.stats.clone();
        stats.seeds.resize_with(self.seeds.len(), Default::default);
        // Where the run that is being followed goes on.
        let mut run: Option<Place> = None;

        for (number, chunk) in chunks.iter().enumerate() {
            let followed = run.take().filter(|&place| self.id_at(place) == Some(chunk.id));
            // An index that gives one ID two sizes has no content; what it asks for must not pass unchecked.
            let home = self.homes.get(&chunk.id).filter(|&home| chunks[home].size == chunk.size);
            let source = if self.in_place.contains(number) {
                Source::InPlace
            } else if null == Some(chunk.id) && chunk.size as usize == self.target.sizes().max() {
                Source::Null
            } else if let Some(place) = followed.or_else(|| self.longest_run(number)) {
                run = Some(Place { chunk: place.chunk + 1, ..place });
                let offset = self.seeds[place.seed].chunks()[place.chunk].start;
                Source::Seed { seed: place.seed, offset }
            } else if let Some(home) = home.filter(|&home| home != number) {
                Source::Own { offset: chunks[home].start }
            } else if self.cached.contains(number) {
                Source::Cache
            } else {
                Source::Fetch
            };
            stats.count(source, u64::from(chunk.size));
            match segments.last_mut() {
                Some(last) if continues(last, source) => {
                    last.chunks.end = number + 1;
                    last.bytes.end = chunk.end();
                }
                _ => segments.push(Segment { source, chunks: number..number + 1, bytes: chunk.range() }),
            }
        }
        Plan { segments, stats }
    }

    /// The name of the chunk of `max` zeros, if the target can have one.
    fn null_id(&self) -> Option<ChunkId> {
        let max = self.target.sizes().max();
        let possible = self.target.chunks().iter().any(|chunk| chunk.size as usize == max);
        possible.then(|| self.target.digest().id_of_zeros(max as u64))
    }

    fn id_at(&self, place: Place) -> Option<ChunkId> {
        self.seeds[place.seed].chunks().get(place.chunk).map(|chunk| chunk.id)
    }

    /// Of the places that have the target's chunk `number`, the one from which most bytes go on alike.
    fn longest_run(&self, number: usize) -> Option<Place> {
        let wanted = &self.target.chunks()[number..];
        let mut best: Option<(u64, Place)> = None;
        for (seed, places) in self.seeds.iter().enumerate() {
            for chunk in places.of(&wanted[0].id) {
                let bytes = wanted
                    .iter()
                    .zip(&places.chunks()[chunk..])
                    .take_while(|(wanted, found)| wanted.id == found.id)
                    .map(|(wanted, _)| u64::from(wanted.size))
                    .sum();
                if best.is_none_or(|(most, _)| bytes > most) {
                    best = Some((bytes, Place { seed, chunk }));
                }
            }
        }
        best.map(|(_, place)| place)
    }
}

/// Whether a chunk with this source, right behind `last`, is part of the same run.
fn continues(last: &Segment, source: Source) -> bool {
    let len = last.bytes.end - last.bytes.start;
    match (last.source, source) {
        (Source::Seed { seed: a, offset: from }, Source::Seed { seed: b, offset: to }) => {
            a == b && from + len == to
        }
        (Source::Own { offset: from }, Source::Own { offset: to }) => from + len == to,
        (a, b) => a == b,
    }
}
