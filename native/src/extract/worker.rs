//! What one thread does with a run of chunks: bring the bytes together from seeds, cache and local stores in
//! one buffer, hash them together, write what is right in as few writes as there can be.

use std::{ops::Range, sync::atomic::Ordering};

use aria_storage_core::{ChunkId, Source, plan::Segment};

use super::{
    apply::Inner,
    runs::{Runs, bytes_of, parts},
};
use crate::{
    Error, Result, file,
    progress::Phase,
    source::{Loaded, Loader, Origin},
};

/// Which segments are dealt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pass {
    /// All that do not need the output itself; what only a remote store has is left out.
    Outside,
    /// What the output repeats of itself.
    Own,
}

/// What threads leave to do.
#[derive(Debug, Default)]
pub(super) struct Left {
    /// The numbers of chunks to be fetched: none of seeds and cache has them after all.
    pub(super) missing: Vec<usize>,
    /// Chunks that a seed was to give but does not have.
    pub(super) bad_seed_chunks: u64,
}

/// One thread's tools and buffers, which are kept from run to run.
pub(super) struct Worker<'a> {
    job: &'a Inner,
    pass: Pass,
    loader: Loader<'a>,
    /// The bytes of the run.
    bytes: Vec<u8>,
    /// Where the run starts in the output.
    start: u64,
    /// The chunks of the run whose bytes are there, in order.
    pieces: Vec<Piece>,
    /// The parts of the run that are from seeds.
    from_seeds: Vec<FromSeed>,
    ids: Vec<ChunkId>,
    left: Left,
}

/// A chunk whose bytes are in the buffer.
#[derive(Clone, Copy, Debug)]
struct Piece {
    number: usize,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Right, and to be written.
    Right,
    /// Right, and in the output already.
    Written,
    /// To be checked; from a seed (by its place in `from_seeds`).
    FromSeed(usize),
    /// To be checked; from the cache or a store.
    Loaded(Origin),
    /// Wrong, and not to be had here.
    Wrong,
}

/// A part of a run that is from a seed.
#[derive(Clone, Copy, Debug)]
struct FromSeed {
    seed: usize,
    offset: u64,
    /// Whether the kernel has copied it to the output already.
    in_kernel: bool,
    bad: usize,
}

impl<'a> Worker<'a> {
    pub(super) fn new(job: &'a Inner, pass: Pass) -> Self {
        Self {
            job,
            pass,
            loader: Loader::new(&job.source),
            bytes: Vec::new(),
            start: 0,
            pieces: Vec::new(),
            from_seeds: Vec::new(),
            ids: Vec::new(),
            left: Left::default(),
        }
    }

    /// Takes runs until there are none. After an error nobody gets one any more.
    pub(super) fn work(mut self, runs: &Runs) -> Result<Left> {
        while let Some(run) = runs.next(self.job.index.chunks()) {
            let done =
                if self.job.options.cancel.is_cancelled() { Err(Error::Cancelled) } else { self.run(run) };
            if let Err(error) = done {
                runs.stop();
                return Err(error);
            }
        }
        Ok(self.left)
    }

    /// All of a run. What has been brought together before an error is written all the same: the next
    /// extraction finds it.
    fn run(&mut self, run: Range<usize>) -> Result<()> {
        let chunks = &self.job.index.chunks()[run.clone()];
        self.start = chunks.first().map_or(0, |chunk| chunk.start);
        let len = bytes_of(chunks);
        if self.bytes.len() < len {
            self.bytes.resize(len, 0);
        }
        self.pieces.clear();
        self.from_seeds.clear();
        let gathered = self.gather(run);
        let checked = self.check();
        let written = self.write();
        gathered.and(checked).and(written)
    }

    /// Where a chunk is in the buffer.
    fn place(&self, number: usize) -> Range<usize> {
        let chunk = &self.job.index.chunks()[number];
        let from = (chunk.start - self.start) as usize;
        from..from + chunk.size as usize
    }

