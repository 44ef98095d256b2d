//! Writing chunks: thousands of small files, each of which appears whole or not at all.
//!
//! A chunk is written under a temporary name in its own folder and renamed. (A temporary file elsewhere, or
//! one without a name that is linked in, was measured to cost the file system more.) The folder is made
//! first if it is not known to be there, and the file is opened straight away if it is: four system calls a
//! chunk and one a folder. Nothing is synced here; [`Store::sync`](crate::Store::sync) does that once for all.

use std::{
    fmt,
    io::{self, Write},
    sync::atomic::{AtomicU64, Ordering},
};

use aria_storage_core::{ChunkId, StoredForm};

use super::{
    path::{Name, folder_of},
    root::Root,
};
use crate::{Error, Result};

/// How often a folder or an unfinished chunk may be removed by somebody else while it is being used.
const TRIES: usize = 16;

/// The folders that were seen to be there, a bit each. It is a guess: another process can remove a folder.
/// That one is *not* known says nothing.
pub(super) struct Known(Box<[AtomicU64]>);

impl Known {
    /// No folder.
    pub(super) fn new() -> Self {
        Self((0..(1 << 16) / 64).map(|_| AtomicU64::new(0)).collect())
    }

    fn place(&self, folder: u16) -> (&AtomicU64, u64) {
        (&self.0[usize::from(folder >> 6)], 1 << (folder & 63))
    }

    fn has(&self, folder: u16) -> bool {
        let (word, bit) = self.place(folder);
        word.load(Ordering::Relaxed) & bit != 0
    }

    /// Remembers that a folder is there.
    pub(super) fn add(&self, folder: u16) {
        let (word, bit) = self.place(folder);
        // Mostly it is known, and then nothing is written that other processors would have to fetch again.
        if word.load(Ordering::Relaxed) & bit == 0 {
            word.fetch_or(bit, Ordering::Relaxed);
        }
    }

    fn remove(&self, folder: u16) {
        let (word, bit) = self.place(folder);
        word.fetch_and(!bit, Ordering::Relaxed);
    }
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known: u32 = self.0.iter().map(|word| word.load(Ordering::Relaxed).count_ones()).sum();
        write!(f, "Known({known})")
    }
}

/// Writes a chunk, replacing the one that may be there.
pub(super) fn write(root: &Root, known: &Known, id: &ChunkId, form: StoredForm, stored: &[u8]) -> Result<()> {
    let (folder, chunk) = (folder_of(id), Name::chunk(id, form));
    let mut tries = TRIES;
    loop {
        tries -= 1;
        match attempt(root, known, folder, &chunk, stored) {
            Ok(()) => return Ok(()),
            // The folder was removed behind our back, or the unfinished chunk by somebody's prune.
            Err((.., error))
                if error.kind() == io::ErrorKind::NotFound && tries > 0 && root.path().is_dir() =>
            {
                known.remove(folder);
            }
            // Somebody has an unfinished chunk of this name: the next try has another one.
            Err((.., error)) if error.kind() == io::ErrorKind::AlreadyExists && tries > 0 => {}
            Err((action, name, error)) => {
                return Err(Error::io(action, root.path().join(name.as_str()))(error));
            }
        }
    }
}

/// Writes a chunk, unless something is in the way; says what was done to which name when it was.
fn attempt(
    root: &Root,
    known: &Known,
    folder: u16,
    chunk: &Name,
    stored: &[u8],
) -> Result<(), (&'static str, Name, io::Error)> {
    if !known.has(folder) {
        let name = Name::folder(folder);
        match root.create_folder(name.as_str()) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(("create", name, error));
            }
            _ => known.add(folder),
        }
    }
    let temporary = Name::temporary(folder);
    let mut file = root
        .create_file(temporary.as_str())
        .map_err(|error| ("create a chunk in", Name::folder(folder), error))?;
    let written = file.write_all(stored).map_err(|error| ("write", *chunk, error));
    drop(file);
    let done = written.and_then(|()| {
        root.rename(temporary.as_str(), chunk.as_str()).map_err(|error| ("create", *chunk, error))
    });
    if done.is_err() {
        // Best effort: the error that counts is the first one.
        let _ = root.remove(temporary.as_str());
    }
    done
}

#[cfg(test)]
mod tests {
    use std::fs;

    use aria_storage_core::Digest;

