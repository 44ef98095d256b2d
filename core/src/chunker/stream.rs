//! A chunker with a buffer: bytes go in as they come, whole chunks come out.

use alloc::vec::Vec;

use super::Chunker;

/// Cuts a stream of bytes that arrive in pieces of any size. Holds at most one unfinished chunk and what has
/// been pushed behind it.
///
/// ```
/// # use aria_storage_core::{ChunkStream, Chunker, ChunkerKind, ChunkSizes};
/// let sizes = ChunkSizes::new(4, 4, 4)?;
/// let mut stream = ChunkStream::new(Chunker::new(ChunkerKind::Casync, sizes)?);
/// stream.push(b"abc");
/// assert_eq!(stream.next_chunk(), None);
/// stream.push(b"defg");
/// assert_eq!(stream.next_chunk(), Some(&b"abcd"[..]));
/// stream.end();
/// assert_eq!(stream.next_chunk(), Some(&b"efg"[..]));
/// assert_eq!(stream.next_chunk(), None);
/// # Ok::<(), aria_storage_core::sizes::SizesError>(())
/// ```
#[derive(Debug)]
pub struct ChunkStream {
    chunker: Chunker,
    buffer: Vec<u8>,
    /// Where the chunk that is being looked for starts in the buffer.
    start: usize,
    ended: bool,
}

impl ChunkStream {
    /// A stream at its start.
    pub const fn new(chunker: Chunker) -> Self {
        Self { chunker, buffer: Vec::new(), start: 0, ended: false }
    }

    /// Takes the next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Says that no more bytes come: what is left becomes the last chunks.
    pub const fn end(&mut self) {
        self.ended = true;
    }

    /// The next chunk, or `None` if more bytes are needed to tell where it ends (or none are left).
    pub fn next_chunk(&mut self) -> Option<&[u8]> {
        let start = self.start;
        let len = self.chunker.cut(&self.buffer[start..], self.ended)?;
        self.start += len;
        Some(&self.buffer[start..start + len])
    }
}
