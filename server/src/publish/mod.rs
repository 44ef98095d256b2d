//! Publishing: files become assets with versions that any static host can serve.
//!
//! ```text
//! manifest.json                   what there is (see aria_storage_core::manifest)
//! NAME.caibx                      the index of an asset's newest version
//! versions/NAME/VERSION.caibx     the index of each version; never changes
//! store/abcd/abcd….cacnk          the chunks of all versions
//! ```
//!
//! Chunks go first, then the indexes, the manifest last: a reader never sees a version whose chunks are not
//! all there, and an interrupted run leaves nothing worse than chunks that the next run finds in place.

mod target;

use std::path::{Path, PathBuf};

use aria_storage::{
    Error, Input, MakeOptions, StoreOptions,
    core::{
        Index,
        manifest::{Asset, AssetVersion, FILE_NAME, Manifest, ManifestError, is_below},
    },
    make,
};
use serde::Serialize;
use thiserror::Error as ThisError;

use self::target::Target;
use crate::serve::content_type;

/// How files are published.
#[derive(Clone, Debug, Default)]
pub struct PublishOptions {
    /// The name of the asset, for a single file.
    pub name: Option<String>,
    /// The name of the version; the next number if left out.
    pub version: Option<String>,
    /// How files are cut and compressed.
    pub make: MakeOptions,
    /// How a remote target is reached, and in which form chunks are stored.
    pub store: StoreOptions,
}

/// Why publishing failed.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum PublishError {
    /// From the SDK.
    #[error(transparent)]
    Sdk(#[from] Error),
    /// What is at the target is not a manifest.
    #[error("{place}: {source}")]
    Manifest {
        /// The manifest.
        place: String,
        /// What is wrong with it.
        source: ManifestError,
    },
    /// A name that cannot be used.
    #[error("\"{name}\" cannot be the name of {what}: {reason}")]
    Name {
        /// The name.
        name: String,
        /// Of what.
        what: &'static str,
        /// Why not.
        reason: &'static str,
    },
    /// The version exists with other content.
    #[error("{asset} has a version {version} already, with other content; versions never change")]
    VersionTaken {
        /// The asset.
        asset: String,
        /// The version.
        version: String,
    },
    /// There is nothing to publish.
    #[error("{} holds no files to publish", path.display())]
    Nothing {
        /// The folder.
        path: PathBuf,
    },
    /// Two files would become the same asset.
    #[error("two of the files would be published as {name}")]
    SameName {
        /// The asset.
        name: String,
    },
}

/// What became of an asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It has a new version.
    New,
    /// Its newest version has this content already.
    Unchanged,
}

/// A published asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Published {
    /// The asset.
    pub name: String,
    /// The version that has the content.
    pub version: String,
    /// Whether it is new.
    pub outcome: Outcome,
    /// The size of the content.
    pub bytes: u64,
    /// The number of its chunks.
    pub chunks: u64,
    /// Chunks that the store did not have.
    pub new_chunks: u64,
    /// What they take in the store.
    pub stored_bytes: u64,
}

/// Publishes files, or all files of folders, to a folder or URL.
pub async fn publish(
    sources: &[PathBuf],
    target: &str,
    options: &PublishOptions,
) -> Result<Vec<Published>, PublishError> {
    let files = find_files(sources, options.name.as_deref())?;
    if let Some(version) = &options.version {
        check_version(version)?;
    }
    let target = Target::open(target, &options.store)?;
    let mut manifest = match target.read(FILE_NAME).await? {
        None => Manifest::new(),
        Some(bytes) => Manifest::decode(&bytes)
            .map_err(|source| PublishError::Manifest { place: target.place(FILE_NAME), source })?,
    };
    let store = target.store(&manifest.store, &options.store)?;

    let mut published = Vec::new();
    let mut indexes: Vec<(String, Index)> = Vec::new();
    for (name, path) in files {
        let made = make(Input::Path(path.clone()), Some(store.clone()), true, &options.make).await?;
        let content = made.content.ok_or_else(|| Error::Worker("no digest of the content".to_owned()))?;
        let entry = manifest.assets.entry(name.clone()).or_insert_with(|| Asset {
            latest: String::new(),
            index: format!("{name}.caibx"),
            versions: Vec::new(),
        });
        let digest = made.index.digest();
        let media_type = String::from_utf8_lossy(content_type(&name).as_bytes()).into_owned();
        let same = |version: &AssetVersion| version.content == content && version.digest == digest;
        let known = match &options.version {
            Some(wanted) => entry.versions.iter().find(|version| version.version == *wanted),
            None => entry.versions.iter().find(|version| version.version == entry.latest && same(version)),
        };
        let mut outcome = Outcome::Unchanged;
        let version = match known {
            Some(version) if !same(version) => {
                return Err(PublishError::VersionTaken { asset: name, version: version.version.clone() });
            }
            Some(version) => version.version.clone(),
            None => {
                outcome = Outcome::New;
                let version = options.version.clone().unwrap_or_else(|| next_version(&entry.versions));
                let index = format!("versions/{name}/{version}.caibx");
                entry.versions.push(AssetVersion {
                    version: version.clone(),
                    index: index.clone(),
                    size: made.index.len(),
                    chunks: made.index.chunks().len() as u64,
                    digest,
                    content,
                    media_type: media_type.clone(),
                });
                entry.latest.clone_from(&version);
                indexes.push((index, made.index.clone()));
                indexes.push((entry.index.clone(), made.index));
                version
            }
        };
        let stats = made.stats;
        published.push(Published {
            name,
            version,
            outcome,
            bytes: stats.bytes,
            chunks: stats.chunks,
            new_chunks: stats.new_chunks,
            stored_bytes: stats.stored_bytes,
        });
    }
    for (location, index) in indexes {
        target.write(&location, index.encode(), "application/octet-stream").await?;
    }
    if published.iter().any(|asset| asset.outcome == Outcome::New) {
        target.write(FILE_NAME, manifest.encode(), "application/json").await?;
    }
    Ok(published)
}

