//! Plans carried out in memory: whatever the edits and whatever is at hand, the target comes out.
// Test code: a failure here is the test failing.
#![allow(clippy::unwrap_used)]

use std::collections::{HashMap, HashSet};

use aria_storage_core::{
    ChunkId, ChunkSizes, Chunker, ChunkerKind, Digest, FeatureFlags, Index, Planner, Source,
    plan::guess_chunker,
};
use proptest::prelude::*;

const DIGEST: Digest = Digest::Sha256;

fn sizes() -> ChunkSizes {
    ChunkSizes::new(64, 256, 1024).unwrap()
}

fn index_of(data: &[u8], kind: ChunkerKind) -> Index {
    let mut chunker = Chunker::new(kind, sizes()).unwrap();
    let mut index = Index::new(FeatureFlags::blob(DIGEST), sizes());
    let mut start = 0;
    while let Some(len) = chunker.cut(&data[start..], true) {
        index.push(len as u64, DIGEST.id(&data[start..start + len])).unwrap();
        start += len;
    }
    index
}

fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    })
    .take(len)
    .collect()
}

/// Plans and assembles `target` in memory. `kept` chunks are in place from the start.
fn assemble(
    target: &[u8],
    seeds: &[Vec<u8>],
    cached: &HashSet<ChunkId>,
    kept: &HashSet<usize>,
) -> aria_storage_core::plan::PlanStats {
    let index = index_of(target, ChunkerKind::Casync);
    let seed_indexes: Vec<Index> = seeds.iter().map(|seed| index_of(seed, ChunkerKind::Casync)).collect();
    let store: HashMap<ChunkId, &[u8]> =
        index.chunks().iter().map(|c| (c.id, &target[c.start as usize..c.end() as usize])).collect();
    let mut planner = Planner::new(&index);
    for (number, seed) in seed_indexes.iter().enumerate() {
        assert_eq!(planner.seed(seed), number);
    }
    cached.iter().for_each(|id| planner.cached(*id));
    kept.iter().filter(|n| **n < index.chunks().len()).for_each(|n| planner.in_place(*n));
    let plan = planner.plan();

    let mut out = vec![0xee; target.len()];
    for &number in kept.iter().filter(|n| **n < index.chunks().len()) {
        let range = index.chunks()[number].start as usize..index.chunks()[number].end() as usize;
        out[range.clone()].copy_from_slice(&target[range]);
    }
    let mut loaded = HashSet::new();
    for own in [false, true] {
        for segment in plan.segments() {
            let (from, to) = (segment.bytes.start as usize, segment.bytes.end as usize);
            match segment.source {
                Source::Own { offset } if own => {
                    let offset = offset as usize;
                    assert!(offset + (to - from) <= from || to <= offset, "a run copied onto itself");
                    out.copy_within(offset..offset + (to - from), from);
                }
                _ if own => {}
                Source::Own { .. } | Source::InPlace => {}
                Source::Null => out[from..to].fill(0),
                Source::Seed { seed, offset } => {
                    let offset = offset as usize;
                    out[from..to].copy_from_slice(&seeds[seed][offset..offset + (to - from)]);
                }
                source => {
                    for number in segment.chunks.clone() {
                        let chunk = &index.chunks()[number];
                        assert!(loaded.insert(chunk.id), "loaded twice");
                        assert_eq!(source == Source::Cache, cached.contains(&chunk.id));
                        out[chunk.start as usize..chunk.end() as usize].copy_from_slice(store[&chunk.id]);
                    }
                }
            }
        }
    }
    assert!(out == target, "the output is not the target");

    let mut at = (0, 0);
    for segment in plan.segments() {
        assert_eq!((segment.chunks.start, segment.bytes.start), at);
        assert!(!segment.chunks.is_empty());
        at = (segment.chunks.end, segment.bytes.end);
    }
    assert_eq!(at, (index.chunks().len(), target.len() as u64));
    let stats = plan.stats().clone();
    let parts = [stats.in_place, stats.null, stats.from_seeds(), stats.own, stats.cache, stats.fetch];
    assert_eq!(parts.iter().map(|part| part.bytes).sum::<u64>(), stats.total.bytes);
    assert_eq!(parts.iter().map(|part| part.chunks).sum::<u64>(), stats.total.chunks);
    assert_eq!(stats.fetch.chunks, plan.fetch_list().count() as u64);
    stats
}

