//! `aria chop`: store the chunks of a file according to an index that exists.

use std::path::PathBuf;

use aria_storage::maintain::chop;

use super::cache::{Copying, report_copied};
use crate::cli::{Context, Result};

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
    how: Copying,
}

pub(crate) async fn run(args: Args, context: &Context) -> Result {
    let index = args.how.access.index(&args.index).await?;
    let options = args.how.options(context).await?;
    let target = args.how.access.target(&args.store, args.how.storing.form())?;
    let stats = chop(&index, &args.file, target, &options).await?;
    report_copied(&args.store, stats, context)
}
