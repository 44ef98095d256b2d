//! Messages of any lengths and number: every kernel this processor can run says what the crate `sha2` says.
#![no_main]

use aria_storage_core::{Digest, cpu::Features};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Vec<u16>, &[u8])| {
    let (lengths, data) = input;
    // Lengths are cut from the bytes again and again, so that there are many messages of few bytes; each
    // starts elsewhere, so that they differ and no alignment is left out.
    let messages: Vec<&[u8]> = lengths
        .iter()
        .take(40)
        .map(|&len| {
            let rest = &data[usize::from(len) % (data.len() + 1)..];
            &rest[..rest.len().min(usize::from(len) / 3)]
        })
        .collect();
    let mut ids = Vec::new();
    for digest in [Digest::Sha256, Digest::Sha512_256] {
        let expected: Vec<_> = messages.iter().map(|message| digest.id(message)).collect();
        for features in [Features::PORTABLE, Features::SHA, Features::AVX2, Features::AVX512] {
            digest.ids_with(features, &messages, &mut ids);
            assert_eq!(ids, expected, "{digest} with {features}");
        }
    }
});
