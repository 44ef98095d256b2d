//! The stored forms of a chunk, and the check that a chunk is what its name says.
//!
//! Everything read from a store passes through [`Decoder::decode`]: nothing is a chunk until its digest
//! matches, and no more memory is used than the size the index allows.

mod error;

use alloc::vec::Vec;
use core::fmt;

pub use self::error::{ChunkError, Preview};
use crate::{ChunkId, Digest, sizes::MAX_CHUNK_SIZE};

/// How a chunk is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoredForm {
    /// One zstd frame, extension `.cacnk`. The default.
    #[default]
    Compressed,
    /// As it is, no extension.
    Plain,
}

impl StoredForm {
    /// What a chunk's file name ends with in this form.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Compressed => ".cacnk",
            Self::Plain => "",
        }
    }

    /// The form that has this extension.
    pub fn from_extension(extension: &str) -> Option<Self> {
        match extension {
            ".cacnk" => Some(Self::Compressed),
            "" => Some(Self::Plain),
            _ => None,
        }
    }

    /// The most bytes that a chunk of `size` bytes can take in this form. A store that sends more is not
    /// sending that chunk.
    pub const fn max_stored_size(self, size: usize) -> usize {
        match self {
            // zstd's own bound (size/256 and a little for small inputs), with room for frame headers and
            // checksums of other writers and for the larger overhead of xz and gzip.
            Self::Compressed => size + size / 64 + 1024,
            Self::Plain => size,
        }
    }
}

/// What is known about the size of a chunk before it is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpectedSize {
    /// The index says so.
    Exactly(usize),
    /// No index at hand; at most this many bytes.
    AtMost(usize),
}

impl ExpectedSize {
    /// Nothing known but the format's own limit.
    pub const UNKNOWN: Self = Self::AtMost(MAX_CHUNK_SIZE);

    /// The most bytes the chunk may have.
    pub const fn limit(self) -> usize {
        match self {
            Self::Exactly(size) | Self::AtMost(size) => size,
        }
    }
}

/// Checks that `chunk` has the name it is asked for by.
pub fn verify(chunk: &[u8], digest: Digest, id: &ChunkId) -> Result<(), ChunkError> {
    let found = digest.id(chunk);
    if found == *id {
        return Ok(());
    }
    let other = digest.other();
    if other.id(chunk) == *id {
        return Err(ChunkError::OtherDigest { expected: digest, found: other });
    }
    Err(ChunkError::Digest { digest, found })
}

/// Turns stored bytes back into chunks. Keeps its work space between chunks; one per thread is the way to
/// use it.
#[derive(Default)]
pub struct Decoder {
    #[cfg(feature = "zstd")]
    context: Option<zstd_safe::DCtx<'static>>,
}

impl Decoder {
    /// A decoder; its work space is made when first needed.
    pub fn new() -> Self {
        Self::default()
    }

    /// Decodes `stored` into `chunk` (whose old content is dropped) and checks size and digest.
    /// On an error `chunk` holds nothing of use.
    pub fn decode(
        &mut self,
        form: StoredForm,
        stored: &[u8],
        digest: Digest,
        id: &ChunkId,
        size: ExpectedSize,
        chunk: &mut Vec<u8>,
    ) -> Result<(), ChunkError> {
        self.decode_unverified(form, stored, size, chunk)?;
        verify(chunk, digest, id)
    }

    /// Decodes without the check of the digest, for callers that do it elsewhere. Sizes are checked.
    pub fn decode_unverified(
        &mut self,
        form: StoredForm,
        stored: &[u8],
        size: ExpectedSize,
        chunk: &mut Vec<u8>,
    ) -> Result<(), ChunkError> {
        let limit = size.limit();
        // No more room than the frames say or allow, so that a small chunk needs no large buffer. What is in
        // the buffer is written over: to clear it first would take longer than some decompressions.
        match form {
            StoredForm::Plain if stored.len() > limit => return Err(ChunkError::TooLarge { limit }),
            StoredForm::Plain => chunk.resize(stored.len(), 0),
            StoredForm::Compressed => chunk.resize(self.bound(stored, limit)?, 0),
        }
        let len = self.decode_up_to(form, stored, limit, chunk)?;
        chunk.truncate(len);
        match size {
            ExpectedSize::Exactly(expected) => right_size(form, stored, expected, len),
            ExpectedSize::AtMost(_) => Ok(()),
        }
    }

