//! The file that is being put together: its temporary name, its lock, what an earlier run left in it.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use aria_storage_core::Index;

use super::{
    ExtractOptions,
    runs::{Runs, bytes_of},
};
use crate::{Error, Result, file, progress::Phase, workers};

/// An output in the making. Dropped without [`commit`](Self::commit), it stays for the next run, unless
/// nothing was written to it.
#[derive(Debug)]
pub(super) struct Output {
    target: PathBuf,
    /// Where the bytes are until the end: the target itself, or beside it.
    working: PathBuf,
    file: File,
    in_place: bool,
    /// Whether the file was empty before: then what has not been written reads as zeros.
    fresh: bool,
    written: AtomicBool,
}

impl Output {
    /// Opens or makes the working file with its final length, and locks it.
    pub(super) fn open(target: &Path, len: u64, in_place: bool) -> Result<Self> {
        if target.is_dir() {
            return Err(Error::io("write", target)(io::ErrorKind::IsADirectory.into()));
        }
        let folder = file::parent(target);
        if !folder.is_dir() {
            return Err(Error::NotFound { place: format!("the output folder {}", folder.display()) });
        }
        let working = if in_place { target.to_path_buf() } else { part_name(target)? };
        // A link here would let the output be written somewhere else.
        if !in_place && fs::symlink_metadata(&working).is_ok_and(|meta| !meta.is_file()) {
            return Err(Error::io("write", &working)(io::Error::other("it is not a regular file")));
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&working)
            .map_err(Error::io("create", &working))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(Error::Busy { path: target.to_path_buf() }),
            // A file system without locks: then nobody is kept out.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        let meta = file.metadata().map_err(Error::io("open", &working))?;
        let fresh = meta.is_file() && meta.len() == 0;
        if meta.is_file() && meta.len() != len {
            file.set_len(len).map_err(Error::io("set the length of", &working))?;
        }
        let (target, written) = (target.to_path_buf(), AtomicBool::new(false));
        Ok(Self { target, working, file, in_place, fresh, written })
    }

    /// Whether `path` is the file that is being written.
    pub(super) fn is(&self, path: &Path) -> bool {
        match (fs::canonicalize(path), fs::canonicalize(&self.working)) {
            (Ok(a), Ok(b)) => a == b,
            _ => false,
        }
    }

    /// Whether these bytes need not be written: in a fresh file zeros are there already, as a hole.
    pub(super) fn is_hole(&self, bytes: &[u8]) -> bool {
        self.fresh && file::is_zero(bytes)
    }

    /// Writes bytes where they belong.
    pub(super) fn write(&self, bytes: &[u8], offset: u64) -> Result<()> {
        self.written.store(true, Ordering::Relaxed);
        file::write_all_at(&self.file, bytes, offset).map_err(Error::io("write", &self.working))
    }

    /// Makes a range zero.
    pub(super) fn write_zeros(&self, offset: u64, len: u64) -> Result<()> {
        if self.fresh {
            return Ok(());
        }
        self.written.store(true, Ordering::Relaxed);
        file::write_zeros(&self.file, offset, len).map_err(Error::io("write", &self.working))
    }

    /// Makes a range zero whatever is in it: it was written, but with the wrong bytes.
    pub(super) fn discard(&self, offset: u64, len: u64) -> Result<()> {
        file::write_zeros(&self.file, offset, len).map_err(Error::io("write", &self.working))
    }

    /// Reads what has been written.
    pub(super) fn read(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        file::read_exact_at(&self.file, buffer, offset).map_err(Error::io("read", &self.working))
    }

    /// Whether the file and this one may be able to share blocks.
    pub(super) fn may_share_blocks(&self, other: &File) -> bool {
        file::may_share_blocks(&self.file) && file::may_share_blocks(other)
    }

    /// Copies a range of `from` here without bringing it into the process. `false` if that is not possible.
    pub(super) fn copy_in_kernel(
        &self,
        from: &File,
        from_offset: u64,
        offset: u64,
        len: u64,
    ) -> Result<bool> {
        self.written.store(true, Ordering::Relaxed);
        file::copy_in_kernel(from, from_offset, &self.file, offset, len)
            .map_err(Error::io("write", &self.working))
    }

    /// Finds the chunks that are where they belong already: left by an interrupted run, or the same in the
    /// version that is overwritten in place.
    pub(super) fn find_kept(&self, index: &Index, options: &ExtractOptions) -> Result<Vec<u32>> {
        if self.fresh || index.is_empty() {
            return Ok(Vec::new());
        }
        options.progress.start(Phase::Check, Some(index.len()));
        let runs = Runs::default();
        let look = || -> Result<Vec<u32>> {
            let (mut kept, mut buffer, mut ids) = (Vec::new(), Vec::new(), Vec::new());
            while let Some(run) = runs.next(index.chunks()) {
                if options.cancel.is_cancelled() {
                    return Err(Error::Cancelled);
                }
                let chunks = &index.chunks()[run.clone()];
                let len = bytes_of(chunks);
                if buffer.len() < len {
                    buffer.resize(len, 0);
                }
                let there = self.read_what_is_there(&mut buffer[..len], chunks[0].start)?;
                let whole: Vec<&[u8]> = chunks
                    .iter()
                    .map_while(|chunk| {
                        let from = (chunk.start - chunks[0].start) as usize;
                        buffer[..there].get(from..from + chunk.size as usize)
                    })
                    .collect();
                index.digest().ids(&whole, &mut ids);
                let right = run.zip(chunks).zip(&ids).filter(|((_, chunk), id)| chunk.id == **id);
                kept.extend(right.map(|((number, _), _)| number as u32));
                options.progress.advance(Phase::Check, len as u64);
            }
            Ok(kept)
        };
        let found = workers::run(options.threads, look)?;
        options.progress.finish(Phase::Check);
        Ok(found.concat())
    }

    /// Reads until `buffer` is full or the file ends (a device that is shorter than the index). Gives the
    /// number of bytes.
    fn read_what_is_there(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        file::read_up_to_at(&self.file, buffer, offset).map_err(Error::io("read", &self.working))
    }

    /// Fails if so many bytes cannot fit. What is there already has its room.
    pub(super) fn check_space(&self, needed: u64) -> Result<()> {
        match file::free_space(file::parent(&self.working)) {
            Some(available) if available < needed && !self.in_place => {
                Err(Error::NoSpace { path: self.target.clone(), needed, available })
            }
            _ => Ok(()),
        }
    }

    /// The output is complete: gives it its name.
    pub(super) fn commit(self) -> Result<()> {
        if !self.in_place {
            if let Ok(old) = fs::metadata(&self.target) {
                // The new version keeps the permissions of the old one. Where that is not allowed, it has
                // those of a new file.
                let _ = self.file.set_permissions(old.permissions());
            }
            fs::rename(&self.working, &self.target).map_err(Error::io("create", &self.target))?;
            self.written.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // Nothing was done and nothing was there: no trace need stay.
        if self.fresh && !self.in_place && !self.written.load(Ordering::Relaxed) {
            let _ = fs::remove_file(&self.working);
        }
    }
}

/// `.NAME.aria-part` beside the target.
fn part_name(target: &Path) -> Result<PathBuf> {
    let name = target
        .file_name()
        .ok_or_else(|| Error::io("write", target)(io::Error::other("it does not name a file")))?;
    let mut part = OsString::from(".");
    part.push(name);
    part.push(".aria-part");
    Ok(target.with_file_name(part))
}
