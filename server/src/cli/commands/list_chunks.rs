//! `aria list-chunks`: list the chunk IDs of an index.

use std::fmt::Write;

use crate::cli::{
    Context, Result,
    options::Access,
    report::{self, Format},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The index: a path, a URL, or - for standard input
    index: String,

    #[command(flatten)]
    access: Access,
}

pub(crate) async fn run(args: Args, context: &Context) -> Result {
    let index = args.access.index(&args.index).await?;
    if context.format == Format::Json {
        let ids: Vec<_> = index.chunks().iter().map(|chunk| chunk.id).collect();
        return report::json(&ids);
    }
    let text = index.chunks().iter().fold(String::new(), |mut text, chunk| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}", chunk.id);
        text
    });
    report::out(text.as_bytes())
}
