//! A store in a local folder, laid out as casync does: `abcd/abcd….cacnk`.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use aria_storage_core::{ChunkError, ChunkId, StoredForm};
use async_trait::async_trait;
use futures_util::{StreamExt, stream::BoxStream};

use super::{Store, StoredChunk};
use crate::{Error, Result, file};

/// What unfinished chunks are called; desync's name, so that its `prune` clears ours away and ours its.
pub(crate) const TEMPORARY_PREFIX: &str = ".tmp-cacnk";

/// A store in a local folder.
///
/// Its async methods do file I/O on the calling thread: short reads and writes that a page cache mostly
/// answers. Programs that must not block for them should call from a thread of their own.
#[derive(Debug)]
pub struct LocalStore {
    root: PathBuf,
    form: StoredForm,
}

impl LocalStore {
    /// The store in an existing folder.
    pub fn open(root: impl Into<PathBuf>, form: StoredForm) -> Result<Self> {
        let root = root.into();
        match fs::metadata(&root) {
            Ok(meta) if meta.is_dir() => Ok(Self { root, form }),
            Ok(_) => Err(Error::Location {
                location: root.display().to_string(),
                reason: "a local store is a folder, and this is not one",
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(Error::NotFound { place: format!("the store {}", root.display()) })
            }
            Err(error) => Err(Error::io("open the store", &root)(error)),
        }
    }

    /// The store in a folder that is made if it is not there (its parent must be).
    pub fn create(root: impl Into<PathBuf>, form: StoredForm) -> Result<Self> {
        let root = root.into();
        match fs::create_dir(&root) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(Error::io("create the store", &root)(error))
            }
            _ => Self::open(root, form),
        }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where a chunk is or would be.
    pub fn path(&self, id: &ChunkId, form: StoredForm) -> PathBuf {
        self.root.join(id.store_path(form))
    }

    /// The forms to look for: the one written first.
    fn forms(&self) -> [StoredForm; 2] {
        match self.form {
            StoredForm::Plain => [StoredForm::Plain, StoredForm::Compressed],
            _ => [StoredForm::Compressed, StoredForm::Plain],
        }
    }

    /// Reads the stored bytes of a chunk that has at most `max_size` bytes when decoded into `stored`, whose
    /// old content is dropped. Says in which form they are.
    pub fn read_into(&self, id: &ChunkId, max_size: usize, stored: &mut Vec<u8>) -> Result<StoredForm> {
        for form in self.forms() {
            let path = self.path(id, form);
            let file = match File::open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(Error::io("open", &path)(error)),
            };
            let limit = form.max_stored_size(max_size);
            stored.clear();
            // One byte more than allowed tells a file that is too long.
            file.take(limit as u64 + 1).read_to_end(stored).map_err(Error::io("read", &path))?;
            if stored.len() > limit {
                let source = ChunkError::TooLarge { limit: max_size };
                return Err(Error::BadChunk { id: *id, place: self.location(), source });
            }
            return Ok(form);
        }
        Err(Error::MissingChunk { id: *id, place: self.location() })
    }

    /// See [`Store::get`].
    pub fn read(&self, id: &ChunkId, max_size: usize) -> Result<StoredChunk> {
        let mut bytes = Vec::new();
        let form = self.read_into(id, max_size, &mut bytes)?;
        Ok(StoredChunk { form, bytes: bytes.into(), place: self.location() })
    }

    /// See [`Store::has`].
    pub fn contains(&self, id: &ChunkId) -> Result<bool> {
        for form in self.forms() {
            let path = self.path(id, form);
            match fs::metadata(&path) {
                Ok(meta) if meta.is_file() => return Ok(true),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::io("look for", &path)(error)),
            }
        }
        Ok(false)
    }

    /// See [`Store::put`].
    pub fn write(&self, id: &ChunkId, stored: &[u8]) -> Result<()> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let path = self.path(id, self.form);
        let folder = file::parent(&path);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let temporary = folder.join(format!(
            "{TEMPORARY_PREFIX}{}-{number}-{:08x}",
            std::process::id(),
            fastrand::u32(..)
        ));
        let create = || OpenOptions::new().write(true).create_new(true).open(&temporary);
        let mut file = match create() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                match fs::create_dir(folder) {
                    Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                        return Err(Error::io("create", folder)(error));
                    }
                    _ => {}
                }
                create()
            }
            other => other,
        }
        .map_err(Error::io("create a chunk in", folder))?;
        let written = file.write_all(stored).map_err(Error::io("write", &path));
        drop(file);
        let done = written.and_then(|()| fs::rename(&temporary, &path).map_err(Error::io("create", &path)));
        if done.is_err() {
            // Best effort: the error that counts is the first one.
            let _ = fs::remove_file(&temporary);
        }
        done
    }

    /// See [`Store::delete`].
    pub fn remove(&self, id: &ChunkId, form: StoredForm) -> Result<()> {
        let path = self.path(id, form);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", &path)(error)),
            _ => Ok(()),
        }
    }

    /// All chunks of the store, one folder after the other. Files that are not where a chunk would be are
    /// passed over.
    pub fn walk(&self) -> impl Iterator<Item = Result<(ChunkId, StoredForm)>> + Send + 'static {
        self.walk_names().filter_map(|entry| match entry {
            Ok((folder, name)) => ChunkId::from_store_path(&format!("{folder}/{name}")).map(Ok),
            Err(error) => Some(Err(error)),
        })
    }

    /// What interrupted writers left: the paths of unfinished chunks.
    pub fn walk_leftovers(&self) -> impl Iterator<Item = Result<PathBuf>> + Send + 'static {
        let root = self.root.clone();
        self.walk_names().filter_map(move |entry| match entry {
            Ok((folder, name)) if name.starts_with(TEMPORARY_PREFIX) => {
                Some(Ok(root.join(folder).join(name)))
            }
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        })
    }

    /// (folder, name) of everything one level down in folders of four hex digits.
    fn walk_names(&self) -> impl Iterator<Item = Result<(String, String)>> + Send + 'static {
        let root = self.root.clone();
        let is_prefix =
            |name: &str| name.len() == 4 && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        walkdir::WalkDir::new(&self.root)
            .min_depth(1)
            .max_depth(2)
            .into_iter()
            .filter_entry(move |entry| {
                entry.depth() != 1
                    || (entry.file_type().is_dir() && entry.file_name().to_str().is_some_and(is_prefix))
            })
            .filter_map(move |entry| match entry {
                Ok(entry) if entry.depth() < 2 || entry.file_type().is_dir() => None,
                Ok(entry) => {
                    let folder = entry.path().parent()?.file_name()?.to_str()?.to_owned();
                    Some(Ok((folder, entry.file_name().to_str()?.to_owned())))
                }
                // A folder or file that went away while walking is no error.
                Err(error) if error.io_error().is_some_and(|e| e.kind() == io::ErrorKind::NotFound) => None,
                Err(error) => {
                    let path = error.path().unwrap_or(&root).to_path_buf();
                    Some(Err(Error::io("walk", path)(error.into())))
                }
            })
    }
}

