//! The folder of a store, and the files below it by their relative names.
//!
//! On Unix the folder is held open and files are found from it: a system call then walks two names instead
//! of the whole path, and the store stays the same one if the process changes its working directory.

#[cfg(not(target_os = "linux"))]
use std::fs;
use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

#[cfg(unix)]
use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, FileType, Mode, OFlags},
    io::Errno,
};

/// How many bytes of a folder are read at a time: some 300 names of chunks.
#[cfg(target_os = "linux")]
const LISTING: usize = 32 << 10;

/// What a folder says about an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A link to something else.
    Link,
    /// The file system does not tell.
    Unknown,
    /// A socket, a device, …
    Other,
}

/// The folder of a store.
#[derive(Debug)]
pub(super) struct Root {
    path: PathBuf,
    #[cfg(unix)]
    handle: OwnedFd,
}

#[cfg(unix)]
impl Root {
    /// Opens a folder; `NotADirectory` if it is something else.
    pub(super) fn open(path: PathBuf) -> io::Result<Self> {
        // Where that exists, a handle that only names the folder: whoever may look up chunks may have it,
        // even without the right to list them.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let access = OFlags::PATH;
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let access = OFlags::RDONLY;
        let flags = access | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle = rustix::fs::open(&path, flags, Mode::empty())?;
        Ok(Self { path, handle })
    }

    /// Opens a file for reading, and says how long it is.
    pub(super) fn open_file(&self, name: &str) -> io::Result<(File, u64)> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let handle = retry(|| rustix::fs::openat(&self.handle, name, flags, Mode::empty()))?;
        let size = rustix::fs::fstat(&handle)?.st_size;
        Ok((handle.into(), size.try_into().unwrap_or(0)))
    }

    /// Starts a file that must not be there.
    pub(super) fn create_file(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        // What a file gets that is simply created; the umask takes its share.
        let mode = Mode::from_raw_mode(0o666);
        Ok(retry(|| rustix::fs::openat(&self.handle, name, flags, mode))?.into())
    }

    /// Makes a folder.
    pub(super) fn create_folder(&self, name: &str) -> io::Result<()> {
        Ok(rustix::fs::mkdirat(&self.handle, name, Mode::from_raw_mode(0o777))?)
    }

    /// Gives a file another name, replacing what was there.
    pub(super) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.handle, from, &self.handle, to)?)
    }

    /// Removes a file.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.handle, name, AtFlags::empty())?)
    }

    /// Whether there is a file, or a link to one.
    pub(super) fn is_file(&self, name: &str) -> io::Result<bool> {
        match rustix::fs::statat(&self.handle, name, AtFlags::empty()) {
            Ok(stat) => Ok(FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(not(unix))]
impl Root {
    /// Opens a folder; `NotADirectory` if it is something else.
    pub(super) fn open(path: PathBuf) -> io::Result<Self> {
        match fs::metadata(&path)?.is_dir() {
            true => Ok(Self { path }),
            false => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    /// Opens a file for reading, and says how long it is.
    pub(super) fn open_file(&self, name: &str) -> io::Result<(File, u64)> {
        let file = File::open(self.path.join(name))?;
        let size = file.metadata()?.len();
        Ok((file, size))
    }

    /// Starts a file that must not be there.
    pub(super) fn create_file(&self, name: &str) -> io::Result<File> {
        File::options().write(true).create_new(true).open(self.path.join(name))
    }

    /// Makes a folder.
    pub(super) fn create_folder(&self, name: &str) -> io::Result<()> {
        fs::create_dir(self.path.join(name))
    }

    /// Gives a file another name, replacing what was there.
    pub(super) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    /// Removes a file.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    /// Whether there is a file, or a link to one.
    pub(super) fn is_file(&self, name: &str) -> io::Result<bool> {
        match fs::metadata(self.path.join(name)) {
            Ok(meta) => Ok(meta.is_file()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl Root {
    /// Where it was opened.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Names what a folder below the root holds (`.` is the root itself), with what it says each is. A link
    /// to a folder is not followed: `NotADirectory`. `space` is room to work in, kept between calls.
    #[cfg(target_os = "linux")]
    pub(super) fn list(
        &self,
        folder: &str,
        space: &mut Vec<u8>,
        mut each: impl FnMut(&[u8], Kind),
    ) -> io::Result<()> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle =
            retry(|| rustix::fs::openat(&self.handle, folder, flags, Mode::empty())).map_err(|error| {
                if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) {
                    return io::ErrorKind::NotADirectory.into();
                }
                error
            })?;
        space.clear();
        space.reserve_exact(LISTING);
        let mut entries = rustix::fs::RawDir::new(&handle, space.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let kind = match entry.file_type() {
                FileType::RegularFile => Kind::File,
                FileType::Directory => Kind::Folder,
                FileType::Symlink => Kind::Link,
                FileType::Unknown => Kind::Unknown,
                _ => Kind::Other,
            };
            each(entry.file_name().to_bytes(), kind);
        }
        Ok(())
    }

    /// See the Linux version.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn list(
        &self,
        folder: &str,
        _space: &mut Vec<u8>,
        mut each: impl FnMut(&[u8], Kind),
    ) -> io::Result<()> {
        let path = self.path.join(folder);
        if folder != "." && fs::symlink_metadata(&path)?.is_symlink() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let kind = match entry.file_type() {
                Ok(kind) if kind.is_file() => Kind::File,
                Ok(kind) if kind.is_dir() => Kind::Folder,
                Ok(kind) if kind.is_symlink() => Kind::Link,
                Ok(_) => Kind::Other,
                Err(_) => Kind::Unknown,
            };
            each(entry.file_name().as_encoded_bytes(), kind);
        }
        Ok(())
    }
}

/// Repeats a call that a signal has interrupted.
#[cfg(unix)]
fn retry<T>(call: impl FnMut() -> rustix::io::Result<T>) -> io::Result<T> {
    Ok(rustix::io::retry_on_intr(call)?)
}

/// Reads a file of `size` bytes to its end behind what `bytes` holds. Short of surprises that is one call:
/// files in a store do not grow, so nobody asks whether there is more.
pub(super) fn read(file: &File, size: usize, bytes: &mut Vec<u8>) -> io::Result<()> {
    bytes.reserve_exact(size);
    #[cfg(unix)]
    {
        let end = bytes.len() + size;
        while bytes.len() < end {
            // The spare room may be larger than what was asked for; what comes is limited by the file.
            match rustix::io::read(file, rustix::buffer::spare_capacity(bytes)) {
                Ok(0) => break,
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    #[cfg(not(unix))]
    io::Read::read_to_end(&mut io::Read::take(file, size as u64), bytes)?;
    Ok(())
}
