//! `aria chop`: store the chunks of a file according to an index that exists.

use std::path::PathBuf;

use aria_storage::maintain::{CopyOptions, chop};

use super::cache::report_copied;
use crate::cli::{
    Context, Result,
    options::{Access, Ignoring, Storing},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The index: a path, a URL, or - for standard input
    index: String,

    /// The file that it describes
    file: PathBuf,

    /// Where the chunks are stored
    #[arg(short, long, value_name = "STORE")]
    store: String,

    #[command(flatten)]
    ignoring: Ignoring,
    #[command(flatten)]
    storing: Storing,
    #[command(flatten)]
    access: Access,
}

pub(crate) async fn run(args: Args, context: &Context) -> Result {
    let index = args.access.index(&args.index).await?;
    let options = CopyOptions {
        ignore: args.ignoring.ids(&args.access).await?,
        concurrency: args.access.width(),
        level: args.storing.level,
        progress: context.progress.clone(),
        cancel: context.cancel.clone(),
    };
    let target = args.access.target(&args.store, args.storing.form())?;
    let stats = chop(&index, &args.file, target, &options).await?;
    report_copied(&args.store, stats, context)
}
