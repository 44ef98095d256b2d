//! However a stream is split, and whatever the sizes: the same cuts, all bytes, no chunk out of bounds.
#![no_main]

use aria_storage_core::{ChunkSizes, ChunkStream, Chunker, ChunkerKind};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u16, u16, u16, u16, bool, &[u8])| {
    let (min, more, most, step, fast, data) = input;
    let (min, avg) = (u64::from(min), u64::from(min) + u64::from(more));
    let Ok(sizes) = ChunkSizes::new(min, avg, avg + u64::from(most)) else { return };
    let kind = if fast { ChunkerKind::FastCdc } else { ChunkerKind::Casync };
    let Ok(chunker) = Chunker::new(kind, sizes) else { return };

    let mut whole = Vec::new();
    let (mut one, mut start) = (chunker.clone(), 0);
    while let Some(len) = one.cut(&data[start..], true) {
        assert!(len > 0 && len <= sizes.max());
        start += len;
        whole.push(start);
    }
    assert_eq!(start, data.len());

    let (mut stream, mut cuts, mut at) = (ChunkStream::new(chunker), Vec::new(), 0);
    for piece in data.chunks(usize::from(step) + 1) {
        stream.push(piece);
        while let Some(chunk) = stream.next_chunk() {
            at += chunk.len();
            cuts.push(at);
        }
    }
    stream.end();
    while let Some(chunk) = stream.next_chunk() {
        at += chunk.len();
        cuts.push(at);
    }
    assert_eq!(cuts, whole);
});
