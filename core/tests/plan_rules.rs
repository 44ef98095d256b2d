//! Plans against the rules they are made by, written down once more without any table.
// Test code: a failure here is the test failing.
#![allow(clippy::unwrap_used)]

use std::collections::HashSet;

use aria_storage_core::{ChunkId, ChunkSizes, Digest, FeatureFlags, Index, Planner, Source};
use proptest::prelude::*;

const MAX: u64 = 64;

/// As many places of a chunk in one seed are tried.
const PLACES_TRIED: usize = 8;

/// An index of chunks of these kinds. Kind 0 is the chunk of zeros; every kind has one size.
fn index_of(kinds: &[u8]) -> Index {
    let mut index = Index::new(FeatureFlags::blob(Digest::Sha256), ChunkSizes::new(1, 16, MAX).unwrap());
    for &kind in kinds {
        let (size, id) = match kind {
            0 => (MAX, Digest::Sha256.id_of_zeros(MAX)),
            _ => (u64::from(kind), ChunkId::new([kind; 32])),
        };
        index.push(size, id).unwrap();
    }
    index
}

/// The source of every chunk of `target`, by the rules.
fn sources(target: &[u8], seeds: &[Vec<u8>], cached: &HashSet<u8>, in_place: &HashSet<usize>) -> Vec<Source> {
    let index = index_of(target);
    let seed_indexes: Vec<Index> = seeds.iter().map(|seed| index_of(seed)).collect();
    let alike = |number: usize, seed: usize, at: usize| {
        target[number..].iter().zip(&seeds[seed][at..]).take_while(|(a, b)| a == b).count()
    };
    let mut run: Option<(usize, usize)> = None;
    let mut sources = Vec::new();
    for (number, kind) in target.iter().enumerate() {
        let followed = run.take().filter(|&(seed, at)| seeds[seed].get(at) == Some(kind));
        let mut best: Option<(u64, (usize, usize))> = None;
        for (seed, kinds) in seeds.iter().enumerate() {
            let places = kinds.iter().enumerate().filter(|(_, other)| *other == kind);
            for (at, _) in places.take(PLACES_TRIED) {
                let run = alike(number, seed, at);
                let bytes = index.chunks()[number..number + run].iter().map(|c| u64::from(c.size)).sum();
                if best.is_none_or(|(most, _)| bytes > most) {
                    best = Some((bytes, (seed, at)));
                }
            }
        }
        let same = |other: &usize| target[*other] == *kind;
        let kept = (0..target.len()).filter(same).find(|other| in_place.contains(other));
        let home = kept.or_else(|| (0..target.len()).find(same)).unwrap();
        sources.push(if in_place.contains(&number) {
            Source::InPlace
        } else if *kind == 0 {
            Source::Null
        } else if let Some((seed, at)) = followed.or(best.map(|(_, place)| place)) {
            run = Some((seed, at + 1));
            Source::Seed { seed, offset: seed_indexes[seed].chunks()[at].start }
        } else if home != number {
            Source::Own { offset: index.chunks()[home].start }
        } else if cached.contains(kind) {
            Source::Cache
        } else {
            Source::Fetch
        });
    }
    sources
}

fn kinds(len: usize) -> impl Strategy<Value = Vec<u8>> {
    // Few kinds, so that everything comes again; runs come from copying.
    (
        prop::collection::vec(0u8..12, 0..len),
        prop::collection::vec((0usize..80, 0usize..80, 1usize..20), 0..4),
    )
        .prop_map(|(mut kinds, copies)| {
            for (from, to, len) in copies {
                let from = from.min(kinds.len());
                let piece = kinds[from..(from + len).min(kinds.len())].to_vec();
                let to = to.min(kinds.len());
                kinds.splice(to..to, piece);
            }
            kinds
        })
}

proptest! {
    #[test]
    fn plans_follow_the_rules(
        target in kinds(80),
        seeds in prop::collection::vec(kinds(60), 0..3),
        cached in prop::collection::hash_set(0u8..14, 0..6),
        in_place in prop::collection::vec(0usize..90, 0..12),
    ) {
        let index = index_of(&target);
        let seed_indexes: Vec<Index> = seeds.iter().map(|seed| index_of(seed)).collect();
        let mut planner = Planner::new(&index);
        seed_indexes.iter().for_each(|seed| { planner.seed(seed); });
        cached.iter().for_each(|&kind| planner.cached(index_of(&[kind.max(1)]).chunks()[0].id));
        // In any order, some twice, some beyond the end.
        in_place.iter().for_each(|&number| planner.in_place(number));
        let plan = planner.plan();

        let cached = cached.iter().map(|&kind| kind.max(1)).collect();
        let in_place: HashSet<usize> = in_place.iter().copied().filter(|n| *n < target.len()).collect();
        let expected = sources(&target, &seeds, &cached, &in_place);
        let mut found = Vec::new();
        for segment in plan.segments() {
            let start = segment.bytes.start;
            for chunk in &index.chunks()[segment.chunks.clone()] {
                let by = chunk.start - start;
                found.push(match segment.source {
                    Source::Seed { seed, offset } => Source::Seed { seed, offset: offset + by },
                    Source::Own { offset } => Source::Own { offset: offset + by },
                    other => other,
                });
            }
        }
        prop_assert_eq!(found, expected);
        let unique: HashSet<u8> = target.iter().copied().collect();
        prop_assert_eq!(plan.stats().unique.chunks, unique.len() as u64);
        prop_assert_eq!(plan.stats().total.chunks, target.len() as u64);
    }
}

/// One ID with two sizes: no content fits, so neither may be taken from the other without a check.
#[test]
fn one_id_with_two_sizes_is_never_copied() {
    let mut index = Index::new(FeatureFlags::blob(Digest::Sha256), ChunkSizes::new(1, 16, MAX).unwrap());
    let zeros = Digest::Sha256.id_of_zeros(MAX);
    for (size, id) in [(10, ChunkId::new([1; 32])), (20, ChunkId::new([1; 32])), (MAX, zeros), (9, zeros)] {
        index.push(size, id).unwrap();
    }
    let plan = Planner::new(&index).plan();
    let sources: Vec<_> =
        plan.segments().iter().map(|segment| (segment.source, segment.chunks.clone())).collect();
    assert_eq!(sources, [(Source::Fetch, 0..2), (Source::Null, 2..3), (Source::Fetch, 3..4)]);
}
