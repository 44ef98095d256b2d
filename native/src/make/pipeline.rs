//! The threads of [`make`](super::make).
//!
//! They are all alike. Each takes what is most urgent: chunks that are cut are hashed, looked up, compressed
//! and stored, a batch at a time; if there are none, a block is read, searched for boundaries, and cut when
//! its turn comes. So a block mostly stays with one thread and in its cache, reading and computing overlap,
//! and no thread waits for a slower kind of work. The blocks under way are bounded, and so is the memory.

use std::{
    collections::{BTreeMap, VecDeque},
    io::Read,
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use aria_storage_core::{Boundaries, ChunkId, Chunker, FeatureFlags, Index};

use super::{
    Input, Made, MakeOptions, MakeStats,
    batch::Batch,
    reader::{Piece, Reader, block_size},
    seen::Seen,
    sequence::{Searched, Sequence},
    sink::{Sink, Worker},
    threads,
};
use crate::{Error, Result, store::Store};

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

/// What the threads share.
struct Shared<'a> {
    options: &'a MakeOptions,
    place: &'a PathBuf,
    boundaries: Option<Boundaries>,
    sink: Option<Sink>,
    reader: Mutex<Reader>,
    state: Mutex<State>,
    /// Something has changed that a thread may wait for.
    changed: Condvar,
}

struct State {
    /// Whether a thread is reading.
    reading: bool,
    /// Whether everything has been read.
    ended: bool,
    /// Blocks that were read and are not done with, and how many there may be.
    under_way: usize,
    most: usize,
    /// `None` if the reader cuts.
    sequence: Option<Sequence>,
    /// Chunks to be worked on.
    ready: VecDeque<Batch>,
    /// Chunks that are done, by the number of the first, until those before are.
    done: BTreeMap<usize, Vec<(u32, ChunkId)>>,
    index: Index,
    seen: Seen,
    stats: MakeStats,
    failure: Option<Error>,
    /// Buffers for blocks.
    free: Vec<Vec<u8>>,
}

/// What a thread does next.
enum Task {
    Read(Vec<u8>),
    Work(Batch),
    Stop,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What a panicking thread left is only read to report its panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Job {
    pub(super) fn run(self, input: Input) -> Result<Made> {
        let (input, size) = input.open()?;
        let phase = self.options.phase;
        self.options.progress.start(phase, size);
        let width = threads(self.options.threads);
        let shared = self.shared(input, block_size(size, width), width);
        std::thread::scope(|scope| -> Result<()> {
            for _ in 1..width {
                std::thread::Builder::new()
                    .name("aria-chunk".to_owned())
                    .spawn_scoped(scope, || shared.run())
                    .map_err(|error| Error::Worker(format!("cannot start a thread: {error}")))
                    .inspect_err(|_| shared.fail(Error::Cancelled))?;
            }
            shared.run();
            Ok(())
        })?;
        let state = shared.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = state.failure {
            return Err(error);
        }
        self.options.progress.finish(phase);
        let reader = shared.reader.into_inner().unwrap_or_else(PoisonError::into_inner);
        let State { index, mut stats, .. } = state;
        stats.chunks = index.chunks().len() as u64;
        stats.bytes = index.len();
        Ok(Made { index, content: reader.finish(), stats })
    }

    fn shared(&self, input: Box<dyn Read + Send>, block: usize, width: usize) -> Shared<'_> {
        let options = &self.options;
        let (boundaries, sequence, serial) = match self.chunker.boundaries() {
            Some((boundaries, cutter)) => (Some(boundaries), Some(Sequence::new(cutter)), None),
            None => (None, None, Some(self.chunker.clone())),
        };
        let whole = self.whole.then(|| options.digest.hasher());
        let sink = self.store.as_ref().map(|store| Sink {
            store: Arc::clone(store),
            level: options.level,
            concurrency: options.concurrency.div_ceil(width),
            runtime: self.runtime.clone(),
            place: self.place.clone(),
        });
        Shared {
            options,
            place: &self.place,
            boundaries,
            sink,
            reader: Mutex::new(Reader::new(input, self.place.clone(), block, whole, serial)),
            state: Mutex::new(State {
                reading: false,
                ended: false,
                under_way: 0,
                most: 2 * width + 2,
                sequence,
                ready: VecDeque::new(),
                done: BTreeMap::new(),
                index: Index::new(FeatureFlags::blob(options.digest), options.sizes),
                seen: Seen::default(),
                stats: MakeStats::default(),
                failure: None,
                free: Vec::new(),
            }),
            changed: Condvar::new(),
        }
    }
}

