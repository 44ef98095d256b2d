//! Checking that stored chunks are what their names say, and that a file is what its index says.

use std::{
    fs::File,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use aria_storage_core::{
    ChunkError, ChunkId, Digest, Index, StoredForm,
    codec::{Decoder, ExpectedSize},
    sizes::MAX_CHUNK_SIZE,
};
use tokio_util::sync::CancellationToken;

use crate::{
    Error, Result, file,
    progress::{Phase, Progress},
    store::{FolderContent, LocalStore, Store},
    workers,
};

/// How many chunks are hashed together, at most.
const BATCH: usize = 32;

/// Chunks are hashed when they have this many bytes together, decoded.
const BATCH_BYTES: usize = 1 << 20;

/// How many bytes of buffers a thread keeps. A chunk may need more, and gives it back.
const KEPT: usize = 8 << 20;

/// A chunk of a store that is not what its name says.
#[derive(Debug)]
pub struct BadChunk {
    /// Its name.
    pub id: ChunkId,
    /// How it is stored.
    pub form: StoredForm,
    /// What is wrong.
    pub error: Error,
    /// Whether it was removed.
    pub removed: bool,
}

/// What [`verify_store`] found.
#[derive(Debug, Default)]
pub struct VerifyStats {
    /// Chunks looked at.
    pub chunks: u64,
    /// Those that are not right.
    pub bad: Vec<BadChunk>,
}

/// Reads every chunk of a local store and checks it against its name, by either digest (a store does not say
/// which it has, and may have both). With `repair`, bad chunks are removed.
///
/// Each thread holds about 10 MiB, and while it checks a larger chunk, the two forms of that.
pub async fn verify_store(
    store: Arc<LocalStore>,
    repair: bool,
    threads: usize,
    progress: Arc<dyn Progress>,
    cancel: CancellationToken,
) -> Result<VerifyStats> {
    tokio::task::spawn_blocking(move || {
        progress.start(Phase::Verify, None);
        let parts = store.visit(threads, |walker| {
            let mut checker = Checker::new(&store, repair, &*progress);
            let mut content = FolderContent::default();
            while walker.next(&mut content)? {
                for (id, form) in content.chunks.drain(..) {
                    if cancel.is_cancelled() {
                        return Err(Error::Cancelled);
                    }
                    checker.take(id, form)?;
                }
            }
            checker.finish()
        })?;
        progress.finish(Phase::Verify);
        let mut stats = VerifyStats::default();
        for part in parts {
            stats.chunks += part.chunks;
            stats.bad.extend(part.bad);
        }
        stats.bad.sort_by_key(|bad| bad.id);
        Ok(stats)
    })
    .await?
}

/// Checks chunks on one thread. They are read and decoded one by one, and hashed several at a time, which
/// processors can do in about the time of one.
struct Checker<'a> {
    store: &'a LocalStore,
    repair: bool,
    progress: &'a dyn Progress,
    /// What most chunks are named by, as far as was seen; tried first.
    digest: Digest,
    decoder: Decoder,
    stored: Vec<u8>,
    /// The names of the chunks that wait to be hashed.
    waiting: Vec<(ChunkId, StoredForm)>,
    /// Their content; the buffers behind those are kept for the next ones.
    contents: Vec<Vec<u8>>,
    /// How many bytes wait.
    bytes: usize,
    /// What they hash to by `digest`, and the wrong ones of them by the other digest.
    ids: [Vec<ChunkId>; 2],
    stats: VerifyStats,
}

impl<'a> Checker<'a> {
    fn new(store: &'a LocalStore, repair: bool, progress: &'a dyn Progress) -> Self {
        Self {
            store,
            repair,
            progress,
            digest: Digest::default(),
            decoder: Decoder::new(),
            stored: Vec::new(),
            waiting: Vec::with_capacity(BATCH),
            contents: vec![Vec::new(); BATCH],
            bytes: 0,
            ids: Default::default(),
            stats: VerifyStats::default(),
        }
    }

    /// Checks a chunk, at once or with those that come.
    fn take(&mut self, id: ChunkId, form: StoredForm) -> Result<()> {
        match self.read(&id, form) {
            Ok(true) => {
                self.bytes += self.contents[self.waiting.len()].len();
                self.waiting.push((id, form));
            }
            // Gone since it was listed.
            Ok(false) => self.count(1),
            Err(error) => {
                self.bad(id, form, error)?;
                self.count(1);
            }
        }
        if self.waiting.len() == BATCH || self.bytes >= BATCH_BYTES { self.hash() } else { Ok(()) }
    }

    /// Reads a chunk into the first buffer that is free. `false` if it is not there.
    fn read(&mut self, id: &ChunkId, form: StoredForm) -> Result<bool> {
        let content = &mut self.contents[self.waiting.len()];
        if form == StoredForm::Plain {
            return self.store.read_form_into(id, form, MAX_CHUNK_SIZE, content);
        }
        if !self.store.read_form_into(id, form, MAX_CHUNK_SIZE, &mut self.stored)? {
            return Ok(false);
        }
        self.decoder
            .decode_unverified(form, &self.stored, ExpectedSize::UNKNOWN, content)
            .map_err(|source| self.wrong(id, source))?;
        Ok(true)
    }

