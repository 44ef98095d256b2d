//! Where to cut a stream of bytes into chunks.
//!
//! A chunker looks only at the bytes of the chunk it is in, so the same content is cut the same way wherever
//! it stands, and however the bytes arrive.

mod boundaries;
mod buzhash;
#[cfg(feature = "fastcdc")]
mod fastcdc;
mod stream;

use core::{fmt, str::FromStr};

use thiserror::Error;

pub use self::{
    boundaries::{Boundaries, Cutter},
    stream::ChunkStream,
};
use crate::sizes::{ChunkSizes, SizesError};

/// The length of the window that the casync chunker looks at, in bytes.
pub const WINDOW: usize = buzhash::WINDOW;

/// Which rule decides about cuts.
///
/// An index does not say which chunker made it; it need not, as any cuts are legal. But two files share
/// chunks only if the same rule cut them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChunkerKind {
    /// casync's rule (a 48-byte cyclic-polynomial rolling hash), the default: shares chunks with casync and
    /// desync.
    #[default]
    Casync,
    /// FastCDC in its 2020 form, normalization level 1.
    #[cfg(feature = "fastcdc")]
    FastCdc,
}

/// A text that names no chunker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("unknown chunker: the chunkers are casync and fastcdc")]
pub struct UnknownChunker;

impl ChunkerKind {
    /// Every chunker of this build, the default first.
    pub const ALL: &[Self] = &[
        Self::Casync,
        #[cfg(feature = "fastcdc")]
        Self::FastCdc,
    ];

    /// The name used on command lines: `casync` or `fastcdc`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Casync => "casync",
            #[cfg(feature = "fastcdc")]
            Self::FastCdc => "fastcdc",
        }
    }
}

impl fmt::Display for ChunkerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ChunkerKind {
    type Err = UnknownChunker;

    fn from_str(text: &str) -> Result<Self, UnknownChunker> {
        Self::ALL.iter().copied().find(|kind| kind.name() == text).ok_or(UnknownChunker)
    }
}

/// Finds the end of one chunk after the other.
///
/// The caller keeps the bytes of the chunk it is in and shows them from the chunk's start each time, with
/// more at the end; what has been looked at already is not looked at again. [`ChunkStream`] keeps the bytes
/// for callers that have no buffer of their own.
#[derive(Clone, Debug)]
pub struct Chunker {
    sizes: ChunkSizes,
    rule: Rule,
}

#[derive(Clone, Debug)]
enum Rule {
    Fixed,
    Casync(buzhash::Scanner),
    #[cfg(feature = "fastcdc")]
    FastCdc(fastcdc::Scanner),
}

impl Chunker {
    /// A chunker at the start of a stream. Fails if the rule is not defined for these sizes.
    /// With `min = avg = max` chunks have a fixed size, whatever the rule.
    pub fn new(kind: ChunkerKind, sizes: ChunkSizes) -> Result<Self, SizesError> {
        let rule = if sizes.is_fixed() {
            Rule::Fixed
        } else {
            match kind {
                ChunkerKind::Casync => Rule::Casync(buzhash::Scanner::new(sizes)?),
                #[cfg(feature = "fastcdc")]
                ChunkerKind::FastCdc => Rule::FastCdc(fastcdc::Scanner::new(sizes)?),
            }
        };
        Ok(Self { sizes, rule })
    }

    /// The sizes this chunker cuts to.
    pub const fn sizes(&self) -> ChunkSizes {
        self.sizes
    }

