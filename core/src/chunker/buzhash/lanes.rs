//! The search for boundaries, several places of a piece at once.
//!
//! The hash at a place depends on the 48 bytes before it and on nothing else, so a piece can be divided into
//! stretches that are hashed side by side: one lane each of a vector. What a byte adds to the hash is looked
//! up once, and kept in a ring until it is taken away again 48 bytes later. The boundary test is a
//! multiplication (see [`Filter`]), of which only the smallest result of 48 steps is looked at; where that is
//! small enough, these 48 places are tested one by one. Boundaries are rare, so that costs next to nothing.
//!
//! [`search`] is the same code for every kind of [`Vector`]; [`find`] runs it with the best one of the
//! processor. The scalar twin is [`find_one_by_one`].
// The call of a function that is compiled for more than the target's baseline.
#![allow(unsafe_code)]

use alloc::vec::Vec;

use super::{
    WINDOW,
    divisible::{Divisible, Filter},
    hash_of, roll,
    table::TABLE,
    vector::{self, LANES, Vector},
};
use crate::cpu::Features;

/// With boundaries at least this close to each other on average, testing one by one is faster.
const DENSE: u32 = u32::MAX / 256;

/// The longest stretch, in bytes: so many that beginning one costs little, and not near a multiple of 4096, so
/// that the lanes do not all compete for the same lines of the processor's first cache.
const STRETCH: usize = 96 * WINDOW;

/// The fewest bytes that are worth dividing into lanes.
const FEWEST: usize = LANES * WINDOW * 2;

/// Adds to `ends` every place in `from + 1..=bytes.len()` that the window of 48 bytes before it makes a
/// boundary, in ascending order. `from` is at least 48.
pub(super) fn find(test: Divisible, bytes: &[u8], from: usize, ends: &mut Vec<usize>) {
    find_with(Features::current(), test, bytes, from, ends);
}

/// [`find`] on a processor with these features (of which those that it does not have are ignored).
pub(super) fn find_with(
    features: Features,
    test: Divisible,
    bytes: &[u8],
    from: usize,
    ends: &mut Vec<usize>,
) {
    let features = features.if_available();
    let mut at = from;
    while bytes.len().saturating_sub(at) >= FEWEST && test.filter.limit <= DENSE {
        let stretch = ((bytes.len() - at) / (LANES * WINDOW) * WINDOW).min(STRETCH);
        let (first, end) = (ends.len(), at + LANES * stretch);
        match features {
            #[cfg(target_arch = "x86_64")]
            features if features.has(Features::AVX2) => {
                // SAFETY: the processor has AVX2.
                unsafe { search_avx2(test, &bytes[..end], at, stretch, ends) }
            }
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            features if features.has(Features::SIMD128) => {
                search::<vector::Simd128>(test, &bytes[..end], at, stretch, ends);
            }
            // Without vectors, lanes would only compete for registers.
            _ => break,
        }
        ends[first..].sort_unstable();
        at = end;
    }
    find_one_by_one(test, bytes, at, ends);
}

/// The scalar twin of [`find`].
pub(super) fn find_one_by_one(test: Divisible, bytes: &[u8], from: usize, ends: &mut Vec<usize>) {
    if from >= bytes.len() {
        return;
    }
    let mut hash = hash_of(&bytes[from - WINDOW..from]);
    let leaving = &bytes[from - WINDOW..bytes.len() - WINDOW];
    for (place, (&out, &new)) in (from + 1..).zip(leaving.iter().zip(&bytes[from..])) {
        hash = roll(hash, out, new);
        if test.holds(hash) {
            ends.push(place);
        }
    }
}

/// [`search`], compiled for processors with AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn search_avx2(test: Divisible, bytes: &[u8], from: usize, stretch: usize, ends: &mut Vec<usize>) {
    search::<vector::Avx2>(test, bytes, from, stretch, ends);
}

/// Searches `LANES` stretches of `stretch` bytes, a multiple of 48, that follow `from` and fill `bytes`.
/// Adds what it finds to `ends`, in no order.
#[inline(always)]
fn search<V: Vector>(test: Divisible, bytes: &[u8], from: usize, stretch: usize, ends: &mut Vec<usize>) {
    let even = test.filter.rotation > 0;
    let mut hash = V::all(0);
    // Before the first window nothing is in the ring, and nothing is taken away.
    let mut ring = [V::all(0); WINDOW];
    // The windows that end where the stretches begin: they belong to the stretches before.
    let before = divide(&bytes[from - WINDOW..], stretch);
    step::<V, false>(test.filter, nth(&before, 0), &mut hash, &mut ring);
    let lanes = divide(&bytes[from..], stretch);
    for block in 0..stretch / WINDOW {
        let windows = nth(&lanes, block);
        let least = if even {
            step::<V, true>(test.filter, windows, &mut hash, &mut ring)
        } else {
            step::<V, false>(test.filter, windows, &mut hash, &mut ring)
        };
        for (lane, least) in least.numbers().into_iter().enumerate() {
            if least <= test.filter.limit {
                let place = from + lane * stretch + block * WINDOW;
                find_one_by_one(test, &bytes[..place + WINDOW], place, ends);
            }
        }
    }
}

