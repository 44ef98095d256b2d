//! Options that several commands share.

use std::{path::PathBuf, sync::Arc, time::Duration};

use aria_storage::{
    Error, MakeOptions, Store, StoreOptions,
    core::{ChunkId, ChunkSizes, ChunkerKind, Digest, StoredForm, codec::DEFAULT_LEVEL},
    index_file,
    store::{LocalStore, RetryPolicy, open_chain, open_with},
};
use hashbrown::HashSet;

use super::{CliError, Context, Result};

/// How stores and remote indexes are reached.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Access {
    /// How many chunks are worked on at a time
    #[arg(short = 'n', long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) concurrency: u16,

    /// How many times a failed request is repeated
    #[arg(short = 'e', long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=100))]
    error_retry: u32,

    /// Pause before the first repetition; it doubles each time (units: ms, s, m)
    #[arg(short = 'b', long, default_value = "500ms", value_name = "TIME", value_parser = duration)]
    error_retry_base_interval: Duration,

    /// A connection that brings no byte for this long has failed (units: ms, s, m)
    #[arg(long, default_value = "30s", value_name = "TIME", value_parser = duration)]
    stall_timeout: Duration,
}

impl Access {
    /// The options of a store that keeps chunks in `form`.
    pub(crate) fn store_options(&self, form: StoredForm) -> StoreOptions {
        let retry = RetryPolicy {
            attempts: self.error_retry + 1,
            base: self.error_retry_base_interval,
            ..RetryPolicy::default()
        };
        StoreOptions { form, retry, stall_timeout: self.stall_timeout, ..StoreOptions::default() }
    }

    /// The stores chunks are read from.
    pub(crate) fn stores(&self, locations: &[String]) -> Result<Arc<dyn Store>> {
        Ok(open_chain(locations, &self.store_options(StoredForm::Compressed))?)
    }

    /// A store chunks are written to; a local one is made if it is not there.
    pub(crate) fn target(&self, location: &str, form: StoredForm) -> Result<Arc<dyn Store>> {
        let options = StoreOptions { create: true, ..self.store_options(form) };
        Ok(open_with(location, &options)?)
    }

    /// Reads an index.
    pub(crate) async fn index(&self, location: &str) -> Result<aria_storage::core::Index> {
        Ok(index_file::read_with(location, &self.store_options(StoredForm::Compressed)).await?)
    }

    /// Reads several indexes.
    pub(crate) async fn indexes(&self, locations: &[String]) -> Result<Vec<aria_storage::core::Index>> {
        let mut indexes = Vec::with_capacity(locations.len());
        for location in locations {
            indexes.push(self.index(location).await?);
        }
        Ok(indexes)
    }

    /// The concurrency as a number of threads or tasks.
    pub(crate) fn width(&self) -> usize {
        usize::from(self.concurrency)
    }
}

/// How a file is cut.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Cutting {
    /// Minimum, average and maximum size of chunks in KiB (or with a suffix: B, K, M). All three equal gives
    /// chunks of a fixed size
    #[arg(short = 'm', long, default_value_t, value_name = "MIN:AVG:MAX")]
    chunk_size: ChunkSizes,

    /// The digest that names chunks: sha256, or sha512-256 as casync and desync have it by default
    #[arg(long, default_value_t, value_name = "DIGEST")]
    digest: Digest,

    /// The rule for cuts: casync (the same chunks as casync and desync) or fastcdc
    #[arg(long, default_value_t, value_name = "CHUNKER")]
    chunker: ChunkerKind,
}

impl Cutting {
    /// The options for `make`.
    pub(crate) fn make_options(&self, level: i32, concurrency: usize, context: &Context) -> MakeOptions {
        MakeOptions {
            digest: self.digest,
            chunker: self.chunker,
            sizes: self.chunk_size,
            level,
            threads: concurrency.min(std::thread::available_parallelism().map_or(1, usize::from)),
            concurrency,
            progress: Arc::clone(&context.progress),
            cancel: context.cancel.clone(),
            ..MakeOptions::default()
        }
    }
}

/// How chunks are stored.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Storing {
    /// zstd's compression level (1 is fast, 19 is small)
    #[arg(long, default_value_t = DEFAULT_LEVEL, value_name = "LEVEL", allow_negative_numbers = true, value_parser = clap::value_parser!(i32).range(-50..=22))]
    pub(crate) level: i32,

    /// Store chunks as they are, without compression
    #[arg(short = 'u', long)]
    uncompressed: bool,
}

impl Storing {
    /// The form to store chunks in.
    pub(crate) const fn form(&self) -> StoredForm {
        if self.uncompressed { StoredForm::Plain } else { StoredForm::Compressed }
    }
}

/// Chunks that need not be copied.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Ignoring {
    /// Leave out chunks that are in this index (may be given several times)
    #[arg(long, value_name = "INDEX", value_delimiter = ',')]
    ignore: Vec<String>,

    /// Leave out chunks that are listed in this file, one ID a line (may be given several times)
    #[arg(long, value_name = "FILE", value_delimiter = ',')]
    ignore_chunks: Vec<PathBuf>,
}

impl Ignoring {
    /// All of them.
    pub(crate) async fn ids(&self, access: &Access) -> Result<HashSet<ChunkId>> {
        let mut ids = HashSet::new();
        for index in access.indexes(&self.ignore).await? {
            ids.extend(index.chunks().iter().map(|chunk| chunk.id));
        }
        for path in &self.ignore_chunks {
            let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
            for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
                let id = line.trim().parse().map_err(|error| {
                    CliError::Usage(format!("{}, line {}: {error}", path.display(), number + 1))
                })?;
                ids.insert(id);
            }
        }
        Ok(ids)
    }
}

/// Opens a local store that must be there.
pub(crate) fn local_store(location: &str, form: StoredForm) -> Result<Arc<LocalStore>> {
    if location.contains("://") && !location.starts_with("file://") {
        return Err(CliError::Usage(format!("{location}: this command works on local stores only")));
    }
    let path = location.strip_prefix("file://").unwrap_or(location);
    Ok(Arc::new(LocalStore::open(path, form)?))
}

/// Opens the folder of a cache, and makes it if it is not there.
pub(crate) fn cache_store(path: &PathBuf) -> Result<Arc<LocalStore>> {
    Ok(Arc::new(LocalStore::create(path, StoredForm::Compressed)?))
}

/// `500ms`, `30s`, `2m`, or a number of seconds.
fn duration(text: &str) -> std::result::Result<Duration, String> {
    let wrong = || format!("\"{text}\" is not a time: write 500ms, 30s or 2m");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u32 = digits.parse().map_err(|_| wrong())?;
    let unit = match &text[digits.len()..] {
        "ms" => Duration::from_millis(1),
        "s" | "" => Duration::from_secs(1),
        "m" => Duration::from_secs(60),
        _ => return Err(wrong()),
    };
    Ok(unit * number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(duration("7"), Ok(Duration::from_secs(7)));
        for wrong in ["", "s", "1h", "-1s", "1.5s"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