#[async_trait]
impl Store for LocalStore {
    fn location(&self) -> String {
        self.root.display().to_string()
    }

    fn form(&self) -> StoredForm {
        self.form
    }

    async fn get(&self, id: &ChunkId, max_size: usize) -> Result<StoredChunk> {
        self.read(id, max_size)
    }

    async fn has(&self, id: &ChunkId) -> Result<bool> {
        self.contains(id)
    }

    async fn put(&self, id: &ChunkId, stored: &[u8]) -> Result<()> {
        self.write(id, stored)
    }

    fn as_local(&self) -> Option<&LocalStore> {
        Some(self)
    }

    async fn delete(&self, id: &ChunkId, form: StoredForm) -> Result<()> {
        self.remove(id, form)
    }

    async fn list(&self) -> Result<BoxStream<'static, Result<(ChunkId, StoredForm)>>> {
        Ok(futures_util::stream::iter(self.walk()).boxed())
    }

    async fn sync(&self) -> Result<()> {
        let root = self.root.clone();
        tokio::task::spawn_blocking(move || file::sync_file_system(&root)).await?
    }
}

#[cfg(test)]
mod tests {
    use aria_storage_core::Digest;

    use super::*;

    #[test]
    fn chunks_go_in_and_out() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalStore::create(folder.path().join("s.castr"), StoredForm::Plain).unwrap();
        let id = Digest::Sha256.id(b"hello");
        assert!(matches!(store.read(&id, 100), Err(Error::MissingChunk { .. })));
        assert!(!store.contains(&id).unwrap());
        store.write(&id, b"hello").unwrap();
        store.write(&id, b"hello").unwrap();
        assert_eq!(store.read(&id, 5).unwrap().bytes, &b"hello"[..]);
        assert!(matches!(
            store.read(&id, 4),
            Err(Error::BadChunk { source: ChunkError::TooLarge { limit: 4 }, .. })
        ));
        let compressed = LocalStore::open(store.root(), StoredForm::Compressed).unwrap();
        assert_eq!(compressed.read(&id, 5).unwrap().form, StoredForm::Plain, "the other form is found too");
        assert_eq!(store.walk().map(Result::unwrap).collect::<Vec<_>>(), [(id, StoredForm::Plain)]);
        store.remove(&id, StoredForm::Plain).unwrap();
        store.remove(&id, StoredForm::Plain).unwrap();
        assert_eq!(store.walk().count(), 0);
    }

    #[test]
    fn foreign_files_are_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let id = Digest::Sha256.id(b"x");
        let hex = id.to_string();
        for path in [
            "abcd/readme.txt".to_owned(),
            format!("zzzz/{hex}.cacnk"),
            format!("0000/{hex}.cacnk"),
            hex.clone(),
        ] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"?").unwrap();
        }
        let store = LocalStore::open(folder.path(), StoredForm::Compressed).unwrap();
        assert_eq!(store.walk().count(), 0);
        fs::write(folder.path().join("abcd").join(".tmp-cacnk1"), b"").unwrap();
        assert_eq!(store.walk_leftovers().count(), 1);
    }

    #[test]
    fn a_store_must_be_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, b"").unwrap();
        assert!(matches!(LocalStore::open(&file, StoredForm::Plain), Err(Error::Location { .. })));
        assert!(matches!(
            LocalStore::open(folder.path().join("no"), StoredForm::Plain),
            Err(Error::NotFound { .. })
        ));
        assert!(LocalStore::create(folder.path().join("no/no"), StoredForm::Plain).is_err());
    }
}
