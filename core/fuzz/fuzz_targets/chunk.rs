//! Decoding any bytes stays within its limit and never panics.
#![no_main]

use aria_storage_core::{
    ChunkId, Digest, StoredForm,
    codec::{Decoder, ExpectedSize},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    const LIMIT: usize = 70_000;
    let id = ChunkId::new([0; 32]);
    for form in [StoredForm::Compressed, StoredForm::Plain] {
        for size in [ExpectedSize::AtMost(LIMIT), ExpectedSize::Exactly(data.len() % LIMIT)] {
            let mut chunk = Vec::new();
            let mut decoder = Decoder::new();
            let decoded = decoder.decode_unverified(form, data, size, &mut chunk);
            assert!(chunk.len() <= LIMIT && chunk.capacity() <= LIMIT * 2);
            if decoded.is_ok() {
                assert!(decoder.decode(form, data, Digest::Sha256, &id, size, &mut chunk).is_err());
                let right = Digest::Sha256.id(&chunk);
                assert!(decoder.decode(form, data, Digest::Sha256, &right, size, &mut chunk).is_ok());
            }
        }
    }
});
