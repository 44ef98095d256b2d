//! What the processor can do beyond its baseline, and how much of that is used.
//!
//! The kernels that have several versions (the boundary scan, the digests) ask [`Features::current`] which to
//! run. All versions give the same results; [`Features::restrict`] exists so that tests and people in doubt
//! can see that for themselves.

use core::{
    fmt,
    ops::BitOr,
    str::FromStr,
    sync::atomic::{AtomicU32, Ordering},
};

use thiserror::Error;

/// A set of processor extensions.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Features(u32);

/// What [`Features::restrict`] left.
static ALLOWED: AtomicU32 = AtomicU32::new(u32::MAX);

impl Features {
    /// No extension: only what every processor of the target has.
    pub const PORTABLE: Self = Self(0);
    /// x86's SHA extensions, with SSSE3 and SSE4.1: SHA-256 in hardware.
    pub const SHA: Self = Self(1);
    /// x86's AVX2: 256-bit vectors.
    pub const AVX2: Self = Self(2);
    /// x86's AVX-512 F, BW and VL: 512-bit vectors.
    pub const AVX512: Self = Self(4);
    /// WebAssembly's 128-bit vectors. Known when the module is built, not when it runs.
    pub const SIMD128: Self = Self(8);

    const NAMES: [(&str, Self); 4] =
        [("sha", Self::SHA), ("avx2", Self::AVX2), ("avx512", Self::AVX512), ("simd128", Self::SIMD128)];

    /// What this processor has, as far as this build can tell: without the crate feature `std` that is what
    /// the build was told to take for granted.
    pub fn available() -> Self {
        #[allow(unused_mut, reason = "there is nothing to add on other targets")]
        let mut found = Self::PORTABLE;
        #[cfg(all(target_arch = "x86_64", feature = "std"))]
        {
            use std::is_x86_feature_detected as has;
            if has!("sha") && has!("ssse3") && has!("sse4.1") {
                found = found | Self::SHA;
            }
            if has!("avx2") {
                found = found | Self::AVX2;
            }
            if has!("avx512f") && has!("avx512bw") && has!("avx512vl") {
                found = found | Self::AVX512;
            }
        }
        #[cfg(all(target_arch = "x86_64", not(feature = "std")))]
        {
            if cfg!(all(target_feature = "sha", target_feature = "ssse3", target_feature = "sse4.1")) {
                found = found | Self::SHA;
            }
            if cfg!(target_feature = "avx2") {
                found = found | Self::AVX2;
            }
            if cfg!(all(target_feature = "avx512f", target_feature = "avx512bw", target_feature = "avx512vl"))
            {
                found = found | Self::AVX512;
            }
        }
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        {
            found = found | Self::SIMD128;
        }
        found
    }

    /// What the kernels use: what is available, less what [`restrict`](Self::restrict) forbade.
    pub fn current() -> Self {
        Self(Self::available().0 & ALLOWED.load(Ordering::Relaxed))
    }

    /// From now on the kernels of this process use no extension outside of this set. Naming one that the
    /// processor does not have does no harm.
    pub fn restrict(self) {
        ALLOWED.store(self.0, Ordering::Relaxed);
    }

    /// Whether all of `other` is in this set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Those of this set that the processor has.
    #[must_use]
    pub fn if_available(self) -> Self {
        Self(self.0 & Self::available().0)
    }
}

impl BitOr for Features {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The names, with commas between them; `portable` for none.
impl fmt::Display for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names = Self::NAMES.iter().filter(|(_, feature)| self.has(*feature)).map(|(name, _)| name);
        f.write_str(names.next().unwrap_or(&"portable"))?;
        names.try_for_each(|name| write!(f, ",{name}"))
    }
}

impl fmt::Debug for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Features({self})")
    }
}

/// A text that names no processor extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("unknown processor extension: the names are sha, avx2, avx512 and simd128, or portable for none")]
pub struct UnknownFeature;

impl FromStr for Features {
    type Err = UnknownFeature;

    fn from_str(text: &str) -> Result<Self, UnknownFeature> {
        if text == "portable" {
            return Ok(Self::PORTABLE);
        }
        text.split(',').try_fold(Self::PORTABLE, |set, name| {
            let known = Self::NAMES.iter().find(|(known, _)| *known == name);
            known.map(|(_, feature)| set | *feature).ok_or(UnknownFeature)
        })
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn names_go_round() {
        for text in ["portable", "sha", "sha,avx2", "sha,avx2,avx512,simd128"] {
            assert_eq!(text.parse::<Features>().map(|set| set.to_string()).as_deref(), Ok(text));
        }
        for wrong in ["", "sse9", "avx2,", "portable,sha", "AVX2"] {
            assert_eq!(wrong.parse::<Features>(), Err(UnknownFeature), "{wrong}");
        }
        assert_eq!(Features::SIMD128.if_available().has(Features::SIMD128), cfg!(target_arch = "wasm32"));
    }
}
