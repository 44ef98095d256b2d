//! The threads of [`make`](super::make): one reads and cuts, the others hash and store.

use std::{
    collections::HashSet,
    io::{self, Read},
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
};

use aria_storage_core::{ChunkId, Chunker, Hasher};
use bytes::{Bytes, BytesMut};

use super::{Input, Made, MakeOptions, MakeStats, encode, index_of, threads};
use crate::{Error, Result, store::Store};

/// How many bytes are read at a time.
const BLOCK: usize = 1 << 20;

/// About how many bytes may wait between the reader and the workers.
const IN_FLIGHT: usize = 16 << 20;

/// One run of `make`.
pub(super) struct Job {
    /// What messages call the input.
    pub(super) place: PathBuf,
    pub(super) chunker: Chunker,
    pub(super) store: Option<Arc<dyn Store>>,
    pub(super) whole: bool,
    pub(super) options: MakeOptions,
    pub(super) runtime: tokio::runtime::Handle,
}

/// What the workers share.
struct Shared {
    chunks: Mutex<Vec<(u32, ChunkId)>>,
    seen: Mutex<HashSet<ChunkId>>,
    stats: Mutex<MakeStats>,
    failure: Mutex<Option<Error>>,
}

/// A chunk on its way to a worker: its number, and its bytes within the block that was read.
type Cut = (usize, Bytes);

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // What a panicking worker left is only read to report its panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Job {
    pub(super) fn run(self, input: Input) -> Result<Made> {
        let (input, size) = input.open()?;
        let phase = self.options.phase;
        self.options.progress.start(phase, size);
        let shared = Shared {
            chunks: Mutex::default(),
            seen: Mutex::default(),
            stats: Mutex::default(),
            failure: Mutex::default(),
        };
        let waiting = (IN_FLIGHT / self.chunker.sizes().max()).clamp(2, 64);
        let chunker = self.chunker.clone();
        let (sender, receiver) = sync_channel(waiting);
        let receiver = Mutex::new(receiver);
        let content = std::thread::scope(|scope| {
            for _ in 0..threads(self.options.threads) {
                let (job, shared, receiver) = (&self, &shared, &receiver);
                std::thread::Builder::new()
                    .name("aria-chunk".to_owned())
                    .spawn_scoped(scope, move || job.work(receiver, shared))
                    .map_err(|error| Error::Worker(format!("cannot start a thread: {error}")))?;
            }
            let content = self.read(input, chunker, &sender, &shared);
            // The workers end when nobody sends any more.
            drop(sender);
            content
        });
        if let Some(error) = lock(&shared.failure).take() {
            return Err(error);
        }
        let content = content?;
        self.options.progress.finish(phase);
        let chunks = std::mem::take(&mut *lock(&shared.chunks));
        let mut stats = *lock(&shared.stats);
        let index = index_of(self.options.digest, self.options.sizes, chunks, &self.place)?;
        stats.chunks = index.chunks().len() as u64;
        stats.bytes = index.len();
        Ok(Made { index, content, stats })
    }

    /// Reads the input and hands out its chunks, until its end or until a worker fails.
    fn read(
        &self,
        mut input: Box<dyn Read + Send>,
        mut chunker: Chunker,
        sender: &SyncSender<Cut>,
        shared: &Shared,
    ) -> Result<Option<ChunkId>> {
        let mut whole: Option<Hasher> = self.whole.then(|| self.options.digest.hasher());
        // The start of a chunk whose end has not been found yet.
        let mut rest = BytesMut::new();
        let (mut number, mut ended) = (0, false);
        while !ended {
            let old = rest.len();
            rest.resize(old + BLOCK, 0);
            let mut filled = old;
            while filled < rest.len() && !ended {
                if self.options.cancel.is_cancelled() {
                    return Err(Error::Cancelled);
                }
                match input.read(&mut rest[filled..]) {
                    Ok(0) => ended = true,
                    Ok(n) => filled += n,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(Error::io("read", &self.place)(error)),
                }
            }
            rest.truncate(filled);
            if let Some(hasher) = &mut whole {
                hasher.update(&rest[old..]);
            }
            let block = rest.split().freeze();
            let mut start = 0;
            while let Some(len) = chunker.cut(&block[start..], ended) {
                // A closed channel means that the workers have given up; their error is the one that counts.
                if lock(&shared.failure).is_some()
                    || sender.send((number, block.slice(start..start + len))).is_err()
                {
                    return Err(Error::Cancelled);
                }
                number += 1;
                start += len;
            }
            // Mostly a part of a chunk is left, and little. If all of it is left (chunks can be much larger
            // than a block), it is taken back without copying.
            rest = match if start == 0 { block.try_into_mut() } else { Err(block) } {
                Ok(rest) => rest,
                Err(shared) => BytesMut::from(&shared[start..]),
            };
        }
        Ok(whole.map(Hasher::finish))
    }

    fn work(&self, receiver: &Mutex<Receiver<Cut>>, shared: &Shared) {
        loop {
            let next = lock(receiver).recv();
            let Ok((number, chunk)) = next else { return };
            if lock(&shared.failure).is_some() {
                continue;
            }
            let done = if self.options.cancel.is_cancelled() {
                Err(Error::Cancelled)
            } else {
                self.chunk(number, &chunk, shared)
            };
            if let Err(error) = done {
                lock(&shared.failure).get_or_insert(error);
            }
            self.options.progress.advance(self.options.phase, chunk.len() as u64);
        }
    }

    fn chunk(&self, number: usize, chunk: &Bytes, shared: &Shared) -> Result<()> {
        let id = self.options.digest.id(chunk);
        {
            let mut chunks = lock(&shared.chunks);
            if chunks.len() <= number {
                chunks.resize(number + 1, (0, ChunkId::new([0; 32])));
            }
            chunks[number] = (chunk.len() as u32, id);
        }
        let Some(store) = &self.store else { return Ok(()) };
        if !lock(&shared.seen).insert(id) || self.runtime.block_on(store.has(&id))? {
            return Ok(());
        }
        let stored = encode(store.form(), chunk, self.options.level).map_err(|source| Error::BadChunk {
            id,
            place: self.place.display().to_string(),
            source,
        })?;
        let stored_bytes = stored.len() as u64;
        self.runtime.block_on(store.put(&id, &stored))?;
        let mut stats = lock(&shared.stats);
        stats.new_chunks += 1;
        stats.new_bytes += chunk.len() as u64;
        stats.stored_bytes += stored_bytes;
        Ok(())
    }
}
