//! The feature flags of an index: which are known, and which combinations are legal.
//!
//! The flags say what an archive records about files. In the index of a blob only the digest bit means
//! anything, but all of them are kept, so that an index can be written back byte for byte.

use core::fmt;

use thiserror::Error;

use crate::Digest;

/// The feature flags of an index (64 bits).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FeatureFlags(u64);

/// Why feature flags are not legal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FlagsError {
    /// Bits that no known feature has (or the reserved value with all bits set).
    #[error("unknown feature flags {0:#x}: written by a newer program, or not an index")]
    Unknown(u64),
    /// Known bits in a combination that no writer makes, given as (found, normal form).
    #[error("feature flags {0:#x} contradict each other (the normal form is {1:#x})")]
    NotNormal(u64, u64),
}

impl FeatureFlags {
    /// 16-bit user and group IDs.
    pub const UIDS_16: u64 = 0x1;
    /// 32-bit user and group IDs.
    pub const UIDS_32: u64 = 0x2;
    /// User and group names.
    pub const USER_NAMES: u64 = 0x4;
    /// Times to the second.
    pub const SEC_TIME: u64 = 0x8;
    /// Times to the microsecond.
    pub const USEC_TIME: u64 = 0x10;
    /// Times to the nanosecond.
    pub const NSEC_TIME: u64 = 0x20;
    /// Times to two seconds (FAT).
    pub const TWO_SEC_TIME: u64 = 0x40;
    /// A read-only bit.
    pub const READ_ONLY: u64 = 0x80;
    /// Permission bits.
    pub const PERMISSIONS: u64 = 0x100;
    /// The `nodump` file attribute.
    pub const NODUMP: u64 = 0x10_0000;
    /// btrfs subvolumes.
    pub const SUBVOLUME: u64 = 0x400_0000;
    /// Read-only btrfs subvolumes.
    pub const SUBVOLUME_RO: u64 = 0x800_0000;
    /// POSIX access control lists.
    pub const ACL: u64 = 0x2000_0000;
    /// `.caexclude` files were honoured.
    pub const EXCLUDE_FILE: u64 = 1 << 60;
    /// Chunks are named by SHA-512/256; without it, by SHA-256.
    pub const SHA512_256: u64 = 1 << 61;
    /// Mounted file systems below the root were left out.
    pub const EXCLUDE_SUBMOUNTS: u64 = 1 << 62;
    /// Files marked `nodump` were left out.
    pub const EXCLUDE_NODUMP: u64 = 1 << 63;

    const KNOWN: u64 = 0xf000_0001_ffff_ffff;

    /// The flags casync writes into the index of a blob.
    pub const fn blob(digest: Digest) -> Self {
        Self(Self::EXCLUDE_FILE | Self::EXCLUDE_NODUMP).with_digest(digest)
    }

    /// Checks flags read from an index: every bit known, and the combination in normal form, as casync
    /// demands.
    pub fn new(bits: u64) -> Result<Self, FlagsError> {
        let unknown = bits & !Self::KNOWN;
        if unknown != 0 {
            return Err(FlagsError::Unknown(unknown));
        }
        let normal = Self::normalise(bits);
        if normal != bits {
            return Err(FlagsError::NotNormal(bits, normal));
        }
        Ok(Self(bits))
    }

    /// The raw bits.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Which digest names the chunks.
    pub const fn digest(self) -> Digest {
        if self.0 & Self::SHA512_256 != 0 { Digest::Sha512_256 } else { Digest::Sha256 }
    }

    /// The same flags with the other bits kept and this digest's bit.
    #[must_use]
    pub const fn with_digest(self, digest: Digest) -> Self {
        match digest {
            Digest::Sha256 => Self(self.0 & !Self::SHA512_256),
            Digest::Sha512_256 => Self(self.0 | Self::SHA512_256),
        }
    }

    /// Of features that exclude each other, the finer or stronger one stays.
    const fn normalise(mut bits: u64) -> u64 {
        if bits & Self::UIDS_32 != 0 {
            bits &= !Self::UIDS_16;
        }
        if bits & Self::NSEC_TIME != 0 {
            bits &= !(Self::USEC_TIME | Self::SEC_TIME | Self::TWO_SEC_TIME);
        } else if bits & Self::USEC_TIME != 0 {
            bits &= !(Self::SEC_TIME | Self::TWO_SEC_TIME);
        } else if bits & Self::SEC_TIME != 0 {
            bits &= !Self::TWO_SEC_TIME;
        }
        // An access control list needs somebody to name.
        if bits & (Self::UIDS_16 | Self::UIDS_32 | Self::USER_NAMES) == 0 {
            bits &= !Self::ACL;
        }
        if bits & Self::ACL != 0 {
            bits &= !(Self::PERMISSIONS | Self::READ_ONLY);
        } else if bits & Self::PERMISSIONS != 0 {
            bits &= !Self::READ_ONLY;
        }
        if bits & Self::EXCLUDE_NODUMP != 0 {
            bits &= !Self::NODUMP;
        }
        if bits & Self::SUBVOLUME_RO != 0 {
            bits |= Self::SUBVOLUME;
        }
        bits
    }
}

impl fmt::Debug for FeatureFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FeatureFlags({:#x})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_known_programs_write_is_legal() {
        for bits in [
            0xb000_0000_0000_0000, // casync, blob, SHA-512/256
            0x9000_0000_0000_0000, // casync, blob, SHA-256
            0xa000_0000_0000_0000, // desync, blob, SHA-512/256
            0x8000_0000_0000_0000, // desync, blob, SHA-256
            0xb000_0001_ffef_fe26, // casync, archive
            0xb000_0001_bfef_fe26, // casync without SELinux, archive
        ] {
            assert_eq!(FeatureFlags::new(bits).map(FeatureFlags::bits), Ok(bits), "{bits:#x}");
        }
        assert_eq!(FeatureFlags::blob(Digest::Sha512_256).bits(), 0xb000_0000_0000_0000);
        assert_eq!(FeatureFlags::blob(Digest::Sha256).bits(), 0x9000_0000_0000_0000);
    }

    #[test]
    fn digest_follows_its_bit() {
        let flags = FeatureFlags::new(0x9000_0000_0000_0000).unwrap();
        assert_eq!(flags.digest(), Digest::Sha256);
        assert_eq!(flags.with_digest(Digest::Sha512_256).digest(), Digest::Sha512_256);
        assert_eq!(flags.with_digest(Digest::Sha512_256).with_digest(Digest::Sha256), flags);
    }

    #[test]
    fn unknown_and_contradicting_flags_are_refused() {
        assert!(matches!(FeatureFlags::new(u64::MAX), Err(FlagsError::Unknown(_))));
        assert_eq!(FeatureFlags::new(1 << 40), Err(FlagsError::Unknown(1 << 40)));
        for (bits, normal) in [
            (0x3, 0x2),                     // both ID widths
            (0x28, 0x20),                   // two time granularities
            (0x18, 0x10),                   //
            (0x48, 0x08),                   //
            (0x2000_0102, 0x2000_0002),     // ACL with permissions
            (0x180, 0x100),                 // permissions with read-only
            (0x2000_0000, 0),               // ACL with nobody to name
            (1 << 63 | 0x10_0000, 1 << 63), // nodump kept and excluded
            (0x800_0000, 0xc00_0000),       // a read-only subvolume is a subvolume
        ] {
            assert_eq!(FeatureFlags::new(bits), Err(FlagsError::NotNormal(bits, normal)), "{bits:#x}");
        }
    }
}