    /// The length of the chunk that `bytes` starts with, or `None` if more bytes are needed to tell.
    ///
    /// `bytes` starts where the chunk starts, and continues what the last call was shown if that returned
    /// `None`. With `end`, no more bytes come, and only an empty `bytes` gives `None`. After `Some(n)` the
    /// next chunk starts behind those `n` bytes.
    ///
    /// At most [`ChunkSizes::max`] bytes are ever needed.
    pub fn cut(&mut self, bytes: &[u8], end: bool) -> Option<usize> {
        let max = self.sizes.max();
        match &mut self.rule {
            Rule::Fixed if bytes.len() >= max => Some(max),
            Rule::Fixed => (end && !bytes.is_empty()).then_some(bytes.len()),
            Rule::Casync(scanner) => scanner.cut(bytes, end),
            #[cfg(feature = "fastcdc")]
            Rule::FastCdc(scanner) => {
                (end && !bytes.is_empty() || bytes.len() >= max).then(|| scanner.cut(bytes))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::Digest;

    /// The linear congruential generator that the published test vectors are made with.
    fn noise(len: usize) -> Vec<u8> {
        let mut state = 1u32;
        (0..len)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
            .collect()
    }

    fn cuts(kind: ChunkerKind, sizes: ChunkSizes, data: &[u8]) -> Vec<usize> {
        let mut chunker = Chunker::new(kind, sizes).unwrap();
        let (mut cuts, mut start) = (Vec::new(), 0);
        while let Some(len) = chunker.cut(&data[start..], true) {
            start += len;
            cuts.push(start);
        }
        cuts
    }

    #[test]
    fn known_cuts_at_the_default_sizes() {
        let data = noise(1 << 20);
        assert_eq!(
            hex::encode(Digest::Sha256.id(&data).as_bytes()),
            "8ffdf7e6cfde155ab118e1f70435db9efd0e96745e674854895edd173fc591ca"
        );
        assert_eq!(
            cuts(ChunkerKind::Casync, ChunkSizes::DEFAULT, &data),
            [
                116_777, 194_024, 231_577, 253_844, 280_214, 335_305, 395_164, 415_851, 469_197, 521_218,
                556_181, 686_793, 734_739, 765_667, 856_878, 901_809, 984_131, 1_017_893, 1_048_576
            ]
        );
    }

    #[test]
    fn a_boundary_at_exactly_min_counts() {
        let data = noise(4 << 20);
        let found = cuts(ChunkerKind::Casync, ChunkSizes::new(256, 1024, 4096).unwrap(), &data);
        assert_eq!(found.len(), 4153);
        assert_eq!(found[..6], [409, 962, 2332, 3466, 4434, 4889]);
        let at = found.iter().position(|&cut| cut == 1_145_020).unwrap();
        assert_eq!(found[at] - found[at - 1], 256);
        // Looking one byte later loses that cut, and with it 1_303_373 for 1_303_511.
        assert!(found.contains(&1_303_373) && !found.contains(&1_303_511));
    }

    #[test]
    fn other_sizes() {
        let data = noise(4 << 20);
        let found = cuts(ChunkerKind::Casync, ChunkSizes::new(2048, 8192, 32768).unwrap(), &data);
        assert_eq!((found.len(), &found[..6]), (537, &[7219, 9395, 23599, 31392, 34326, 42959][..]));
        assert_eq!(cuts(ChunkerKind::Casync, ChunkSizes::DEFAULT, &data).len(), 74);
    }

    #[test]
    fn fixed_size_and_empty_input() {
        let sizes = ChunkSizes::new(1000, 1000, 1000).unwrap();
        assert_eq!(cuts(ChunkerKind::Casync, sizes, &noise(2500)), [1000, 2000, 2500]);
        for &kind in ChunkerKind::ALL {
            assert!(cuts(kind, ChunkSizes::DEFAULT, &[]).is_empty());
            assert_eq!(kind.name().parse(), Ok(kind));
        }
    }

    #[test]
    fn zeros_become_chunks_of_max() {
        let zeros = alloc::vec![0; 600_000];
        assert_eq!(cuts(ChunkerKind::Casync, ChunkSizes::DEFAULT, &zeros), [262_144, 524_288, 600_000]);
    }

    #[cfg(feature = "fastcdc")]
    #[test]
    fn fastcdc_cuts_are_those_of_its_crate() {
        let data = noise(3 << 20);
        let expected: Vec<usize> = ::fastcdc::v2020::FastCDC::new(&data, 16 << 10, 64 << 10, 256 << 10)
            .map(|chunk| chunk.offset + chunk.length)
            .collect();
        assert_eq!(cuts(ChunkerKind::FastCdc, ChunkSizes::DEFAULT, &data), expected);
        assert!(expected.len() > 20);
    }

    #[cfg(feature = "fastcdc")]
    #[test]
    fn fastcdc_refuses_sizes_it_is_not_defined_for() {
        for (min, avg, max) in [(63, 256, 1024), (65, 256, 1024), (64, 128, 1024), (64, 256, 32 << 20)] {
            let sizes = ChunkSizes::new(min, avg, max).unwrap();
            assert!(matches!(Chunker::new(ChunkerKind::FastCdc, sizes), Err(SizesError::FastCdc(..))));
        }
    }

    #[test]
    fn a_maximum_below_the_window_is_refused() {
        let sizes = ChunkSizes::new(10, 20, 47).unwrap();
        assert_eq!(Chunker::new(ChunkerKind::Casync, sizes).err(), Some(SizesError::BelowWindow(47)));
    }

    /// The cuts by way of boundaries, with the input in pieces of these lengths (and the rest in one).
    fn cuts_of_pieces(chunker: &Chunker, data: &[u8], pieces: &[usize]) -> Option<Vec<usize>> {
        let (boundaries, mut cutter) = chunker.boundaries()?;
        let (mut cuts, mut ends, mut at) = (Vec::new(), Vec::new(), 0);
        let stream = [&[0xaa; Boundaries::BEFORE][..], data].concat();
        for &len in pieces.iter().chain([&data.len()]) {
            let len = len.min(data.len() - at);
            boundaries.find(&stream[at..at + Boundaries::BEFORE + len], &mut ends);
            cutter.push(len as u64, &ends);
            at += len;
            while let Some(cut) = cutter.cut(at == data.len()) {
                cuts.push(cut as usize);
            }
        }
        Some(cuts)
    }

    proptest! {
        /// However the input is split into pieces, the cuts are the same.
        #[test]
        fn pieces_do_not_matter(
            seed in any::<u64>(),
            pieces in prop::collection::vec(1usize..4000, 1..60),
            kind in prop::sample::select(ChunkerKind::ALL),
            (min, avg, max) in prop::sample::select(&[(64, 256, 1024), (256, 1024, 4096), (500, 500, 500), (64, 256, 65536)]),
            zeros in any::<bool>(),
        ) {
            let len: usize = pieces.iter().sum();
            let mut state = seed | 1;
            let data: Vec<u8> = (0..len).map(|i| {
                state ^= state << 13; state ^= state >> 7; state ^= state << 17;
                if zeros && i % 7000 < 3000 { 0 } else { state as u8 }
            }).collect();
            let sizes = ChunkSizes::new(min, avg, max).unwrap();
            let whole = cuts(kind, sizes, &data);

            let mut stream = ChunkStream::new(Chunker::new(kind, sizes).unwrap());
            let (mut at, mut out, mut found) = (0, Vec::new(), Vec::new());
            let piece_lens = pieces.clone();
            for piece in pieces {
                stream.push(&data[at..at + piece]);
                at += piece;
                while let Some(chunk) = stream.next_chunk() {
                    out.extend_from_slice(chunk);
                    found.push(out.len());
                }
            }
            stream.end();
            while let Some(chunk) = stream.next_chunk() {
                out.extend_from_slice(chunk);
                found.push(out.len());
            }
            prop_assert_eq!(&found, &whole);
            prop_assert_eq!(&out, &data);
            if let Some(found) = cuts_of_pieces(&Chunker::new(kind, sizes).unwrap(), &data, &piece_lens) {
                prop_assert_eq!(&found, &whole);
            }
            // every chunk within its bounds, but the last one may be short
            let mut last = 0;
            for (i, cut) in whole.iter().enumerate() {
                let size = cut - last;
                prop_assert!(size <= max as usize && (size >= min as usize || i + 1 == whole.len()));
                last = *cut;
            }
        }
    }
}