    fn gather(&mut self, run: Range<usize>) -> Result<()> {
        let job = self.job;
        for (segment, chunks) in parts(job.plan.segments(), run) {
            match (self.pass, segment.source) {
                (Pass::Outside, Source::Null) => {
                    let len = bytes_of(&job.index.chunks()[chunks.clone()]) as u64;
                    job.output.write_zeros(job.index.chunks()[chunks.start].start, len)?;
                    job.options.progress.advance(Phase::Assemble, len);
                }
                (Pass::Outside, Source::Seed { seed, offset }) => {
                    self.gather_from_seed(segment, seed, offset, chunks)?;
                }
                (Pass::Outside, Source::Cache) => {
                    chunks.into_iter().try_for_each(|number| self.load(number, true))?;
                }
                (Pass::Outside, Source::Fetch) if job.local => {
                    chunks.into_iter().try_for_each(|number| self.load(number, false))?;
                }
                (Pass::Own, Source::Own { offset }) => {
                    let (place, from) = self.part(segment, offset, &chunks);
                    job.output.read(&mut self.bytes[place], from)?;
                    // It was checked before it was written.
                    self.pieces.extend(chunks.map(|number| Piece { number, state: State::Right }));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Where chunks of a segment are in the buffer, and where they are at its source, which has the segment
    /// at `offset`.
    fn part(&self, segment: &Segment, offset: u64, chunks: &Range<usize>) -> (Range<usize>, u64) {
        let all = &self.job.index.chunks()[chunks.clone()];
        let start = all.first().map_or(segment.bytes.start, |chunk| chunk.start);
        let from = (start - self.start) as usize;
        (from..from + bytes_of(all), offset + (start - segment.bytes.start))
    }

    fn gather_from_seed(
        &mut self,
        segment: &Segment,
        number: usize,
        offset: u64,
        chunks: Range<usize>,
    ) -> Result<()> {
        let job = self.job;
        let seed = job.seeds.get(number);
        let (place, offset) = self.part(segment, offset, &chunks);
        let (at, len) = (self.start + place.start as u64, place.len() as u64);
        let bytes = &mut self.bytes[place];
        // What the kernel copied (or lets both files share) is read back and checked. A seed that has become
        // shorter is not worth more than reading what it has.
        let in_kernel =
            seed.shares_blocks && job.output.copy_in_kernel(&seed.file, offset, at, len).unwrap_or(false);
        if in_kernel {
            job.output.read(bytes, at)?;
        } else if let Err(error) = file::read_exact_at(&seed.file, bytes, offset) {
            job.options.progress.notice(&format!(
                "the seed {} cannot be read at {offset} ({error}); the chunks there are fetched",
                seed.path.display()
            ));
            self.left.bad_seed_chunks += chunks.len() as u64;
            return chunks.into_iter().try_for_each(|number| self.load(number, true));
        }
        let state = State::FromSeed(self.from_seeds.len());
        self.from_seeds.push(FromSeed { seed: number, offset, in_kernel, bad: 0 });
        self.pieces.extend(chunks.map(|number| Piece { number, state }));
        Ok(())
    }

    /// Loads a chunk from the cache (if `cached`) or a local store; else it is left to be fetched.
    fn load(&mut self, number: usize, cached: bool) -> Result<()> {
        let place = self.place(number);
        let chunk = &self.job.index.chunks()[number];
        let state = match self.loader.load(chunk, cached, &mut self.bytes[place])? {
            Loaded::Checked => State::Right,
            Loaded::Unchecked(origin) => State::Loaded(origin),
            Loaded::Elsewhere => {
                self.left.missing.push(number);
                return Ok(());
            }
        };
        self.pieces.push(Piece { number, state });
        Ok(())
    }

    /// Checks what has been gathered, all together, and gets what is wrong from elsewhere. The first error is
    /// the result; what is not at fault is right after it as well.
    fn check(&mut self) -> Result<()> {
        let unchecked = |piece: &Piece| matches!(piece.state, State::FromSeed(_) | State::Loaded(_));
        let mut ids = std::mem::take(&mut self.ids);
        let bytes = self.pieces.iter().filter(|piece| unchecked(piece));
        let bytes: Vec<&[u8]> = bytes.map(|piece| &self.bytes[self.place(piece.number)]).collect();
        self.job.index.digest().ids(&bytes, &mut ids);
        let mut result = Ok(());
        let mut found = ids.iter();
        for at in 0..self.pieces.len() {
            let piece = self.pieces[at];
            if unchecked(&piece) {
                let right = found.next() == Some(&self.job.index.chunks()[piece.number].id);
                let state = if right { Ok(self.right(piece)) } else { self.instead(piece) };
                self.pieces[at].state = state.unwrap_or_else(|error| {
                    result = std::mem::replace(&mut result, Ok(())).and(Err(error));
                    State::Wrong
                });
            }
        }
        self.ids = ids;
        for from in self.from_seeds.iter().filter(|from| from.bad > 0) {
            self.job.options.progress.notice(&format!(
                "the seed {} has changed: {} chunks at {} are fetched instead",
                self.job.seeds.get(from.seed).path.display(),
                from.bad,
                from.offset
            ));
        }
        result
    }

    fn right(&self, piece: Piece) -> State {
        let size = self.job.index.chunks()[piece.number].size;
        match piece.state {
            State::FromSeed(from) if self.from_seeds[from].in_kernel => {
                self.job.kernel_copied_bytes.fetch_add(u64::from(size), Ordering::Relaxed);
                State::Written
            }
            State::Loaded(origin) => {
                self.loader.right(origin, size as usize);
                State::Right
            }
            _ => State::Right,
        }
    }

    /// Gets a chunk that is wrong from where it is right.
    fn instead(&mut self, piece: Piece) -> Result<State> {
        let place = self.place(piece.number);
        let chunk = &self.job.index.chunks()[piece.number];
        let loaded = match piece.state {
            State::Loaded(origin) => self.loader.wrong(origin, chunk, &mut self.bytes[place])?,
            State::FromSeed(from) => {
                let from = &mut self.from_seeds[from];
                from.bad += 1;
                self.left.bad_seed_chunks += 1;
                if from.in_kernel {
                    self.job.output.discard(chunk.start, u64::from(chunk.size))?;
                }
                self.loader.load_checked(chunk, true, &mut self.bytes[place])?
            }
            state => return Ok(state),
        };
        if loaded {
            return Ok(State::Right);
        }
        self.left.missing.push(piece.number);
        Ok(State::Wrong)
    }

    /// Writes what is right, neighbours together.
    fn write(&mut self) -> Result<()> {
        let mut done = 0;
        let mut ready: Option<Range<usize>> = None;
        for &Piece { number, state } in &self.pieces {
            let place = self.place(number);
            if state != State::Wrong {
                done += place.len() as u64;
            }
            if state != State::Right || self.job.output.is_hole(&self.bytes[place.clone()]) {
                continue;
            }
            match &mut ready {
                Some(ready) if ready.end == place.start => ready.end = place.end,
                _ => {
                    if let Some(before) = ready.replace(place) {
                        self.write_range(before)?;
                    }
                }
            }
        }
        if let Some(last) = ready {
            self.write_range(last)?;
        }
        self.job.options.progress.advance(Phase::Assemble, done);
        Ok(())
    }

    fn write_range(&self, range: Range<usize>) -> Result<()> {
        let at = self.start + range.start as u64;
        self.job.output.write(&self.bytes[range], at)
    }
}
