//! Walking a store: its folders are handed out one after the other to any number of threads, and read into
//! lists that are used again. What is held is the numbers of the folders and what one folder holds.

use std::{
    fs, io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use aria_storage_core::{ChunkId, StoredForm};

use super::{
    LocalStore,
    path::{Name, TEMPORARY_PREFIX, folder_number, folder_of},
    root::{Kind, Root},
};
use crate::{Error, Result, workers};

/// What a folder of a store holds.
#[derive(Debug, Default)]
pub struct FolderContent {
    /// The name of the folder as a number: the first two bytes of the IDs of its chunks.
    pub number: u16,
    /// The chunks, in no order. One that is stored in two forms comes twice.
    pub chunks: Vec<(ChunkId, StoredForm)>,
    /// The paths of unfinished chunks, which interrupted writers left or others are writing at the moment.
    pub leftovers: Vec<PathBuf>,
}

/// Gives the folders of a store, each to one of the walkers that share a walk.
#[derive(Debug)]
pub struct Walker {
    walk: Arc<Walk>,
    /// Room to read folders in.
    space: Vec<u8>,
}

/// What the walkers of one walk share.
#[derive(Debug)]
struct Walk {
    root: Arc<Root>,
    folders: Vec<u16>,
    next: AtomicUsize,
}

impl LocalStore {
    /// A walker through all folders of the store.
    fn walker(&self) -> Result<Walker> {
        let (mut folders, mut space) = (Vec::new(), Vec::new());
        let listed = self.root.list(".", &mut space, |name, kind| {
            if matches!(kind, Kind::Folder | Kind::Unknown) {
                folders.extend(folder_number(name));
            }
        });
        listed.map_err(Error::io("walk", self.root()))?;
        folders.sort_unstable();
        let walk = Walk { root: Arc::clone(&self.root), folders, next: AtomicUsize::new(0) };
        Ok(Walker { walk: Arc::new(walk), space })
    }

    /// Walks through the store on several threads (0 for one per processor), each of which runs `work` with a
    /// walker of its own. An error in one stops the others at their next folder.
    pub fn visit<T: Send>(
        &self,
        threads: usize,
        work: impl Fn(&mut Walker) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        let walk = self.walker()?.walk;
        workers::run(threads, || {
            let mut walker = Walker { walk: Arc::clone(&walk), space: Vec::new() };
            let done = work(&mut walker);
            if done.is_err() {
                walk.next.store(walk.folders.len(), Ordering::Relaxed);
            }
            done
        })
    }

    /// All chunks of the store, one folder after the other. Files that are not where a chunk would be are
    /// passed over, and so are folders that are links.
    pub fn walk(&self) -> impl Iterator<Item = Result<(ChunkId, StoredForm)>> + Send + 'static {
        let (mut walker, mut failed) = match self.walker() {
            Ok(walker) => (Some(walker), None),
            Err(error) => (None, Some(error)),
        };
        let mut content = FolderContent::default();
        std::iter::from_fn(move || {
            loop {
                if let Some(error) = failed.take() {
                    return Some(Err(error));
                }
                if let Some(chunk) = content.chunks.pop() {
                    return Some(Ok(chunk));
                }
                match walker.as_mut()?.next(&mut content) {
                    Ok(true) => {}
                    Ok(false) => return None,
                    Err(error) => failed = Some(error),
                }
            }
        })
    }
}

