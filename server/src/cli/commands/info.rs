//! `aria info`: tell what an index holds, and how much of it is at hand.

use std::{collections::HashMap, path::PathBuf};

use aria_storage::{
    Error,
    core::{ChunkId, Index},
    maintain::{IndexInfo, info},
};
use hashbrown::HashSet;
use serde::{Deserialize, Serialize};

use crate::cli::{
    CliError, Context, Result,
    options::Access,
    report::{self, Format},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The index: a path, a URL, or - for standard input
    index: String,

    /// Count how many chunks these stores have
    #[arg(short, long, value_name = "STORE", value_delimiter = ',')]
    store: Vec<String>,

    /// Count how many chunks the files of these indexes have
    #[arg(long, value_name = "INDEX", value_delimiter = ',')]
    seed: Vec<String>,

    /// Count how many chunks this store has
    #[arg(short, long, value_name = "STORE")]
    cache: Option<String>,

    /// Sum up compressed sizes from this file, as `inspect-chunks` writes it
    #[arg(long, value_name = "FILE")]
    chunks_info: Option<PathBuf>,

    #[command(flatten)]
    access: Access,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Report {
    #[serde(flatten)]
    info: IndexInfo,
    dedup_size_not_in_seed_nor_cache_compressed: u64,
}

/// An entry of what `inspect-chunks` writes.
#[derive(Deserialize)]
struct Inspected {
    id: ChunkId,
    uncompressed_size: u64,
    #[serde(default)]
    compressed_size: u64,
}

pub(crate) async fn run(args: Args, context: &Context) -> Result {
    let index = args.access.index(&args.index).await?;
    let seeds = args.access.indexes(&args.seed).await?;
    let store = if args.store.is_empty() { None } else { Some(args.access.stores(&args.store)?) };
    let cache =
        args.cache.as_ref().map(|cache| args.access.stores(std::slice::from_ref(cache))).transpose()?;
    let info = info(&index, store, &seeds, cache.clone(), args.access.width()).await?;
    let compressed = match &args.chunks_info {
        None => 0,
        Some(path) => {
            let mut have: HashSet<ChunkId> = seeds.iter().flat_map(Index::chunks).map(|c| c.id).collect();
            if let Some(cache) = &cache {
                for chunk in index.chunks() {
                    if cache.has(&chunk.id).await? {
                        have.insert(chunk.id);
                    }
                }
            }
            compressed_size(&index, path, have)?
        }
    };
    let report = Report { info, dedup_size_not_in_seed_nor_cache_compressed: compressed };
    // JSON unless asked otherwise, as in desync.
    if context.format != Format::Plain {
        return report::json(&report);
    }
    let lines = [
        ("Total chunks", info.total),
        ("Unique chunks", info.unique),
        ("Chunks in store", info.in_store),
        ("Chunks in seed", info.in_seed),
        ("Chunks in cache", info.in_cache),
        ("Chunks neither in seed nor cache", info.not_in_seed_nor_cache),
        ("Size", info.size),
        ("Deduplicated size not in seed", info.dedup_size_not_in_seed),
        ("Deduplicated size neither in seed nor cache", info.dedup_size_not_in_seed_nor_cache),
        ("Deduplicated size neither in seed nor cache, compressed", compressed),
        ("Chunk size min", info.chunk_size_min),
        ("Chunk size avg", info.chunk_size_avg),
        ("Chunk size max", info.chunk_size_max),
    ];
    let text: String = lines.iter().map(|(label, value)| format!("{label}: {value}\n")).collect();
    report::out(text.as_bytes())
}

/// The stored size of the chunks that are not in `have`; 0 if it is not known for all of them.
fn compressed_size(index: &Index, path: &PathBuf, mut have: HashSet<ChunkId>) -> Result<u64> {
    let text = std::fs::read(path).map_err(Error::io("read", path))?;
    let wrong = |reason: String| CliError::Usage(format!("{}: {reason}", path.display()));
    let inspected: Option<Vec<Inspected>> =
        serde_json::from_slice(&text).map_err(|error| wrong(format!("not a list of chunks: {error}")))?;
    let sizes: HashMap<ChunkId, Inspected> =
        inspected.into_iter().flatten().map(|chunk| (chunk.id, chunk)).collect();
    let mut sum = 0;
    for chunk in index.chunks() {
        if !have.insert(chunk.id) {
            continue;
        }
        match sizes.get(&chunk.id) {
            Some(known) if known.uncompressed_size != u64::from(chunk.size) => {
                return Err(wrong(format!("chunk {} has another size than in the index", chunk.id)));
            }
            Some(known) if known.compressed_size > 0 => sum += known.compressed_size,
            _ => return Ok(0),
        }
    }
    Ok(sum)
}
