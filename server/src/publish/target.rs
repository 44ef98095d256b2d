//! Where things are published: a folder, or a server that takes `PUT`.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::PathBuf,
    sync::Arc,
};

use aria_storage::{
    AtomicFile, Error, Result, Store, StoreOptions,
    store::{HttpClient, Location, open_with},
};
use url::Url;

/// The largest manifest that is read.
const LARGEST: u64 = 64 << 20;

/// The file that two publishers to one folder both want to lock.
const LOCK: &str = ".aria-publish.lock";

/// A place to publish to. Locations in it are relative paths with `/`.
#[derive(Debug)]
pub(super) enum Target {
    Folder {
        root: PathBuf,
        /// Held as long as the target is open.
        _lock: File,
    },
    Server {
        root: Url,
        client: HttpClient,
    },
}

impl Target {
    /// Opens a target; a folder is made if it is not there, and locked against other publishers.
    pub(super) fn open(location: &str, options: &StoreOptions) -> Result<Self> {
        match Location::parse(location)? {
            Location::Path(root) => {
                if let Err(error) = fs::create_dir(&root)
                    && error.kind() != io::ErrorKind::AlreadyExists
                {
                    return Err(Error::io("create", &root)(error));
                }
                let path = root.join(LOCK);
                let lock = File::create(&path).map_err(Error::io("create", &path))?;
                match lock.try_lock() {
                    Err(TryLockError::WouldBlock) => Err(Error::Busy { path: root }),
                    // A file system without locks: then nobody is kept out.
                    Ok(()) | Err(TryLockError::Error(_)) => Ok(Self::Folder { root, _lock: lock }),
                }
            }
            Location::Http(mut root) => {
                if !root.path().ends_with('/') {
                    root.set_path(&format!("{}/", root.path()));
                }
                Ok(Self::Server { root, client: HttpClient::new(options)? })
            }
        }
    }

    /// What a person calls a location here.
    pub(super) fn place(&self, location: &str) -> String {
        match self {
            Self::Folder { root, .. } => root.join(location).display().to_string(),
            Self::Server { root, .. } => url(root, location).to_string(),
        }
    }

    /// The chunk store at a location.
    pub(super) fn store(&self, location: &str, options: &StoreOptions) -> Result<Arc<dyn Store>> {
        let place = match self {
            Self::Folder { root, .. } => root.join(location).display().to_string(),
            Self::Server { root, .. } => url(root, location).to_string(),
        };
        open_with(&place, &StoreOptions { create: true, ..options.clone() })
    }

    /// Reads a small file; `None` if it is not there.
    pub(super) async fn read(&self, location: &str) -> Result<Option<Vec<u8>>> {
        match self {
            Self::Folder { root, .. } => {
                let path = root.join(location);
                match fs::read(&path) {
                    Ok(bytes) => Ok(Some(bytes)),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                    Err(error) => Err(Error::io("read", &path)(error)),
                }
            }
            Self::Server { root, client } => {
                Ok(client.get(&url(root, location), LARGEST).await?.map(|bytes| bytes.to_vec()))
            }
        }
    }

    /// Writes a file that appears whole or not at all, with the folders it is in.
    pub(super) async fn write(
        &self,
        location: &str,
        bytes: Vec<u8>,
        content_type: &'static str,
    ) -> Result<()> {
        match self {
            Self::Folder { root, .. } => {
                let path = root.join(location);
                if let Some(folder) = path.parent() {
                    fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
                }
                AtomicFile::write_whole(&path, &bytes)
            }
            Self::Server { root, client } => {
                client.put(&url(root, location), bytes.into(), content_type).await
            }
        }
    }
}

/// A location below a URL, whose query is kept.
fn url(root: &Url, location: &str) -> Url {
    let mut url = root.clone();
    url.set_path(&format!("{}{location}", root.path()));
    url
}
