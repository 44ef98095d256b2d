//! Reading the input of [`make`](super::make), a block at a time.

use std::{
    io::{self, Read},
    path::PathBuf,
};

use aria_storage_core::{Boundaries, ChunkId, Chunker, Hasher};

use super::batch::Batch;
use crate::{Error, Result};

/// The most that is read at a time, in bytes: so many that the chunks of a block fill all lanes of the digests,
/// and few enough for the processor's caches.
const LARGEST_BLOCK: u64 = 2 << 20;

/// The least that is read at a time, in bytes.
const SMALLEST_BLOCK: u64 = 256 << 10;

/// How many bytes of an input (of this size, where that is known) are read at a time: a small file is to keep
/// so many threads busy as well.
pub(super) fn block_size(input: Option<u64>, threads: usize) -> usize {
    let share = input.map_or(LARGEST_BLOCK, |size| size / (4 * threads as u64));
    share.clamp(SMALLEST_BLOCK, LARGEST_BLOCK) as usize
}

/// Reads the input. One thread at a time does.
pub(super) struct Reader {
    input: Box<dyn Read + Send>,
    /// What messages call the input.
    place: PathBuf,
    /// How much is read at a time.
    block: usize,
    /// The digest of everything read.
    whole: Option<Hasher>,
    /// The last bytes of the block before, which the search of the next begins with.
    before: [u8; Boundaries::BEFORE],
    /// How many blocks have been read.
    blocks: usize,
    ended: bool,
    /// For rules by which a chunk must be followed from its start: the chunker, the number of chunks that it
    /// has cut, and the start of the chunk whose end it has not found.
    serial: Option<(Chunker, usize, Vec<u8>)>,
}

/// A part of the input as it comes from the reader.
pub(super) enum Piece {
    /// Bytes to be searched: [`Boundaries::BEFORE`] bytes of the block before, then this block.
    Block {
        /// Its number, from 0.
        number: usize,
        bytes: Vec<u8>,
    },
    /// Chunks, cut already.
    Batch(Batch),
}

impl Reader {
    /// Reads `input` for a chunker that is split into its halves, or for one that is not (`serial`).
    pub(super) fn new(
        input: Box<dyn Read + Send>,
        place: PathBuf,
        block: usize,
        whole: Option<Hasher>,
        serial: Option<Chunker>,
    ) -> Self {
        Self {
            input,
            place,
            block,
            whole,
            before: [0; Boundaries::BEFORE],
            blocks: 0,
            ended: false,
            serial: serial.map(|chunker| (chunker, 0, Vec::new())),
        }
    }

    /// Whether everything has been read.
    pub(super) const fn ended(&self) -> bool {
        self.ended
    }

    /// The digest of everything read, if it was asked for.
    pub(super) fn finish(self) -> Option<ChunkId> {
        self.whole.map(Hasher::finish)
    }

    /// Reads on. `buffer` is for its memory; what is in it is of no interest.
    pub(super) fn read(&mut self, buffer: Vec<u8>) -> Result<Piece> {
        match self.serial.take() {
            None => self.read_block(buffer),
            Some((chunker, chunks, rest)) => self.read_batch(chunker, chunks, rest, buffer),
        }
    }

    fn read_block(&mut self, mut bytes: Vec<u8>) -> Result<Piece> {
        // Nothing to do for a buffer that comes back.
        bytes.resize(Boundaries::BEFORE + self.block, 0);
        bytes[..Boundaries::BEFORE].copy_from_slice(&self.before);
        let filled = self.fill(&mut bytes[Boundaries::BEFORE..])?;
        bytes.truncate(Boundaries::BEFORE + filled);
        if let Some(last) = bytes.last_chunk() {
            self.before = *last;
        }
        self.blocks += 1;
        Ok(Piece::Block { number: self.blocks - 1, bytes })
    }

    fn read_batch(
        &mut self,
        mut chunker: Chunker,
        first: usize,
        rest: Vec<u8>,
        mut buffer: Vec<u8>,
    ) -> Result<Piece> {
        let mut bytes = rest;
        loop {
            let old = bytes.len();
            bytes.resize(old + self.block, 0);
            let filled = self.fill(&mut bytes[old..])?;
            bytes.truncate(old + filled);
            let (mut at, mut chunks) = (0, Vec::new());
            while let Some(len) = chunker.cut(&bytes[at..], self.ended) {
                chunks.push(at..at + len);
                at += len;
            }
            // Chunks can be much larger than a block.
            if at == 0 && !self.ended {
                continue;
            }
            buffer.clear();
            buffer.extend_from_slice(&bytes[at..]);
            self.serial = Some((chunker, first + chunks.len(), buffer));
            return Ok(Piece::Batch(Batch { first, head: Vec::new(), bytes, chunks }));
        }
    }

    /// Fills `block`, less of it at the end of the input. Gives how much.
    fn fill(&mut self, block: &mut [u8]) -> Result<usize> {
        let mut filled = 0;
        while !self.ended && filled < block.len() {
            match self.input.read(&mut block[filled..]) {
                Ok(0) => self.ended = true,
                Ok(n) => filled += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io("read", &self.place)(error)),
            }
        }
        if let Some(whole) = &mut self.whole {
            whole.update(&block[..filled]);
        }
        Ok(filled)
    }
}
