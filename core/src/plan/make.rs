//! How a plan is made.

use alloc::vec::Vec;

use hashbrown::{HashMap, HashSet};

use super::{Plan, PlanStats, Segment, Source};
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
    seeds: Vec<Seed<'a>>,
    cached: HashSet<ChunkId>,
    in_place: HashSet<usize>,
}

#[derive(Debug)]
struct Seed<'a> {
    chunks: &'a [IndexChunk],
    places: HashMap<ChunkId, Vec<u32>>,
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
        Self { target, seeds: Vec::new(), cached: HashSet::new(), in_place: HashSet::new() }
    }

    /// Adds a seed: a file that has the chunks of `index` where it says. Returns its number.
    ///
    /// A seed named by another digest than the target has no chunk in common with it.
    pub fn seed(&mut self, index: &'a Index) -> usize {
        let mut places: HashMap<ChunkId, Vec<u32>> = HashMap::new();
        if index.digest() == self.target.digest() {
            for (number, chunk) in index.chunks().iter().enumerate() {
                let places = places.entry(chunk.id).or_default();
                if places.len() < PLACES_TRIED {
                    places.push(number as u32);
                }
            }
        }
        self.seeds.push(Seed { chunks: index.chunks(), places });
        self.seeds.len() - 1
    }

    /// Adds a chunk that is in the cache.
    pub fn cached(&mut self, id: ChunkId) {
        self.cached.insert(id);
    }

    /// Says that the output already has the target's chunk with this number where it belongs.
    pub fn in_place(&mut self, chunk: usize) {
        self.in_place.insert(chunk);
    }

    /// Makes the plan.
    pub fn plan(&self) -> Plan {
        let chunks = self.target.chunks();
        let null = self.null_id();
        let homes = self.homes();
        let mut segments: Vec<Segment> = Vec::new();
        let mut stats = PlanStats::new(self.target, self.seeds.len());
        // Where the run that is being followed goes on.
        let mut run: Option<Place> = None;

        for (number, chunk) in chunks.iter().enumerate() {
            let followed = run.take().filter(|&place| self.id_at(place) == Some(chunk.id));
            let home = homes.get(&chunk.id).copied().unwrap_or(number);
            let source = if self.in_place.contains(&number) {
                Source::InPlace
            } else if null == Some(chunk.id) {
                Source::Null
            } else if let Some(place) = followed.or_else(|| self.longest_run(number)) {
                run = Some(Place { chunk: place.chunk + 1, ..place });
                let offset = self.seeds[place.seed].chunks[place.chunk].start;
                Source::Seed { seed: place.seed, offset }
            } else if home != number {
                Source::Own { offset: chunks[home].start }
            } else if self.cached.contains(&chunk.id) {
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

    /// For every chunk that stands in the target more than once, the place the others are copied from: one
    /// that is there already, else the first.
    fn homes(&self) -> HashMap<ChunkId, usize> {
        let mut homes: HashMap<ChunkId, usize> = HashMap::with_capacity(self.target.chunks().len());
        for (number, chunk) in self.target.chunks().iter().enumerate() {
            let home = homes.entry(chunk.id).or_insert(number);
            if !self.in_place.contains(home) && self.in_place.contains(&number) {
                *home = number;
            }
        }
        homes
    }

    fn id_at(&self, place: Place) -> Option<ChunkId> {
        self.seeds[place.seed].chunks.get(place.chunk).map(|chunk| chunk.id)
    }

    /// Of the places that have the target's chunk `number`, the one from which most bytes go on alike.
    fn longest_run(&self, number: usize) -> Option<Place> {
        let wanted = &self.target.chunks()[number..];
        let mut best: Option<(u64, Place)> = None;
        for (seed, Seed { chunks, places }) in self.seeds.iter().enumerate() {
            for &chunk in places.get(&wanted[0].id).into_iter().flatten() {
                let chunk = chunk as usize;
                let bytes = wanted
                    .iter()
                    .zip(&chunks[chunk..])
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