impl Walker {
    /// Reads the next folder that no other walker has taken into `content`, whose old content is dropped.
    /// `false` if there is none. Folders and files that went away meanwhile are no error.
    pub fn next(&mut self, content: &mut FolderContent) -> Result<bool> {
        let Walk { root, folders, next } = &*self.walk;
        content.chunks.clear();
        content.leftovers.clear();
        let Some(&number) = folders.get(next.fetch_add(1, Ordering::Relaxed)) else {
            return Ok(false);
        };
        content.number = number;
        let folder = Name::folder(number);
        // Entries that need a second look, which the folder itself does not answer.
        let (mut chunks, mut leftovers) = (Vec::new(), Vec::new());
        let listed = root.list(folder.as_str(), &mut self.space, |name, kind| {
            let certain = kind == Kind::File;
            if !matches!(kind, Kind::File | Kind::Link | Kind::Unknown) {
                return;
            }
            if let Some((id, form)) = ChunkId::from_file_name(name) {
                if folder_of(&id) == number {
                    if certain { &mut content.chunks } else { &mut chunks }.push((id, form));
                }
            } else if name.starts_with(TEMPORARY_PREFIX.as_bytes())
                && let Ok(name) = std::str::from_utf8(name)
            {
                let path = root.path().join(folder.as_str()).join(name);
                if certain { &mut content.leftovers } else { &mut leftovers }.push(path);
            }
        });
        match listed {
            Ok(()) => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
            Err(error) => return Err(Error::io("walk", root.path().join(folder.as_str()))(error)),
        }
        // A chunk is what a reader would find: a file, or a link to one.
        chunks.retain(|(id, form)| root.is_file(Name::chunk(id, *form).as_str()).unwrap_or(false));
        leftovers.retain(|path| fs::symlink_metadata(path).is_ok_and(|meta| !meta.is_dir()));
        content.chunks.append(&mut chunks);
        content.leftovers.append(&mut leftovers);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use aria_storage_core::Digest;

    use super::*;

    fn id(number: u32) -> ChunkId {
        Digest::Sha256.id(&number.to_le_bytes())
    }

    /// A store of 500 chunks in about as many folders, every third in both forms.
    fn store() -> (tempfile::TempDir, LocalStore, HashSet<(ChunkId, StoredForm)>) {
        let folder = tempfile::tempdir().unwrap();
        let mut all = HashSet::new();
        let [plain, compressed] = [StoredForm::Plain, StoredForm::Compressed]
            .map(|form| LocalStore::create(folder.path().join("store"), form).unwrap());
        for number in 0..500 {
            plain.write(&id(number), b"x").unwrap();
            all.insert((id(number), StoredForm::Plain));
            if number % 3 == 0 {
                compressed.write(&id(number), b"y").unwrap();
                all.insert((id(number), StoredForm::Compressed));
            }
        }
        (folder, plain, all)
    }

    fn visited(store: &LocalStore, threads: usize) -> (Vec<(ChunkId, StoredForm)>, Vec<PathBuf>) {
        let parts = store
            .visit(threads, |walker| {
                let (mut chunks, mut leftovers) = (Vec::new(), Vec::new());
                let mut content = FolderContent::default();
                while walker.next(&mut content)? {
                    chunks.append(&mut content.chunks);
                    leftovers.append(&mut content.leftovers);
                }
                Ok((chunks, leftovers))
            })
            .unwrap();
        let (chunks, leftovers): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        (chunks.concat(), leftovers.concat())
    }

    #[test]
    fn every_chunk_is_seen_once() {
        let (_folder, store, all) = store();
        let walked: Vec<_> = store.walk().map(Result::unwrap).collect();
        assert_eq!(walked.len(), all.len());
        assert_eq!(walked.into_iter().collect::<HashSet<_>>(), all);
        for threads in [1, 2, 7] {
            let (chunks, leftovers) = visited(&store, threads);
            assert_eq!(chunks.len(), all.len(), "{threads} threads");
            assert_eq!(chunks.into_iter().collect::<HashSet<_>>(), all);
            assert!(leftovers.is_empty());
        }
    }

    #[test]
    fn a_folder_larger_than_the_buffer_is_read_whole() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalStore::open(folder.path(), StoredForm::Plain).unwrap();
        let ids: HashSet<_> = (0..2000u16)
            .map(|number| {
                let mut bytes = [7; 32];
                bytes[30..].copy_from_slice(&number.to_le_bytes());
                ChunkId::new(bytes)
            })
            .collect();
        for id in &ids {
            store.write(id, b"").unwrap();
        }
        assert_eq!(store.walk().map(|entry| entry.unwrap().0).collect::<HashSet<_>>(), ids);
    }

    #[test]
    fn an_error_stops_all() {
        let (_folder, store, _) = store();
        let seen = AtomicUsize::new(0);
        let result = store.visit(2, |walker| {
            let mut content = FolderContent::default();
            while walker.next(&mut content)? {
                if seen.fetch_add(1, Ordering::Relaxed) >= 10 {
                    return Err::<(), _>(Error::Cancelled);
                }
            }
            Ok(())
        });
        assert!(matches!(result, Err(Error::Cancelled)));
        assert!(seen.into_inner() <= 12, "each of two threads ends at the next folder");
    }

