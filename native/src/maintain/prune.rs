//! Removing from a store the chunks that no index needs.

use std::{fs, io, sync::Arc};

use aria_storage_core::{ChunkId, Index, StoredForm};
use futures_util::TryStreamExt;
use hashbrown::HashSet;
use tokio_util::sync::CancellationToken;

use crate::{
    Error, Result,
    progress::{Phase, Progress},
    store::{LocalStore, Store},
};

/// What [`prune`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PruneStats {
    /// Chunks removed.
    pub removed: u64,
    /// What interrupted writers had left, removed as well.
    pub leftovers: u64,
}

/// The chunks of a store that none of the indexes needs.
pub async fn prune_candidates(store: &dyn Store, keep: &[Index]) -> Result<Vec<(ChunkId, StoredForm)>> {
    let keep: HashSet<ChunkId> = keep.iter().flat_map(Index::chunks).map(|chunk| chunk.id).collect();
    let unneeded = store.list().await?.try_filter(|(id, _)| std::future::ready(!keep.contains(id)));
    unneeded.try_collect().await
}

/// Removes chunks from a store, and what interrupted writers left there. Nobody should be writing to the
/// store at the same time: a chunk that was just stored for an index that is not yet written looks unneeded.
pub async fn prune(
    store: Arc<LocalStore>,
    unneeded: Vec<(ChunkId, StoredForm)>,
    progress: Arc<dyn Progress>,
    cancel: CancellationToken,
) -> Result<PruneStats> {
    tokio::task::spawn_blocking(move || {
        progress.start(Phase::Prune, Some(unneeded.len() as u64));
        let mut stats = PruneStats::default();
        for (id, form) in unneeded {
            if cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
            store.remove(&id, form)?;
            stats.removed += 1;
            progress.advance(Phase::Prune, 1);
        }
        for path in store.walk_leftovers() {
            let path = path?;
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::io("remove", &path)(error));
                }
                _ => stats.leftovers += 1,
            }
        }
        progress.finish(Phase::Prune);
        Ok(stats)
    })
    .await?
}
