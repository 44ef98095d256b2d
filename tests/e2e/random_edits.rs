//! Random versions, seeds and caches, through the SDK: what is extracted is what was made.
#![allow(clippy::unwrap_used, reason = "a failure here is the test failing")]

use std::{fs, sync::Arc};

use aria_storage::{
    ExtractOptions, Input, MakeOptions, SeedFile,
    core::{ChunkSizes, ChunkerKind, Digest, StoredForm},
    extract, make,
    store::LocalStore,
};
use aria_tests::data;
use proptest::prelude::*;

#[derive(Clone, Debug)]
struct Case {
    seed: u64,
    len: usize,
    kind: ChunkerKind,
    digest: Digest,
    form: StoredForm,
    with_seed: bool,
    with_cache: bool,
    in_place: bool,
    threads: usize,
}

fn case() -> impl Strategy<Value = Case> {
    let kinds = prop::sample::select(vec![ChunkerKind::Casync, ChunkerKind::FastCdc]);
    let digests = prop::sample::select(vec![Digest::Sha256, Digest::Sha512_256]);
    let forms = prop::sample::select(vec![StoredForm::Compressed, StoredForm::Plain]);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (any::<u64>(), 1usize..400_000, kinds, digests, forms, flags, 1usize..4).prop_map(
        |(seed, len, kind, digest, form, (with_seed, with_cache, in_place), threads)| Case {
            seed,
            len,
            kind,
            digest,
            form,
            with_seed,
            with_cache,
            in_place,
            threads,
        },
    )
}

async fn there_and_back(case: &Case) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let old = data::archive(case.seed, case.len);
    let new = data::edited(&old, case.seed ^ 1);
    fs::write(path("old"), &old).unwrap();
    fs::write(path("new"), &new).unwrap();
    let store = Arc::new(LocalStore::create(path("store"), case.form).unwrap());
    let options = MakeOptions {
        digest: case.digest,
        chunker: case.kind,
        sizes: ChunkSizes::new(256, 1024, 4096).unwrap(),
        threads: case.threads,
        ..MakeOptions::default()
    };
    let made = make(Input::Path(path("new")), Some(store.clone()), true, &options).await.unwrap();
    assert_eq!(made.content, Some(case.digest.id(&new)));
    fs::write(path("out"), &old).unwrap();
    let cache =
        case.with_cache.then(|| Arc::new(LocalStore::create(path("cache"), StoredForm::Compressed).unwrap()));
    for round in 0..2 {
        let options = ExtractOptions {
            seeds: if case.with_seed { vec![SeedFile::new(path("old"))] } else { Vec::new() },
            cache: cache.clone(),
            in_place: case.in_place,
            threads: case.threads,
            ..ExtractOptions::default()
        };
        let stats = extract(made.index.clone(), store.clone(), &path("out"), options).await.unwrap();
        assert!(fs::read(path("out")).unwrap() == new, "{case:?}");
        assert!(stats.fetched_chunks <= stats.plan.unique.chunks);
        assert_eq!(stats.bad_seed_chunks + stats.bad_cache_chunks, 0);
        if round == 1 && (case.with_cache || case.in_place) {
            assert_eq!(stats.fetched_chunks, 0, "{case:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn what_is_extracted_is_what_was_made(case in case()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(there_and_back(&case));
    }
}
