//! SHA-2 with WebAssembly's vectors: two messages of SHA-512/256 at once, or four of SHA-256.
//!
//! There is no asking a processor: a module that has these instructions loads only where they can be run.
#![allow(unsafe_code, reason = "loads and stores of vectors")]

use core::arch::wasm32::*;

type Vector = v128;

#[inline]
#[target_feature(enable = "simd128")]
fn xor(a: Vector, b: Vector) -> Vector {
    v128_xor(a, b)
}

#[inline]
#[target_feature(enable = "simd128")]
fn xor3(a: Vector, b: Vector, c: Vector) -> Vector {
    xor(xor(a, b), c)
}

#[inline]
#[target_feature(enable = "simd128")]
fn choose(e: Vector, f: Vector, g: Vector) -> Vector {
    v128_bitselect(f, g, e)
}

/// Where b and c agree they are the majority, and where a and b do: `bc` is kept because the next round's b
/// and c are this one's a and b.
#[inline]
#[target_feature(enable = "simd128")]
fn majority(a: Vector, b: Vector, _c: Vector, bc: &mut Vector) -> Vector {
    let ab = xor(a, b);
    let most = xor(b, v128_and(ab, *bc));
    *bc = ab;
    most
}

#[inline]
#[target_feature(enable = "simd128")]
fn load_bytes(bytes: &[u8; 16]) -> Vector {
    // SAFETY: 16 bytes are read from a reference to as many; there is no alignment to keep.
    unsafe { v128_load(bytes.as_ptr().cast()) }
}

/// SHA-512/256.
pub(super) mod x2 {
    use super::*;

    pub(in crate::digest) const N: usize = 2;

    crate::digest::rounds::lanes!(kernel Simd128x2: u64 from 2 messages, SIMD128 as "simd128");
    use crate::digest::rounds::{extend, keep, lanes, round, rounds};

    #[inline]
    #[target_feature(enable = "simd128")]
    fn splat(word: u64) -> Vector {
        u64x2_splat(word)
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    fn add(a: Vector, b: Vector) -> Vector {
        u64x2_add(a, b)
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    fn shift<const R: u32>(a: Vector) -> Vector {
        u64x2_shr(a, R)
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    fn rotate<const R: u32, const L: i32>(a: Vector) -> Vector {
        v128_or(u64x2_shr(a, R), u64x2_shl(a, L.cast_unsigned()))
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    fn load(words: &[u64; N]) -> Vector {
        u64x2(words[0], words[1])
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    fn store(vector: Vector) -> [u64; N] {
        [u64x2_extract_lane::<0>(vector), u64x2_extract_lane::<1>(vector)]
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    fn load_block(blocks: &[&[u8; 128]; N]) -> [Vector; 16] {
        let [a, b] = blocks.map(|block| block.as_chunks().0);
        let mut words = [splat(0); 16];
        for ((words, a), b) in words.as_chunks_mut::<2>().0.iter_mut().zip(a).zip(b) {
            let (a, b) = (load_bytes(a), load_bytes(b));
            *words = [
                u8x16_shuffle::<7, 6, 5, 4, 3, 2, 1, 0, 23, 22, 21, 20, 19, 18, 17, 16>(a, b),
                u8x16_shuffle::<15, 14, 13, 12, 11, 10, 9, 8, 31, 30, 29, 28, 27, 26, 25, 24>(a, b),
            ];
        }
        words
    }
}

/// SHA-256.
pub(super) mod x4 {
    use super::*;

    pub(in crate::digest) const N: usize = 4;

    crate::digest::rounds::lanes!(kernel Simd128x4: u32 from 3 messages, SIMD128 as "simd128");
    use crate::digest::rounds::{extend, keep, lanes, round, rounds};

    #[inline]
    #[target_feature(enable = "simd128")]
    fn splat(word: u32) -> Vector {
        u32x4_splat(word)
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    fn add(a: Vector, b: Vector) -> Vector {
        u32x4_add(a, b)
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    fn shift<const R: u32>(a: Vector) -> Vector {
        u32x4_shr(a, R)
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    fn rotate<const R: u32, const L: i32>(a: Vector) -> Vector {
        v128_or(u32x4_shr(a, R), u32x4_shl(a, L.cast_unsigned()))
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    fn load(words: &[u32; N]) -> Vector {
        u32x4(words[0], words[1], words[2], words[3])
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    fn store(vector: Vector) -> [u32; N] {
        [
            u32x4_extract_lane::<0>(vector),
            u32x4_extract_lane::<1>(vector),
            u32x4_extract_lane::<2>(vector),
            u32x4_extract_lane::<3>(vector),
        ]
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    fn load_block(blocks: &[&[u8; 64]; N]) -> [Vector; 16] {
        let mut words = [splat(0); 16];
        for (part, words) in words.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            let [a, b, c, d] = blocks.map(|block| &block.as_chunks().0[part]);
            let (a, b, c, d) = (load_bytes(a), load_bytes(b), load_bytes(c), load_bytes(d));
            // Words 0 and 1, then 2 and 3, of two messages each, with their bytes put in order.
            let low_ab = u8x16_shuffle::<3, 2, 1, 0, 19, 18, 17, 16, 7, 6, 5, 4, 23, 22, 21, 20>(a, b);
            let low_cd = u8x16_shuffle::<3, 2, 1, 0, 19, 18, 17, 16, 7, 6, 5, 4, 23, 22, 21, 20>(c, d);
            let high_ab = u8x16_shuffle::<11, 10, 9, 8, 27, 26, 25, 24, 15, 14, 13, 12, 31, 30, 29, 28>(a, b);
            let high_cd = u8x16_shuffle::<11, 10, 9, 8, 27, 26, 25, 24, 15, 14, 13, 12, 31, 30, 29, 28>(c, d);
            *words = [
                u64x2_shuffle::<0, 2>(low_ab, low_cd),
                u64x2_shuffle::<1, 3>(low_ab, low_cd),
                u64x2_shuffle::<0, 2>(high_ab, high_cd),
                u64x2_shuffle::<1, 3>(high_ab, high_cd),
            ];
        }
        words
    }
}