#[derive(Clone, Debug)]
enum Edit {
    Insert(usize, Vec<u8>),
    Delete(usize, usize),
    Move(usize, usize, usize),
    Zeros(usize, usize),
    Repeat(usize, usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    let at = 0usize..20_000;
    let len = 0usize..6000;
    prop_oneof![
        (at.clone(), prop::collection::vec(any::<u8>(), 0..2000))
            .prop_map(|(at, bytes)| Edit::Insert(at, bytes)),
        (at.clone(), len.clone()).prop_map(|(at, len)| Edit::Delete(at, len)),
        (at.clone(), len.clone(), at.clone()).prop_map(|(at, len, to)| Edit::Move(at, len, to)),
        (at.clone(), len.clone()).prop_map(|(at, len)| Edit::Zeros(at, len)),
        (at, len).prop_map(|(at, len)| Edit::Repeat(at, len)),
    ]
}

fn apply(data: &mut Vec<u8>, edit: &Edit) {
    let clip = |at: usize, len: usize, data: &Vec<u8>| {
        let at = at.min(data.len());
        at..(at + len).min(data.len())
    };
    match edit {
        Edit::Insert(at, bytes) => {
            let at = (*at).min(data.len());
            data.splice(at..at, bytes.iter().copied());
        }
        Edit::Delete(at, len) => {
            let range = clip(*at, *len, data);
            data.drain(range);
        }
        Edit::Move(at, len, to) => {
            let range = clip(*at, *len, data);
            let moved: Vec<u8> = data.drain(range).collect();
            let to = (*to).min(data.len());
            data.splice(to..to, moved);
        }
        Edit::Zeros(at, len) => {
            let at = (*at).min(data.len());
            data.splice(at..at, std::iter::repeat_n(0, *len));
        }
        Edit::Repeat(at, len) => {
            let range = clip(*at, *len, data);
            let copy = data[range.clone()].to_vec();
            data.splice(range.end..range.end, copy);
        }
    }
}

proptest! {
    #[test]
    fn assembled_is_the_target(
        seed in any::<u64>(),
        len in 0usize..20_000,
        edits in prop::collection::vec(edit(), 0..6),
        second in prop::collection::vec(edit(), 0..3),
        seeds in 0usize..3,
        kept in prop::collection::hash_set(0usize..60, 0..20),
        cache_every in 1usize..5,
    ) {
        let old = noise(seed, len);
        let mut target = old.clone();
        edits.iter().for_each(|edit| apply(&mut target, edit));
        let mut other = target.clone();
        second.iter().for_each(|edit| apply(&mut other, edit));
        let seeds = [old, other][..seeds].to_vec();
        let cached = index_of(&target, ChunkerKind::Casync).chunks().iter().step_by(cache_every).map(|c| c.id).collect();
        assemble(&target, &seeds, &cached, &kept);
        assemble(&target, &seeds, &HashSet::new(), &HashSet::new());
    }
}

#[test]
fn an_edit_in_the_middle_fetches_little() {
    let old = noise(1, 100_000);
    let mut new = old.clone();
    new.splice(50_000..50_000, noise(2, 300));
    let stats = assemble(&new, &[old], &HashSet::new(), &HashSet::new());
    assert!(stats.fetch.bytes < 6000, "{stats:?}");
    assert_eq!(stats.reused_bytes(), stats.from_seeds().bytes);
}

#[test]
fn an_unchanged_seed_is_one_segment() {
    let data = noise(3, 100_000);
    let index = index_of(&data, ChunkerKind::Casync);
    let mut planner = Planner::new(&index);
    planner.seed(&index);
    let plan = planner.plan();
    assert_eq!(plan.segments().len(), 1);
    assert_eq!(plan.segments()[0].source, Source::Seed { seed: 0, offset: 0 });
    assert_eq!(plan.fetch_list().count(), 0);
}

#[test]
fn the_longest_run_wins_over_the_first_seed() {
    let data = noise(4, 60_000);
    // The first seed has only the beginning; the second all of it.
    let stats = assemble(&data, &[data[..20_000].to_vec(), data.clone()], &HashSet::new(), &HashSet::new());
    assert_eq!((stats.seeds[0].chunks, stats.fetch.chunks), (0, 0));
    assert_eq!(stats.seeds[1].bytes, 60_000);
}

#[test]
fn zeros_are_null_and_repeats_are_own() {
    let mut data = vec![0; 10_240];
    let block = noise(5, 20_000);
    data.extend_from_slice(&block);
    data.extend_from_slice(&block);
    let stats = assemble(&data, &[], &HashSet::new(), &HashSet::new());
    assert!(stats.null.bytes >= 9 * 1024, "{stats:?}");
    assert!(stats.own.bytes > 15_000, "{stats:?}");
    assert_eq!(stats.unique.bytes, stats.fetch.bytes + 1024);
}

#[test]
fn a_seed_of_another_digest_gives_nothing() {
    let data = noise(6, 10_000);
    let index = index_of(&data, ChunkerKind::Casync);
    let mut other = Index::new(FeatureFlags::blob(Digest::Sha512_256), sizes());
    index.chunks().iter().for_each(|c| other.push(u64::from(c.size), c.id).unwrap());
    let mut planner = Planner::new(&index);
    planner.seed(&other);
    assert_eq!(planner.plan().stats().fetch.bytes, 10_000);
}

#[test]
fn the_chunker_of_an_index_is_recognised() {
    let old = noise(7, 200_000);
    let mut new = old.clone();
    new.splice(500..600, noise(8, 50));
    for &kind in ChunkerKind::ALL {
        assert_eq!(guess_chunker(&index_of(&new, kind), &old), kind);
    }
    assert_eq!(guess_chunker(&index_of(&new, ChunkerKind::FastCdc), &noise(9, 5000)), ChunkerKind::Casync);
}
