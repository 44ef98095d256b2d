//! However a stream is split, whatever the sizes and whichever kernel: the same cuts, all bytes, no chunk out of
//! bounds.
#![no_main]

use aria_storage_core::{Boundaries, ChunkSizes, ChunkStream, Chunker, ChunkerKind, cpu::Features};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u16, u16, u16, u16, bool, &[u8])| {
    let (min, more, most, step, fast, data) = input;
    let (min, avg) = (u64::from(min), u64::from(min) + u64::from(more));
    let Ok(sizes) = ChunkSizes::new(min, avg, avg + u64::from(most)) else { return };
    let kind = if fast { ChunkerKind::FastCdc } else { ChunkerKind::Casync };
    let Ok(chunker) = Chunker::new(kind, sizes) else { return };

    // The scalar search, whose result is the measure for the others.
    Features::PORTABLE.restrict();
    let mut whole = Vec::new();
    let (mut one, mut start) = (chunker.clone(), 0);
    while let Some(len) = one.cut(&data[start..], true) {
        assert!(len > 0 && len <= sizes.max());
        start += len;
        whole.push(start);
    }
    assert_eq!(start, data.len());
    Features::available().restrict();

    if let Some((boundaries, mut cutter)) = chunker.boundaries() {
        let bytes = [&[0x55; Boundaries::BEFORE][..], data].concat();
        let (mut ends, mut cuts, mut start) = (Vec::new(), Vec::new(), 0);
        for piece in data.chunks(usize::from(step) + 1) {
            boundaries.find(&bytes[start..start + Boundaries::BEFORE + piece.len()], &mut ends);
            cutter.push(piece.len() as u64, &ends);
            start += piece.len();
            while let Some(cut) = cutter.cut(start == data.len()) {
                cuts.push(cut as usize);
            }
        }
        assert_eq!(cuts, whole);
    }

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
