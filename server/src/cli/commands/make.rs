//! `aria make`: cut a file into chunks, store them, write its index.

use std::path::PathBuf;

use aria_storage::{Input, core::StoredForm, index_file, make};
use serde::Serialize;

use crate::cli::{
    Context, Result,
    options::{Access, Cutting, Storing},
    report,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where the index is written: a path, a URL that takes PUT, or - for standard output
    index: String,

    /// The file, or - for standard input
    file: PathBuf,

    /// Where chunks are stored (a local store is made if it is not there); without, only the index is made
    #[arg(short, long, value_name = "STORE")]
    store: Option<String>,

    /// Print what was stored, as JSON on standard error, by desync's names
    #[arg(long)]
    print_stats: bool,

    #[command(flatten)]
    cutting: Cutting,
    #[command(flatten)]
    storing: Storing,
    #[command(flatten)]
    access: Access,
}

/// desync's names.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PrintedStats {
    chunks_accepted: u64,
    chunks_produced: u64,
}

#[derive(Serialize)]
struct Report {
    index: String,
    chunks: u64,
    bytes: u64,
    new_chunks: u64,
    new_bytes: u64,
    stored_bytes: u64,
}

pub(crate) async fn run(args: Args, context: &Context) -> Result {
    let store = match &args.store {
        Some(location) => Some(args.access.target(location, args.storing.form())?),
        None => None,
    };
    let stored = store.is_some();
    let options = args.cutting.make_options(args.storing.level, args.access.width(), context);
    let made = make(Input::parse(&args.file), store, false, &options).await?;
    index_file::write(&args.index, &made.index, &args.access.store_options(StoredForm::Compressed)).await?;
    let stats = made.stats;
    if args.print_stats {
        let printed = PrintedStats { chunks_accepted: stats.chunks, chunks_produced: stats.new_chunks };
        say!("{}", serde_json::to_string_pretty(&printed).unwrap_or_default());
    }
    if args.index == "-" {
        return Ok(());
    }
    let report = Report {
        index: args.index.clone(),
        chunks: stats.chunks,
        bytes: stats.bytes,
        new_chunks: stats.new_chunks,
        new_bytes: stats.new_bytes,
        stored_bytes: stats.stored_bytes,
    };
    report::done(context, &report, || {
        let cut = format!("{}: {} chunks, {}", args.index, stats.chunks, report::bytes(stats.bytes));
        if !stored {
            return cut;
        }
        let (new, size, took) =
            (stats.new_chunks, report::bytes(stats.new_bytes), report::bytes(stats.stored_bytes));
        format!("{cut}; {new} of them new in the store, {size} as {took}")
    })
}
