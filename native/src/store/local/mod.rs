//! A store in a local folder, laid out as casync does: `abcd/abcd….cacnk`.

mod path;
mod root;
mod walk;
mod write;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use aria_storage_core::{ChunkError, ChunkId, StoredForm};
use async_trait::async_trait;
use futures_util::{StreamExt, stream::BoxStream};

pub use self::walk::{FolderContent, Walker};
use self::{
    path::{Name, folder_of},
    root::Root,
    write::Known,
};
use super::{Store, StoredChunk};
use crate::{Error, Result, file};

/// A store in a local folder.
///
/// The folder is held open (on Unix): the store is that folder, also when it is renamed. Any number of
/// processes may read and write one store at the same time; nothing that one of them did is remembered as
/// a fact by another.
///
/// Its async methods do file I/O on the calling thread: short reads and writes that a page cache mostly
/// answers. Programs that must not block for them should call from a thread of their own.
#[derive(Debug)]
pub struct LocalStore {
    root: Arc<Root>,
    known: Known,
    form: StoredForm,
}

impl LocalStore {
    /// The store in an existing folder.
    pub fn open(root: impl Into<PathBuf>, form: StoredForm) -> Result<Self> {
        let path = root.into();
        match Root::open(path.clone()) {
            Ok(root) => Ok(Self { root: Arc::new(root), known: Known::new(), form }),
            Err(error) => Err(match error.kind() {
                io::ErrorKind::NotADirectory => Error::Location {
                    location: path.display().to_string(),
                    reason: "a local store is a folder, and this is not one",
                },
                io::ErrorKind::NotFound => Error::NotFound { place: format!("the store {}", path.display()) },
                _ => Error::io("open the store", &path)(error),
            }),
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
        self.root.path()
    }

    /// Where a chunk is or would be.
    pub fn path(&self, id: &ChunkId, form: StoredForm) -> PathBuf {
        self.root().join(Name::chunk(id, form).as_str())
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
            if self.read_form_into(id, form, max_size, stored)? {
                return Ok(form);
            }
        }
        Err(Error::MissingChunk { id: *id, place: self.location() })
    }

    /// As [`read_into`](Self::read_into), in one form only. `false` if the store does not have that.
    pub(crate) fn read_form_into(
        &self,
        id: &ChunkId,
        form: StoredForm,
        max_size: usize,
        stored: &mut Vec<u8>,
    ) -> Result<bool> {
        stored.clear();
        let (file, size) = match self.root.open_file(Name::chunk(id, form).as_str()) {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(Error::io("open", self.path(id, form))(error)),
        };
        let limit = form.max_stored_size(max_size);
        let too_large = || {
            let source = ChunkError::TooLarge { limit: max_size };
            Error::BadChunk { id: *id, place: self.location(), source }
        };
        let size = usize::try_from(size).ok().filter(|&size| size <= limit).ok_or_else(too_large)?;
        root::read(&file, size, stored).map_err(|error| Error::io("read", self.path(id, form))(error))?;
        if stored.len() > limit { Err(too_large()) } else { Ok(true) }
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
            let there = self.root.is_file(Name::chunk(id, form).as_str());
            if there.map_err(|error| Error::io("look for", self.path(id, form))(error))? {
                // A chunk that is there is often asked for before its neighbour is written.
                self.known.add(folder_of(id));
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// See [`Store::put`].
    pub fn write(&self, id: &ChunkId, stored: &[u8]) -> Result<()> {
        write::write(&self.root, &self.known, id, self.form, stored)
    }

    /// See [`Store::delete`].
    pub fn remove(&self, id: &ChunkId, form: StoredForm) -> Result<()> {
        match self.root.remove(Name::chunk(id, form).as_str()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::io("remove", self.path(id, form))(error))
            }
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl Store for LocalStore {
    fn location(&self) -> String {
        self.root().display().to_string()
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
        let root = Arc::clone(&self.root);
        tokio::task::spawn_blocking(move || file::sync_file_system(root.path())).await?
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
