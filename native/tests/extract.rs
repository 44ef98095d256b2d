//! Extraction from everything at once: seeds, zeros, repeats, a cache, local and other stores, some of it
//! damaged.
// Test code: a failure here is the test failing.
#![allow(clippy::unwrap_used)]

use std::{fs, path::Path, sync::Arc};

use aria_storage::{
    Error, ExtractOptions, ExtractStats, Input, MakeOptions, Result, SeedFile, Store,
    core::{ChunkId, ChunkSizes, Digest, Index, Source, StoredForm},
    extract, make,
    store::{Chain, LocalStore, StoredChunk},
};
use async_trait::async_trait;
use futures_util::stream::BoxStream;

/// A local store that does not say so: it is read by tasks, as a server would be.
#[derive(Debug)]
struct Remote(LocalStore);

#[async_trait]
impl Store for Remote {
    fn location(&self) -> String {
        self.0.location()
    }

    fn form(&self) -> StoredForm {
        self.0.form()
    }

    async fn get(&self, id: &ChunkId, max_size: usize) -> Result<StoredChunk> {
        self.0.read(id, max_size)
    }

    async fn has(&self, id: &ChunkId) -> Result<bool> {
        self.0.contains(id)
    }

    async fn put(&self, id: &ChunkId, stored: &[u8]) -> Result<()> {
        self.0.write(id, stored)
    }

    async fn delete(&self, id: &ChunkId, form: StoredForm) -> Result<()> {
        self.0.remove(id, form)
    }

    async fn list(&self) -> Result<BoxStream<'static, Result<(ChunkId, StoredForm)>>> {
        self.0.list().await
    }
}

fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut bytes = vec![0; len];
    random.fill(&mut bytes);
    bytes
}

const MAX: usize = 16 << 10;

/// Something of every kind: what a seed has, zeros, what only the store has, repeats.
fn target() -> Vec<u8> {
    let (shared, own) = (noise(1, 2_000_000), noise(2, 300_000));
    [&shared[..900_000], &vec![0; 20 * MAX], &own, &shared[900_000..], &own[..150_000], &noise(3, 50_000)]
        .concat()
}

fn seed() -> Vec<u8> {
    [&noise(4, 70_000)[..], &noise(1, 2_000_000)].concat()
}

/// A folder with `target`, its index and its store, and `seed` with its index.
struct Site {
    folder: tempfile::TempDir,
    index: Arc<Index>,
    seed_index: Index,
}

impl Site {
    async fn new(digest: Digest) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("target"), target()).unwrap();
        fs::write(path("seed"), seed()).unwrap();
        let sizes = ChunkSizes::new(1 << 10, 4 << 10, MAX as u64).unwrap();
        let options = MakeOptions { digest, sizes, ..MakeOptions::default() };
        let store = Arc::new(LocalStore::create(path("store"), StoredForm::Compressed).unwrap());
        let index = make(Input::Path(path("target")), Some(store), false, &options).await.unwrap().index;
        let seed_index = make(Input::Path(path("seed")), None, false, &options).await.unwrap().index;
        Self { index: Arc::new(index), seed_index, folder }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn store(&self) -> LocalStore {
        LocalStore::open(self.path("store"), StoredForm::Compressed).unwrap()
    }

    /// Two stores behind each other, each with a half of the chunks.
    fn chain(&self) -> Chain {
        let (store, second) = (self.store(), self.path("second"));
        let second = LocalStore::create(second, StoredForm::Compressed).unwrap();
        let ids: Vec<_> = store.walk().map(Result::unwrap).collect();
        for (id, form) in ids.into_iter().filter(|(id, _)| id.as_bytes()[31] % 2 == 0) {
            second.write(&id, &store.read(&id, MAX).unwrap().bytes).unwrap();
            store.remove(&id, form).unwrap();
        }
        Chain::new(vec![Arc::new(store), Arc::new(second)]).unwrap()
    }

    /// A cache with every third chunk of the target, and every ninth damaged. Gives the damaged ones.
    fn cache(&self) -> (Arc<LocalStore>, Vec<ChunkId>) {
        let store = self.store();
        let cache = LocalStore::create(self.path("cache"), StoredForm::Compressed).unwrap();
        let mut damaged = Vec::new();
        for (number, chunk) in self.index.chunks().iter().enumerate().filter(|(number, _)| number % 3 == 0) {
            let mut stored = store.read(&chunk.id, MAX).unwrap().bytes.to_vec();
            if number % 9 == 0 {
                // Sometimes what cannot be decoded, sometimes what decodes to something else.
                let at = if number % 2 == 0 { 1 } else { stored.len() - 1 };
                stored[at] ^= 1;
                damaged.push(chunk.id);
            }
            cache.write(&chunk.id, &stored).unwrap();
        }
        (Arc::new(cache), damaged)
    }

    async fn extract(&self, store: Arc<dyn Store>, options: ExtractOptions) -> Result<ExtractStats> {
        let options = ExtractOptions { threads: 3, ..options };
        extract(Arc::clone(&self.index), store, &self.path("out"), options).await
    }

    fn is_whole(&self) {
        assert!(fs::read(self.path("out")).unwrap() == target());
    }
}