/// The files to publish with the names of their assets, in order.
fn find_files(sources: &[PathBuf], name: Option<&str>) -> Result<Vec<(String, PathBuf)>, PublishError> {
    let mut files: Vec<(String, PathBuf)> = Vec::new();
    for source in sources {
        let meta = std::fs::metadata(source).map_err(Error::io("read", source))?;
        if !meta.is_dir() {
            let own = source.file_name().and_then(|name| name.to_str());
            let name = match (name, own) {
                (Some(_), _) if sources.len() > 1 => {
                    return Err(Error::Option("--name is for a single file".to_owned()).into());
                }
                (Some(name), _) | (None, Some(name)) => name.to_owned(),
                (None, None) => return Err(not_text(source)),
            };
            files.push((name, source.clone()));
            continue;
        }
        if name.is_some() {
            return Err(Error::Option("--name is for a single file".to_owned()).into());
        }
        let before = files.len();
        for entry in walkdir::WalkDir::new(source).sort_by_file_name() {
            let entry = entry.map_err(|error| {
                let path = error.path().unwrap_or(source).to_path_buf();
                Error::io("read", path)(error.into())
            })?;
            if !entry.file_type().is_file() {
                continue;
            }
            let relative = entry.path().strip_prefix(source).unwrap_or(entry.path());
            let parts: Option<Vec<&str>> = relative.iter().map(|part| part.to_str()).collect();
            files.push((parts.ok_or_else(|| not_text(entry.path()))?.join("/"), entry.into_path()));
        }
        if files.len() == before {
            return Err(PublishError::Nothing { path: source.clone() });
        }
    }
    files.sort();
    for pair in files.windows(2) {
        if pair[0].0 == pair[1].0 {
            return Err(PublishError::SameName { name: pair[0].0.clone() });
        }
    }
    for (name, _) in &files {
        check_name(name)?;
    }
    Ok(files)
}

fn not_text(path: &Path) -> PublishError {
    let name = path.display().to_string();
    PublishError::Name { name, what: "an asset", reason: "it is not text in UTF-8" }
}

fn check_name(name: &str) -> Result<(), PublishError> {
    let wrong = |reason| Err(PublishError::Name { name: name.to_owned(), what: "an asset", reason });
    if !is_below(name) || name.ends_with('/') {
        return wrong("it must be a relative path without any of \\ : ? # %");
    }
    if name.split('/').any(|part| part.starts_with('.')) {
        return wrong("hidden files are not served");
    }
    if matches!(name.split('/').next(), Some("store" | "versions")) && name.contains('/') {
        return wrong("the folders \"store\" and \"versions\" are used by the publisher");
    }
    Ok(())
}

fn check_version(version: &str) -> Result<(), PublishError> {
    if is_below(version) && !version.contains('/') && !version.starts_with('.') {
        return Ok(());
    }
    let reason = "it must be a file name without any of / \\ : ? # %, and not begin with a dot";
    Err(PublishError::Name { name: version.to_owned(), what: "a version", reason })
}

/// One more than the largest number among the versions.
fn next_version(versions: &[AssetVersion]) -> String {
    let numbers = versions.iter().filter_map(|version| version.version.parse::<u64>().ok());
    numbers.max().unwrap_or(0).saturating_add(1).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_clash_or_climb_are_refused() {
        for name in ["a.glb", "models/a b.glb", "store", "versions", "é.glb", "storehouse/a"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in
            ["../a", "/a", "a/../b", "store/a", "versions/a/1", ".hidden", "a/.b", "a?b", "a%2fb", "a\\b"]
        {
            assert!(check_name(name).is_err(), "{name}");
        }
        for version in ["1", "2.0-beta", "v1"] {
            assert!(check_version(version).is_ok(), "{version}");
        }
        for version in ["", "a/b", "..", ".x", "a#b"] {
            assert!(check_version(version).is_err(), "{version}");
        }
    }
}
