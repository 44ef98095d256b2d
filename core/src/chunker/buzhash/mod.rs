//! casync's rule: a cyclic-polynomial rolling hash ("buzhash") over a window of 48 bytes.
//!
//! With `d` the discriminator of the average size, a chunk ends behind every window whose hash `h` has
//! `h mod d = d - 1`, but not before `min` bytes and never after more than `max`. A window may end at exactly
//! `min` bytes. This is casync's behaviour; desync up to 1.0.4 looks for the first time one byte later.
//!
//! Hashing by cyclic polynomials: J. D. Cohen, "Recursive hashing functions for n-grams", ACM Transactions on
//! Information Systems 15 (3), 1997.

#![cfg_attr(
    not(any(target_arch = "x86_64", all(target_arch = "wasm32", target_feature = "simd128"))),
    allow(
        dead_code,
        unreachable_code,
        unused_imports,
        unused_mut,
        unused_variables,
        reason = "no vectors are used there"
    )
)]

mod divisible;
mod lanes;
mod table;
mod vector;

use alloc::vec::Vec;

use self::{
    divisible::Divisible,
    table::{LEAVING, TABLE},
};
use crate::sizes::{ChunkSizes, SizesError};

/// The number of bytes the hash is about.
pub(super) const WINDOW: usize = 48;

/// The state of the search for the end of one chunk.
#[derive(Clone, Debug)]
pub(super) struct Scanner {
    /// Nothing is hashed before the window that ends here: `min`, or 48 where that is more.
    first: usize,
    max: usize,
    test: Divisible,
    /// How many bytes of the chunk have been looked at. Below `first` nothing has been hashed yet.
    scanned: usize,
    /// Kept for its memory.
    ends: Vec<usize>,
}

/// How many bytes [`Scanner`] searches at a time: with fewer, lanes begin too often; with more, too much is
/// searched behind the boundary that is found.
const STEP: usize = 8 << 10;

impl Scanner {
    pub(super) fn new(sizes: ChunkSizes) -> Result<Self, SizesError> {
        if sizes.max() < WINDOW {
            return Err(SizesError::BelowWindow(sizes.max() as u32));
        }
        let test = Divisible::by(discriminator(sizes));
        Ok(Self { first: sizes.min().max(WINDOW), max: sizes.max(), test, scanned: 0, ends: Vec::new() })
    }

    /// See [`Chunker::cut`](super::Chunker::cut).
    pub(super) fn cut(&mut self, bytes: &[u8], end: bool) -> Option<usize> {
        let cut = self.scan(&bytes[..bytes.len().min(self.max)]);
        let cut = cut.or_else(|| (end && !bytes.is_empty()).then_some(bytes.len()));
        if cut.is_some() {
            self.scanned = 0;
        }
        cut
    }

    /// The smallest chunk.
    pub(super) fn first(&self) -> usize {
        self.first
    }

    /// See [`Boundaries::find`](super::Boundaries::find).
    pub(super) fn find(&self, bytes: &[u8], from: usize, ends: &mut Vec<usize>) {
        lanes::find(self.test, bytes, from, ends);
    }

    /// Looks at the bytes that have not been looked at; `bytes` has at most `max`.
    fn scan(&mut self, bytes: &[u8]) -> Option<usize> {
        if bytes.len() < self.first {
            return None;
        }
        if self.scanned < self.first {
            self.scanned = self.first;
            let hash = hash_of(&bytes[self.first - WINDOW..self.first]);
            if self.first == self.max || self.test.holds(hash) {
                return Some(self.first);
            }
        }
        // In steps: what is searched behind the boundary is searched in vain.
        while self.scanned < bytes.len() {
            let step = &bytes[..bytes.len().min(self.scanned + STEP)];
            self.ends.clear();
            lanes::find(self.test, step, self.scanned, &mut self.ends);
            if let Some(&end) = self.ends.first() {
                return Some(end);
            }
            self.scanned = step.len();
        }
        (bytes.len() == self.max).then_some(self.max)
    }
}

/// The hash of a whole window.
fn hash_of(window: &[u8]) -> u32 {
    window.iter().fold(0, |hash: u32, &byte| hash.rotate_left(1) ^ TABLE[byte as usize])
}

/// The hash of the window that comes next.
#[inline(always)]
fn roll(hash: u32, out: u8, new: u8) -> u32 {
    hash.rotate_left(1) ^ LEAVING[out as usize] ^ TABLE[new as usize]
}

/// How rare a boundary is, as casync computes it from the average size: in double precision, rounded towards
/// zero, kept within `min` and `max`. The constants make the mean size come out right for `min = avg / 4` and
/// `max = avg * 4`. Averages above 9.3 MB, where the formula has its pole, get `max`.
fn discriminator(sizes: ChunkSizes) -> u32 {
    let avg = sizes.avg() as f64;
    let raw = avg / (-1.428_888_52e-7 * avg + 1.332_375_15);
    let (min, max) = (sizes.min() as f64, sizes.max() as f64);
    // Below the pole the quotient is positive; at and above it, negative or not finite.
    let d = if raw.is_finite() && raw >= 0.0 { raw.clamp(min, max) } else { max };
    d as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_hashes() {
        let window: [u8; 48] = core::array::from_fn(|i| i as u8);
        assert_eq!(hash_of(&window), 0x6b67_dec6);
        assert_eq!(roll(hash_of(&window), 0, 48), 0xa3fc_25f1);
        assert_eq!(hash_of(&[0; 48]), 0x9e48_9e48);
    }

    #[test]
    fn known_discriminators() {
        for (kib, d) in [(1, 768), (2, 1537), (4, 3075), (8, 6153), (16, 12318), (32, 24680), (64, 49535)] {
            let avg = kib * 1024;
            assert_eq!(discriminator(ChunkSizes::new(avg / 4, avg, avg * 4).unwrap()), d);
        }
        for (kib, d) in [(128, 99777), (256, 202_440), (512, 416_942), (1024, 886_711), (4096, 5_721_670)] {
            let avg = kib * 1024;
            assert_eq!(discriminator(ChunkSizes::new(avg / 4, avg, avg * 4).unwrap()), d);
        }
    }

    #[test]
    fn discriminator_stays_between_min_and_max() {
        let of = |min, avg, max| discriminator(ChunkSizes::new(min, avg, max).unwrap());
        assert_eq!(of(61_440, 65_536, 262_144), 61_440);
        assert_eq!(of(2 << 20, 8 << 20, 32 << 20), 32 << 20);
        assert_eq!(of(4 << 20, 16 << 20, 64 << 20), 64 << 20, "above the pole of the formula");
        assert_eq!(of(1, 1, 100), 1);
    }
}
