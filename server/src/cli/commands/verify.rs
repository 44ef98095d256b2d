//! `aria verify`: check every chunk of a local store.

use aria_storage::{core::StoredForm, maintain::verify_store};
use serde::Serialize;

use crate::cli::{CliError, Context, Result, options::local_store, report};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The store
    #[arg(short, long, value_name = "DIR")]
    store: String,

    /// Remove chunks that are not what their names say
    #[arg(short, long)]
    repair: bool,

    /// How many threads work; 0 for one per processor
    #[arg(short = 'n', long, default_value_t = 0, value_name = "N")]
    concurrency: usize,
}

#[derive(Serialize)]
struct Report {
    chunks: u64,
    bad: Vec<Bad>,
}

#[derive(Serialize)]
struct Bad {
    id: String,
    problem: String,
    removed: bool,
}

pub(crate) async fn run(args: Args, context: &Context) -> Result {
    let store = local_store(&args.store, StoredForm::Compressed)?;
    let progress = context.progress.clone();
    let stats = verify_store(store, args.repair, args.concurrency, progress, context.cancel.clone()).await?;
    for bad in &stats.bad {
        say!("aria: {}{}", bad.error, if bad.removed { "; removed" } else { "" });
    }
    let left = stats.bad.iter().filter(|bad| !bad.removed).count();
    let bad = stats
        .bad
        .iter()
        .map(|bad| Bad { id: bad.id.to_string(), problem: bad.error.to_string(), removed: bad.removed })
        .collect();
    report::done(context, &Report { chunks: stats.chunks, bad }, || {
        format!("{}: {} chunks, {} bad", args.store, stats.chunks, stats.bad.len())
    })?;
    if left > 0 {
        return Err(CliError::Found(format!("{left} bad chunks are in {}", args.store)));
    }
    Ok(())
}
