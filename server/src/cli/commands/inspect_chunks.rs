//! `aria inspect-chunks`: list the chunks of an index with their sizes, as JSON.

use std::path::PathBuf;

use aria_storage::{
    AtomicFile,
    core::{ChunkId, StoredForm},
};
use serde::Serialize;

use crate::cli::{
    Context, Result,
    options::{Access, local_store},
    report,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The index: a path, a URL, or - for standard input
    index: String,

    /// Where the list is written; standard output if left out
    output: Option<PathBuf>,

    /// A local store, to tell the compressed sizes as well
    #[arg(short, long, value_name = "DIR")]
    store: Option<String>,

    #[command(flatten)]
    access: Access,
}

#[derive(Serialize)]
struct Inspected {
    id: ChunkId,
    uncompressed_size: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    compressed_size: Option<u64>,
}

pub(crate) async fn run(args: Args, _: &Context) -> Result {
    let index = args.access.index(&args.index).await?;
    let store = args.store.as_ref().map(|store| local_store(store, StoredForm::Compressed)).transpose()?;
    let stored_size = |id| {
        let path = store.as_ref()?.path(&id, StoredForm::Compressed);
        std::fs::metadata(path).ok().map(|meta| meta.len())
    };
    let chunks: Vec<Inspected> = index
        .chunks()
        .iter()
        .map(|chunk| Inspected {
            id: chunk.id,
            uncompressed_size: chunk.size,
            compressed_size: stored_size(chunk.id),
        })
        .collect();
    match args.output {
        None => report::json(&chunks),
        Some(path) => {
            let text = serde_json::to_vec_pretty(&chunks)
                .map_err(|error| aria_storage::Error::io("write", &path)(error.into()))?;
            Ok(AtomicFile::write_whole(path, &text)?)
        }
    }
}
