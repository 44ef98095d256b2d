//! Cutting a file into chunks and storing them.
//!
//! Blocks of the input are read in order, searched for boundaries by any thread (`reader`, `pipeline`), and cut
//! when their turn comes (`sequence`). The chunks of a block are hashed together, looked up, compressed and
//! stored (`sink`). Cuts depend only on content, and chunks are put in their order at the end, so the result is
//! the same for any number of threads.

mod batch;
mod pipeline;
mod reader;
mod seen;
mod sequence;
mod sink;

use std::{
    cell::RefCell,
    fs::File,
    io::Read,
    ops::{Add, AddAssign},
    path::{Path, PathBuf},
    sync::Arc,
};

use aria_storage_core::{
    ChunkError, ChunkId, ChunkSizes, Chunker, ChunkerKind, Digest, Index, StoredForm,
    codec::{DEFAULT_LEVEL, Encoder},
};
use tokio_util::sync::CancellationToken;

use crate::{
    Error, Result,
    progress::{Phase, Progress, Silent},
    store::Store,
};

/// What is cut.
#[derive(Debug)]
#[non_exhaustive]
pub enum Input {
    /// A file (or a device).
    Path(PathBuf),
    /// An open file, from where it stands, and what messages call it.
    File(File, PathBuf),
    /// Standard input.
    Stdin,
}

impl Input {
    /// `-` is standard input, anything else a path.
    pub fn parse(text: &Path) -> Self {
        if text.as_os_str() == "-" { Self::Stdin } else { Self::Path(text.to_path_buf()) }
    }

    /// Opens it, with its size where that is known.
    pub(crate) fn open(self) -> Result<(Box<dyn Read + Send>, Option<u64>)> {
        match self {
            Self::Stdin => Ok((Box::new(std::io::stdin()), None)),
            Self::File(file, _) => Ok((Box::new(file), None)),
            Self::Path(path) => {
                let file = File::open(&path).map_err(Error::io("open", &path))?;
                let meta = file.metadata().map_err(Error::io("open", &path))?;
                if meta.is_dir() {
                    return Err(Error::io("read", &path)(std::io::ErrorKind::IsADirectory.into()));
                }
                Ok((Box::new(file), meta.is_file().then_some(meta.len())))
            }
        }
    }

    /// What messages call it.
    pub(crate) fn name(&self) -> &Path {
        match self {
            Self::Path(path) | Self::File(_, path) => path,
            Self::Stdin => Path::new("standard input"),
        }
    }
}

/// How a file is cut and stored.
#[derive(Clone, Debug)]
pub struct MakeOptions {
    /// The digest that names the chunks.
    pub digest: Digest,
    /// The rule for cuts.
    pub chunker: ChunkerKind,
    /// The sizes of chunks.
    pub sizes: ChunkSizes,
    /// zstd's compression level.
    pub level: i32,
    /// Threads that read, cut, hash and compress; 0 for one per processor.
    pub threads: usize,
    /// How many chunks are looked up and sent at a time, where the store is not local.
    pub concurrency: usize,
    /// Is told how far the work is.
    pub progress: Arc<dyn Progress>,
    /// What the phase is called: [`Phase::Chunk`], or [`Phase::Seed`] for a seed.
    pub phase: Phase,
    /// Stops the work.
    pub cancel: CancellationToken,
}

impl Default for MakeOptions {
    fn default() -> Self {
        Self {
            digest: Digest::default(),
            chunker: ChunkerKind::default(),
            sizes: ChunkSizes::DEFAULT,
            level: DEFAULT_LEVEL,
            threads: 0,
            concurrency: 16,
            progress: Arc::new(Silent),
            phase: Phase::Chunk,
            cancel: CancellationToken::new(),
        }
    }
}

/// What [`make`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MakeStats {
    /// Chunks of the file.
    pub chunks: u64,
    /// Chunks that were not in the store before.
    pub new_chunks: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// The bytes of the new chunks, before compression.
    pub new_bytes: u64,
    /// The bytes that were stored.
    pub stored_bytes: u64,
}

impl MakeStats {
    /// One chunk that was new.
    fn of_new(chunk: &[u8], stored: &[u8]) -> Self {
        let (new_bytes, stored_bytes) = (chunk.len() as u64, stored.len() as u64);
        Self { new_chunks: 1, new_bytes, stored_bytes, ..Self::default() }
    }
}

impl Add for MakeStats {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            chunks: self.chunks + other.chunks,
            new_chunks: self.new_chunks + other.new_chunks,
            bytes: self.bytes + other.bytes,
            new_bytes: self.new_bytes + other.new_bytes,
            stored_bytes: self.stored_bytes + other.stored_bytes,
        }
    }
}

impl AddAssign for MakeStats {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

/// The result of [`make`].
#[derive(Clone, Debug)]
pub struct Made {
    /// The index of the file.
    pub index: Index,
    /// The digest of the whole content, if it was asked for.
    pub content: Option<ChunkId>,
    /// What was done.
    pub stats: MakeStats,
}

/// Cuts `input` into chunks. With a store, the chunks it lacks are stored, and are safe on its disk when this
/// returns; the caller can then write the index.
///
/// With `whole`, the digest of the whole content is computed along the way.
pub async fn make(
    input: Input,
    store: Option<Arc<dyn Store>>,
    whole: bool,
    options: &MakeOptions,
) -> Result<Made> {
    let chunker = Chunker::new(options.chunker, options.sizes)?;
    let runtime = tokio::runtime::Handle::current();
    let place = input.name().to_path_buf();
    let job =
        pipeline::Job { place, chunker, store: store.clone(), whole, options: options.clone(), runtime };
    let made = tokio::task::spawn_blocking(move || job.run(input)).await??;
    if let Some(store) = store
        && made.stats.new_chunks > 0
    {
        store.sync().await?;
    }
    Ok(made)
}

/// The number of worker threads that an option asks for.
pub(crate) fn threads(asked: usize) -> usize {
    match asked {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        asked => asked.min(256),
    }
}

/// Encodes a chunk with a work space kept for each thread.
pub(crate) fn encode(form: StoredForm, chunk: &[u8], level: i32) -> Result<Vec<u8>, ChunkError> {
    thread_local! {
        static ENCODER: RefCell<Option<(i32, Encoder)>> = const { RefCell::new(None) };
    }
    ENCODER.with_borrow_mut(|kept| {
        if kept.as_ref().is_none_or(|(of, _)| *of != level) {
            *kept = Some((level, Encoder::new(level)?));
        }
        let mut stored = Vec::new();
        if let Some((_, encoder)) = kept {
            encoder.encode(form, chunk, &mut stored)?;
        }
        Ok(stored)
    })
}