    fn wrong(&self, id: &ChunkId, source: ChunkError) -> Error {
        Error::BadChunk { id: *id, place: self.store.location(), source }
    }

    /// Hashes what waits and compares it with the names.
    fn hash(&mut self) -> Result<()> {
        let mut all = [&[][..]; BATCH];
        for (slice, content) in all.iter_mut().zip(&self.contents) {
            *slice = content;
        }
        let all = &all[..self.waiting.len()];
        let [found, others] = &mut self.ids;
        self.digest.ids(all, found);
        // Few or none, if the store has one digest.
        let is_wrong = |n: &usize| found[*n] != self.waiting[*n].0;
        let wrong: Vec<usize> = (0..all.len()).filter(is_wrong).collect();
        if !wrong.is_empty() {
            let other = self.digest.other();
            let contents: Vec<&[u8]> = wrong.iter().map(|&n| all[n]).collect();
            other.ids(&contents, others);
            let right = wrong.iter().zip(&*others).filter(|(n, id)| self.waiting[**n].0 == **id).count();
            let mut bad: Vec<(usize, ChunkId)> = Vec::new();
            // What is named by neither digest is said to be wrong by the one that most are named by.
            let more = right > all.len() - wrong.len();
            for (&n, by_other) in wrong.iter().zip(&*others) {
                if self.waiting[n].0 != *by_other {
                    bad.push((n, if more { *by_other } else { found[n] }));
                }
            }
            if more {
                self.digest = other;
            }
            for (n, found) in bad {
                let (id, form) = self.waiting[n];
                let error = self.wrong(&id, ChunkError::Digest { digest: self.digest, found });
                self.bad(id, form, error)?;
            }
        }
        self.count(self.waiting.len());
        self.waiting.clear();
        self.bytes = 0;
        self.give_back();
        Ok(())
    }

    /// Frees large buffers if there are too many.
    fn give_back(&mut self) {
        let buffers = || self.contents.iter().chain([&self.stored]);
        if buffers().map(Vec::capacity).sum::<usize>() > KEPT {
            let large = KEPT / BATCH;
            let buffers = self.contents.iter_mut().chain([&mut self.stored]);
            buffers.filter(|buffer| buffer.capacity() > large).for_each(|buffer| *buffer = Vec::new());
        }
    }

    fn bad(&mut self, id: ChunkId, form: StoredForm, error: Error) -> Result<()> {
        let removed = self.repair && matches!(error, Error::BadChunk { .. });
        if removed {
            self.store.remove(&id, form)?;
        }
        self.stats.bad.push(BadChunk { id, form, error, removed });
        Ok(())
    }

    fn count(&mut self, chunks: usize) {
        self.stats.chunks += chunks as u64;
        self.progress.advance(Phase::Verify, chunks as u64);
    }

    /// Checks what still waits.
    fn finish(mut self) -> Result<VerifyStats> {
        self.hash()?;
        Ok(self.stats)
    }
}

/// Checks that a file has exactly the content that `index` describes.
pub async fn verify_file(
    index: Arc<Index>,
    path: &Path,
    threads: usize,
    progress: Arc<dyn Progress>,
    cancel: CancellationToken,
) -> Result<()> {
    let path = path.to_path_buf();
    tokio::task::spawn_blocking(move || {
        let file = File::open(&path).map_err(Error::io("open", &path))?;
        let meta = file.metadata().map_err(Error::io("open", &path))?;
        if meta.is_file() && meta.len() != index.len() {
            let reason = format!("it has {} bytes, not {}", meta.len(), index.len());
            return Err(Error::Mismatch { path, reason });
        }
        progress.start(Phase::Check, Some(index.len()));
        let next = AtomicUsize::new(0);
        workers::run(threads, || {
            let mut buffer = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(chunk) = index.chunks().get(number) else { return Ok(()) };
                if cancel.is_cancelled() {
                    return Err(Error::Cancelled);
                }
                buffer.resize(chunk.size as usize, 0);
                file::read_exact_at(&file, &mut buffer, chunk.start).map_err(Error::io("read", &path))?;
                if index.digest().id(&buffer) != chunk.id {
                    let reason = format!(
                        "the bytes from {} to {} differ (chunk {})",
                        chunk.start,
                        chunk.end(),
                        chunk.id
                    );
                    return Err(Error::Mismatch { path: path.clone(), reason });
                }
                progress.advance(Phase::Check, u64::from(chunk.size));
            }
        })?;
        progress.finish(Phase::Check);
        Ok(())
    })
    .await?
}

#[cfg(test)]
mod tests {
    use std::fs;

    use aria_storage_core::codec::{DEFAULT_LEVEL, Encoder};

    use super::*;
    use crate::progress::Silent;

