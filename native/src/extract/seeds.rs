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

/// A seed that is open.
#[derive(Debug)]
pub(super) struct Seed {
    pub(super) path: PathBuf,
    pub(super) file: File,
    /// Whether the output may be able to share its blocks.
    pub(super) shares_blocks: bool,
    /// What is in it; needed for the plan only.
    index: Option<Arc<Index>>,
}

/// The seeds of one extraction, in order.
#[derive(Debug)]
pub(super) struct Seeds(Vec<Seed>);

impl Seeds {
    /// Opens the seeds and chunks those that have no index the way the target is chunked.
    pub(super) async fn prepare(
        files: Vec<SeedFile>,
        target: &Index,
        output: &Output,
        options: &ExtractOptions,
    ) -> Result<Self> {
        let mut seeds = Vec::new();
        for SeedFile { path, index } in files {
            if output.is(&path) {
                return Err(Error::SeedIsOutput { path });
            }
            let file = File::open(&path).map_err(Error::io("open the seed", &path))?;
            let index = match index {
                Some(index) if index.digest() != target.digest() => {
                    options.progress.notice(&format!(
                        "the index of the seed {} is for {}, the output's for {}; the seed is chunked again",
                        path.display(),
                        index.digest(),
                        target.digest()
                    ));
                    chunk(&path, target, options).await?
                }
                Some(index) => index,
                None => chunk(&path, target, options).await?,
            };
            let shares_blocks = output.may_share_blocks(&file);
            seeds.push(Seed { path, file, shares_blocks, index: Some(index) });
        }
        Ok(Self(seeds))
    }

    /// The indexes of the seeds, in order.
    pub(super) fn indexes(&self) -> impl Iterator<Item = &Index> {
        self.0.iter().filter_map(|seed| seed.index.as_deref())
    }

    /// Gives the memory of the indexes back: the plan is made.
    pub(super) fn forget_indexes(&mut self) {
        self.0.iter_mut().for_each(|seed| seed.index = None);
    }

    /// A seed, by its number in the plan.
    pub(super) fn get(&self, number: usize) -> &Seed {
        &self.0[number]
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