impl Shared<'_> {
    /// The work of one thread, until there is none left.
    fn run(&self) {
        let guard = Guard(self);
        let mut worker = self.sink.as_ref().map(Sink::worker);
        loop {
            let done = match self.next() {
                Task::Stop => break,
                Task::Read(buffer) => self.read(buffer),
                Task::Work(batch) => self.work(batch, worker.as_mut()),
            };
            if let Err(error) = done {
                self.fail(error);
            }
        }
        drop(guard);
    }

    /// Waits for something to do.
    fn next(&self) -> Task {
        let mut state = lock(&self.state);
        loop {
            if self.options.cancel.is_cancelled() {
                state.failure.get_or_insert(Error::Cancelled);
                self.changed.notify_all();
            }
            if state.failure.is_some() {
                return Task::Stop;
            }
            if let Some(batch) = state.ready.pop_front() {
                return Task::Work(batch);
            }
            if state.ended && state.under_way == 0 {
                return Task::Stop;
            }
            if !state.reading && !state.ended && state.under_way < state.most {
                state.reading = true;
                state.under_way += 1;
                return Task::Read(state.free.pop().unwrap_or_default());
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn fail(&self, error: Error) {
        lock(&self.state).failure.get_or_insert(error);
        self.changed.notify_all();
    }

    /// Reads a block, searches it, and cuts what can be cut now.
    fn read(&self, buffer: Vec<u8>) -> Result<()> {
        let (read, last) = {
            let mut reader = lock(&self.reader);
            let read = reader.read(buffer)?;
            (read, reader.ended())
        };
        {
            let mut state = lock(&self.state);
            state.reading = false;
            state.ended = last;
            if let Piece::Batch(batch) = read {
                state.ready.push_back(batch);
                self.changed.notify_all();
                return Ok(());
            }
        }
        self.changed.notify_one();
        if let (Piece::Block { number, bytes }, Some(boundaries)) = (read, &self.boundaries) {
            let mut ends = Vec::new();
            boundaries.find(&bytes, &mut ends);
            let state = &mut *lock(&self.state);
            if let Some(sequence) = &mut state.sequence {
                let before = state.ready.len();
                sequence.push(number, Searched { bytes, ends, last }, |batch| state.ready.push_back(batch));
                // One of them is for this thread.
                for _ in before + 1..state.ready.len() {
                    self.changed.notify_one();
                }
            }
        }
        Ok(())
    }

    /// Names the chunks of a batch, and stores those that are new.
    fn work(&self, batch: Batch, worker: Option<&mut Worker<'_>>) -> Result<()> {
        let chunks = batch.slices();
        let mut ids = Vec::new();
        self.options.digest.ids(&chunks, &mut ids);
        let mut stats = MakeStats::default();
        if let Some(worker) = worker {
            let mut new: Vec<_> = ids.iter().copied().zip(chunks.iter().copied()).collect();
            lock(&self.state).seen.keep_new(&mut new);
            stats = worker.store(&new)?;
        }
        let done: Vec<_> = chunks.iter().map(|chunk| chunk.len() as u32).zip(ids).collect();
        let bytes = chunks.iter().map(|chunk| chunk.len() as u64).sum();
        drop(chunks);

        let Batch { first, bytes: buffer, .. } = batch;
        let state = &mut *lock(&self.state);
        state.stats += stats;
        // A block in which no chunk ends would have the number of the next.
        if !done.is_empty() {
            state.done.insert(first, done);
        }
        while let Some(done) = state.done.remove(&state.index.chunks().len()) {
            for (size, id) in done {
                state
                    .index
                    .push(u64::from(size), id)
                    .map_err(|source| Error::Index { place: self.place.display().to_string(), source })?;
            }
        }
        state.free.push(buffer);
        state.under_way -= 1;
        self.changed.notify_all();
        self.options.progress.advance(self.options.phase, bytes);
        Ok(())
    }
}

/// Lets the other threads end if one panics, which they would wait for.
struct Guard<'a, 'b>(&'a Shared<'b>);

impl Drop for Guard<'_, '_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail(Error::Worker("a thread that chunks has panicked".to_owned()));
        }
    }
}
