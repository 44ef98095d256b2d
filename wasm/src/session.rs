//! What a [`Session`](crate::Session) does, without JavaScript in it.

use aria_storage_core::{
    ChunkError, ChunkStream, Chunker, FeatureFlags, Index, IndexError, Plan, Planner, StoredForm,
    codec::{self, Decoder, ExpectedSize},
    index::IndexChunk,
    plan::guess_chunker,
};

/// How much of a seed is looked at to tell which chunker suits it.
const SAMPLE: usize = 4 << 20;

/// A target, its seeds, and the means to check chunks.
#[derive(Debug)]
pub struct Update {
    index: Index,
    seeds: Vec<Index>,
    decoder: Decoder,
    chunk: Vec<u8>,
    batch: Batch,
    unique_chunks: u64,
}

/// Chunks that are decoded and wait to be checked together: several are hashed in the time of one.
#[derive(Debug, Default)]
struct Batch {
    /// The numbers of the chunks.
    numbers: Vec<usize>,
    /// Their bytes, one behind the other, and then room from batches before.
    bytes: Vec<u8>,
    /// How many bytes they have together.
    len: usize,
}

impl Update {
    /// For the target with this index.
    pub fn new(index: &[u8]) -> Result<Self, IndexError> {
        let index = Index::decode(index)?;
        Ok(Self {
            index,
            seeds: Vec::new(),
            decoder: Decoder::new(),
            chunk: Vec::new(),
            batch: Batch::default(),
            unique_chunks: 0,
        })
    }

    /// The index of the target.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Adds a seed by the bytes of its index.
    pub fn add_seed_index(&mut self, index: &[u8]) -> Result<(), IndexError> {
        self.add_seed(Index::decode(index)?);
        Ok(())
    }

    /// Adds a seed.
    pub fn add_seed(&mut self, index: Index) {
        self.seeds.push(index);
    }

    /// Makes the plan.
    pub fn plan(&mut self) -> Plan {
        let mut planner = Planner::new(&self.index);
        for seed in &self.seeds {
            planner.seed(seed);
        }
        let plan = planner.plan();
        self.unique_chunks = plan.stats().unique.chunks;
        plan
    }

    /// The number of different chunks of the target, once the plan is made.
    pub fn unique_chunks(&self) -> u64 {
        self.unique_chunks
    }

    /// A chunk of the target.
    pub fn chunk(&self, number: usize) -> Option<&IndexChunk> {
        self.index.chunks().get(number)
    }

    /// Where a chunk starts; the end of the target for one too many.
    pub fn chunk_start(&self, number: usize) -> u64 {
        self.chunk(number).map_or(self.index.len(), |chunk| chunk.start)
    }

    /// Decodes a stored chunk and checks it. `None` if there is no such chunk.
    pub fn decode(&mut self, number: usize, stored: &[u8]) -> Option<Result<&[u8], ChunkError>> {
        let chunk = *self.index.chunks().get(number)?;
        let size = ExpectedSize::Exactly(chunk.size as usize);
        let form = StoredForm::Compressed;
        let done = self.decoder.decode(form, stored, self.index.digest(), &chunk.id, size, &mut self.chunk);
        Some(done.map(|()| &self.chunk[..]))
    }

    /// Decodes a stored chunk into the batch, where it waits for [`finish_batch`](Self::finish_batch) to be
    /// checked. What cannot be decoded does not get into it. `None` if there is no such chunk.
    pub fn add_to_batch(&mut self, number: usize, stored: &[u8]) -> Option<Result<(), ChunkError>> {
        let size = self.chunk(number)?.size as usize;
        let batch = &mut self.batch;
        let end = batch.len + size;
        if batch.bytes.len() < end {
            batch.bytes.resize(end, 0);
        }
        let place = &mut batch.bytes[batch.len..end];
        let done = self.decoder.decode_in_place_unverified(StoredForm::Compressed, stored, place);
        Some(done.map(|()| {
            batch.numbers.push(number);
            batch.len = end;
        }))
    }

    /// Checks the chunks of the batch, and tells of each in the order in which they were added: its number,
    /// where it starts in the target, and its bytes or what is wrong with it. The batch is empty then.
    pub fn finish_batch(&mut self, mut tell: impl FnMut(usize, u64, Result<&[u8], ChunkError>)) {
        let batch = &mut self.batch;
        let digest = self.index.digest();
        let mut rest = &batch.bytes[..batch.len];
        let chunks: Vec<_> = batch.numbers.iter().map(|&number| self.index.chunks()[number]).collect();
        let bytes: Vec<_> = chunks.iter().filter_map(|chunk| rest.split_off(..chunk.size as usize)).collect();
        let mut found = Vec::new();
        digest.ids(&bytes, &mut found);
        for (((number, chunk), bytes), found) in batch.numbers.drain(..).zip(chunks).zip(bytes).zip(found) {
            let right = found == chunk.id;
            // To say what is wrong takes another look.
            let checked = if right { Ok(()) } else { codec::verify(bytes, digest, &chunk.id) };
            tell(number, chunk.start, checked.map(|()| bytes));
        }
        batch.len = 0;
    }

