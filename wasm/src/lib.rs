//! The core of aria-storage for JavaScript.
//!
//! Everything here is synchronous and does no I/O: JavaScript brings the bytes of indexes, seeds and stored
//! chunks, and is told what to fetch and where it belongs. The decisions are the core's, the same as in the
//! native SDK. [`session`] holds the logic, this module its JavaScript face.
//!
//! Chunk bytes cross the border once each way: stored bytes are copied in, decoded bytes are copied straight
//! to their place in the output. Chunks that come together are decoded as a batch: in the build for SIMD128
//! four of them are hashed in little more than the time of one.

pub mod session;

use aria_storage_core::{ChunkError, IndexError, Source, StoredForm};
use js_sys::{Array, Error, Float64Array, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;

use crate::session::{SeedBuilder, Update};

/// How many numbers describe a segment in [`Session::segments`].
const SEGMENT_FIELDS: usize = 7;

/// One update: a target, what is at hand for it, and the plan made of both.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Session {
    update: Update,
    seed: Option<SeedBuilder>,
}

#[wasm_bindgen]
impl Session {
    /// For the target with this index. Throws an error with a `code` if the bytes are not an index.
    #[wasm_bindgen(constructor)]
    pub fn new(index: &[u8]) -> Result<Session, Error> {
        let update = Update::new(index).map_err(|error| index_error(&error))?;
        Ok(Self { update, seed: None })
    }

    /// The size of the target in bytes.
    #[wasm_bindgen(getter)]
    pub fn size(&self) -> f64 {
        self.update.index().len() as f64
    }

    /// The number of chunks of the target.
    #[wasm_bindgen(getter, js_name = chunkCount)]
    pub fn chunk_count(&self) -> u32 {
        self.update.index().chunks().len() as u32
    }

    /// Adds a seed by its index. Seeds are numbered from 0 in the order they are added.
    #[wasm_bindgen(js_name = addSeedIndex)]
    pub fn add_seed_index(&mut self, index: &[u8]) -> Result<(), Error> {
        self.update.add_seed_index(index).map_err(|error| index_error(&error))
    }

    /// Begins a seed that has no index: its bytes follow by [`push_seed`](Self::push_seed), in order.
    #[wasm_bindgen(js_name = beginSeed)]
    pub fn begin_seed(&mut self) {
        self.seed = Some(SeedBuilder::new());
    }

    /// The next bytes of the seed that was begun.
    #[wasm_bindgen(js_name = pushSeed)]
    pub fn push_seed(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let seed = self.seed.as_mut().ok_or_else(|| error("usage", "no seed was begun"))?;
        seed.push(self.update.index(), bytes).map_err(|error| index_error(&error))
    }

    /// The seed that was begun is complete.
    #[wasm_bindgen(js_name = endSeed)]
    pub fn end_seed(&mut self) -> Result<(), Error> {
        let seed = self.seed.take().ok_or_else(|| error("usage", "no seed was begun"))?;
        let index = seed.finish(self.update.index()).map_err(|error| index_error(&error))?;
        self.update.add_seed(index);
        Ok(())
    }

    /// Makes the plan. Gives its segments, seven numbers each: the kind of source (0 in place, 1 zeros, 2 a
    /// seed, 3 the output itself, 4 a cache, 5 the store), the number of the seed, the offset in the source,
    /// the start and the end in the target, the number of the first chunk, the number of chunks. Segments
    /// from the output itself are to be copied when all others are there.
    pub fn plan(&mut self) -> Float64Array {
        let mut out = Vec::new();
        for segment in self.update.plan().segments() {
            let (kind, seed, offset) = match segment.source {
                Source::Null => (1, 0, 0),
                Source::Seed { seed, offset } => (2, seed, offset),
                Source::Own { offset } => (3, 0, offset),
                Source::Cache => (4, 0, 0),
                Source::Fetch => (5, 0, 0),
                // Nothing is in place in a new buffer, and no other source is planned.
                _ => (0, 0, 0),
            };
            let fields: [f64; SEGMENT_FIELDS] = [
                f64::from(kind),
                seed as f64,
                offset as f64,
                segment.bytes.start as f64,
                segment.bytes.end as f64,
                segment.chunks.start as f64,
                segment.chunks.len() as f64,
            ];
            out.extend_from_slice(&fields);
        }
        Float64Array::from(&out[..])
    }

    /// The number of different chunks of the target.
    #[wasm_bindgen(getter, js_name = uniqueChunks)]
    pub fn unique_chunks(&self) -> f64 {
        self.update.unique_chunks() as f64
    }

