//! Removing from a store the chunks that no index needs.

use std::{
    fs, io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use aria_storage_core::{ChunkId, StoredForm};
use tokio_util::sync::CancellationToken;

use super::ChunkSet;
use crate::{
    Error, Result,
    progress::{Phase, Progress},
    store::{FolderContent, LocalStore},
    workers,
};

/// How many chunks a thread removes before it looks for more.
const BATCH: usize = 64;

/// What can be removed from a store, as it was found by [`prune_candidates`]. It takes 33 bytes for each chunk.
#[derive(Debug, Default)]
pub struct Unneeded {
    /// A list from each thread.
    chunks: Vec<Vec<(ChunkId, StoredForm)>>,
    leftovers: Vec<PathBuf>,
}

impl Unneeded {
    /// How many chunks that is. One that is stored in two forms counts twice.
    pub fn len(&self) -> usize {
        self.chunks.iter().map(Vec::len).sum()
    }

    /// Whether no chunk is unneeded; there can be leftovers all the same.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The chunks, in no order.
    pub fn chunks(&self) -> impl Iterator<Item = (ChunkId, StoredForm)> + '_ {
        self.chunks.iter().flatten().copied()
    }

    /// The paths of what interrupted writers left.
    pub fn leftovers(&self) -> &[PathBuf] {
        &self.leftovers
    }
}

/// What [`prune`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PruneStats {
    /// Chunks removed.
    pub removed: u64,
    /// What interrupted writers had left, removed as well.
    pub leftovers: u64,
}

/// Finds the chunks of a store that are not in `keep`, and what interrupted writers left there, on so many
/// threads (0 for one per processor).
pub async fn prune_candidates(
    store: Arc<LocalStore>,
    keep: ChunkSet,
    threads: usize,
    cancel: CancellationToken,
) -> Result<Unneeded> {
    tokio::task::spawn_blocking(move || {
        let parts = store.visit(threads, |walker| {
            let (mut unneeded, mut leftovers) = (Vec::new(), Vec::new());
            let mut content = FolderContent::default();
            while walker.next(&mut content)? {
                if cancel.is_cancelled() {
                    return Err(Error::Cancelled);
                }
                let needed = keep.in_folder(content.number);
                unneeded.extend(content.chunks.iter().filter(|(id, _)| !needed.contains(id)));
                leftovers.append(&mut content.leftovers);
            }
            Ok((unneeded, leftovers))
        })?;
        let (chunks, leftovers): (_, Vec<_>) = parts.into_iter().unzip();
        Ok(Unneeded { chunks, leftovers: leftovers.concat() })
    })
    .await?
}

/// Removes what [`prune_candidates`] found, on so many threads (0 for one per processor). Nobody should be
/// writing to the store between the two: a chunk that was just stored for an index that is not yet written
/// looks unneeded, and one that is being written looks left over.
pub async fn prune(
    store: Arc<LocalStore>,
    unneeded: Unneeded,
    threads: usize,
    progress: Arc<dyn Progress>,
    cancel: CancellationToken,
) -> Result<PruneStats> {
    tokio::task::spawn_blocking(move || {
        progress.start(Phase::Prune, Some(unneeded.len() as u64));
        let batches: Vec<&[(ChunkId, StoredForm)]> =
            unneeded.chunks.iter().flat_map(|part| part.chunks(BATCH)).collect();
        let next = AtomicUsize::new(0);
        if !batches.is_empty() {
            workers::run(threads, || {
                while let Some(batch) = batches.get(next.fetch_add(1, Ordering::Relaxed)) {
                    for (id, form) in *batch {
                        if cancel.is_cancelled() {
                            return Err(Error::Cancelled);
                        }
                        if let Err(error) = store.remove(id, *form) {
                            // The others end at their next batch.
                            next.store(batches.len(), Ordering::Relaxed);
                            return Err(error);
                        }
                    }
                    progress.advance(Phase::Prune, batch.len() as u64);
                }
                Ok(())
            })?;
        }
        let mut stats = PruneStats { removed: unneeded.len() as u64, leftovers: 0 };
        for path in &unneeded.leftovers {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::io("remove", path)(error));
                }
                _ => stats.leftovers += 1,
            }
        }
        progress.finish(Phase::Prune);
        Ok(stats)
    })
    .await?
}

#[cfg(test)]
mod tests {
    use aria_storage_core::Digest;

    use super::*;
    use crate::progress::Silent;

    fn id(number: u32) -> ChunkId {
        Digest::Sha256.id(&number.to_le_bytes())
    }

    #[tokio::test]
    async fn what_was_found_is_what_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("s.castr");
        let [plain, store] = [StoredForm::Plain, StoredForm::Compressed]
            .map(|form| Arc::new(LocalStore::create(&root, form).unwrap()));
        for number in 0..300 {
            store.write(&id(number), b"x").unwrap();
            if number % 5 == 0 {
                plain.write(&id(number), b"x").unwrap();
            }
        }
        let leftover = store.path(&id(7), StoredForm::Plain).with_file_name(".tmp-cacnk123");
        fs::write(&leftover, b"").unwrap();
        let keep: ChunkSet = (0..200).chain(1000..1100).map(id).collect();
        let cancel = CancellationToken::new();
        for threads in [1, 3] {
            let found =
                prune_candidates(Arc::clone(&store), keep.clone(), threads, cancel.clone()).await.unwrap();
            assert_eq!((found.len(), found.is_empty()), (120, false));
            assert!(found.chunks().all(|(id, _)| !keep.contains(&id)));
            assert_eq!(found.leftovers(), std::slice::from_ref(&leftover));
        }
        let found = prune_candidates(Arc::clone(&store), keep.clone(), 0, cancel.clone()).await.unwrap();
        // A chunk and a leftover that come later are not touched.
        store.write(&id(5000), b"late").unwrap();
        let late = leftover.with_file_name(".tmp-cacnk124");
        fs::write(&late, b"").unwrap();
        // One that somebody else removed is no error.
        store.remove(&id(299), StoredForm::Compressed).unwrap();
        let stats = prune(Arc::clone(&store), found, 2, Arc::new(Silent), cancel.clone()).await.unwrap();
        assert_eq!(stats, PruneStats { removed: 120, leftovers: 1 });
        let left: Vec<_> = store.walk().map(|entry| entry.unwrap().0).collect();
        assert_eq!(left.len(), 241);
        assert!(left.iter().all(|found| keep.contains(found) || *found == id(5000)));
        assert!(late.exists() && !leftover.exists());
        cancel.cancel();
        let stopped = prune_candidates(store, keep, 0, cancel).await;
        assert!(matches!(stopped, Err(Error::Cancelled)));
    }
}
