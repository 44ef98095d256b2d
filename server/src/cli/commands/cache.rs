//! `aria cache`: copy the chunks of indexes into another store.

use aria_storage::maintain::{CopyOptions, CopyStats, cache};
use serde::Serialize;

use crate::cli::{
    Context, Result,
    options::{Access, Ignoring, Storing},
    report,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The indexes: paths, URLs, or - for standard input
    #[arg(required = true, value_name = "INDEX")]
    indexes: Vec<String>,

    /// Where chunks are; several are asked one after the other
    #[arg(short, long, value_name = "STORE", required = true, value_delimiter = ',')]
    store: Vec<String>,

    /// The store they are copied to
    #[arg(short, long, value_name = "STORE")]
    cache: String,

    #[command(flatten)]
    how: Copying,
}

/// How chunks are copied, for `cache` and `chop`.
#[derive(Debug, clap::Args)]
pub(super) struct Copying {
    #[command(flatten)]
    ignoring: Ignoring,
    #[command(flatten)]
    pub(super) storing: Storing,
    #[command(flatten)]
    pub(super) access: Access,
}

impl Copying {
    /// The options for the SDK.
    pub(super) async fn options(&self, context: &Context) -> Result<CopyOptions> {
        Ok(CopyOptions {
            ignore: self.ignoring.ids(&self.access).await?,
            concurrency: self.access.width(),
            level: self.storing.level,
            progress: context.progress.clone(),
            cancel: context.cancel.clone(),
        })
    }
}

pub(crate) async fn run(args: Args, context: &Context) -> Result {
    let source = args.how.access.stores(&args.store)?;
    let indexes = args.how.access.indexes(&args.indexes).await?;
    let options = args.how.options(context).await?;
    let target = args.how.access.target(&args.cache, args.how.storing.form())?;
    let stats = cache(&indexes, source, target, &options).await?;
    report_copied(&args.cache, stats, context)
}

/// What `cache` and `chop` say at the end.
pub(super) fn report_copied(target: &str, stats: CopyStats, context: &Context) -> Result {
    #[derive(Serialize)]
    struct Report {
        chunks: u64,
        copied: u64,
    }
    report::done(context, &Report { chunks: stats.chunks, copied: stats.copied }, || {
        format!("{target}: {} chunks needed, {} of them new", stats.chunks, stats.copied)
    })
}
