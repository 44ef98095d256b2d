//! How fast the kernels are in memory, on one thread: `rates FILE` prints JSON with the bytes of the file (of
//! its first GiB) and the seconds of processor time that each kernel took for them.

use std::{error::Error, hint::black_box};

use aria_storage_core::{
    ChunkId, ChunkSizes, Chunker, ChunkerKind, Digest, StoredForm,
    codec::{DEFAULT_LEVEL, Decoder, Encoder, ExpectedSize},
};

/// The most that is measured on.
const LIMIT: u64 = 1 << 30;

/// How many chunks are hashed at a time where that is measured: about what a pipeline has at hand.
const MANY: usize = 64;

type Done<T> = Result<T, Box<dyn Error>>;

fn main() -> Done<()> {
    let path = std::env::args_os().nth(1).ok_or("usage: rates FILE")?;
    let mut data = Vec::new();
    std::io::Read::read_to_end(&mut std::io::Read::take(std::fs::File::open(path)?, LIMIT), &mut data)?;

    let mut seconds = Vec::new();
    let mut measure = |name: &str, work: &mut dyn FnMut() -> Done<()>| {
        let start = processor_time();
        work()?;
        seconds.push(format!("\"{name}\": {:.6}", processor_time() - start));
        Done::Ok(())
    };

    for (name, kind) in [("scan-casync", ChunkerKind::Casync), ("scan-fastcdc", ChunkerKind::FastCdc)] {
        measure(name, &mut || {
            black_box(cut(kind, &data)?);
            Ok(())
        })?;
    }
    let chunks = cut(ChunkerKind::Casync, &data)?;

    for digest in [Digest::Sha256, Digest::Sha512_256] {
        measure(digest.name(), &mut || {
            for chunk in &chunks {
                black_box(digest.id(chunk));
            }
            Ok(())
        })?;
        let mut ids = Vec::new();
        measure(&format!("{digest}-many"), &mut || {
            chunks.chunks(MANY).for_each(|chunks| digest.ids(black_box(chunks), &mut ids));
            Ok(())
        })?;
    }

    let form = StoredForm::Compressed;
    let (mut stored, mut buffer) = (Vec::new(), Vec::new());
    let mut encoder = Encoder::new(DEFAULT_LEVEL)?;
    measure("compress", &mut || {
        for chunk in &chunks {
            encoder.encode(form, chunk, &mut buffer)?;
            stored.push(buffer.as_slice().to_vec());
        }
        Ok(())
    })?;

    let mut decoder = Decoder::new();
    measure("decompress", &mut || {
        for (chunk, stored) in chunks.iter().zip(&stored) {
            decoder.decode_unverified(form, stored, ExpectedSize::Exactly(chunk.len()), &mut buffer)?;
        }
        Ok(())
    })?;
    for digest in [Digest::Sha256, Digest::Sha512_256] {
        let ids: Vec<ChunkId> = chunks.iter().map(|chunk| digest.id(chunk)).collect();
        measure(&format!("decode-{digest}"), &mut || {
            for ((chunk, stored), id) in chunks.iter().zip(&stored).zip(&ids) {
                decoder.decode(form, stored, digest, id, ExpectedSize::Exactly(chunk.len()), &mut buffer)?;
            }
            Ok(())
        })?;
    }

    println!("{{\"bytes\": {}, \"seconds\": {{{}}}}}", data.len(), seconds.join(", "));
    Ok(())
}

/// The chunks of `data` by a rule, at the default sizes.
fn cut(kind: ChunkerKind, data: &[u8]) -> Done<Vec<&[u8]>> {
    let mut chunker = Chunker::new(kind, ChunkSizes::DEFAULT)?;
    let (mut chunks, mut rest) = (Vec::new(), data);
    while let Some(len) = chunker.cut(rest, true) {
        let (chunk, behind) = rest.split_at(len);
        chunks.push(chunk);
        rest = behind;
    }
    Ok(chunks)
}

/// The seconds of processor time that this thread has used: what else the machine does is not in them.
#[cfg(unix)]
fn processor_time() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

#[cfg(not(unix))]
fn processor_time() -> f64 {
    static START: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    START.elapsed().as_secs_f64()
}
