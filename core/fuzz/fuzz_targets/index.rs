//! Any bytes are refused, or an index that encodes to them; in one piece or many.
#![no_main]

use aria_storage_core::{Index, index::IndexReader};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let whole = Index::decode(data);
    if let Ok(index) = &whole {
        assert_eq!(index.encode(), data);
    }
    let mut reader = IndexReader::new();
    let step = usize::from(data.first().copied().unwrap_or(0) % 61) + 1;
    let pieces = data.chunks(step).try_for_each(|piece| reader.push(piece)).and_then(|()| reader.finish());
    assert_eq!(pieces.is_ok(), whole.is_ok());
});