    use super::super::LocalStore;
    use super::*;

    fn store(folder: &tempfile::TempDir) -> LocalStore {
        LocalStore::create(folder.path().join("s.castr"), StoredForm::Plain).unwrap()
    }

    #[test]
    fn known_folders_are_bits() {
        let known = Known::new();
        for folder in [0, 63, 64, 0xffff] {
            assert!(!known.has(folder));
            known.add(folder);
            known.add(folder);
            assert!(known.has(folder) && !known.has(folder ^ 1));
            known.remove(folder);
            assert!(!known.has(folder));
        }
    }

    /// Folders and unfinished chunks that others make and remove meanwhile are no error.
    #[test]
    fn folders_come_and_go_behind_our_back() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let id = Digest::Sha256.id(b"x");
        let path = store.path(&id, StoredForm::Plain);
        // Made by another, before we knew.
        fs::create_dir(path.parent().unwrap()).unwrap();
        store.write(&id, b"x").unwrap();
        // Removed by another, when we knew it to be there.
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
        assert!(!store.contains(&id).unwrap());
        store.write(&id, b"x").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"x");
        // Written by another who has the store open too.
        let other = LocalStore::open(store.root(), StoredForm::Plain).unwrap();
        let second = Digest::Sha256.id(b"y");
        assert!(!store.contains(&second).unwrap());
        other.write(&second, b"y").unwrap();
        assert!(store.contains(&second).unwrap());
        assert_eq!(store.read(&second, 1).unwrap().bytes, &b"y"[..]);
    }

    #[test]
    fn a_file_in_the_place_of_a_folder_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let id = Digest::Sha256.id(b"x");
        let place = store.path(&id, StoredForm::Plain).parent().unwrap().to_path_buf();
        fs::write(&place, b"no folder").unwrap();
        let error = store.write(&id, b"x").unwrap_err().to_string();
        assert!(error.contains(place.to_str().unwrap()), "{error}");
        fs::remove_dir_all(store.root()).unwrap();
        let error = store.write(&id, b"x").unwrap_err();
        assert_eq!(error.kind(), crate::error::ErrorKind::Missing, "{error}");
    }

    /// Several writers with stores of their own make the same folders and the same chunks at once, while
    /// another removes folders that are empty: every chunk is whole at every moment, and there at the end.
    #[test]
    fn writers_do_not_disturb_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let root = store(&folder).root().to_path_buf();
        // 40 chunks in 4 folders; nobody looks at the digests here.
        let ids: Vec<ChunkId> = (0..40u8)
            .map(|n| {
                let mut bytes = [n; 32];
                bytes[..2].copy_from_slice(&[0xab, n % 4]);
                ChunkId::new(bytes)
            })
            .collect();
        let content = |id: &ChunkId| vec![id.as_bytes()[31]; 10_000];
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            let writers: Vec<_> = (0..3)
                .map(|start| {
                    let (ids, root) = (&ids, &root);
                    scope.spawn(move || {
                        let store = LocalStore::open(root, StoredForm::Plain).unwrap();
                        for turn in 0..ids.len() * 4 {
                            let id = &ids[(start * 7 + turn) % ids.len()];
                            store.write(id, &content(id)).unwrap();
                            assert!(store.contains(id).unwrap());
                            assert!(store.read(id, 10_000).unwrap().bytes == content(id));
                        }
                    })
                })
                .collect();
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    for number in 0xab00..0xab04 {
                        // Fails if it is not empty, which is the point.
                        let _ = fs::remove_dir(root.join(Name::folder(number).as_str()));
                    }
                }
            });
            let failed = writers.into_iter().filter_map(|writer| writer.join().err()).count();
            done.store(true, Ordering::Relaxed);
            assert_eq!(failed, 0);
        });
        let store = LocalStore::open(&root, StoredForm::Plain).unwrap();
        for id in &ids {
            assert!(store.read(id, 10_000).unwrap().bytes == content(id));
        }
        let all: Vec<_> = store.walk().map(Result::unwrap).collect();
        assert_eq!(all.len(), ids.len());
        let files: usize =
            fs::read_dir(&root).unwrap().map(|f| fs::read_dir(f.unwrap().path()).unwrap().count()).sum();
        assert_eq!(files, ids.len(), "no unfinished chunk stays behind");
    }
}