    fn put(root: &Path, form: StoredForm, id: &ChunkId, chunk: &[u8]) {
        let mut stored = Vec::new();
        Encoder::new(DEFAULT_LEVEL).unwrap().encode(form, chunk, &mut stored).unwrap();
        LocalStore::create(root, form).unwrap().write(id, &stored).unwrap();
    }

    async fn verified(root: &Path, repair: bool, threads: usize) -> VerifyStats {
        let store = Arc::new(LocalStore::open(root, StoredForm::Compressed).unwrap());
        verify_store(store, repair, threads, Arc::new(Silent), CancellationToken::new()).await.unwrap()
    }

    /// Chunks of all sizes, in both forms, by both digests: right ones are right, and each wrong one is
    /// found, wherever it stands among the others.
    #[tokio::test]
    async fn right_and_wrong_ones_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let mut bad = Vec::new();
        let digests = [Digest::Sha512_256, Digest::Sha512_256, Digest::Sha256];
        for number in 0..400u32 {
            let size = [0, 1, 5000, 70_000][number as usize % 4] + number as usize;
            let mut chunk = vec![number as u8; size];
            fastrand::Rng::with_seed(number.into()).fill(&mut chunk[size / 2..]);
            let id = digests[number as usize % 3].id(&chunk);
            let form = [StoredForm::Plain, StoredForm::Compressed][number as usize / 4 % 2];
            if number % 37 == 5 {
                chunk.push(0);
                bad.push(id);
            }
            put(folder.path(), form, &id, &chunk);
        }
        bad.sort_unstable();
        for threads in [1, 3] {
            let stats = verified(folder.path(), false, threads).await;
            assert_eq!(stats.chunks, 400);
            assert_eq!(stats.bad.iter().map(|bad| bad.id).collect::<Vec<_>>(), bad);
            assert!(stats.bad.iter().all(|bad| !bad.removed));
            assert!(stats.bad.iter().all(|bad| {
                matches!(&bad.error, Error::BadChunk { source: ChunkError::Digest { .. }, .. })
            }));
        }
        assert!(verified(folder.path(), true, 2).await.bad.iter().all(|bad| bad.removed));
        let stats = verified(folder.path(), false, 2).await;
        assert_eq!((stats.chunks, stats.bad.len()), (400 - bad.len() as u64, 0));
    }

    /// What is wrong is said by the digest that the others are named by.
    #[tokio::test]
    async fn the_digest_of_the_store_is_the_one_spoken_of() {
        for digest in [Digest::Sha256, Digest::Sha512_256] {
            let folder = tempfile::tempdir().unwrap();
            for number in 0..3u8 {
                put(folder.path(), StoredForm::Compressed, &digest.id(&[number]), &[number]);
            }
            put(folder.path(), StoredForm::Compressed, &digest.id(b"other"), b"what");
            let stats = verified(folder.path(), false, 1).await;
            assert_eq!(stats.bad.len(), 1);
            let expected = ChunkError::Digest { digest, found: digest.id(b"what") };
            assert!(matches!(&stats.bad[0].error, Error::BadChunk { source, .. } if *source == expected));
        }
    }

    #[tokio::test]
    async fn large_chunks_and_chunks_that_cannot_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let large = vec![1; 20 << 20];
        let id = Digest::Sha256.id(&large);
        for form in [StoredForm::Plain, StoredForm::Compressed] {
            put(folder.path(), form, &id, &large);
        }
        let huge = Digest::Sha256.id(b"huge");
        put(folder.path(), StoredForm::Plain, &huge, b"");
        let store = LocalStore::open(folder.path(), StoredForm::Plain).unwrap();
        let file = File::options().write(true).open(store.path(&huge, StoredForm::Plain)).unwrap();
        file.set_len(MAX_CHUNK_SIZE as u64 + 1).unwrap();
        let empty = Digest::Sha256.id(b"empty");
        fs::create_dir_all(store.path(&empty, StoredForm::Compressed).parent().unwrap()).unwrap();
        fs::write(store.path(&empty, StoredForm::Compressed), b"").unwrap();
        let stats = verified(folder.path(), false, 1).await;
        assert_eq!(stats.chunks, 4);
        let found = |id| stats.bad.iter().find(|bad| bad.id == id).unwrap().error.to_string();
        assert_eq!(stats.bad.len(), 2);
        assert!(found(huge).contains("too large"), "{}", found(huge));
        assert!(found(empty).contains("truncated"), "{}", found(empty));
    }

    #[tokio::test]
    async fn it_can_be_stopped() {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), StoredForm::Plain, &Digest::Sha256.id(b"x"), b"x");
        let store = Arc::new(LocalStore::open(folder.path(), StoredForm::Plain).unwrap());
        let cancel = CancellationToken::new();
        cancel.cancel();
        let stopped = verify_store(store, false, 0, Arc::new(Silent), cancel).await;
        assert!(matches!(stopped, Err(Error::Cancelled)));
    }
}
