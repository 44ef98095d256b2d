//! `aria cat`: write the content of an index, or a part of it.

use std::{
    io::Write,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use aria_storage::{AtomicFile, Error, source::ChunkSource};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::cli::{
    CliError, Context, Result,
    options::{Access, cache_store},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The index: a path, a URL, or - for standard input
    index: String,

    /// Where the content is written; standard output if left out
    output: Option<PathBuf>,

    /// Where chunks are; several are asked one after the other
    #[arg(short, long, value_name = "STORE", required = true, value_delimiter = ',')]
    store: Vec<String>,

    /// A folder where fetched chunks are kept, and looked for first
    #[arg(short, long, value_name = "DIR")]
    cache: Option<PathBuf>,

    /// Start this many bytes into the content
    #[arg(short, long, default_value_t = 0, value_name = "BYTES")]
    offset: u64,

    /// Write this many bytes; 0 for all that follow
    #[arg(short, long, default_value_t = 0, value_name = "BYTES")]
    length: u64,

    #[command(flatten)]
    access: Access,
}

/// Where the content goes.
enum Sink {
    Stdout(std::io::Stdout),
    File(AtomicFile),
}

pub(crate) async fn run(args: Args, context: &Context) -> Result {
    let store = args.access.stores(&args.store)?;
    let index = args.access.index(&args.index).await?;
    let end = match args.length {
        0 => Some(index.len()),
        length => args.offset.checked_add(length),
    };
    let range = match end {
        Some(end) if args.offset <= end && end <= index.len() => args.offset..end,
        _ => {
            return Err(CliError::Usage(format!(
                "the content has {} bytes, less than is asked for",
                index.len()
            )));
        }
    };
    let cache = args.cache.as_ref().map(cache_store).transpose()?;
    let source = Arc::new(ChunkSource::new(store, cache, index.digest(), context.progress.clone()));
    let sink = match &args.output {
        None => Sink::Stdout(std::io::stdout()),
        Some(path) => Sink::File(AtomicFile::create(path)?),
    };
    let sink = Arc::new(Mutex::new(sink));
    let place = args.output.clone().unwrap_or_else(|| "standard output".into());

    let chunks = index.chunks()[index.covering(range.clone())].to_vec();
    let fetched = stream::iter(chunks).map(|chunk| {
        let (source, range) = (Arc::clone(&source), range.clone());
        async move {
            let from = range.start.saturating_sub(chunk.start) as usize;
            let to = range.end.min(chunk.end()).saturating_sub(chunk.start) as usize;
            source.with_chunk(chunk.id, chunk.size, move |bytes| Ok(bytes[from..to].to_vec())).await
        }
    });
    let write = fetched.buffered(args.access.width()).try_for_each(|bytes| {
        let (sink, place) = (Arc::clone(&sink), place.clone());
        async move {
            tokio::task::spawn_blocking(move || {
                let written = match &mut *sink.lock().unwrap_or_else(PoisonError::into_inner) {
                    Sink::Stdout(out) => out.lock().write_all(&bytes),
                    Sink::File(file) => file.write_all(&bytes),
                };
                written.map_err(Error::io("write", &place))
            })
            .await?
        }
    });
    tokio::select! {
        done = write => done?,
        () = context.cancel.cancelled() => return Err(Error::Cancelled.into()),
    }
    let sink = Arc::into_inner(sink).map(|sink| sink.into_inner().unwrap_or_else(PoisonError::into_inner));
    match sink {
        Some(Sink::File(file)) => Ok(file.commit()?),
        Some(Sink::Stdout(mut out)) => Ok(out.flush().map_err(Error::io("write", "standard output"))?),
        None => Err(Error::Worker("still writing at the end".to_owned()).into()),
    }
}
