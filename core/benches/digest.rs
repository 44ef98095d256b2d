//! Hashing a batch of chunks on one thread: one after another, and with each kernel this processor can run.
//!
//! `cargo bench -p aria-storage-core --bench digest`

use std::hint::black_box;

use aria_storage_core::{Digest, cpu::Features};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

/// Bytes that do not repeat (`SplitMix64`).
fn bytes(len: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let words = std::iter::repeat_with(|| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)).to_le_bytes()
    });
    words.flatten().take(len).collect()
}

/// Sixteen lengths as a chunker gives them: between 16 and 256 KiB, most below the average of 64.
const LENGTHS: [usize; 16] = [
    16_384, 61_003, 27_950, 92_417, 18_222, 262_144, 40_961, 33_333, 75_020, 120_777, 22_501, 50_999, 36_864,
    181_245, 19_999, 66_066,
];

fn digest(c: &mut Criterion) {
    let data = bytes(LENGTHS.iter().sum());
    let mut rest = data.as_slice();
    let batch: Vec<&[u8]> = LENGTHS.iter().filter_map(|len| rest.split_off(..*len)).collect();

    for digest in [Digest::Sha256, Digest::Sha512_256] {
        let mut group = c.benchmark_group(digest.name());
        group.throughput(Throughput::Bytes(data.len() as u64));
        for features in [Features::PORTABLE, Features::SHA, Features::AVX2, Features::AVX512] {
            let kernel = match digest {
                Digest::Sha512_256 => features != Features::SHA,
                Digest::Sha256 => true,
            };
            if !kernel || features.if_available() != features {
                continue;
            }
            let name =
                if features == Features::PORTABLE { "one by one".to_owned() } else { features.to_string() };
            group.bench_function(name, |b| {
                b.iter_batched_ref(
                    Vec::new,
                    |ids| digest.ids_with(features, black_box(&batch), ids),
                    BatchSize::SmallInput,
                );
            });
        }
        group.finish();
    }
}

criterion_group!(benches, digest);
criterion_main!(benches);
