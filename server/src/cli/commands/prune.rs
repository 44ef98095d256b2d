//! `aria prune`: remove the chunks of a local store that no index needs.

use std::io::{BufRead, Write};

use aria_storage::{
    Error,
    core::StoredForm,
    maintain::{ChunkSet, prune, prune_candidates},
};
use serde::Serialize;

use crate::cli::{
    Context, Result,
    options::{Access, local_store},
    report,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The indexes whose chunks are kept: paths, URLs, or - for standard input (with --yes)
    #[arg(required = true, value_name = "INDEX")]
    indexes: Vec<String>,

    /// The store
    #[arg(short, long, value_name = "DIR")]
    store: String,

    /// Do not ask
    #[arg(short, long)]
    yes: bool,

    #[command(flatten)]
    access: Access,
}

#[derive(Serialize)]
struct Report {
    removed: u64,
    leftovers: u64,
}

pub(crate) async fn run(args: Args, context: &Context) -> Result {
    let store = local_store(&args.store, StoredForm::Compressed)?;
    let mut keep = ChunkSet::new();
    // One at a time: many large indexes need not fit into memory together.
    for location in &args.indexes {
        let index = args.access.index(location).await?;
        keep.extend(index.chunks().iter().map(|chunk| chunk.id));
    }
    let unneeded = prune_candidates(store.clone(), keep, 0, context.cancel.clone()).await?;
    if !args.yes && !unneeded.is_empty() && !confirmed(unneeded.len(), &args.store)? {
        return Ok(());
    }
    let stats = prune(store, unneeded, 0, context.progress.clone(), context.cancel.clone()).await?;
    report::done(context, &Report { removed: stats.removed, leftovers: stats.leftovers }, || {
        format!("{}: {} chunks removed", args.store, stats.removed)
    })
}

/// Asks on standard output, reads from standard input; anything but yes is no.
fn confirmed(count: usize, store: &str) -> Result<bool> {
    report::out(format!("Remove {count} chunks from {store}? [y/N] ").as_bytes())?;
    std::io::stdout().flush().map_err(Error::io("write", "standard output"))?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(Error::io("read", "standard input"))?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