/// A stretch in pieces of 48 bytes.
type Lane<'a> = &'a [[u8; WINDOW]];

/// The stretches of `stretch` bytes that `bytes` begins with.
fn divide(bytes: &[u8], stretch: usize) -> [Lane<'_>; LANES] {
    core::array::from_fn(|lane| bytes[lane * stretch..][..stretch].as_chunks().0)
}

/// From each lane its piece with this number.
#[inline(always)]
fn nth<'a>(lanes: &[Lane<'a>; LANES], block: usize) -> [&'a [u8; WINDOW]; LANES] {
    let mut windows = [&[0; WINDOW]; LANES];
    for (window, lane) in windows.iter_mut().zip(lanes) {
        *window = &lane[block];
    }
    windows
}

/// Takes 48 bytes into each lane. Gives for each the smallest rank of the 48 hashes.
#[inline(always)]
fn step<V: Vector, const EVEN: bool>(
    filter: Filter,
    bytes: [&[u8; WINDOW]; LANES],
    hash: &mut V,
    ring: &mut [V; WINDOW],
) -> V {
    let (mut least, mut rolled) = (V::all(u32::MAX), *hash);
    for (i, kept) in ring.iter_mut().enumerate() {
        let mut entering = [0; LANES];
        for (entering, bytes) in entering.iter_mut().zip(bytes) {
            *entering = TABLE[bytes[i] as usize];
        }
        let entering = V::of(entering);
        let leaving = core::mem::replace(kept, entering.rotate_16());
        rolled = rolled.rotate_1().xor(entering.xor(leaving));
        least = least.min(rolled.rank::<EVEN>(filter));
    }
    *hash = rolled;
    least
}

/// What leaves the window has been rotated by its length.
const _: () = assert!(WINDOW % 32 == 16);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Every way this processor has.
    fn ways() -> Vec<Features> {
        [Features::PORTABLE, Features::AVX2, Features::SIMD128]
            .into_iter()
            .filter(|features| features.if_available() == *features)
            .collect()
    }

    fn all(test: Divisible, bytes: &[u8], from: usize) -> Vec<usize> {
        let mut expected = Vec::new();
        find_one_by_one(test, bytes, from, &mut expected);
        for features in ways() {
            let mut found = Vec::new();
            find_with(features, test, bytes, from, &mut found);
            assert_eq!(found, expected, "{features}, {} bytes from {from}", bytes.len());
        }
        expected
    }

    fn noise(seed: u64, len: usize) -> Vec<u8> {
        let mut state = seed | 1;
        core::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .take(len)
        .collect()
    }

    #[test]
    fn every_length_around_the_lanes() {
        let bytes = noise(1, 3000);
        for len in (48..60).chain(700..1300) {
            let found = all(Divisible::by(300), &bytes[..len], 48);
            assert!(len < 1000 || !found.is_empty());
        }
        assert!(all(Divisible::by(1), &[], 48).is_empty());
    }

    #[test]
    fn the_hash_that_only_looks_like_a_boundary() {
        // A window whose hash is 2^32 - 1 would pass the filter for every d; of zeros with one other byte,
        // many hashes come up, and the exact test has the last word.
        let bytes = noise(7, 200_000);
        for d in [257, 12_318, 49_535, 65_536, 99_777] {
            all(Divisible::by(d), &bytes, 48);
        }
    }

    proptest! {
        #[test]
        fn lanes_find_what_one_by_one_finds(
            seed in any::<u64>(),
            len in 48usize..40_000,
            from in 48usize..2000,
            d in prop_oneof![1u32..2000, 2000u32..200_000, Just(512), Just(4096), Just(49_535)],
            repeat in 1usize..5000,
        ) {
            let unit = noise(seed, repeat);
            let bytes: Vec<u8> = unit.iter().copied().cycle().take(len).collect();
            all(Divisible::by(d), &bytes, from);
        }
    }
}