    /// Decodes straight to where the chunk is wanted: `chunk` has exactly its size. The digest is not checked;
    /// that is for the caller, who may do it for several chunks at once. On an error `chunk` holds nothing of
    /// use.
    pub fn decode_in_place_unverified(
        &mut self,
        form: StoredForm,
        stored: &[u8],
        chunk: &mut [u8],
    ) -> Result<(), ChunkError> {
        let expected = chunk.len();
        let len = self.decode_up_to(form, stored, expected, chunk)?;
        right_size(form, stored, expected, len)
    }

    /// Decodes to the start of `chunk`, which has at most `limit` bytes (the size that errors speak of).
    /// Gives the number of bytes.
    fn decode_up_to(
        &mut self,
        form: StoredForm,
        stored: &[u8],
        limit: usize,
        chunk: &mut [u8],
    ) -> Result<usize, ChunkError> {
        match form {
            StoredForm::Plain => {
                let place = chunk.get_mut(..stored.len()).ok_or(ChunkError::TooLarge { limit })?;
                place.copy_from_slice(stored);
                Ok(stored.len())
            }
            StoredForm::Compressed => self.decompress(stored, limit, chunk),
        }
    }

    /// The most bytes that zstd frames can decompress to, as far as they say, at most `limit`.
    #[cfg(feature = "zstd")]
    fn bound(&self, stored: &[u8], limit: usize) -> Result<usize, ChunkError> {
        if !zstd_safe::is_frame(stored) {
            return Err(not_zstd(stored));
        }
        let Ok(bound) = zstd_safe::decompress_bound(stored) else {
            // The frames are incomplete or make no sense; this says which.
            return Err(zstd_safe::find_frame_compressed_size(stored).map_or_else(
                |code| zstd_error(code, stored.len(), limit),
                |_| ChunkError::Damaged("bytes that are no zstd frame behind the first"),
            ));
        };
        match zstd_safe::get_frame_content_size(stored) {
            Ok(Some(said)) if said > limit as u64 => Err(ChunkError::TooLarge { limit }),
            _ => Ok(usize::try_from(bound).unwrap_or(limit).min(limit)),
        }
    }

    #[cfg(feature = "zstd")]
    fn decompress(&mut self, stored: &[u8], limit: usize, chunk: &mut [u8]) -> Result<usize, ChunkError> {
        let context = match &mut self.context {
            Some(context) => context,
            none => none.insert(
                zstd_safe::DCtx::try_create().ok_or(ChunkError::Zstd("no memory for its work space"))?,
            ),
        };
        match context.decompress(chunk, stored) {
            // To zstd, no bytes are no frames, and well-formed.
            Ok(len) if !stored.is_empty() => Ok(len),
            // What the frames say of themselves tells more than what the decompressor stumbled upon.
            failed => Err(self
                .bound(stored, limit)
                .err()
                .unwrap_or_else(|| zstd_error(failed.err().unwrap_or_default(), stored.len(), limit))),
        }
    }

    #[cfg(not(feature = "zstd"))]
    fn bound(&self, _: &[u8], _: usize) -> Result<usize, ChunkError> {
        Err(ChunkError::Unsupported("zstd (left out of this build)"))
    }

    #[cfg(not(feature = "zstd"))]
    fn decompress(&mut self, _: &[u8], _: usize, _: &mut [u8]) -> Result<usize, ChunkError> {
        Err(ChunkError::Unsupported("zstd (left out of this build)"))
    }
}

/// Checks the size of a chunk that has been decoded against the one it should have.
fn right_size(form: StoredForm, stored: &[u8], expected: usize, found: usize) -> Result<(), ChunkError> {
    match form {
        _ if found == expected => Ok(()),
        StoredForm::Plain if found < expected => Err(ChunkError::Truncated { stored: stored.len() }),
        _ => Err(ChunkError::Size { expected, found }),
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decoder")
    }
}

