//! Cutting a stream whose pieces are searched in any order.
//!
//! Under casync's rule a place is a boundary or not whatever chunk it is in. So pieces of a stream can be
//! searched by several threads, each for itself ([`Boundaries::find`]); choosing the cuts among the few
//! boundaries that are found ([`Cutter`]) is then quick, and done in order. The cuts are those of
//! [`Chunker`](super::Chunker).

use alloc::{collections::VecDeque, vec::Vec};

use super::{Chunker, Rule, WINDOW, buzhash};

/// Finds the places where chunks may end. Made by [`Chunker::boundaries`].
#[derive(Clone, Debug)]
pub struct Boundaries {
    /// `None` for chunks of a fixed size, which end nowhere in particular.
    scanner: Option<buzhash::Scanner>,
}

impl Boundaries {
    /// How many bytes of a stream before a piece have to be there when the piece is searched.
    pub const BEFORE: usize = WINDOW;

    /// Finds the places in `piece` where a chunk may end, in ascending order; what `ends` held is dropped.
    ///
    /// The piece starts with the [`BEFORE`](Self::BEFORE) bytes that come before what is searched; places are
    /// counted from behind them. At the start of a stream any bytes will do.
    pub fn find(&self, piece: &[u8], ends: &mut Vec<usize>) {
        ends.clear();
        if let Some(scanner) = &self.scanner {
            scanner.find(piece, Self::BEFORE, ends);
            ends.iter_mut().for_each(|end| *end -= Self::BEFORE);
        }
    }
}

/// Chooses cuts among boundaries. Made by [`Chunker::boundaries`].
#[derive(Clone, Debug)]
pub struct Cutter {
    /// The smallest and the largest chunk.
    first: u64,
    max: u64,
    /// Where the chunk starts whose end comes next.
    start: u64,
    /// Boundaries not passed yet.
    ends: VecDeque<u64>,
    /// Up to here all boundaries have been told.
    known: u64,
}

impl Cutter {
    /// The next `len` bytes of the stream have been searched: chunks may end at `ends`, counted from the start
    /// of these bytes.
    pub fn push(&mut self, len: u64, ends: &[usize]) {
        self.ends.extend(ends.iter().map(|&end| self.known + end as u64));
        self.known += len;
    }

    /// Where the next chunk ends, counted from the start of the stream; `None` if more has to be known first.
    /// With `end`, the stream ends behind what has been pushed, and `None` says that all of it is cut.
    pub fn cut(&mut self, end: bool) -> Option<u64> {
        let (least, most) = (self.start + self.first, self.start + self.max);
        while self.ends.front().is_some_and(|&place| place < least) {
            self.ends.pop_front();
        }
        let cut = match self.ends.front() {
            Some(&place) if place <= most => place,
            _ if self.known >= most => most,
            _ if end && self.known > self.start => self.known,
            _ => return None,
        };
        self.start = cut;
        Some(cut)
    }

    /// Where the chunk starts that is cut next, counted from the start of the stream.
    pub const fn start(&self) -> u64 {
        self.start
    }
}

impl Chunker {
    /// The two halves of this chunker, for streams that are searched in pieces, as if it were at the start of a
    /// stream. `None` for rules (FastCDC) by which a boundary depends on where its chunk starts.
    pub fn boundaries(&self) -> Option<(Boundaries, Cutter)> {
        let (first, scanner) = match &self.rule {
            Rule::Fixed => (self.sizes.max(), None),
            Rule::Casync(scanner) => (scanner.first(), Some(scanner.clone())),
            #[cfg(feature = "fastcdc")]
            Rule::FastCdc(_) => return None,
        };
        let (first, max) = (first as u64, self.sizes.max() as u64);
        Some((Boundaries { scanner }, Cutter { first, max, start: 0, ends: VecDeque::new(), known: 0 }))
    }
}
