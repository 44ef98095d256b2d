//! SHA-2 with x86's AVX-512: eight messages of SHA-512/256 at once, or sixteen of SHA-256.
//!
//! Besides the longer vectors there are rotations, and any function of three bits, in one instruction.
#![allow(unsafe_code, reason = "loads and stores of vectors, and the call of code that needs AVX-512")]

use core::arch::x86_64::*;

type Vector = __m512i;

// The last argument of the ternary operation is its truth table: bit `4a + 2b + c` is the result for a, b, c.

#[inline]
#[target_feature(enable = "avx512f")]
fn xor(a: Vector, b: Vector) -> Vector {
    _mm512_xor_si512(a, b)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn xor3(a: Vector, b: Vector, c: Vector) -> Vector {
    _mm512_ternarylogic_epi32::<0b1001_0110>(a, b, c)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn choose(e: Vector, f: Vector, g: Vector) -> Vector {
    _mm512_ternarylogic_epi32::<0b1100_1010>(e, f, g)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn majority(a: Vector, b: Vector, c: Vector, _bc: &mut Vector) -> Vector {
    _mm512_ternarylogic_epi32::<0b1110_1000>(a, b, c)
}

/// A part of a block of each message, the bytes of words put in order.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load_bytes<const N: usize>(parts: [&[u8; 64]; N], order: __m128i) -> [Vector; N] {
    let order = _mm512_broadcast_i32x4(order);
    let mut rows = [_mm512_setzero_si512(); N];
    for (row, bytes) in rows.iter_mut().zip(parts) {
        // SAFETY: 64 bytes are read from a reference to as many; there is no alignment to keep.
        let words = unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) };
        *row = _mm512_shuffle_epi8(words, order);
    }
    rows
}

/// Transposes four vectors of four parts of 128 bits.
#[inline]
#[target_feature(enable = "avx512f")]
fn transpose_quarters([a, b, c, d]: [Vector; 4]) -> [Vector; 4] {
    let (low_ab, high_ab) = (_mm512_shuffle_i64x2::<0x44>(a, b), _mm512_shuffle_i64x2::<0xee>(a, b));
    let (low_cd, high_cd) = (_mm512_shuffle_i64x2::<0x44>(c, d), _mm512_shuffle_i64x2::<0xee>(c, d));
    [
        _mm512_shuffle_i64x2::<0x88>(low_ab, low_cd),
        _mm512_shuffle_i64x2::<0xdd>(low_ab, low_cd),
        _mm512_shuffle_i64x2::<0x88>(high_ab, high_cd),
        _mm512_shuffle_i64x2::<0xdd>(high_ab, high_cd),
    ]
}

/// SHA-512/256.
pub(super) mod x8 {
    use super::*;

    pub(in crate::digest) const N: usize = 8;

    crate::digest::rounds::lanes!(kernel Avx512x8: u64 from 2 messages, AVX512 as "avx512f,avx512bw,avx512vl");
    use crate::digest::rounds::{extend, keep, lanes, round, rounds};

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn splat(word: u64) -> Vector {
        _mm512_set1_epi64(word.cast_signed())
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn add(a: Vector, b: Vector) -> Vector {
        _mm512_add_epi64(a, b)
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn shift<const R: u32>(a: Vector) -> Vector {
        _mm512_srli_epi64::<R>(a)
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn rotate<const R: i32, const L: i32>(a: Vector) -> Vector {
        _mm512_ror_epi64::<R>(a)
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn load(words: &[u64; N]) -> Vector {
        // SAFETY: 64 bytes are read from a reference to as many; there is no alignment to keep.
        unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn store(vector: Vector) -> [u64; N] {
        let mut words = [0; N];
        // SAFETY: 64 bytes are written to an array of as many; there is no alignment to keep.
        unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), vector) };
        words
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn load_block(blocks: &[&[u8; 128]; N]) -> [Vector; 16] {
        let order = _mm_set_epi8(8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
        let mut words = [splat(0); 16];
        for (part, words) in words.as_chunks_mut::<8>().0.iter_mut().enumerate() {
            let [a, b, c, d, e, f, g, h] = load_bytes(blocks.map(|block| &block.as_chunks().0[part]), order);
            let even = transpose_quarters([
                _mm512_unpacklo_epi64(a, b),
                _mm512_unpacklo_epi64(c, d),
                _mm512_unpacklo_epi64(e, f),
                _mm512_unpacklo_epi64(g, h),
            ]);
            let odd = transpose_quarters([
                _mm512_unpackhi_epi64(a, b),
                _mm512_unpackhi_epi64(c, d),
                _mm512_unpackhi_epi64(e, f),
                _mm512_unpackhi_epi64(g, h),
            ]);
            for i in 0..4 {
                words[2 * i] = even[i];
                words[2 * i + 1] = odd[i];
            }
        }
        words
    }
}

/// SHA-256, for processors without the SHA extensions.
pub(super) mod x16 {
    use super::*;

    pub(in crate::digest) const N: usize = 16;

    crate::digest::rounds::lanes!(kernel Avx512x16: u32 from 3 messages, AVX512 as "avx512f,avx512bw,avx512vl");
    use crate::digest::rounds::{extend, keep, lanes, round, rounds};

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn splat(word: u32) -> Vector {
        _mm512_set1_epi32(word.cast_signed())
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn add(a: Vector, b: Vector) -> Vector {
        _mm512_add_epi32(a, b)
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn shift<const R: u32>(a: Vector) -> Vector {
        _mm512_srli_epi32::<R>(a)
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn rotate<const R: i32, const L: i32>(a: Vector) -> Vector {
        _mm512_ror_epi32::<R>(a)
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn load(words: &[u32; N]) -> Vector {
        // SAFETY: 64 bytes are read from a reference to as many; there is no alignment to keep.
        unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn store(vector: Vector) -> [u32; N] {
        let mut words = [0; N];
        // SAFETY: 64 bytes are written to an array of as many; there is no alignment to keep.
        unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), vector) };
        words
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn load_block(blocks: &[&[u8; 64]; N]) -> [Vector; 16] {
        let order = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
        let mut rows = load_bytes(*blocks, order);
        // Four messages each: within their vectors' quarters, words of one place go together.
        for rows in rows.as_chunks_mut().0 {
            let [a, b, c, d] = *rows;
            let (low_ab, high_ab) = (_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
            let (low_cd, high_cd) = (_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
            *rows = [
                _mm512_unpacklo_epi64(low_ab, low_cd),
                _mm512_unpackhi_epi64(low_ab, low_cd),
                _mm512_unpacklo_epi64(high_ab, high_cd),
                _mm512_unpackhi_epi64(high_ab, high_cd),
            ];
        }
        let mut words = [splat(0); 16];
        for i in 0..4 {
            let column = transpose_quarters([rows[i], rows[i + 4], rows[i + 8], rows[i + 12]]);
            for (quarter, vector) in column.into_iter().enumerate() {
                words[4 * quarter + i] = vector;
            }
        }
        words
    }
}