/// Says what bytes are that are no zstd frame, as far as one can tell.
#[cfg(feature = "zstd")]
fn not_zstd(stored: &[u8]) -> ChunkError {
    const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
    if ZSTD.starts_with(stored) {
        ChunkError::Truncated { stored: stored.len() }
    } else if stored.starts_with(&[0xfd, b'7', b'z', b'X', b'Z', 0]) {
        ChunkError::Unsupported("xz")
    } else if stored.starts_with(&[0x1f, 0x8b]) {
        ChunkError::Unsupported("gzip")
    } else {
        ChunkError::NotCompressed(Preview::of(stored))
    }
}

#[cfg(feature = "zstd")]
fn zstd_error(code: usize, stored: usize, limit: usize) -> ChunkError {
    use zstd_safe::zstd_sys::ZSTD_ErrorCode as Kind;
    let is = |kind| zstd_safe::is_error_kind(code, kind);
    if is(Kind::ZSTD_error_srcSize_wrong) {
        ChunkError::Truncated { stored }
    } else if is(Kind::ZSTD_error_dstSize_tooSmall) {
        ChunkError::TooLarge { limit }
    } else if is(Kind::ZSTD_error_prefix_unknown) {
        ChunkError::Damaged("bytes that are no zstd frame behind the first")
    } else {
        ChunkError::Damaged(zstd_safe::get_error_name(code))
    }
}

/// Turns chunks into their stored form: one zstd frame with its content size, no checksum (the digest is
/// one). Keeps its work space between chunks; one per thread is the way to use it.
#[cfg(feature = "zstd")]
pub struct Encoder {
    context: zstd_safe::CCtx<'static>,
}

/// zstd's level where nothing else is asked for, as in casync and desync.
#[cfg(feature = "zstd")]
pub const DEFAULT_LEVEL: i32 = 3;

#[cfg(feature = "zstd")]
impl Encoder {
    /// An encoder at a compression level (zstd's: negative is faster, up to 22 is smaller).
    pub fn new(level: i32) -> Result<Self, ChunkError> {
        let mut context =
            zstd_safe::CCtx::try_create().ok_or(ChunkError::Zstd("no memory for its work space"))?;
        context
            .set_parameter(zstd_safe::CParameter::CompressionLevel(level))
            .map_err(|code| ChunkError::Zstd(zstd_safe::get_error_name(code)))?;
        Ok(Self { context })
    }

    /// Encodes `chunk` into `stored`, whose old content is dropped.
    pub fn encode(&mut self, form: StoredForm, chunk: &[u8], stored: &mut Vec<u8>) -> Result<(), ChunkError> {
        stored.clear();
        match form {
            StoredForm::Plain => stored.extend_from_slice(chunk),
            StoredForm::Compressed => {
                stored.reserve(zstd_safe::compress_bound(chunk.len()));
                self.context
                    .compress2(stored, chunk)
                    .map_err(|code| ChunkError::Zstd(zstd_safe::get_error_name(code)))?;
            }
        }
        Ok(())
    }
}

#[cfg(feature = "zstd")]
impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encoder")
    }
}

#[cfg(feature = "zstd")]
#[cfg(test)]
mod tests {
    use alloc::{string::ToString, vec};

    use super::*;

    const DIGEST: Digest = Digest::Sha256;

    fn encode(chunk: &[u8]) -> Vec<u8> {
        let mut stored = Vec::new();
        Encoder::new(DEFAULT_LEVEL).unwrap().encode(StoredForm::Compressed, chunk, &mut stored).unwrap();
        stored
    }

    fn decode(stored: &[u8], of: &[u8], size: ExpectedSize) -> Result<Vec<u8>, ChunkError> {
        let mut chunk = vec![7; 10_000];
        Decoder::new().decode(StoredForm::Compressed, stored, DIGEST, &DIGEST.id(of), size, &mut chunk)?;
        Ok(chunk)
    }

    fn sample() -> Vec<u8> {
        (0..5000u32).map(|i| ((i * i) >> 5) as u8).collect()
    }