    #[test]
    fn folders_that_vanish_are_no_error() {
        let (_folder, store, all) = store();
        let mut walk = store.walk();
        let first = walk.next().unwrap().unwrap();
        for entry in fs::read_dir(store.root()).unwrap() {
            fs::remove_dir_all(entry.unwrap().path()).unwrap();
        }
        // Chunks of the folder that was being read may still come.
        assert!(all.contains(&first) && walk.map(Result::unwrap).count() < 10);
        fs::remove_dir_all(store.root()).unwrap();
        assert_eq!(store.walk().filter_map(Result::ok).count(), 0);
    }

    /// Files and folders that are not the store's are left alone, whatever their names.
    #[test]
    fn foreign_files_are_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let (own, hex) = (id(1), id(1).to_string());
        let prefix = &hex[..4];
        let other = if prefix == "0000" { "0001" } else { "0000" };
        let upper = hex.to_uppercase();
        for path in [
            "abcd/readme.txt".to_owned(),
            format!("zzzz/{hex}.cacnk"),
            format!("{other}/{hex}.cacnk"),
            format!("{other}/{hex}"),
            format!("{prefix}/{upper}.cacnk"),
            format!("{prefix}/{hex}.CACNK"),
            format!("{prefix}/{hex}.cacnk.bak"),
            format!("{prefix}/{hex}x"),
            format!("{prefix}/{}", &hex[..63]),
            format!("{}/{hex}.cacnk", prefix.to_uppercase() + "0"),
            format!("{prefix}0/{hex}.cacnk"),
            format!("{prefix}/deeper/{hex}"),
            format!("{prefix}/{hex}.cacnk/folder"),
            format!("{prefix}/tmp-cacnk1"),
            ".tmp-cacnk1".to_owned(),
            hex.clone(),
        ] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"?").unwrap();
        }
        let store = LocalStore::open(folder.path(), StoredForm::Compressed).unwrap();
        assert_eq!(store.walk().count(), 0);
        fs::write(folder.path().join(prefix).join(".tmp-cacnk1"), b"").unwrap();
        fs::create_dir(folder.path().join(prefix).join(".tmp-cacnk2")).unwrap();
        fs::write(folder.path().join("abcd").join(".tmp-cacnk3"), b"").unwrap();
        fs::write(store.path(&own, StoredForm::Plain), b"").unwrap();
        let (chunks, mut leftovers) = visited(&store, 2);
        assert_eq!(chunks, [(own, StoredForm::Plain)]);
        leftovers.sort();
        let mut expected = ["abcd/.tmp-cacnk3".to_owned(), format!("{prefix}/.tmp-cacnk1")]
            .map(|path| folder.path().join(path));
        expected.sort();
        assert_eq!(leftovers, expected);
    }

    /// A link to a file is a chunk, as it is for readers; other links are not, and linked folders are not
    /// walked into: they may lead anywhere.
    #[cfg(target_os = "linux")]
    #[test]
    fn links_and_other_things() {
        use std::{
            ffi::OsStr,
            os::unix::{ffi::OsStrExt, fs::symlink},
        };

        let folder = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let store = LocalStore::open(folder.path(), StoredForm::Plain).unwrap();
        store.write(&id(1), b"").unwrap();
        let place = |number: u32| store.path(&id(number), StoredForm::Plain);
        for (number, target) in [(2, place(1)), (3, "nowhere".into()), (4, elsewhere.path().to_path_buf())] {
            fs::create_dir_all(place(number).parent().unwrap()).unwrap();
            symlink(target, place(number)).unwrap();
        }
        let linked = place(5);
        fs::write(elsewhere.path().join(linked.file_name().unwrap()), b"").unwrap();
        symlink(elsewhere.path(), linked.parent().unwrap()).unwrap();
        fs::create_dir(place(6).parent().unwrap()).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, place(6), rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
            .unwrap();
        // A name that is no text.
        fs::write(folder.path().join(OsStr::from_bytes(b"ab\xffd")), b"").unwrap();
        fs::write(place(1).with_file_name(OsStr::from_bytes(b".tmp\xff")), b"").unwrap();
        let found: HashSet<_> = visited(&store, 1).0.into_iter().map(|(id, _)| id).collect();
        assert_eq!(found, HashSet::from([id(1), id(2)]));
        let root = folder.path().join("link");
        symlink(folder.path(), &root).unwrap();
        let same = LocalStore::open(root, StoredForm::Plain).unwrap();
        assert_eq!(same.walk().count(), 2, "the store itself may be a link");
    }
}
