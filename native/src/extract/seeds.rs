//! Seeds: files that may have some of the content of the output.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use aria_storage_core::{Index, plan::guess_chunker};

use super::{ExtractOptions, output::Output};
use crate::{
    Error, Result,
    make::{Input, MakeOptions, make},
    progress::Phase,
};

/// How much of a seed is looked at to tell which chunker suits it.
const SAMPLE: u64 = 4 << 20;

/// A file that may have some of the content.
#[derive(Clone, Debug)]
pub struct SeedFile {
    /// The file (or device).
    pub path: PathBuf,
    /// Its index, if there is one; without, the seed is chunked. It need not be right: every chunk is checked.
    pub index: Option<Arc<Index>>,
}

impl SeedFile {
    /// A seed without an index.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), index: None }
    }

    /// A seed with its index.
    pub fn with_index(path: impl Into<PathBuf>, index: Index) -> Self {
        Self { path: path.into(), index: Some(Arc::new(index)) }
    }
}

/// Seeds that are open, each with an index.
#[derive(Debug)]
pub(super) struct Seeds {
    seeds: Vec<(PathBuf, File, Arc<Index>)>,
}

impl Seeds {
    /// Opens the seeds and chunks those that have no index the way the target is chunked.
    pub(super) async fn prepare(
        files: &[SeedFile],
        target: &Index,
        output: &Output,
        options: &ExtractOptions,
    ) -> Result<Self> {
        let mut seeds = Vec::new();
        for SeedFile { path, index } in files {
            if output.is(path) {
                return Err(Error::SeedIsOutput { path: path.clone() });
            }
            let file = File::open(path).map_err(Error::io("open the seed", path))?;
            let index = match index {
                Some(index) if index.digest() != target.digest() => {
                    options.progress.notice(&format!(
                        "the index of the seed {} is for {}, the output's for {}; the seed is chunked again",
                        path.display(),
                        index.digest(),
                        target.digest()
                    ));
                    chunk(path, target, options).await?
                }
                Some(index) => Arc::clone(index),
                None => chunk(path, target, options).await?,
            };
            seeds.push((path.clone(), file, index));
        }
        Ok(Self { seeds })
    }

    /// The indexes of the seeds, in order.
    pub(super) fn indexes(&self) -> impl Iterator<Item = &Index> {
        self.seeds.iter().map(|(_, _, index)| &**index)
    }

    /// A seed, by its number in the plan.
    pub(super) fn file(&self, number: usize) -> (&Path, &File) {
        let (path, file, _) = &self.seeds[number];
        (path, file)
    }
}

async fn chunk(path: &Path, target: &Index, options: &ExtractOptions) -> Result<Arc<Index>> {
    let mut sample = Vec::new();
    let file = File::open(path).map_err(Error::io("open the seed", path))?;
    file.take(SAMPLE).read_to_end(&mut sample).map_err(Error::io("read the seed", path))?;
    let make_options = MakeOptions {
        digest: target.digest(),
        chunker: guess_chunker(target, &sample),
        sizes: target.sizes(),
        threads: options.threads,
        progress: Arc::clone(&options.progress),
        phase: Phase::Seed,
        cancel: options.cancel.clone(),
        ..MakeOptions::default()
    };
    let made = make(Input::Path(path.to_path_buf()), None, false, &make_options).await?;
    Ok(Arc::new(made.index))
}
