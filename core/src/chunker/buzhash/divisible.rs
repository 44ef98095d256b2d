//! The boundary test `h mod d = d - 1`, without dividing.

/// The exact test: `h + 1` is a multiple of `d` exactly if its product with `⌈2^64 / d⌉` wraps round to less
/// than that factor (D. Lemire, O. Kaser, N. Kurz, "Faster remainder by direct computation", 2019, with
/// 33-bit numerators and `d < 2^28`).
#[derive(Clone, Copy, Debug)]
pub(super) struct Divisible {
    factor: u64,
    limit: u64,
    pub(super) filter: Filter,
}

impl Divisible {
    pub(super) fn by(d: u32) -> Self {
        // For d = 1 the factor is 2^64, which wraps to 0, and every product is within the limit.
        let factor = (u64::MAX / u64::from(d)).wrapping_add(1);
        Self { factor, limit: factor.wrapping_sub(1), filter: Filter::by(d) }
    }

    #[inline(always)]
    pub(super) fn holds(self, hash: u32) -> bool {
        (u64::from(hash) + 1).wrapping_mul(self.factor) <= self.limit
    }
}

/// A test in 32 bits, for vectors, that lets through every `h` with `h mod d = d - 1`, and beside them at most
/// `h = 2^32 - 1`, for which `h + 1` wraps round to 0.
///
/// With `d = m 2^k` and `m` odd, `x` is a multiple of `d` exactly if `x` times the inverse of `m` modulo 2^32,
/// rotated right by `k`, is at most `⌊(2^32 - 1) / d⌋` (H. S. Warren, "Hacker's Delight", 2nd edition, 10-17).
#[derive(Clone, Copy, Debug)]
pub(super) struct Filter {
    pub(super) inverse: u32,
    pub(super) rotation: u32,
    pub(super) limit: u32,
}

impl Filter {
    fn by(d: u32) -> Self {
        let rotation = d.trailing_zeros();
        let odd = d >> rotation;
        // Newton's iteration doubles the number of right bits; odd times itself is 1 in the lowest three.
        let mut inverse = odd;
        for _ in 0..4 {
            inverse = inverse.wrapping_mul(2u32.wrapping_sub(odd.wrapping_mul(inverse)));
        }
        Self { inverse, rotation, limit: u32::MAX / d }
    }
}

#[cfg(test)]
impl Filter {
    /// A number that is at most [`limit`](Self) if the hash may pass: the scalar twin of
    /// [`Vector::rank`](super::vector::Vector::rank).
    pub(super) fn rank(self, hash: u32) -> u32 {
        hash.wrapping_add(1).wrapping_mul(self.inverse).rotate_right(self.rotation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_without_division_agree_with_the_remainder() {
        let edges = [0, 1, 2, 14_413, 49_534, 49_535, 99_069, u32::MAX - 1, u32::MAX];
        for d in [1, 2, 3, 48, 768, 1024, 12_318, 49_535, 65_536, 886_711, 134_217_728] {
            let test = Divisible::by(d);
            let mut hash = 12_345u32;
            let multiples = (0..1000u32).map(|i| d.wrapping_mul(i).wrapping_sub(1));
            let random = core::iter::repeat_with(move || {
                hash = hash.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                hash
            });
            for hash in edges.into_iter().chain(multiples).chain(random.take(100_000)) {
                let boundary = hash % d == d - 1;
                assert_eq!(test.holds(hash), boundary, "hash {hash}, d {d}");
                let filter = test.filter;
                let passes = filter.rank(hash) <= filter.limit;
                assert_eq!(passes, boundary || hash == u32::MAX, "hash {hash}, d {d}");
            }
        }
    }
}
