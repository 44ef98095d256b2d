//! A compact set of chunk IDs.

use aria_storage_core::ChunkId;

/// A set of chunk IDs that takes 32 bytes for each: a million of them are 32 MB.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChunkSet {
    /// Sorted, each once.
    ids: Vec<ChunkId>,
}

impl ChunkSet {
    /// The empty set.
    pub const fn new() -> Self {
        Self { ids: Vec::new() }
    }

    /// How many IDs it has.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Whether it has this one.
    pub fn contains(&self, id: &ChunkId) -> bool {
        has(&self.ids, id)
    }

    /// The IDs, in their order.
    pub fn as_slice(&self) -> &[ChunkId] {
        &self.ids
    }

    /// Those whose first two bytes, as a number, are this: the ones in one folder of a store.
    pub fn in_folder(&self, folder: u16) -> ChunkSlice<'_> {
        let of = |id: &ChunkId| u16::from_be_bytes([id.as_bytes()[0], id.as_bytes()[1]]);
        let start = self.ids.partition_point(|id| of(id) < folder);
        let end = start + self.ids[start..].partition_point(|id| of(id) == folder);
        ChunkSlice(&self.ids[start..end])
    }
}

/// A part of a [`ChunkSet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkSlice<'a>(&'a [ChunkId]);

impl ChunkSlice<'_> {
    /// Whether it has this ID.
    pub fn contains(&self, id: &ChunkId) -> bool {
        has(self.0, id)
    }
}

/// Compares by the first bytes as a number, which mostly decide, and is quicker than comparing texts.
fn compare(a: &ChunkId, b: &ChunkId) -> std::cmp::Ordering {
    let start = |id: &ChunkId| id.as_bytes().first_chunk().map(|bytes| u64::from_be_bytes(*bytes));
    start(a).cmp(&start(b)).then_with(|| a.cmp(b))
}

fn has(ids: &[ChunkId], id: &ChunkId) -> bool {
    ids.binary_search_by(|other| compare(other, id)).is_ok()
}

impl Extend<ChunkId> for ChunkSet {
    fn extend<T: IntoIterator<Item = ChunkId>>(&mut self, ids: T) {
        let mut new: Vec<ChunkId> = ids.into_iter().filter(|id| !self.contains(id)).collect();
        new.sort_unstable_by(compare);
        new.dedup();
        if self.ids.is_empty() {
            self.ids = new;
        } else if !new.is_empty() {
            self.ids.extend_from_slice(&new);
            drop(new);
            // This sort takes its time from the sorted runs it finds: here there are two.
            self.ids.sort_by(compare);
        }
    }
}

impl FromIterator<ChunkId> for ChunkSet {
    fn from_iter<T: IntoIterator<Item = ChunkId>>(ids: T) -> Self {
        let mut set = Self::new();
        set.extend(ids);
        set
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// IDs that often are the same, or differ only in the last byte.
    fn id((first, last): (u8, u8)) -> ChunkId {
        let mut bytes = [0; 32];
        (bytes[0], bytes[1], bytes[31]) = (first / 16, first % 16, last);
        ChunkId::new(bytes)
    }

    proptest! {
        #[test]
        fn it_is_a_set(parts in prop::collection::vec(prop::collection::vec((0u8..40, 0u8..4), 0..60), 0..6)) {
            let mut set = ChunkSet::new();
            let mut model = BTreeSet::new();
            for part in parts {
                set.extend(part.iter().copied().map(id));
                model.extend(part.iter().copied().map(id));
                prop_assert_eq!(set.as_slice(), &model.iter().copied().collect::<Vec<_>>()[..]);
                prop_assert_eq!((set.len(), set.is_empty()), (model.len(), model.is_empty()));
            }
            for entry in (0..50).flat_map(|first| (0..5).map(move |last| (first, last))) {
                let id = id(entry);
                prop_assert_eq!(set.contains(&id), model.contains(&id));
                let folder = u16::from(entry.0 / 16) << 8 | u16::from(entry.0 % 16);
                prop_assert_eq!(set.in_folder(folder).contains(&id), model.contains(&id));
                prop_assert!(!set.in_folder(folder ^ 1).contains(&id));
            }
        }
    }
}
