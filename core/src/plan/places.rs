//! Looking chunks up by their IDs, in tables that hold numbers of chunks only.
//!
//! An index with hundreds of thousands of chunks is in memory already, and with it every ID. The tables here
//! keep 32-bit chunk numbers and compare with the IDs in the index, some 10 bytes a chunk altogether.

use alloc::{vec, vec::Vec};
use core::{hash::BuildHasher, iter};

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::{ChunkId, index::IndexChunk};

/// "No further place": no index in memory has so many chunks (they would take 200 GB).
const NONE: u32 = u32::MAX;

/// For each ID in a list of chunks, one of the chunks that have it: the first, unless another is preferred.
#[derive(Debug)]
pub(super) struct Homes<'a> {
    chunks: &'a [IndexChunk],
    numbers: HashTable<u32>,
    // Keyed, because the IDs in an index are whatever its author wants them to be.
    hasher: DefaultHashBuilder,
}

impl<'a> Homes<'a> {
    /// An empty table for these chunks, with room for all of them.
    fn empty(chunks: &'a [IndexChunk]) -> Self {
        Self {
            chunks,
            numbers: HashTable::with_capacity(chunks.len()),
            hasher: DefaultHashBuilder::default(),
        }
    }

    /// The table of these chunks. `each` is told every chunk that is the first with its ID.
    pub(super) fn new(chunks: &'a [IndexChunk], mut each: impl FnMut(&IndexChunk)) -> Self {
        let mut homes = Self::empty(chunks);
        for (number, chunk) in chunks.iter().enumerate().take(NONE as usize) {
            if homes.enter(number, &chunk.id).is_none() {
                each(chunk);
            }
        }
        homes
    }

    /// Enters a chunk if it is the first with its ID; else gives the first.
    fn enter(&mut self, number: usize, id: &ChunkId) -> Option<u32> {
        let (chunks, hasher) = (self.chunks, &self.hasher);
        let hash = |number: &u32| hasher.hash_one(chunks[*number as usize].id);
        let same = |number: &u32| chunks[*number as usize].id == *id;
        match self.numbers.entry(hasher.hash_one(id), same, hash) {
            hashbrown::hash_table::Entry::Occupied(entry) => Some(*entry.get()),
            hashbrown::hash_table::Entry::Vacant(entry) => {
                entry.insert(number as u32);
                None
            }
        }
    }

    /// The number of the chunk that stands for this ID.
    pub(super) fn get(&self, id: &ChunkId) -> Option<usize> {
        let same = |number: &u32| self.chunks[*number as usize].id == *id;
        self.numbers.find(self.hasher.hash_one(id), same).map(|&number| number as usize)
    }

    /// Lets another chunk stand for its ID. `number` must be in the list.
    pub(super) fn prefer(&mut self, number: usize) {
        let (chunks, id) = (self.chunks, &self.chunks[number].id);
        let same = |number: &u32| chunks[*number as usize].id == *id;
        if let Some(home) = self.numbers.find_mut(self.hasher.hash_one(id), same) {
            *home = number as u32;
        }
    }
}

/// For each ID in a list of chunks, the first few places where it stands.
#[derive(Debug)]
pub(super) struct Places<'a> {
    first: Homes<'a>,
    /// By chunk: the next one with the same ID. Empty while no ID has come twice.
    next: Vec<u32>,
}

impl<'a> Places<'a> {
    /// The places of these chunks, of each ID at most `most` (at least 1).
    pub(super) fn new(chunks: &'a [IndexChunk], most: usize) -> Self {
        let mut places = Self { first: Homes::empty(chunks), next: Vec::new() };
        for (number, chunk) in chunks.iter().enumerate().take(NONE as usize) {
            let Some(first) = places.first.enter(number, &chunk.id) else { continue };
            if places.next.is_empty() {
                places.next = vec![NONE; chunks.len()];
            }
            let (mut last, mut count) = (first as usize, 1);
            while count < most && places.next[last] != NONE {
                last = places.next[last] as usize;
                count += 1;
            }
            if count < most {
                places.next[last] = number as u32;
            }
        }
        places
    }

    /// The chunks that are looked up.
    pub(super) const fn chunks(&self) -> &'a [IndexChunk] {
        self.first.chunks
    }

    /// The numbers of the chunks that have this ID, in order.
    pub(super) fn of(&self, id: &ChunkId) -> impl Iterator<Item = usize> {
        iter::successors(self.first.get(id), |&number| {
            self.next.get(number).filter(|&&next| next != NONE).map(|&next| next as usize)
        })
    }
}

/// A set of chunk numbers, one bit each.
#[derive(Clone, Debug)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    /// The empty set of numbers below `len`.
    pub(super) fn new(len: usize) -> Self {
        Self(vec![0; len.div_ceil(64)])
    }

    /// Adds a number; one that is out of range is not added.
    pub(super) fn insert(&mut self, number: usize) {
        if let Some(word) = self.0.get_mut(number / 64) {
            *word |= 1 << (number % 64);
        }
    }

    /// Whether it has this number.
    pub(super) fn contains(&self, number: usize) -> bool {
        self.0.get(number / 64).is_some_and(|word| word >> (number % 64) & 1 != 0)
    }
}