    /// The numbers of those chunks that are not what they should be, of the `count` chunks from number `first`
    /// on, whose bytes, or as many of them as there are, follow each other in `bytes`.
    pub fn damaged(&self, first: usize, count: usize, bytes: &[u8]) -> Vec<usize> {
        let chunks = self.index.chunks().get(first..).unwrap_or_default();
        let chunks = &chunks[..count.min(chunks.len())];
        let mut rest = bytes;
        let whole: Vec<_> = chunks.iter().map_while(|chunk| rest.split_off(..chunk.size as usize)).collect();
        let mut found = Vec::new();
        self.index.digest().ids(&whole, &mut found);
        let right = |at: usize| chunks.get(at).is_some_and(|chunk| found.get(at) == Some(&chunk.id));
        (0..count).filter(|&at| !right(at)).map(|at| first + at).collect()
    }
}

/// Makes the index of a seed that has none, cut as the target is.
#[derive(Debug, Default)]
pub struct SeedBuilder {
    /// The first bytes, until it is clear which chunker suits them.
    sample: Vec<u8>,
    cutting: Option<(ChunkStream, Index)>,
}

impl SeedBuilder {
    /// A seed without any bytes yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes.
    pub fn push(&mut self, target: &Index, bytes: &[u8]) -> Result<(), IndexError> {
        if let Some((stream, index)) = &mut self.cutting {
            stream.push(bytes);
            return take_chunks(stream, index);
        }
        self.sample.extend_from_slice(bytes);
        if self.sample.len() >= SAMPLE { self.start(target) } else { Ok(()) }
    }

    /// The index, when all bytes have come.
    pub fn finish(mut self, target: &Index) -> Result<Index, IndexError> {
        if self.cutting.is_none() {
            self.start(target)?;
        }
        match self.cutting {
            Some((mut stream, mut index)) => {
                stream.end();
                take_chunks(&mut stream, &mut index)?;
                Ok(index)
            }
            None => Ok(Index::new(FeatureFlags::blob(target.digest()), target.sizes())),
        }
    }

    fn start(&mut self, target: &Index) -> Result<(), IndexError> {
        let sample = std::mem::take(&mut self.sample);
        let chunker = Chunker::new(guess_chunker(target, &sample), target.sizes())?;
        let mut stream = ChunkStream::new(chunker);
        let mut index = Index::new(FeatureFlags::blob(target.digest()), target.sizes());
        stream.push(&sample);
        take_chunks(&mut stream, &mut index)?;
        self.cutting = Some((stream, index));
        Ok(())
    }
}

