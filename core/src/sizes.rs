//! The sizes of chunks: minimum, average, maximum, and the limits on them.

use core::{fmt, str::FromStr};

use thiserror::Error;

/// The largest chunk any reader has to accept, in bytes (128 MiB). Also the largest legal maximum.
pub const MAX_CHUNK_SIZE: usize = 128 * 1024 * 1024;

/// How large chunks are: `1 ≤ min ≤ avg ≤ max ≤ 128 MiB`, in bytes.
///
/// With all three equal, chunks have a fixed size and no content is looked at.
/// The last chunk of a file may be smaller than `min`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChunkSizes {
    min: u32,
    avg: u32,
    max: u32,
}

/// Why sizes are not legal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SizesError {
    /// Outside of `1 ≤ min ≤ avg ≤ max ≤ 128 MiB`, given as (min, avg, max).
    #[error("chunk sizes {0}:{1}:{2} are not in the order 1 <= min <= avg <= max <= 134217728 bytes")]
    Order(u64, u64, u64),
    /// The casync chunker looks at 48 bytes before it can cut.
    #[error("the casync chunker cannot cut chunks of at most {0} bytes: its maximum must be at least 48")]
    BelowWindow(u32),
    /// Sizes the FastCDC chunker is not defined for.
    #[error(
        "chunk sizes {0}:{1}:{2} are not for fastcdc: it takes even numbers of bytes, \
         min 64 to 1048576, avg 256 to 4194304, max 1024 to 16777216"
    )]
    FastCdc(u32, u32, u32),
    /// A text that is not `MIN:AVG:MAX`.
    #[error(
        "chunk sizes are written MIN:AVG:MAX in KiB (16:64:256), with a suffix B, K or M for other units"
    )]
    Syntax,
}

impl ChunkSizes {
    /// 16 KiB : 64 KiB : 256 KiB, the default of casync and desync.
    pub const DEFAULT: Self = Self { min: 16 << 10, avg: 64 << 10, max: 256 << 10 };

    /// Checks and keeps three sizes in bytes.
    pub fn new(min: u64, avg: u64, max: u64) -> Result<Self, SizesError> {
        if 1 <= min && min <= avg && avg <= max && max <= MAX_CHUNK_SIZE as u64 {
            Ok(Self { min: min as u32, avg: avg as u32, max: max as u32 })
        } else {
            Err(SizesError::Order(min, avg, max))
        }
    }

    /// The smallest chunk that is cut on purpose, in bytes.
    pub const fn min(self) -> usize {
        self.min as usize
    }

    /// The size aimed for, in bytes.
    pub const fn avg(self) -> usize {
        self.avg as usize
    }

    /// The largest chunk, in bytes.
    pub const fn max(self) -> usize {
        self.max as usize
    }

    /// Whether all chunks but the last have the same size.
    pub const fn is_fixed(self) -> bool {
        self.min == self.avg && self.avg == self.max
    }
}

impl Default for ChunkSizes {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// As `FromStr` reads it, in the largest unit that loses nothing.
impl fmt::Display for ChunkSizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [self.min, self.avg, self.max];
        let (unit, suffix) = if all.iter().all(|size| size % 1024 == 0) { (1024, "") } else { (1, "B") };
        let [min, avg, max] = all.map(|size| size / unit);
        write!(f, "{min}{suffix}:{avg}{suffix}:{max}{suffix}")
    }
}

/// `MIN:AVG:MAX`, each a whole number of KiB as desync has it, or with a suffix: `B` for bytes, `K` for KiB,
/// `M` for MiB.
impl FromStr for ChunkSizes {
    type Err = SizesError;

    fn from_str(text: &str) -> Result<Self, SizesError> {
        let mut parts = text.split(':').map(parse_size);
        let mut next = || parts.next().flatten().ok_or(SizesError::Syntax);
        let (min, avg, max) = (next()?, next()?, next()?);
        if parts.next().is_some() {
            return Err(SizesError::Syntax);
        }
        Self::new(min, avg, max)
    }
}

fn parse_size(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "K" | "k" => 1024,
        "B" | "b" => 1,
        "M" | "m" => 1024 * 1024,
        _ => return None,
    };
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn limits() {
        assert!(ChunkSizes::new(1, 1, 1).is_ok_and(ChunkSizes::is_fixed));
        assert!(ChunkSizes::new(1, 2, 128 << 20).is_ok());
        for (min, avg, max) in
            [(0, 1, 1), (2, 1, 3), (1, 3, 2), (1, 1, (128 << 20) + 1), (1 << 40, 1 << 40, 1 << 40)]
        {
            assert_eq!(ChunkSizes::new(min, avg, max), Err(SizesError::Order(min, avg, max)));
        }
    }

    #[test]
    fn text_goes_round() {
        for (text, sizes) in [
            ("16:64:256", ChunkSizes::DEFAULT),
            ("100B:200B:3000B", ChunkSizes::new(100, 200, 3000).unwrap()),
            ("1024:4096:16384", ChunkSizes::new(1 << 20, 4 << 20, 16 << 20).unwrap()),
        ] {
            assert_eq!(text.parse(), Ok(sizes));
            assert_eq!(sizes.to_string(), text);
        }
        assert_eq!("1M:4M:16M".parse(), ChunkSizes::new(1 << 20, 4 << 20, 16 << 20));
        for wrong in
            ["", "1", "1:2", "1:2:3:4", "a:b:c", "1::3", "-1:2:3", "1:2:99999999999999999999", "1:2:3G"]
        {
            assert_eq!(wrong.parse::<ChunkSizes>(), Err(SizesError::Syntax), "{wrong}");
        }
    }
}
