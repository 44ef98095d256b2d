//! `aria publish`: publish files as assets with versions.

use std::path::PathBuf;

use crate::{
    cli::{
        Context, Result,
        options::{Access, Cutting, Storing},
        report,
    },
    publish::{Outcome, PublishOptions, publish},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A file, or a folder whose files are all published under their paths in it
    #[arg(required = true)]
    sources: Vec<PathBuf>,

    /// Where to publish: a folder (made if it is not there), or a URL that takes GET, HEAD and PUT
    #[arg(short, long, value_name = "DIR|URL")]
    output: String,

    /// The name of the asset, if a single file is published under another name than its own
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// The name of the version; by default the next number
    #[arg(long = "as", value_name = "VERSION")]
    version: Option<String>,

    #[command(flatten)]
    cutting: Cutting,
    #[command(flatten)]
    storing: Storing,
    #[command(flatten)]
    access: Access,
}

pub(crate) async fn run(args: Args, context: &Context) -> Result {
    let options = PublishOptions {
        name: args.name,
        version: args.version,
        make: args.cutting.make_options(args.storing.level, 0, context),
        store: args.access.store_options(args.storing.form()),
    };
    let published = publish(&args.sources, &args.output, &options).await?;
    report::done(context, &published, || {
        let lines: Vec<String> = published
            .iter()
            .map(|asset| match asset.outcome {
                Outcome::Unchanged => format!("{}: version {} is up to date", asset.name, asset.version),
                Outcome::New => format!(
                    "{}: version {}, {} in {} chunks, {} of them new ({} stored)",
                    asset.name,
                    asset.version,
                    report::bytes(asset.bytes),
                    asset.chunks,
                    asset.new_chunks,
                    report::bytes(asset.stored_bytes),
                ),
            })
            .collect();
        lines.join("\n")
    })
}
