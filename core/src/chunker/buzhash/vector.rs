//! Eight 32-bit numbers at a time: the few operations that the search for boundaries is made of.
// The vector operations of a processor are unsafe to call where it is not known to have them.
#![allow(unsafe_code)]

use super::divisible::Filter;

/// How many numbers a vector has.
pub(super) const LANES: usize = 8;

/// Eight numbers.
pub(super) trait Vector: Copy {
    /// These numbers.
    fn of(numbers: [u32; LANES]) -> Self;

    /// The numbers.
    fn numbers(self) -> [u32; LANES];

    /// The same number eight times.
    #[inline(always)]
    fn all(number: u32) -> Self {
        Self::of([number; LANES])
    }

    fn xor(self, other: Self) -> Self;

    /// The smaller of each two, as unsigned numbers.
    fn min(self, other: Self) -> Self;

    /// Rotated left by one bit.
    fn rotate_1(self) -> Self;

    /// Rotated by 16 bits.
    fn rotate_16(self) -> Self;

    /// Of each hash, a number that is at most the filter's limit if the hash passes. `EVEN` must be set if the
    /// filter has a rotation.
    fn rank<const EVEN: bool>(self, filter: Filter) -> Self;
}

#[cfg(target_arch = "x86_64")]
pub(super) use self::avx2::Avx2;

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use core::arch::x86_64::*;

    use super::{Filter, LANES, Vector};

    /// In a register of AVX2. Values of this type must be made and used only where the processor has that:
    /// in functions that are compiled for it.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx2(__m256i);

    // SAFETY, for every block below: the type says that the processor has AVX2, and no block does anything
    // but arithmetic on registers.
    impl Vector for Avx2 {
        #[inline(always)]
        fn of(n: [u32; LANES]) -> Self {
            let n = n.map(u32::cast_signed);
            // SAFETY: see above.
            Self(unsafe { _mm256_setr_epi32(n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7]) })
        }

        #[inline(always)]
        fn numbers(self) -> [u32; LANES] {
            // SAFETY: both types are 32 bytes for which every value is legal.
            unsafe { core::mem::transmute(self.0) }
        }

        #[inline(always)]
        fn xor(self, other: Self) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm256_xor_si256(self.0, other.0) })
        }

        #[inline(always)]
        fn min(self, other: Self) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm256_min_epu32(self.0, other.0) })
        }

        #[inline(always)]
        fn rotate_1(self) -> Self {
            // SAFETY: see above.
            Self(unsafe {
                _mm256_or_si256(_mm256_add_epi32(self.0, self.0), _mm256_srli_epi32::<31>(self.0))
            })
        }

        #[inline(always)]
        fn rotate_16(self) -> Self {
            // SAFETY: see above.
            Self(unsafe {
                let halves = _mm256_setr_epi8(
                    2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8,
                    9, 14, 15, 12, 13,
                );
                _mm256_shuffle_epi8(self.0, halves)
            })
        }

        #[inline(always)]
        fn rank<const EVEN: bool>(self, filter: Filter) -> Self {
            // SAFETY: see above.
            Self(unsafe {
                let next = _mm256_sub_epi32(self.0, _mm256_set1_epi32(-1));
                let product = _mm256_mullo_epi32(next, _mm256_set1_epi32(filter.inverse.cast_signed()));
                if EVEN {
                    let right = _mm_cvtsi32_si128(filter.rotation.cast_signed());
                    let left = _mm_cvtsi32_si128(32 - filter.rotation.cast_signed());
                    _mm256_or_si256(_mm256_srl_epi32(product, right), _mm256_sll_epi32(product, left))
                } else {
                    product
                }
            })
        }
    }
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub(super) use self::simd128::Simd128;

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128 {
    use core::arch::wasm32::*;

    use super::{Filter, LANES, Vector};

    /// In two vectors of WebAssembly.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Simd128(v128, v128);

    impl Simd128 {
        #[inline(always)]
        fn map(self, each: impl Fn(v128) -> v128) -> Self {
            Self(each(self.0), each(self.1))
        }
    }

    impl Vector for Simd128 {
        #[inline(always)]
        fn of(n: [u32; LANES]) -> Self {
            Self(u32x4(n[0], n[1], n[2], n[3]), u32x4(n[4], n[5], n[6], n[7]))
        }

        #[inline(always)]
        fn numbers(self) -> [u32; LANES] {
            [
                u32x4_extract_lane::<0>(self.0),
                u32x4_extract_lane::<1>(self.0),
                u32x4_extract_lane::<2>(self.0),
                u32x4_extract_lane::<3>(self.0),
                u32x4_extract_lane::<0>(self.1),
                u32x4_extract_lane::<1>(self.1),
                u32x4_extract_lane::<2>(self.1),
                u32x4_extract_lane::<3>(self.1),
            ]
        }

        #[inline(always)]
        fn xor(self, other: Self) -> Self {
            Self(v128_xor(self.0, other.0), v128_xor(self.1, other.1))
        }

        #[inline(always)]
        fn min(self, other: Self) -> Self {
            Self(u32x4_min(self.0, other.0), u32x4_min(self.1, other.1))
        }

        #[inline(always)]
        fn rotate_1(self) -> Self {
            self.map(|v| v128_or(i32x4_add(v, v), u32x4_shr(v, 31)))
        }

        #[inline(always)]
        fn rotate_16(self) -> Self {
            self.map(|v| i16x8_shuffle::<1, 0, 3, 2, 5, 4, 7, 6>(v, v))
        }

        #[inline(always)]
        fn rank<const EVEN: bool>(self, filter: Filter) -> Self {
            self.map(|v| {
                let product = i32x4_mul(i32x4_add(v, u32x4_splat(1)), u32x4_splat(filter.inverse));
                if EVEN {
                    let left = u32x4_shl(product, 32 - filter.rotation);
                    v128_or(u32x4_shr(product, filter.rotation), left)
                } else {
                    product
                }
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{chunker::buzhash::divisible::Divisible, cpu::Features};

    #[inline(always)]
    fn compare<V: Vector>(a: [u32; LANES], b: [u32; LANES], filter: Filter) {
        let (va, vb) = (V::of(a), V::of(b));
        assert_eq!(va.numbers(), a);
        assert_eq!(V::all(a[0]).numbers(), [a[0]; LANES]);
        let pairs: [(u32, u32); LANES] = core::array::from_fn(|lane| (a[lane], b[lane]));
        assert_eq!(va.xor(vb).numbers(), pairs.map(|(a, b)| a ^ b));
        assert_eq!(va.min(vb).numbers(), pairs.map(|(a, b)| a.min(b)));
        assert_eq!(va.rotate_1().numbers(), a.map(|a| a.rotate_left(1)));
        assert_eq!(va.rotate_16().numbers(), a.map(|a| a.rotate_left(16)));
        assert_eq!(va.rank::<true>(filter).numbers(), a.map(|a| filter.rank(a)));
        if filter.rotation == 0 {
            assert_eq!(va.rank::<false>(filter).numbers(), a.map(|a| filter.rank(a)));
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn compare_avx2(a: [u32; LANES], b: [u32; LANES], filter: Filter) {
        compare::<Avx2>(a, b, filter);
    }

    #[test]
    fn vectors_do_what_numbers_do() {
        let mut state = 99u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.rotate_left(7)
        };
        let mut compared = 0;
        for round in 0..200 {
            let mut a: [u32; LANES] = core::array::from_fn(|_| next());
            let b = core::array::from_fn(|_| next());
            (a[1], a[6]) = (u32::MAX, 0);
            let filter = Divisible::by([1, 2, 48, 12_318, 49_535, 1 << 27][round % 6]).filter;
            #[cfg(target_arch = "x86_64")]
            if Features::available().has(Features::AVX2) {
                // SAFETY: the processor has AVX2.
                unsafe { compare_avx2(a, b, filter) };
                compared += 1;
            }
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            {
                compare::<Simd128>(a, b, filter);
                compared += 1;
            }
            let _ = (&a, &b, filter);
        }
        if compared == 0 {
            std::eprintln!("skipped: this processor has no vectors that are made use of");
        }
    }
}