    #[test]
    fn both_forms_go_round() {
        let chunk = sample();
        let stored = encode(&chunk);
        assert!(stored.len() < chunk.len());
        assert_eq!(zstd_safe::get_frame_content_size(&stored).ok(), Some(Some(5000)));
        for size in [ExpectedSize::Exactly(5000), ExpectedSize::AtMost(5000), ExpectedSize::UNKNOWN] {
            assert_eq!(decode(&stored, &chunk, size), Ok(chunk.clone()));
        }
        let mut out = Vec::new();
        let exactly = ExpectedSize::Exactly(5000);
        Decoder::new()
            .decode(StoredForm::Plain, &chunk, DIGEST, &DIGEST.id(&chunk), exactly, &mut out)
            .unwrap();
        assert_eq!(out, chunk);
    }

    /// One zstd frame that does not say how large its content is, as casync writes them, with a checksum, as
    /// desync does.
    fn encode_as_others(chunk: &[u8]) -> Vec<u8> {
        let mut context = zstd_safe::CCtx::create();
        context.set_parameter(zstd_safe::CParameter::ContentSizeFlag(false)).unwrap();
        context.set_parameter(zstd_safe::CParameter::ChecksumFlag(true)).unwrap();
        let mut stored = Vec::with_capacity(zstd_safe::compress_bound(chunk.len()));
        context.compress2(&mut stored, chunk).unwrap();
        stored
    }

    /// Decodes into a place between others, which must stay as they are.
    fn in_place(form: StoredForm, stored: &[u8], size: usize) -> Result<Vec<u8>, ChunkError> {
        let mut room = vec![7; size + 64];
        let result = Decoder::new().decode_in_place_unverified(form, stored, &mut room[32..32 + size]);
        assert_eq!((&room[..32], &room[32 + size..]), (&[7; 32][..], &[7; 32][..]));
        result.map(|()| room[32..32 + size].to_vec())
    }

    /// Decodes both ways, which must agree.
    fn both_ways(form: StoredForm, stored: &[u8], size: usize) -> Result<Vec<u8>, ChunkError> {
        let mut chunk = vec![9; 100];
        let result = Decoder::new().decode_unverified(form, stored, ExpectedSize::Exactly(size), &mut chunk);
        let result = result.map(|()| chunk);
        assert_eq!(in_place(form, stored, size), result);
        result
    }

    #[test]
    fn chunks_are_decoded_in_place() {
        let chunk = sample();
        let twice = [encode(&chunk[..2000]), encode_as_others(&chunk[2000..])].concat();
        for stored in [encode(&chunk), encode_as_others(&chunk), twice] {
            assert_eq!(both_ways(StoredForm::Compressed, &stored, 5000), Ok(chunk.clone()));
            assert_eq!(
                both_ways(StoredForm::Compressed, &stored, 4999),
                Err(ChunkError::TooLarge { limit: 4999 })
            );
            assert_eq!(
                both_ways(StoredForm::Compressed, &stored, 5001),
                Err(ChunkError::Size { expected: 5001, found: 5000 })
            );
            for len in 0..stored.len() {
                let result = both_ways(StoredForm::Compressed, &stored[..len], 5000);
                assert!(result.is_err(), "{len} of {}", stored.len());
            }
        }
        assert_eq!(both_ways(StoredForm::Plain, &chunk, 5000), Ok(chunk.clone()));
        assert_eq!(both_ways(StoredForm::Plain, &chunk, 4999), Err(ChunkError::TooLarge { limit: 4999 }));
        assert_eq!(both_ways(StoredForm::Plain, &chunk, 5001), Err(ChunkError::Truncated { stored: 5000 }));
        let page = b"<!DOCTYPE html><title>Sorry</title>";
        assert!(matches!(both_ways(StoredForm::Compressed, page, 5000), Err(ChunkError::NotCompressed(_))));
        let behind = [&encode(&chunk)[..], b"behind"].concat();
        assert!(matches!(both_ways(StoredForm::Compressed, &behind, 5000), Err(ChunkError::Damaged(_))));
    }

    #[test]
    fn both_ways_to_decode_agree_on_every_flipped_bit() {
        let stored = encode(&sample());
        for bit in 0..stored.len() * 8 {
            let mut damaged = stored.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let mut chunk = Vec::new();
            let exactly = ExpectedSize::Exactly(5000);
            let result =
                Decoder::new().decode_unverified(StoredForm::Compressed, &damaged, exactly, &mut chunk);
            // Which of several faults is named depends on the room there is.
            assert_eq!(in_place(StoredForm::Compressed, &damaged, 5000).ok(), result.ok().map(|()| chunk));
        }
    }