    /// Where the chunk `number` starts in the target, in bytes; the end of the target for one too many.
    #[wasm_bindgen(js_name = chunkStart)]
    pub fn chunk_start(&self, number: u32) -> f64 {
        self.update.chunk_start(number as usize) as f64
    }

    /// The path of a chunk below the root of a store.
    #[wasm_bindgen(js_name = chunkPath)]
    pub fn chunk_path(&self, number: u32) -> Result<String, Error> {
        let chunk = self.update.chunk(number as usize).ok_or_else(no_chunk)?;
        Ok(chunk.id.store_path(StoredForm::Compressed))
    }

    /// The name of a chunk.
    #[wasm_bindgen(js_name = chunkId)]
    pub fn chunk_id(&self, number: u32) -> Result<String, Error> {
        let chunk = self.update.chunk(number as usize).ok_or_else(no_chunk)?;
        Ok(hex(chunk.id.as_bytes()))
    }

    /// The most bytes that a chunk can have as a store keeps it.
    #[wasm_bindgen(js_name = maxStoredSize)]
    pub fn max_stored_size(&self, number: u32) -> Result<f64, Error> {
        let chunk = self.update.chunk(number as usize).ok_or_else(no_chunk)?;
        Ok(StoredForm::Compressed.max_stored_size(chunk.size as usize) as f64)
    }

    /// Decodes a chunk from its stored bytes, checks it, and copies it to `output` at `offset`. Throws an
    /// error with a `code` if it is not what its name says; `output` is then untouched.
    pub fn decode(
        &mut self,
        number: u32,
        stored: &[u8],
        output: &Uint8Array,
        offset: u32,
    ) -> Result<(), Error> {
        let bytes = self
            .update
            .decode(number as usize, stored)
            .ok_or_else(no_chunk)?
            .map_err(|error| chunk_error(&error))?;
        copy(bytes, output, offset.into())
    }

    /// Decodes a chunk from its stored bytes into the batch. Throws an error with a `code` if it cannot be
    /// decoded; it is not in the batch then.
    #[wasm_bindgen(js_name = addToBatch)]
    pub fn add_to_batch(&mut self, number: u32, stored: &[u8]) -> Result<(), Error> {
        self.update
            .add_to_batch(number as usize, stored)
            .ok_or_else(no_chunk)?
            .map_err(|error| chunk_error(&error))
    }

    /// Checks the chunks of the batch together, which is faster than one by one, and copies those that are
    /// what their names say to their places in `output`, which is to have the size of the target. Gives for
    /// each chunk, in the order in which they were added, `undefined` or an error with a `code`. The batch
    /// is empty then.
    #[wasm_bindgen(js_name = finishBatch)]
    pub fn finish_batch(&mut self, output: &Uint8Array) -> Array {
        let told = Array::new();
        self.update.finish_batch(|_, start, chunk| {
            let copied =
                chunk.map_err(|error| chunk_error(&error)).and_then(|bytes| copy(bytes, output, start));
            told.push(&copied.map_or_else(Into::into, |()| JsValue::UNDEFINED));
        });
        told
    }

    /// The numbers of those chunks that are not what they should be, of the `count` chunks from number `first`
    /// on, whose bytes, or as many of them as there are, follow each other in `bytes`.
    pub fn damaged(&self, first: u32, count: u32, bytes: &[u8]) -> Vec<u32> {
        let damaged = self.update.damaged(first as usize, count as usize, bytes);
        damaged.into_iter().map(|number| number as u32).collect()
    }
}

/// Copies bytes to their place.
fn copy(bytes: &[u8], output: &Uint8Array, offset: u64) -> Result<(), Error> {
    let end = offset + bytes.len() as u64;
    if end > output.length().into() {
        return Err(error("usage", "the output is too short"));
    }
    output.subarray(offset as u32, end as u32).copy_from(bytes);
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

/// A JavaScript error with a `code`.
fn error(code: &str, message: &str) -> Error {
    let error = Error::new(message);
    // Setting a property on an object that was just made cannot fail.
    let _ = Reflect::set(&error, &"code".into(), &code.into());
    error
}

fn no_chunk() -> Error {
    error("usage", "the target has no chunk of that number")
}

fn index_error(found: &IndexError) -> Error {
    let code = match found {
        IndexError::BadMagic(_) => "not-an-index",
        IndexError::Truncated { .. } | IndexError::MissingTail { .. } => "truncated",
        _ => "invalid-index",
    };
    error(code, &found.to_string())
}

fn chunk_error(found: &ChunkError) -> Error {
    let code = match found {
        ChunkError::Truncated { .. } => "truncated",
        ChunkError::OtherDigest { .. } => "wrong-digest",
        _ => "corrupt",
    };
    error(code, &found.to_string())
}
