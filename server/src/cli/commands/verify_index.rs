//! `aria verify-index`: check that a file is what its index says.

use std::{path::PathBuf, sync::Arc};

use aria_storage::maintain::verify_file;

use crate::cli::{Context, Result, options::Access};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The index: a path, a URL, or - for standard input
    index: String,

    /// The file
    file: PathBuf,

    #[command(flatten)]
    access: Access,
}

pub(crate) async fn run(args: Args, context: &Context) -> Result {
    let index = Arc::new(args.access.index(&args.index).await?);
    let (progress, cancel) = (context.progress.clone(), context.cancel.clone());
    Ok(verify_file(index, &args.file, args.access.width(), progress, cancel).await?)
}