    #[test]
    fn frames_without_a_content_size_are_read() {
        let chunk = sample();
        let stored = encode_as_others(&chunk);
        assert_eq!(zstd_safe::get_frame_content_size(&stored).ok(), Some(None));
        assert_eq!(decode(&stored, &chunk, ExpectedSize::Exactly(5000)), Ok(chunk.clone()));
        assert_eq!(decode(&stored, &chunk, ExpectedSize::UNKNOWN), Ok(chunk));
    }

    #[test]
    fn every_truncation_is_called_that() {
        let chunk = sample();
        let stored = encode(&chunk);
        for len in 0..stored.len() {
            let result = decode(&stored[..len], &chunk, ExpectedSize::Exactly(5000));
            assert_eq!(result, Err(ChunkError::Truncated { stored: len }), "{len} of {}", stored.len());
        }
        let mut out = Vec::new();
        let plain = Decoder::new().decode(
            StoredForm::Plain,
            &chunk[..99],
            DIGEST,
            &DIGEST.id(&chunk),
            ExpectedSize::Exactly(5000),
            &mut out,
        );
        assert_eq!(plain, Err(ChunkError::Truncated { stored: 99 }));
    }

    #[test]
    fn no_flipped_bit_goes_unnoticed() {
        let chunk = sample();
        let stored = encode(&chunk);
        for bit in 0..stored.len() * 8 {
            let mut damaged = stored.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            // A bit may be of no consequence (a reserved or unused one); then the content is right.
            match decode(&damaged, &chunk, ExpectedSize::Exactly(5000)) {
                Ok(same) => assert_eq!(same, chunk),
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
    }

    #[test]
    fn a_bomb_stays_within_the_limit() {
        let bomb = encode(&vec![0; 100 << 20]);
        assert!(bomb.len() < 20_000);
        for limit in [ExpectedSize::Exactly(65_536), ExpectedSize::AtMost(65_536)] {
            let mut chunk = Vec::new();
            let result = Decoder::new().decode_unverified(StoredForm::Compressed, &bomb, limit, &mut chunk);
            assert_eq!(result, Err(ChunkError::TooLarge { limit: 65_536 }));
            assert!(chunk.capacity() <= 65_536);
        }
    }

    #[test]
    fn other_content_is_named_for_what_it_is() {
        let chunk = sample();
        let size = ExpectedSize::Exactly(5000);
        let page = decode(b"<!DOCTYPE html><title>Sorry</title>", &chunk, size).unwrap_err();
        assert!(
            matches!(page, ChunkError::NotCompressed(_)) && page.to_string().contains("a web page"),
            "{page}"
        );
        assert_eq!(decode(&[0x1f, 0x8b, 8, 0], &chunk, size), Err(ChunkError::Unsupported("gzip")));
        assert_eq!(decode(b"\xfd7zXZ\0...", &chunk, size), Err(ChunkError::Unsupported("xz")));
        let mut trailing = encode(&chunk);
        trailing.extend_from_slice(b"behind");
        assert!(matches!(decode(&trailing, &chunk, size), Err(ChunkError::Damaged(_))));
        let other = vec![1; 5000];
        assert_eq!(
            decode(&encode(&other), &chunk, size),
            Err(ChunkError::Digest { digest: DIGEST, found: DIGEST.id(&other) })
        );
        assert_eq!(
            decode(&encode(&chunk[..4000]), &chunk, size),
            Err(ChunkError::Size { expected: 5000, found: 4000 })
        );
        let id = Digest::Sha512_256.id(&chunk);
        assert_eq!(
            verify(&chunk, Digest::Sha256, &id),
            Err(ChunkError::OtherDigest { expected: Digest::Sha256, found: Digest::Sha512_256 })
        );
    }

    #[test]
    fn incompressible_chunks_stay_within_the_stored_bound() {
        let mut state = 1u64;
        let noise: Vec<u8> = core::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        })
        .take(300_000)
        .collect();
        for len in [1, 100, 65_536, 300_000] {
            let stored = encode(&noise[..len]);
            assert!(stored.len() > len && stored.len() <= StoredForm::Compressed.max_stored_size(len));
        }
    }
}