/// With a seed that has changed since its index was made, is shorter than it says, and a cache that is damaged.
async fn mixed(site: &Site, store: Arc<dyn Store>, in_place: bool) {
    let mut changed = seed();
    changed[300_000..300_100].fill(9);
    changed[1_500_000] ^= 1;
    changed.truncate(2_000_000);
    fs::write(site.path("seed"), &changed).unwrap();
    let (cache, damaged) = site.cache();
    let fresh = !in_place;
    if in_place {
        // Something of the target's length and more, right at the end of the second megabyte.
        let mut old = vec![0xaa; target().len() + 1000];
        old[1_800_000..2_000_000].copy_from_slice(&target()[1_800_000..2_000_000]);
        fs::write(site.path("out"), old).unwrap();
    }
    let options = ExtractOptions {
        seeds: vec![SeedFile::with_index(site.path("seed"), site.seed_index.clone())],
        cache: Some(Arc::clone(&cache)),
        in_place,
        ..ExtractOptions::default()
    };
    let stats = site.extract(Arc::clone(&store), options).await.unwrap();
    site.is_whole();
    let plan = &stats.plan;
    assert!(
        plan.null.bytes >= 15 * MAX as u64 && plan.own.chunks > 0 && plan.seeds[0].chunks > 0,
        "{plan:?}"
    );
    assert!(plan.cache.chunks > 0 && plan.fetch.chunks > 0, "{plan:?}");
    assert_eq!(plan.in_place.chunks > 0, in_place);
    assert!(stats.bad_seed_chunks >= 3, "{stats:?}");
    assert!(stats.bad_cache_chunks > 0 && stats.bad_cache_chunks <= damaged.len() as u64, "{stats:?}");
    assert!(stats.fetched_chunks >= plan.fetch.chunks + stats.bad_cache_chunks, "{stats:?}");
    assert!(stats.cached_chunks > 0 && stats.transferred_bytes > 0, "{stats:?}");
    #[cfg(target_os = "linux")]
    if fresh {
        use std::os::linux::fs::MetadataExt;
        let used = fs::metadata(site.path("out")).unwrap().st_blocks() * 512;
        assert!(used < target().len() as u64 - 10 * MAX as u64, "zeros are holes; {used} bytes are used");
    }

    // What was fetched has been kept, and what was bad in the cache is good now.
    let wanted = stats.fetched_chunks;
    fs::remove_file(site.path("out")).unwrap();
    let options = ExtractOptions { cache: Some(cache), ..ExtractOptions::default() };
    let stats = site.extract(store, options).await.unwrap();
    site.is_whole();
    assert!(stats.cached_chunks >= wanted, "{stats:?}");
    // Chunks that the seed gave to the first extraction were not looked for in the cache then.
    assert!(stats.bad_cache_chunks < damaged.len() as u64, "{stats:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_everything_and_a_local_store() {
    for (digest, in_place) in [(Digest::Sha256, false), (Digest::Sha512_256, true)] {
        let site = Site::new(digest).await;
        mixed(&site, Arc::new(site.store()), in_place).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_everything_and_local_stores_behind_each_other() {
    let site = Site::new(Digest::Sha256).await;
    let (cache, _) = site.cache();
    fs::remove_dir_all(cache.root()).unwrap();
    let chain = site.chain();
    assert_eq!(chain.locals().unwrap().len(), 2);
    let stats = site.extract(Arc::new(chain.clone()), ExtractOptions::default()).await.unwrap();
    site.is_whole();
    assert_eq!(stats.fetched_chunks, stats.plan.fetch.chunks);
    let mixed = Chain::new(vec![Arc::new(chain), Arc::new(Remote(site.store()))]).unwrap();
    assert!(mixed.locals().is_none(), "not all of them are local");
    fs::remove_file(site.path("out")).unwrap();
    let again = site.extract(Arc::new(mixed), ExtractOptions::default()).await.unwrap();
    site.is_whole();
    assert_eq!(again, stats);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_everything_and_a_remote_store() {
    for (digest, in_place) in [(Digest::Sha256, true), (Digest::Sha512_256, false)] {
        let site = Site::new(digest).await;
        mixed(&site, Arc::new(Remote(site.store())), in_place).await;
    }
}

/// The first chunk that only the store has, in the middle of a run.
fn victim(index: &Index) -> ChunkId {
    let own = (900_000 + 20 * MAX + 100_000) as u64;
    index.chunks()[index.covering(own..own + 1)][0].id
}

fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// A chunk that is bad or missing ends the work with an error that names it; all else of its run is kept, and
/// only what is left is fetched by the next extraction.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_chunk_in_the_middle_of_a_run() {
    for missing in [false, true] {
        let site = Site::new(Digest::Sha256).await;
        let (store, id) = (site.store(), victim(&site.index));
        let path = store.path(&id, StoredForm::Compressed);
        let good = fs::read(&path).unwrap();
        if missing {
            fs::remove_file(&path).unwrap();
        } else {
            flip(&path);
        }
        let options = ExtractOptions { threads: 1, ..ExtractOptions::default() };
        let error = extract(Arc::clone(&site.index), Arc::new(site.store()), &site.path("out"), options)
            .await
            .unwrap_err();
        match error {
            Error::MissingChunk { id: named, .. } if missing => assert_eq!(named, id),
            Error::BadChunk { id: named, place, .. } if !missing => {
                assert_eq!((named, place), (id, site.path("store").display().to_string()));
            }
            other => panic!("{other}"),
        }
        assert!(!site.path("out").exists());
        fs::write(&path, good).unwrap();
        let stats = site.extract(Arc::new(store), ExtractOptions::default()).await.unwrap();
        site.is_whole();
        let before = site.index.chunks().iter().position(|chunk| chunk.id == id).unwrap() as u64;
        assert!(stats.plan.in_place.chunks >= before, "{stats:?}");
        if !missing {
            // The run goes on to its end, behind the bad chunk.
            let end = site.index.chunks().iter().filter(|chunk| chunk.end() < 2 << 20).count() as u64;
            let kept = stats.plan.in_place.chunks;
            assert!(kept > before && kept < end, "{kept} chunks of {end} were kept");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelled_work_says_so() {
    let site = Site::new(Digest::Sha256).await;
    let options = ExtractOptions::default();
    options.cancel.cancel();
    let error = site.extract(Arc::new(site.store()), options).await.unwrap_err();
    assert!(matches!(error, Error::Cancelled), "{error}");
    assert!(!site.path("out").exists());
}

/// The sources the tests above mean to use.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_target_has_something_of_every_kind() {
    let site = Site::new(Digest::Sha256).await;
    let mut planner = aria_storage::core::Planner::new(&site.index);
    planner.seed(&site.seed_index);
    let plan = planner.plan();
    let has = |wanted: fn(&Source) -> bool| plan.segments().iter().any(|segment| wanted(&segment.source));
    assert!(has(|source| matches!(source, Source::Null)));
    assert!(has(|source| matches!(source, Source::Own { .. })));
    assert!(has(|source| matches!(source, Source::Seed { .. })));
    assert!(has(|source| matches!(source, Source::Fetch)));
}
