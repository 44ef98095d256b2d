//! `aria extract`: put a file together from its index.

use std::{
    fs,
    path::{Path, PathBuf},
};

use aria_storage::{Error, ExtractOptions, ExtractStats, SeedFile, extract, index_file};
use serde::Serialize;

use crate::cli::{
    CliError, Context, Result,
    options::{Access, cache_store},
    report,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The index: a path, a URL, or - for standard input
    index: String,

    /// The file to write
    output: PathBuf,

    /// Where chunks are; several are asked one after the other
    #[arg(short, long, value_name = "STORE", required = true, value_delimiter = ',')]
    store: Vec<String>,

    /// A folder where fetched chunks are kept, and looked for first
    #[arg(short, long, value_name = "DIR")]
    cache: Option<PathBuf>,

    /// A file that has some of the content: FILE (it is chunked), FILE.caibx (the index of FILE, beside it),
    /// or INDEX.caibx:FILE. May be given several times
    #[arg(long, value_name = "SEED", value_delimiter = ',')]
    seed: Vec<String>,

    /// A folder with seeds: every FILE.caibx in it, at any depth, that has its FILE beside it
    #[arg(long, value_name = "DIR", value_delimiter = ',')]
    seed_dir: Vec<PathBuf>,

    /// Write into the file itself instead of beside it, and keep what is right in it already
    #[arg(short = 'k', long)]
    in_place: bool,

    /// Accepted as desync's flag; what a seed no longer has is always fetched instead
    #[arg(long, conflicts_with = "regenerate_invalid_seeds")]
    skip_invalid_seeds: bool,

    /// Accepted as desync's flag; what a seed no longer has is always fetched instead
    #[arg(long)]
    regenerate_invalid_seeds: bool,

    /// Print where the content came from, as JSON on standard output
    #[arg(long)]
    print_stats: bool,

    #[command(flatten)]
    access: Access,
}

/// desync's names first, then what we count beside them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Report {
    chunks_from_seeds: u64,
    chunks_from_store: u64,
    chunks_in_place: u64,
    bytes_copied_from_seeds: u64,
    bytes_cloned_from_seeds: u64,
    bytes_total: u64,
    chunks_total: u64,
    seeds: u64,
    chunks_from_cache: u64,
    chunks_from_self: u64,
    chunks_null: u64,
    bytes_from_store: u64,
    bytes_transferred: u64,
    bad_cache_chunks: u64,
    bad_seed_chunks: u64,
}

impl Report {
    fn new(stats: &ExtractStats) -> Self {
        let plan = &stats.plan;
        let seeds = plan.from_seeds();
        Self {
            chunks_from_seeds: plan.null.chunks + seeds.chunks - stats.bad_seed_chunks,
            chunks_from_store: stats.fetched_chunks,
            chunks_in_place: plan.in_place.chunks,
            bytes_copied_from_seeds: seeds.bytes + plan.own.bytes,
            // The kernel copies ranges; whether it shares their blocks it does not say.
            bytes_cloned_from_seeds: 0,
            bytes_total: plan.total.bytes,
            chunks_total: plan.total.chunks,
            seeds: plan.seeds.len() as u64 + 1,
            chunks_from_cache: stats.cached_chunks,
            chunks_from_self: plan.own.chunks,
            chunks_null: plan.null.chunks,
            bytes_from_store: stats.fetched_bytes,
            bytes_transferred: stats.transferred_bytes,
            bad_cache_chunks: stats.bad_cache_chunks,
            bad_seed_chunks: stats.bad_seed_chunks,
        }
    }
}

pub(crate) async fn run(args: Args, context: &Context) -> Result {
    if args.output == Path::new(&args.index) {
        return Err(CliError::Usage(format!("{} is both the index and the output", args.index)));
    }
    let store = args.access.stores(&args.store)?;
    let index = args.access.index(&args.index).await?;
    let mut seeds = args.seed.iter().map(|seed| seed_file(seed)).collect::<Result<Vec<_>>>()?;
    for folder in &args.seed_dir {
        find_seeds(folder, Path::new(&args.index), &mut seeds)?;
    }
    // Opened last: an earlier error should leave nothing behind.
    let cache = args.cache.as_ref().map(cache_store).transpose()?;
    let options = ExtractOptions {
        seeds,
        cache,
        in_place: args.in_place,
        concurrency: args.access.width(),
        progress: context.progress.clone(),
        cancel: context.cancel.clone(),
        ..ExtractOptions::default()
    };
    let stats = extract(index, store, &args.output, options).await?;
    let report = Report::new(&stats);
    if args.print_stats {
        return report::json(&report);
    }
    report::done(context, &report, || sentence(&args.output, &stats))
}

fn sentence(output: &Path, stats: &ExtractStats) -> String {
    let plan = &stats.plan;
    let total = plan.total.bytes;
    let saved = match total {
        0 => 100.0,
        // What does not compress takes a little more than it has.
        total => (100.0 - 100.0 * stats.transferred_bytes as f64 / total as f64).max(0.0),
    };
    let mut parts = Vec::new();
    let sources = [
        ("already there", plan.in_place.bytes),
        ("zeros", plan.null.bytes),
        ("from seeds", plan.from_seeds().bytes),
        ("repeated", plan.own.bytes),
        ("from the cache", plan.cache.bytes),
        ("from the store", stats.fetched_bytes),
    ];
    for (name, bytes) in sources {
        if bytes > 0 {
            parts.push(format!("{} {name}", report::bytes(bytes)));
        }
    }
    format!(
        "{}: {} ({}); fetched {} in {} chunks, saved {saved:.1} %",
        output.display(),
        report::bytes(total),
        parts.join(", "),
        report::bytes(stats.transferred_bytes),
        stats.fetched_chunks,
    )
}

/// `FILE`, `FILE.caibx`, or `INDEX.caibx:FILE`.
fn seed_file(text: &str) -> Result<SeedFile> {
    let (index, file) = match text.split_once(".caibx:") {
        Some((index, file)) => (PathBuf::from(format!("{index}.caibx")), PathBuf::from(file)),
        None => match text.strip_suffix(".caibx") {
            Some(file) => (PathBuf::from(text), PathBuf::from(file)),
            None => return Ok(SeedFile::new(text)),
        },
    };
    Ok(SeedFile::with_index(file, index_file::read_path(&index)?))
}

/// Adds the seeds of a folder, but not the file that `extracted` is the index of.
fn find_seeds(folder: &Path, extracted: &Path, seeds: &mut Vec<SeedFile>) -> Result {
    let own = fs::canonicalize(extracted).ok();
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name() {
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(folder).to_path_buf();
            Error::io("search for seeds in", path)(error.into())
        })?;
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != "caibx") {
            continue;
        }
        let file = path.with_extension("");
        if file.is_file() && (own.is_none() || fs::canonicalize(path).ok() != own) {
            seeds.push(SeedFile::with_index(file, index_file::read_path(path)?));
        }
    }
    Ok(())
}
