//! What the rows share: the programs, the inputs, a folder to work in, and what is made once for all of them
//! (indexes, stores, archives).

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::{
    inputs::Input,
    measure::{Line, remove, warm},
    peers::Peers,
};

/// The hash functions that chunks can be named by, as command lines have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Digest {
    Sha256,
    Sha512,
}

impl Digest {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512-256",
        }
    }

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA-256",
            Self::Sha512 => "SHA-512/256",
        }
    }
}

/// Where everything is.
pub(crate) struct Place {
    /// Emptied before and after.
    folder: PathBuf,
    pub(crate) aria: PathBuf,
    /// An earlier build of our program, to be run in turns with this one.
    pub(crate) before: Option<PathBuf>,
    pub(crate) peers: Peers,
    pub(crate) a: Input,
    pub(crate) b: Input,
    /// How many threads programs are told to use that want to be told.
    pub(crate) threads: String,
}

impl Place {
    pub(crate) fn new(
        folder: PathBuf,
        aria: PathBuf,
        before: Option<PathBuf>,
        peers: Peers,
        [a, b]: [Input; 2],
    ) -> Result<Self> {
        remove(&folder)?;
        create(&folder)?;
        let threads = std::thread::available_parallelism().map_or(1, usize::from).to_string();
        warm(&a.path)?;
        warm(&b.path)?;
        Ok(Self { folder, aria, before, peers, a, b, threads })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A path in the folder for what a row makes.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The start of our command line.
    pub(crate) fn aria(&self) -> Line {
        Line::new("aria", &self.aria)
    }

    /// A file beside which indexes can lie, as seeds want it: a link to the input, in a folder of its own for
    /// each version and digest.
    pub(crate) fn beside(&self, input: &Input, digest: Digest) -> Result<PathBuf> {
        let version = if input.path == self.a.path { "a" } else { "b" };
        let folder = self.path(&format!("{version}-{}", digest.name()));
        create(&folder)?;
        let link = folder.join(&input.name);
        if fs::symlink_metadata(&link).is_err() {
            std::os::unix::fs::symlink(&input.path, &link)
                .with_context(|| format!("cannot make the link {}", link.display()))?;
        }
        Ok(link)
    }

    /// The index of an input and a store with its chunks, made by us if they are not there yet.
    pub(crate) fn stored(&self, input: &Input, digest: Digest) -> Result<(PathBuf, PathBuf)> {
        let file = self.beside(input, digest)?;
        let (index, store) = (file.with_file_name(index_name(input)), file.with_file_name("store"));
        if !index.exists() {
            let make = self.aria().words(&["make", "--digest", digest.name(), "-s"]);
            make.path(&store, "STORE").path(&index, "INDEX").path(&file, &input.name).output()?;
        }
        Ok((index, store))
    }

    /// The input compressed as one file.
    pub(crate) fn zst(&self, input: &Input) -> Result<Option<PathBuf>> {
        let path = self.path(&format!("{}.zst", input.name));
        let Some(zstd) = self.peers.line("zstd") else { return Ok(None) };
        if !path.exists() {
            zstd.words(&["-3", "-q"])
                .path(&input.path, &input.name)
                .words(&["-o"])
                .path(&path, "OUT")
                .output()?;
        }
        Ok(Some(path))
    }

    /// bita's command that makes an archive of an input: with zstd as everybody else, if its build has it.
    pub(crate) fn bita_compress(&self, input: &Input, archive: &Path) -> Option<Line> {
        let bita = self.peers.line("bita")?;
        let help = bita.clone().words(&["compress", "--help"]).output().unwrap_or_default();
        let compress = bita.words(&["compress", "-i"]).path(&input.path, &input.name);
        let compress = if help.contains("brotli, zstd") {
            compress.words(&["--compression", "zstd", "--compression-level", "3"])
        } else {
            compress
        };
        Some(compress.path(archive, &format!("{}.cba", input.name)))
    }

    /// bita's archive of an input, if bita is there and can make it.
    pub(crate) fn bita_archive(&self, input: &Input) -> Option<PathBuf> {
        let version = if input.path == self.a.path { "a" } else { "b" };
        let path = self.path(&format!("{version}.cba"));
        if !path.exists() {
            self.bita_compress(input, &path)?.output().ok()?;
        }
        Some(path)
    }
}

/// How the index of an input is called.
pub(crate) fn index_name(input: &Input) -> String {
    format!("{}.caibx", input.name)
}

/// Makes a folder and those above it.
pub(crate) fn create(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))
}
