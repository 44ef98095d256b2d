//! Which chunks of an input have come before.

use std::hash::BuildHasher;

use aria_storage_core::ChunkId;
use hashbrown::{DefaultHashBuilder, HashTable};

use super::sink::Named;

/// The chunks that have come, each once: 32 bytes and a number in a table for each.
#[derive(Default)]
pub(super) struct Seen {
    ids: Vec<ChunkId>,
    table: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Seen {
    /// Drops from `chunks` those that have come before; the others have come now.
    pub(super) fn keep_new(&mut self, chunks: &mut Vec<Named<'_>>) {
        chunks.retain(|(id, _)| self.insert(*id));
    }

    fn insert(&mut self, id: ChunkId) -> bool {
        let Self { ids, table, hasher } = self;
        let is = |&number: &u32| ids[number as usize] == id;
        if table.find(hasher.hash_one(id), is).is_some() {
            return false;
        }
        // Numbers of 32 bits are enough for 4 billion chunks, 137 GB of names; beyond that, chunks are looked
        // up in the store again.
        if let Ok(number) = u32::try_from(ids.len()) {
            ids.push(id);
            table.insert_unique(hasher.hash_one(id), number, |&number| hasher.hash_one(ids[number as usize]));
        }
        true
    }
}
