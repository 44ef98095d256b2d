//! Known answers, and every kernel against the crate `sha2`.

use alloc::{string::ToString, vec};

use proptest::prelude::*;

use super::{
    lanes::{Kernel, Word},
    *,
};

extern crate std;

/// Every kernel, by the one extension that selects it.
const KERNELS: [(Digest, Features); 9] = [
    (Digest::Sha256, Features::PORTABLE),
    (Digest::Sha256, Features::SHA),
    (Digest::Sha256, Features::AVX2),
    (Digest::Sha256, Features::AVX512),
    (Digest::Sha256, Features::SIMD128),
    (Digest::Sha512_256, Features::PORTABLE),
    (Digest::Sha512_256, Features::AVX2),
    (Digest::Sha512_256, Features::AVX512),
    (Digest::Sha512_256, Features::SIMD128),
];

/// The kernels that this processor can run. Says which are left out, past the harness, which would hide it.
fn kernels() -> impl Iterator<Item = (Digest, Features)> {
    use std::io::Write;
    KERNELS.into_iter().filter(|(digest, features)| {
        let runs = features.if_available() == *features;
        let elsewhere = *features == Features::SIMD128 && !cfg!(target_arch = "wasm32");
        if !runs && !elsewhere {
            let _ = writeln!(std::io::stderr(), "skipped: {digest} with {features}: not in this processor");
        }
        runs
    })
}

/// `len` bytes that do not repeat, others for each `seed`.
fn bytes(seed: usize, len: usize) -> Vec<u8> {
    let mut state = seed as u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    core::iter::repeat_with(&mut next).take(len).collect()
}

/// Compares a kernel with the crate `sha2`, which hashes one message after another.
fn check(digest: Digest, features: Features, messages: &[Vec<u8>]) {
    let messages: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
    // What the vector held before must not matter.
    let mut ids = vec![ChunkId::new([7; 32]); 3];
    digest.ids_with(features, &messages, &mut ids);
    assert_eq!(ids.len(), messages.len());
    for (at, (message, id)) in messages.iter().zip(ids).enumerate() {
        let (len, count) = (message.len(), messages.len());
        assert_eq!(id, digest.id(message), "{digest} with {features}: {at} of {count}, {len} bytes");
    }
}

#[test]
fn every_length() {
    // All that can happen at the end of a message happens within the first few blocks.
    let lengths: Vec<usize> = match cfg!(miri) {
        true => vec![0, 1, 55, 56, 63, 64, 65, 111, 112, 119, 120, 127, 128, 129, 239, 240, 256, 300],
        false => (0..=300).chain([1000, 4095, 16_384, 65_537, 262_144]).collect(),
    };
    let messages: Vec<_> = lengths.iter().map(|&len| bytes(len, len)).collect();
    for (digest, features) in kernels() {
        check(digest, features, &messages);
    }
    if !cfg!(miri) {
        // Each length alone, and in every lane.
        for (digest, features) in kernels() {
            for &len in &lengths[..301] {
                check(digest, features, &[bytes(1, len)]);
                check(digest, features, &(0..16).map(|seed| bytes(seed, len)).collect::<Vec<_>>());
            }
        }
    }
}

#[test]
fn every_number_of_messages() {
    let counts = if cfg!(miri) { vec![0, 1, 2, 3, 5, 17] } else { (0..=20).collect() };
    for (digest, features) in kernels() {
        for &count in &counts {
            let most = if cfg!(miri) { 400 } else { 5000 };
            check(digest, features, &(0..count).map(|i| bytes(i, i * 7919 % most)).collect::<Vec<_>>());
        }
    }
}

