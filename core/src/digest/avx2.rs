//! SHA-2 with x86's AVX2: four messages of SHA-512/256 at once, or eight of SHA-256.
#![allow(unsafe_code, reason = "loads and stores of vectors, and the call of code that needs AVX2")]

use core::arch::x86_64::*;

type Vector = __m256i;

#[inline]
#[target_feature(enable = "avx2")]
fn xor(a: Vector, b: Vector) -> Vector {
    _mm256_xor_si256(a, b)
}

#[inline]
#[target_feature(enable = "avx2")]
fn xor3(a: Vector, b: Vector, c: Vector) -> Vector {
    xor(xor(a, b), c)
}

#[inline]
#[target_feature(enable = "avx2")]
fn choose(e: Vector, f: Vector, g: Vector) -> Vector {
    xor(g, _mm256_and_si256(e, xor(f, g)))
}

/// Where b and c agree they are the majority, and where a and b do: `bc` is kept because the next round's b
/// and c are this one's a and b.
#[inline]
#[target_feature(enable = "avx2")]
fn majority(a: Vector, b: Vector, _c: Vector, bc: &mut Vector) -> Vector {
    let ab = xor(a, b);
    let most = xor(b, _mm256_and_si256(ab, *bc));
    *bc = ab;
    most
}

/// A part of a block of each message, byte order aside.
#[inline]
#[target_feature(enable = "avx2")]
fn load_bytes<const N: usize>(parts: [&[u8; 32]; N], order: Vector) -> [Vector; N] {
    let mut rows = [_mm256_setzero_si256(); N];
    for (row, bytes) in rows.iter_mut().zip(parts) {
        // SAFETY: 32 bytes are read from a reference to as many; there is no alignment to keep.
        let words = unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) };
        *row = _mm256_shuffle_epi8(words, order);
    }
    rows
}

/// The bytes of a block from `32 * part` on, of each message.
#[inline]
fn parts<'a, const B: usize, const N: usize>(blocks: &[&'a [u8; B]; N], part: usize) -> [&'a [u8; 32]; N] {
    blocks.map(|block| &block.as_chunks().0[part])
}

/// SHA-512/256.
pub(super) mod x4 {
    use super::*;

    pub(in crate::digest) const N: usize = 4;

    crate::digest::rounds::lanes!(kernel Avx2x4: u64 from 2 messages, AVX2 as "avx2");
    use crate::digest::rounds::{extend, keep, lanes, round, rounds};

    #[inline]
    #[target_feature(enable = "avx2")]
    fn splat(word: u64) -> Vector {
        _mm256_set1_epi64x(word.cast_signed())
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn add(a: Vector, b: Vector) -> Vector {
        _mm256_add_epi64(a, b)
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn shift<const R: i32>(a: Vector) -> Vector {
        _mm256_srli_epi64::<R>(a)
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn rotate<const R: i32, const L: i32>(a: Vector) -> Vector {
        if R == 8 {
            // Whole bytes can be moved by one instruction.
            let order = _mm256_broadcastsi128_si256(_mm_set_epi8(
                8, 15, 14, 13, 12, 11, 10, 9, 0, 7, 6, 5, 4, 3, 2, 1,
            ));
            return _mm256_shuffle_epi8(a, order);
        }
        _mm256_or_si256(_mm256_srli_epi64::<R>(a), _mm256_slli_epi64::<L>(a))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn load(words: &[u64; N]) -> Vector {
        // SAFETY: 32 bytes are read from a reference to as many; there is no alignment to keep.
        unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn store(vector: Vector) -> [u64; N] {
        let mut words = [0; N];
        // SAFETY: 32 bytes are written to an array of as many; there is no alignment to keep.
        unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), vector) };
        words
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn load_block(blocks: &[&[u8; 128]; N]) -> [Vector; 16] {
        let order =
            _mm256_broadcastsi128_si256(_mm_set_epi8(8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
        let mut words = [splat(0); 16];
        for (part, words) in words.as_chunks_mut().0.iter_mut().enumerate() {
            *words = transpose(load_bytes(parts(blocks, part), order));
        }
        words
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn transpose(rows: [Vector; 4]) -> [Vector; 4] {
        let [a, b, c, d] = rows;
        let (even_ab, odd_ab) = (_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));
        let (even_cd, odd_cd) = (_mm256_unpacklo_epi64(c, d), _mm256_unpackhi_epi64(c, d));
        [
            _mm256_permute2x128_si256::<0x20>(even_ab, even_cd),
            _mm256_permute2x128_si256::<0x20>(odd_ab, odd_cd),
            _mm256_permute2x128_si256::<0x31>(even_ab, even_cd),
            _mm256_permute2x128_si256::<0x31>(odd_ab, odd_cd),
        ]
    }
}

/// SHA-256, for processors without the SHA extensions.
pub(super) mod x8 {
    use super::*;

    pub(in crate::digest) const N: usize = 8;

    crate::digest::rounds::lanes!(kernel Avx2x8: u32 from 3 messages, AVX2 as "avx2");
    use crate::digest::rounds::{extend, keep, lanes, round, rounds};

    #[inline]
    #[target_feature(enable = "avx2")]
    fn splat(word: u32) -> Vector {
        _mm256_set1_epi32(word.cast_signed())
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn add(a: Vector, b: Vector) -> Vector {
        _mm256_add_epi32(a, b)
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn shift<const R: i32>(a: Vector) -> Vector {
        _mm256_srli_epi32::<R>(a)
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn rotate<const R: i32, const L: i32>(a: Vector) -> Vector {
        _mm256_or_si256(_mm256_srli_epi32::<R>(a), _mm256_slli_epi32::<L>(a))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn load(words: &[u32; N]) -> Vector {
        // SAFETY: 32 bytes are read from a reference to as many; there is no alignment to keep.
        unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn store(vector: Vector) -> [u32; N] {
        let mut words = [0; N];
        // SAFETY: 32 bytes are written to an array of as many; there is no alignment to keep.
        unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), vector) };
        words
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn load_block(blocks: &[&[u8; 64]; N]) -> [Vector; 16] {
        let order =
            _mm256_broadcastsi128_si256(_mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3));
        let mut words = [splat(0); 16];
        for (part, words) in words.as_chunks_mut().0.iter_mut().enumerate() {
            *words = transpose(load_bytes(parts(blocks, part), order));
        }
        words
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn transpose(rows: [Vector; 8]) -> [Vector; 8] {
        let [a, b, c, d, e, f, g, h] = rows;
        let low = transpose_halves([a, b, c, d]);
        let high = transpose_halves([e, f, g, h]);
        let mut words = [splat(0); 8];
        for i in 0..4 {
            words[i] = _mm256_permute2x128_si256::<0x20>(low[i], high[i]);
            words[i + 4] = _mm256_permute2x128_si256::<0x31>(low[i], high[i]);
        }
        words
    }

    /// Transposes the lower and the upper halves of four vectors, each for itself.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn transpose_halves([a, b, c, d]: [Vector; 4]) -> [Vector; 4] {
        let (low_ab, high_ab) = (_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
        let (low_cd, high_cd) = (_mm256_unpacklo_epi32(c, d), _mm256_unpackhi_epi32(c, d));
        [
            _mm256_unpacklo_epi64(low_ab, low_cd),
            _mm256_unpackhi_epi64(low_ab, low_cd),
            _mm256_unpacklo_epi64(high_ab, high_cd),
            _mm256_unpackhi_epi64(high_ab, high_cd),
        ]
    }
}
