//! Chunks that a thread reads itself: from the cache, and from stores that are local folders.
//!
//! There is no task and no copy a chunk here: stored bytes go into one buffer that is kept, and are decoded to
//! where the chunk is wanted. Their check can be left for later, so that many chunks are hashed together.

use std::{fmt, sync::atomic::Ordering};

use aria_storage_core::{
    ChunkError,
    codec::{Decoder, verify},
    index::IndexChunk,
};

use super::ChunkSource;
use crate::{Error, Result, store::LocalStore};

/// Where bytes came from that have yet to be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The cache.
    Cache,
    /// A store, by its place among several, and how many stored bytes were read there.
    Store { number: usize, stored: usize },
}

/// What has become of a chunk that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loaded {
    /// Its bytes are there and right, and counted.
    Checked,
    /// Bytes are there; [`Loader::right`] or [`Loader::wrong`] is to be told what they are.
    Unchecked(Origin),
    /// It is not to be had here, but from a store that is not local.
    Elsewhere,
}

/// Loads chunks on one thread.
pub(crate) struct Loader<'a> {
    source: &'a ChunkSource,
    /// The stores, if all of them are local.
    stores: Option<Vec<&'a LocalStore>>,
    decoder: Decoder,
    stored: Vec<u8>,
}

impl<'a> Loader<'a> {
    /// For chunks of this source.
    pub(crate) fn new(source: &'a ChunkSource) -> Self {
        Self { source, stores: source.store.locals(), decoder: Decoder::new(), stored: Vec::new() }
    }

    /// Loads a chunk, looking for it in the cache first if `cached`. `place` has exactly its size.
    ///
    /// A chunk in the cache that cannot be decoded is passed over, with a notice. One in a store is an error,
    /// and so is one that no store has.
    pub(crate) fn load(&mut self, chunk: &IndexChunk, cached: bool, place: &mut [u8]) -> Result<Loaded> {
        if cached && self.load_cached(chunk, place)? {
            return Ok(Loaded::Unchecked(Origin::Cache));
        }
        let Some(stores) = &self.stores else { return Ok(Loaded::Elsewhere) };
        for (number, store) in stores.iter().enumerate() {
            let form = match store.read_into(&chunk.id, place.len(), &mut self.stored) {
                Err(Error::MissingChunk { .. }) => continue,
                other => other?,
            };
            self.decoder
                .decode_in_place_unverified(form, &self.stored, place)
                .map_err(|source| bad(chunk, store, source))?;
            let origin = Origin::Store { number, stored: self.stored.len() };
            let Some(cache) = &self.source.cache else { return Ok(Loaded::Unchecked(origin)) };
            // The stored bytes are at hand only now, and nothing goes into a cache unchecked.
            verify(place, self.source.digest, &chunk.id).map_err(|source| bad(chunk, store, source))?;
            self.source.keep(
                cache,
                &chunk.id,
                form,
                &self.stored,
                place,
                &store.root().display().to_string(),
            )?;
            self.right(origin, place.len());
            return Ok(Loaded::Checked);
        }
        Err(Error::MissingChunk { id: chunk.id, place: self.source.store.location() })
    }

    /// As [`load`](Self::load), and checks the chunk. `false` if it is to be had elsewhere only.
    pub(crate) fn load_checked(
        &mut self,
        chunk: &IndexChunk,
        cached: bool,
        place: &mut [u8],
    ) -> Result<bool> {
        match self.load(chunk, cached, place)? {
            Loaded::Checked => Ok(true),
            Loaded::Elsewhere => Ok(false),
            Loaded::Unchecked(origin) if self.source.digest.id(place) == chunk.id => {
                self.right(origin, place.len());
                Ok(true)
            }
            Loaded::Unchecked(origin) => self.wrong(origin, chunk, place),
        }
    }

    /// Counts a chunk of `size` bytes that has proven right.
    pub(crate) fn right(&self, origin: Origin, size: usize) {
        match origin {
            Origin::Cache => {
                self.source.counts.cached_chunks.fetch_add(1, Ordering::Relaxed);
            }
            Origin::Store { stored, .. } => self.source.count_fetched(size, stored),
        }
    }

    /// Deals with bytes that have proven wrong: those from a cache are loaded again from elsewhere (`false` if
    /// that is not local), those from a store are an error.
    pub(crate) fn wrong(&mut self, origin: Origin, chunk: &IndexChunk, place: &mut [u8]) -> Result<bool> {
        let Err(source) = verify(place, self.source.digest, &chunk.id) else { return Ok(true) };
        match (origin, &self.source.cache, &self.stores) {
            (Origin::Store { number, .. }, _, Some(stores)) => Err(bad(chunk, stores[number], source)),
            (Origin::Cache, Some(cache), _) => {
                self.source.bad_in_cache(&bad(chunk, cache, source));
                self.load_checked(chunk, false, place)
            }
            _ => Ok(false),
        }
    }

    fn load_cached(&mut self, chunk: &IndexChunk, place: &mut [u8]) -> Result<bool> {
        let Some(cache) = &self.source.cache else { return Ok(false) };
        let found = cache.read_into(&chunk.id, place.len(), &mut self.stored).and_then(|form| {
            self.decoder
                .decode_in_place_unverified(form, &self.stored, place)
                .map_err(|source| bad(chunk, cache, source))
        });
        match found {
            Ok(()) => Ok(true),
            Err(Error::MissingChunk { .. }) => Ok(false),
            Err(error @ Error::BadChunk { .. }) => {
                self.source.bad_in_cache(&error);
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

fn bad(chunk: &IndexChunk, store: &LocalStore, source: ChunkError) -> Error {
    Error::BadChunk { id: chunk.id, place: store.root().display().to_string(), source }
}

impl fmt::Debug for Loader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loader").field("stores", &self.stores).finish_non_exhaustive()
    }
}
