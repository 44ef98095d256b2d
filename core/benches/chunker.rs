//! The boundary scan alone, in memory: casync's rule and FastCDC at the default sizes.

use std::hint::black_box;

use aria_storage_core::{ChunkSizes, Chunker, ChunkerKind};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

mod data;

/// How many chunks there are in `data`.
fn count(mut chunker: Chunker, mut data: &[u8]) -> usize {
    let mut chunks = 0;
    while let Some(len) = chunker.cut(data, true) {
        data = &data[len..];
        chunks += 1;
    }
    chunks
}

fn scan(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("scan");
    group.throughput(Throughput::Bytes(data::LEN as u64)).sample_size(20);
    for &kind in ChunkerKind::ALL {
        let Ok(chunker) = Chunker::new(kind, ChunkSizes::DEFAULT) else { continue };
        for (name, data) in data::kinds() {
            group.bench_with_input(BenchmarkId::new(kind.name(), name), &data, |bencher, data| {
                bencher.iter(|| count(chunker.clone(), black_box(data)));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, scan);
criterion_main!(benches);
