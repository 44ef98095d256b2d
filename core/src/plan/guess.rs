//! Which chunker made an index, which does not say so itself.

use alloc::vec::Vec;

use super::places::Homes;
use crate::{Chunker, ChunkerKind, Index};

/// Guesses which chunker made `target`, so that a seed can be chunked alike: the one whose chunks of
/// `sample`, the first megabytes of the seed, turn up in the target for the most bytes. The default chunker
/// if none does.
pub fn guess_chunker(target: &Index, sample: &[u8]) -> ChunkerKind {
    if target.sizes().is_fixed() {
        return ChunkerKind::default();
    }
    let wanted = Homes::new(target.chunks(), |_| {});
    let gains: Vec<_> = ChunkerKind::ALL
        .iter()
        .filter_map(|&kind| {
            let mut chunker = Chunker::new(kind, target.sizes()).ok()?;
            let (mut start, mut gain) = (0, 0);
            while let Some(len) = chunker.cut(&sample[start..], true) {
                let chunk = &sample[start..start + len];
                gain += if wanted.get(&target.digest().id(chunk)).is_some() { len } else { 0 };
                start += len;
            }
            Some((gain, kind))
        })
        .collect();
    // The first of equal ones, which is the default.
    gains.into_iter().rev().max_by_key(|&(gain, _)| gain).map(|(_, kind)| kind).unwrap_or_default()
}
