//! The manifest: which assets a publisher offers, in which versions, and where their indexes are.
//!
//! A JSON document beside the published files. All locations in it are relative to the document itself and
//! below it, so that a folder can be copied to any host.

use alloc::{
    collections::BTreeMap,
    string::{String, ToString},
    vec::Vec,
};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{ChunkId, Digest};

/// The name of the manifest's file.
pub const FILE_NAME: &str = "manifest.json";

/// The number of the format this module writes.
pub const FORMAT: u32 = 1;

/// A set of assets, each with its versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The number of the format: [`FORMAT`].
    pub format: u32,
    /// Where the chunk store is, with a slash at the end.
    pub store: String,
    /// The assets by name. A name is a path with `/` between its parts.
    pub assets: BTreeMap<String, Asset>,
}

/// An asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asset {
    /// The name of the newest version.
    pub latest: String,
    /// Where the index of the newest version is, under a name that stays the same.
    pub index: String,
    /// The versions, oldest first.
    pub versions: Vec<AssetVersion>,
}

/// A version of an asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssetVersion {
    /// Its name, unique within the asset.
    pub version: String,
    /// Where its index is. The file never changes.
    pub index: String,
    /// Its size in bytes.
    pub size: u64,
    /// The number of its chunks.
    pub chunks: u64,
    /// The digest of its index, and of `content`.
    pub digest: Digest,
    /// The digest of the whole content.
    pub content: ChunkId,
    /// Its media type, such as `model/gltf-binary`.
    pub media_type: String,
}

/// Why bytes are not a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// Not the JSON of a manifest.
    #[error("not a manifest: {0}")]
    Json(String),
    /// A format newer than this program.
    #[error("the manifest has format {0}, this program reads format {FORMAT}: a newer program is needed")]
    Format(u32),
    /// A location that leads out of the folder of the manifest.
    #[error("the manifest names \"{0}\", which is not a relative path below it")]
    Location(String),
    /// An asset whose newest version is not among its versions.
    #[error(
        "the manifest says that the latest version of \"{asset}\" is \"{latest}\", which it does not have"
    )]
    Latest {
        /// The asset.
        asset: String,
        /// The version that is not there.
        latest: String,
    },
}

impl Manifest {
    /// A manifest without assets, with the store in `store/`.
    pub fn new() -> Self {
        Self { format: FORMAT, store: "store/".to_string(), assets: BTreeMap::new() }
    }

    /// Reads and checks a manifest.
    pub fn decode(bytes: &[u8]) -> Result<Self, ManifestError> {
        /// The part that every format has.
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let json = |error: serde_json::Error| ManifestError::Json(error.to_string());
        let head: Head = serde_json::from_slice(bytes).map_err(json)?;
        if head.format != FORMAT {
            return Err(ManifestError::Format(head.format));
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(json)?;
        let assets = manifest.assets.values();
        let indexes = assets.flat_map(|asset| asset.versions.iter().map(|v| &v.index).chain([&asset.index]));
        for location in indexes.chain([&manifest.store]) {
            if !is_below(location) {
                return Err(ManifestError::Location(location.clone()));
            }
        }
        for (name, asset) in &manifest.assets {
            if !asset.versions.iter().any(|version| version.version == asset.latest) {
                return Err(ManifestError::Latest { asset: name.clone(), latest: asset.latest.clone() });
            }
        }
        Ok(manifest)
    }

    /// The bytes of the manifest's file: the same for the same manifest.
    pub fn encode(&self) -> Vec<u8> {
        // Strings, integers and maps with string keys: nothing here can fail to be JSON.
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }
}

impl Default for Manifest {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether a location is a relative path that stays below where it starts, and means the same as a path and
/// in a URL.
pub fn is_below(location: &str) -> bool {
    let path = location.strip_suffix('/').unwrap_or(location);
    !path.is_empty()
        && !path.contains(['\\', ':', '?', '#', '%'])
        && !path.contains(char::is_control)
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Manifest {
        let mut manifest = Manifest::new();
        let version = AssetVersion {
            version: "1".to_string(),
            index: "versions/a.glb/1.caibx".to_string(),
            size: 5,
            chunks: 1,
            digest: Digest::Sha256,
            content: Digest::Sha256.id(b"hello"),
            media_type: "model/gltf-binary".to_string(),
        };
        let asset =
            Asset { latest: "1".to_string(), index: "a.glb.caibx".to_string(), versions: [version].into() };
        manifest.assets.insert("a.glb".to_string(), asset);
        manifest
    }

    #[test]
    fn goes_round() {
        let manifest = sample();
        let bytes = manifest.encode();
        assert_eq!(Manifest::decode(&bytes), Ok(manifest));
        assert!(core::str::from_utf8(&bytes).unwrap().contains("\"digest\": \"sha256\""));
    }

    #[test]
    fn faults_are_named() {
        assert!(matches!(Manifest::decode(b"<html>"), Err(ManifestError::Json(_))));
        assert!(matches!(Manifest::decode(b"{\"format\":1}"), Err(ManifestError::Json(_))));
        assert_eq!(Manifest::decode(b"{\"format\":2}"), Err(ManifestError::Format(2)));
        for location in ["../x.caibx", "/x", "a//b", "http://x/", "a/../../b", "", "a\\b", "./x", "x?y"] {
            let mut manifest = sample();
            manifest.assets.values_mut().for_each(|asset| asset.versions[0].index = location.to_string());
            assert_eq!(
                Manifest::decode(&manifest.encode()),
                Err(ManifestError::Location(location.to_string()))
            );
        }
        let mut manifest = sample();
        manifest.assets.values_mut().for_each(|asset| asset.latest = "2".to_string());
        assert!(matches!(Manifest::decode(&manifest.encode()), Err(ManifestError::Latest { .. })));
    }
}
