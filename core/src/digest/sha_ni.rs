//! SHA-256 with x86's SHA extensions, several messages overlapped.
//!
//! The instruction that does two rounds takes several cycles, and each needs the result of the one before:
//! with one message the processor waits most of the time.
#![allow(unsafe_code, reason = "loads and stores of vectors, and the call of code that needs the extensions")]
#![allow(clippy::needless_range_loop, reason = "the lanes stand side by side in several arrays")]

use core::arch::x86_64::*;

use super::{lanes::Kernel, rounds::K256};
use crate::cpu::Features;

/// How many messages are overlapped. Two nearly fill the unit that does the rounds; four gain 5 % more where
/// there are four of one length, and three gain nothing.
pub(super) const N: usize = 2;

/// The proof that the processor can run this kernel.
#[derive(Clone, Copy)]
pub(super) struct ShaNi(());

impl ShaNi {
    pub(super) fn new(features: Features) -> Option<Self> {
        features.if_available().has(Features::SHA).then_some(Self(()))
    }
}

impl<const N: usize> Kernel<N> for ShaNi {
    type Word = u32;

    const PAYS: usize = 2;

    fn compress(self, states: &mut [[u32; N]; 8], blocks: &[&[[u8; 64]]; N]) {
        // SAFETY: `new`, which alone makes a value of this type, saw that the processor has the features.
        unsafe { compress(states, blocks) }
    }
}

#[target_feature(enable = "sha,ssse3,sse4.1")]
fn compress<const N: usize>(states: &mut [[u32; N]; 8], blocks: &[&[[u8; 64]]; N]) {
    // The words of a state in the order in which the instructions want them, from the lowest on.
    let mut abef = [_mm_setzero_si128(); N];
    let mut cdgh = abef;
    for lane in 0..N {
        let [a, b, c, d, e, f, g, h] = (*states).map(|words| words[lane]);
        abef[lane] = load_words([f, e, b, a]);
        cdgh[lane] = load_words([h, g, d, c]);
    }

    let count = blocks.iter().map(|blocks| blocks.len()).min().unwrap_or(0);
    for at in 0..count {
        let before = (abef, cdgh);
        let mut words = [[_mm_setzero_si128(); N]; 4];
        for lane in 0..N {
            let (parts, _) = blocks[lane][at].as_chunks();
            for (words, part) in words.iter_mut().zip(parts) {
                words[lane] = load_bytes(part);
            }
        }
        let (k, _) = const { &K256 }.as_chunks::<4>();
        for i in 0..4 {
            rounds(&mut abef, &mut cdgh, &words[i], &k[i]);
        }
        for k in k[4..].as_chunks::<4>().0 {
            for i in 0..4 {
                words[i] = extend(&words[i], &words[(i + 1) % 4], &words[(i + 2) % 4], &words[(i + 3) % 4]);
                rounds(&mut abef, &mut cdgh, &words[i], &k[i]);
            }
        }
        for lane in 0..N {
            abef[lane] = _mm_add_epi32(abef[lane], before.0[lane]);
            cdgh[lane] = _mm_add_epi32(cdgh[lane], before.1[lane]);
        }
    }

    for lane in 0..N {
        let ([f, e, b, a], [h, g, d, c]) = (store_words(abef[lane]), store_words(cdgh[lane]));
        for (words, word) in states.iter_mut().zip([a, b, c, d, e, f, g, h]) {
            words[lane] = word;
        }
    }
}

/// Four rounds of each message, with four words of it.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn rounds<const N: usize>(
    abef: &mut [__m128i; N],
    cdgh: &mut [__m128i; N],
    words: &[__m128i; N],
    k: &[u32; 4],
) {
    let k = load_words(*k);
    for lane in 0..N {
        let sum = _mm_add_epi32(words[lane], k);
        cdgh[lane] = _mm_sha256rnds2_epu32(cdgh[lane], abef[lane], sum);
        abef[lane] = _mm_sha256rnds2_epu32(abef[lane], cdgh[lane], _mm_shuffle_epi32::<0x0e>(sum));
    }
}

/// The four words of each message that follow the given sixteen.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn extend<const N: usize>(
    w0: &[__m128i; N],
    w4: &[__m128i; N],
    w8: &[__m128i; N],
    w12: &[__m128i; N],
) -> [__m128i; N] {
    let mut next = *w0;
    for lane in 0..N {
        let sum = _mm_sha256msg1_epu32(w0[lane], w4[lane]);
        let sum = _mm_add_epi32(sum, _mm_alignr_epi8::<4>(w12[lane], w8[lane]));
        next[lane] = _mm_sha256msg2_epu32(sum, w12[lane]);
    }
    next
}

/// Four words of a message, which has them with the highest byte first.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn load_bytes(bytes: &[u8; 16]) -> __m128i {
    let order = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
    // SAFETY: 16 bytes are read from a reference to as many; there is no alignment to keep.
    let words = unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) };
    _mm_shuffle_epi8(words, order)
}

#[inline]
#[target_feature(enable = "sse2")]
fn load_words(words: [u32; 4]) -> __m128i {
    // SAFETY: 16 bytes are read from an array of as many; there is no alignment to keep.
    unsafe { _mm_loadu_si128(words.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "sse2")]
fn store_words(vector: __m128i) -> [u32; 4] {
    let mut words = [0; 4];
    // SAFETY: 16 bytes are written to an array of as many; there is no alignment to keep.
    unsafe { _mm_storeu_si128(words.as_mut_ptr().cast(), vector) };
    words
}
