//! Compressing, decompressing and verifying chunks of 64 KiB, one context for all of them.

use std::hint::black_box;

use aria_storage_core::{
    ChunkError, ChunkId, Digest, StoredForm,
    codec::{DEFAULT_LEVEL, Decoder, Encoder, ExpectedSize},
};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

mod data;

/// The average size of chunks.
const CHUNK: usize = 64 << 10;
const FORM: StoredForm = StoredForm::Compressed;
const DIGEST: Digest = Digest::Sha256;

fn compress(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("compress");
    group.throughput(Throughput::Bytes(data::LEN as u64)).sample_size(10);
    for level in [1, DEFAULT_LEVEL] {
        for (name, data) in data::kinds() {
            let (mut encoder, mut stored) = (Encoder::new(level).expect("memory"), Vec::new());
            group.bench_with_input(
                BenchmarkId::new(format!("level {level}"), name),
                &data,
                |bencher, data| {
                    bencher.iter(|| {
                        for chunk in black_box(data).chunks(CHUNK) {
                            encoder.encode(FORM, chunk, &mut stored).expect("any chunk can be encoded");
                        }
                    });
                },
            );
        }
    }
    group.finish();
}

/// A chunk's ID and its stored bytes.
fn stored(data: &[u8]) -> Result<Vec<(ChunkId, Vec<u8>)>, ChunkError> {
    let mut encoder = Encoder::new(DEFAULT_LEVEL)?;
    let encode = |chunk: &[u8]| {
        let mut stored = Vec::new();
        encoder.encode(FORM, chunk, &mut stored)?;
        Ok((DIGEST.id(chunk), stored))
    };
    data.chunks(CHUNK).map(encode).collect()
}

fn decompress(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decompress");
    group.throughput(Throughput::Bytes(data::LEN as u64)).sample_size(20);
    let (mut decoder, mut chunk, size) = (Decoder::new(), Vec::new(), ExpectedSize::Exactly(CHUNK));
    for (name, data) in data::kinds() {
        let chunks = stored(&data).expect("any chunk can be encoded");
        group.bench_with_input(BenchmarkId::new("alone", name), &chunks, |bencher, chunks| {
            bencher.iter(|| {
                for (_, stored) in black_box(chunks) {
                    decoder.decode_unverified(FORM, stored, size, &mut chunk).expect("what was encoded");
                }
            });
        });
        group.bench_with_input(BenchmarkId::new("verified, SHA-256", name), &chunks, |bencher, chunks| {
            bencher.iter(|| {
                for (id, stored) in black_box(chunks) {
                    decoder.decode(FORM, stored, DIGEST, id, size, &mut chunk).expect("what was encoded");
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, compress, decompress);
criterion_main!(benches);
