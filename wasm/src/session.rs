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
    unique_chunks: u64,
}

impl Update {
    /// For the target with this index.
    pub fn new(index: &[u8]) -> Result<Self, IndexError> {
        let index = Index::decode(index)?;
        Ok(Self { index, seeds: Vec::new(), decoder: Decoder::new(), chunk: Vec::new(), unique_chunks: 0 })
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

    /// Whether these bytes are a chunk of the target.
    pub fn verify(&self, number: usize, bytes: &[u8]) -> bool {
        self.chunk(number).is_some_and(|chunk| {
            chunk.size as usize == bytes.len() && codec::verify(bytes, self.index.digest(), &chunk.id).is_ok()
        })
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
        assert!(update.verify(missing[0], bytes) && !update.verify(missing[0], &bytes[1..]));
        assert!(Update::new(b"<html>").is_err());
    }
}