fn take_chunks(stream: &mut ChunkStream, index: &mut Index) -> Result<(), IndexError> {
    let digest = index.digest();
    while let Some(chunk) = stream.next_chunk() {
        index.push(chunk.len() as u64, digest.id(chunk))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use aria_storage_core::{ChunkSizes, ChunkerKind, Digest, Source, codec::Encoder};

    use super::*;

    fn noise(len: usize) -> Vec<u8> {
        let mut state = 88_172_645_463_325_252u64;
        std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        })
        .take(len)
        .collect()
    }

    fn index_of(data: &[u8], kind: ChunkerKind, digest: Digest) -> Index {
        let sizes = ChunkSizes::new(1024, 4096, 16_384).unwrap();
        let mut stream = ChunkStream::new(Chunker::new(kind, sizes).unwrap());
        let mut index = Index::new(FeatureFlags::blob(digest), sizes);
        stream.push(data);
        stream.end();
        take_chunks(&mut stream, &mut index).unwrap();
        index
    }

    #[test]
    fn seeds_in_pieces_are_cut_like_the_target() {
        let old = noise(5 << 20);
        let mut new = old.clone();
        new.splice(1_000_000..1_000_100, [7; 300]);
        for kind in [ChunkerKind::Casync, ChunkerKind::FastCdc] {
            let target = index_of(&new, kind, Digest::Sha512_256);
            let mut seed = SeedBuilder::new();
            for piece in old.chunks(333_333) {
                seed.push(&target, piece).unwrap();
            }
            assert_eq!(seed.finish(&target).unwrap(), index_of(&old, kind, Digest::Sha512_256));
        }
        let target = index_of(&new, ChunkerKind::Casync, Digest::Sha256);
        assert!(SeedBuilder::new().finish(&target).unwrap().is_empty());
    }

    #[test]
    fn an_update_plans_decodes_and_verifies() {
        let old = noise(200_000);
        let mut new = old.clone();
        new.splice(100_000..100_000, *b"some new bytes");
        let target = index_of(&new, ChunkerKind::Casync, Digest::Sha256);
        let mut update = Update::new(&target.encode()).unwrap();
        update.add_seed_index(&index_of(&old, ChunkerKind::Casync, Digest::Sha256).encode()).unwrap();
        let plan = update.plan();
        let missing: Vec<usize> = plan.fetch_list().collect();
        assert!(!missing.is_empty() && missing.len() < 5);
        assert!(plan.segments().iter().any(|segment| matches!(segment.source, Source::Seed { seed: 0, .. })));
        let chunk = target.chunks()[missing[0]];
        let bytes = &new[chunk.start as usize..chunk.end() as usize];
        let mut stored = Vec::new();
        Encoder::new(3).unwrap().encode(StoredForm::Compressed, bytes, &mut stored).unwrap();
        assert_eq!(update.decode(missing[0], &stored), Some(Ok(bytes)));
        assert!(matches!(update.decode(missing[0] + 1, &stored), Some(Err(_))));
        assert!(update.decode(10_000, &stored).is_none());
        assert!(Update::new(b"<html>").is_err());
    }

    /// What a batch told: the number of a chunk, where it starts, and its bytes or what is wrong with it.
    type Told = Vec<(usize, u64, Result<Vec<u8>, ChunkError>)>;

    fn finish(update: &mut Update) -> Told {
        let mut told = Vec::new();
        update.finish_batch(|number, start, chunk| told.push((number, start, chunk.map(<[u8]>::to_vec))));
        told
    }

    #[test]
    fn a_batch_tells_of_each_chunk_what_decoding_it_alone_would() {
        let data = noise(200_000);
        for digest in [Digest::Sha256, Digest::Sha512_256] {
            let target = index_of(&data, ChunkerKind::Casync, digest);
            let mut update = Update::new(&target.encode()).unwrap();
            let count = target.chunks().len();
            let mut encoder = Encoder::new(3).unwrap();
            let mut stored = vec![Vec::new(); count];
            for (stored, chunk) in stored.iter_mut().zip(target.chunks()) {
                let bytes = &data[chunk.start as usize..chunk.end() as usize];
                encoder.encode(StoredForm::Compressed, bytes, stored).unwrap();
            }
            // One of the right size and with other content, one that cannot be decoded, one cut short.
            let mut other =
                data[target.chunks()[3].start as usize..target.chunks()[3].end() as usize].to_vec();
            other[7] ^= 1;
            encoder.encode(StoredForm::Compressed, &other, &mut stored[3]).unwrap();
            stored[5] = b"<html>".to_vec();
            let half = stored[8].len() / 2;
            stored[8].truncate(half);

            // The second time there is room from the first.
            for size in [1, 3, 7, count, count] {
                let mut numbers = Vec::new();
                for group in (0..count).rev().collect::<Vec<_>>().chunks(size) {
                    let mut waiting = Vec::new();
                    for &number in group {
                        let alone = update.decode(number, &stored[number]).unwrap().map(<[u8]>::to_vec);
                        match update.add_to_batch(number, &stored[number]).unwrap() {
                            Ok(()) => waiting.push((number, target.chunks()[number].start, alone)),
                            Err(error) => assert_eq!(alone, Err(error)),
                        }
                    }
                    let told = finish(&mut update);
                    assert_eq!(told, waiting);
                    numbers.extend(told.into_iter().filter(|told| told.2.is_ok()).map(|told| told.0));
                }
                let whole: Vec<_> = (0..count).rev().filter(|number| ![3, 5, 8].contains(number)).collect();
                assert_eq!(numbers, whole);
            }
            assert!(finish(&mut update).is_empty());
            assert!(update.add_to_batch(count, &stored[0]).is_none());
        }
    }

    #[test]
    fn damage_in_a_run_of_chunks_is_found() {
        let mut data = noise(200_000);
        let target = index_of(&data, ChunkerKind::Casync, Digest::Sha256);
        let chunks = target.chunks();
        let update = Update::new(&target.encode()).unwrap();
        assert!(update.damaged(0, chunks.len(), &data).is_empty());
        let run = &data[chunks[2].start as usize..];
        assert!(update.damaged(2, 9, run).is_empty() && update.damaged(2, 0, run).is_empty());
        assert_eq!(update.damaged(2, 2, &run[..chunks[2].size as usize + 1]), [3]);
        assert_eq!(update.damaged(3, 1, run), [3]);
        assert_eq!(update.damaged(chunks.len() - 1, 3, run).len(), 3);
        assert_eq!(update.damaged(chunks.len() + 7, 2, run).len(), 2);
        data[chunks[4].start as usize] ^= 1;
        data[chunks[6].end() as usize - 1] ^= 1;
        assert_eq!(update.damaged(0, chunks.len(), &data), [4, 6]);
    }
}
