//! `aria chunk`: show where a file would be cut.

use std::{
    fmt::Write,
    fs::File,
    io::{Seek, SeekFrom},
    path::PathBuf,
};

use aria_storage::{Error, Input, core::codec::DEFAULT_LEVEL, make};
use serde::Serialize;

use crate::cli::{
    Context, Result,
    options::Cutting,
    report::{self, Format},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file, or - for standard input
    file: PathBuf,

    /// Start this many bytes into the file
    #[arg(short = 'S', long, default_value_t = 0, value_name = "BYTES")]
    start: u64,

    #[command(flatten)]
    cutting: Cutting,
}

#[derive(Serialize)]
struct Cut {
    start: u64,
    length: u32,
    id: aria_storage::core::ChunkId,
}

pub(crate) async fn run(args: Args, context: &Context) -> Result {
    let input = match Input::parse(&args.file) {
        Input::Path(path) if args.start > 0 => {
            let mut file = File::open(&path).map_err(Error::io("open", &path))?;
            file.seek(SeekFrom::Start(args.start)).map_err(Error::io("seek in", &path))?;
            Input::File(file, path)
        }
        input => input,
    };
    let made = make(input, None, false, &args.cutting.make_options(DEFAULT_LEVEL, 0, context)).await?;
    let cuts = made.index.chunks().iter();
    let cuts: Vec<Cut> =
        cuts.map(|chunk| Cut { start: args.start + chunk.start, length: chunk.size, id: chunk.id }).collect();
    if context.format == Format::Json {
        return report::json(&cuts);
    }
    let text = cuts.iter().fold(String::new(), |mut text, cut| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}\t{}\t{}", cut.start, cut.length, cut.id);
        text
    });
    report::out(text.as_bytes())
}