#[test]
fn published_answers() {
    // FIPS 180-4's examples, as many times as the kernels have lanes.
    const TWO_BLOCKS_32: &[u8] = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    const TWO_BLOCKS_64: &[u8] = b"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmno\
        ijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu";
    let million = if cfg!(miri) { Vec::new() } else { vec![b'a'; 1_000_000] };
    let answers: [(Digest, &[u8], &str); 6] = [
        (Digest::Sha256, b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (Digest::Sha256, TWO_BLOCKS_32, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"),
        (Digest::Sha256, &million, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
        (Digest::Sha512_256, b"abc", "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"),
        (
            Digest::Sha512_256,
            TWO_BLOCKS_64,
            "3928e184fb8690f840da3988121d31be65cb9d3ef83ee6146feac861e19b563a",
        ),
        (Digest::Sha512_256, &million, "9a59a052930187a97038cae692f30708aa6491923ef5194394dc68d56c74fb21"),
    ];
    for (digest, features) in kernels() {
        for (_, message, answer) in
            answers.iter().filter(|(of, message, _)| *of == digest && !message.is_empty())
        {
            let mut ids = Vec::new();
            digest.ids_with(features, &[*message; 16], &mut ids);
            assert_eq!(ids.len(), 16);
            assert!(ids.iter().all(|id| id.to_string() == *answer), "{digest} with {features}: {ids:?}");
        }
    }
}

/// A kernel without vectors, so that the scheduler can be seen to work for itself.
#[derive(Clone, Copy)]
struct OneByOne;

impl<const N: usize> Kernel<N> for OneByOne {
    type Word = u32;

    const PAYS: usize = 2;

    fn compress(self, states: &mut [[u32; N]; 8], blocks: &[&[[u8; 64]]; N]) {
        for lane in 0..N {
            assert!(!blocks[lane].is_empty());
            assert_eq!(blocks[lane].len(), blocks[0].len());
            let mut state = states.map(|words| words[lane]);
            u32::compress(&mut state, blocks[lane]);
            states.iter_mut().zip(state).for_each(|(words, word)| words[lane] = word);
        }
    }
}

#[test]
fn scheduler_without_vectors() {
    fn check<const N: usize>(messages: &[&[u8]]) {
        let mut ids = vec![ChunkId::new([0; 32]); messages.len()];
        lanes::run::<_, N>(OneByOne, messages, &mut ids);
        let expected: Vec<_> = messages.iter().map(|message| Digest::Sha256.id(message)).collect();
        assert_eq!(ids, expected, "{N} lanes");
    }
    for count in [0, 1, 2, 3, 4, 5, 9, 20] {
        let messages: Vec<_> = (0..count).map(|i| bytes(i, i * 7919 % 777)).collect();
        let messages: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
        check::<2>(&messages);
        check::<3>(&messages);
        check::<8>(&messages);
    }
}

proptest! {
    #[test]
    #[cfg_attr(miri, ignore = "too slow")]
    fn any_mixture(
        lengths in proptest::collection::vec(prop_oneof![0..300_usize, 0..9000_usize], 0..24),
        seed in 0..1000_usize,
    ) {
        let messages: Vec<_> = lengths.iter().enumerate().map(|(i, &len)| bytes(seed + i, len)).collect();
        for (digest, features) in KERNELS {
            check(digest, features, &messages);
        }
    }
}

#[test]
fn known_answers() {
    assert_eq!(
        Digest::Sha512_256.id(b"").to_string(),
        "c672b8d1ef56ed28ab87c3622c5114069bdd3ad7b8f9737498d0c01ecef0967a"
    );
    assert_eq!(
        Digest::Sha256.id(b"").to_string(),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
}

#[test]
#[cfg_attr(miri, ignore = "too slow")]
fn null_chunk_of_the_default_size() {
    assert_eq!(
        Digest::Sha512_256.id_of_zeros(262_144).to_string(),
        "1c8109946feed9f9e9fe4b5144d90f05a50fb3275e848cb72f4b9546d8c533f2"
    );
    assert_eq!(
        Digest::Sha256.id_of_zeros(262_144).to_string(),
        "8a39d2abd3999ab73c34db2476849cddf303ce389b35826850f9a700589b4a90"
    );
    assert_eq!(Digest::Sha256.id_of_zeros(5000), Digest::Sha256.id(&vec![0; 5000]));
}

#[test]
fn pieces_give_the_same_id() {
    let data: Vec<u8> = (0..1000u32).map(|i| (i * 7) as u8).collect();
    for digest in [Digest::Sha256, Digest::Sha512_256] {
        let mut hasher = digest.hasher();
        data.chunks(37).for_each(|piece| hasher.update(piece));
        assert_eq!(hasher.finish(), digest.id(&data));
        assert_eq!(digest.name().parse(), Ok(digest));
    }
}
