//! The served directory: opens what a parsed path names, and nothing outside the directory.
//!
//! On Linux the kernel keeps the walk beneath the root (`openat2`), so no race with somebody who
//! changes the tree can lead out. Symbolic links are followed as long as they end inside. Elsewhere
//! the path is made canonical first and compared with the root.
//!
//! The root is looked up anew for every request: a root that is itself a symbolic link can be
//! switched to another tree while it is being served.

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// A directory to serve. All methods do blocking file system calls.
#[derive(Debug)]
pub(super) struct Root {
    path: PathBuf,
}

/// What a path turned out to name.
#[derive(Debug)]
pub(super) enum Found {
    File(File, Metadata),
    Directory,
}

/// Why nothing was opened.
#[derive(Debug)]
pub(super) enum OpenFault {
    /// There is nothing there, or nothing that may be served: not a regular file, or outside.
    Missing,
    /// The server's user may not read it.
    Denied,
    /// The system failed.
    Io(io::Error),
}

impl From<io::Error> for OpenFault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound
            | ErrorKind::NotADirectory
            | ErrorKind::InvalidFilename
            | ErrorKind::InvalidInput
            | ErrorKind::CrossesDevices => Self::Missing,
            ErrorKind::PermissionDenied => Self::Denied,
            // A loop of links, a socket, a device without a driver.
            #[cfg(target_os = "linux")]
            _ if matches!(
                rustix::io::Errno::from_io_error(&error),
                Some(rustix::io::Errno::LOOP | rustix::io::Errno::NXIO | rustix::io::Errno::NODEV)
            ) =>
            {
                Self::Missing
            }
            _ => Self::Io(error),
        }
    }
}

impl Root {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens `relative`, names joined by `/` that hold no dot segment; empty for the root itself.
    pub(super) fn open(&self, relative: &str) -> Result<Found, OpenFault> {
        let relative = if relative.is_empty() { "." } else { relative };
        #[cfg(target_os = "linux")]
        match beneath::open(&self.path, relative) {
            Err(error) if beneath::is_unavailable(&error) => {}
            opened => return found(opened?),
        }
        self.open_canonical(relative)
    }

    /// Compares canonical paths; between that and the opening somebody could change the tree.
    fn open_canonical(&self, relative: &str) -> Result<Found, OpenFault> {
        let root = self.path.canonicalize()?;
        let target = root.join(relative).canonicalize()?;
        if !target.starts_with(&root) {
            return Err(OpenFault::Missing);
        }
        // Before the opening, which would wait for ever on a pipe.
        let metadata = target.metadata()?;
        if metadata.is_dir() {
            return Ok(Found::Directory);
        }
        if !metadata.is_file() {
            return Err(OpenFault::Missing);
        }
        found(File::open(&target)?)
    }
}

fn found(file: File) -> Result<Found, OpenFault> {
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        Ok(Found::Directory)
    } else if metadata.is_file() {
        Ok(Found::File(file, metadata))
    } else {
        Err(OpenFault::Missing)
    }
}

#[cfg(target_os = "linux")]
mod beneath {
    //! Opening beneath a directory with the kernel's own checks.

    use std::fs::File;
    use std::io;
    use std::path::Path;

    use rustix::fd::OwnedFd;
    use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};
    use rustix::io::Errno;

    /// Opens `relative` beneath `root`, following links that stay inside.
    pub(super) fn open(root: &Path, relative: &str) -> io::Result<File> {
        let directory = openat(CWD, root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        match resolve(&directory, Path::new(relative), ResolveFlags::BENEATH) {
            // A way that left the root, or an absolute link, which the kernel refuses wherever it
            // leads: the latter is followed by hand and what it led to opened without links.
            Err(Errno::XDEV) => {
                let root = root.canonicalize()?;
                let target = root.join(relative).canonicalize()?;
                let inside = target.strip_prefix(&root).map_err(|_| io::ErrorKind::NotFound)?;
                let inside = if inside.as_os_str().is_empty() { Path::new(".") } else { inside };
                Ok(resolve(&directory, inside, ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS)?.into())
            }
            opened => Ok(opened?.into()),
        }
    }

    fn resolve(directory: &OwnedFd, relative: &Path, how: ResolveFlags) -> Result<OwnedFd, Errno> {
        // NONBLOCK so that a pipe without a writer does not hold the request.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let mut tries = 0;
        loop {
            match openat2(directory, relative, flags, Mode::empty(), how | ResolveFlags::NO_MAGICLINKS) {
                // The tree was being changed and the kernel could not be sure.
                Err(Errno::AGAIN) if tries < 16 => tries += 1,
                Err(Errno::INTR) => {}
                opened => return opened,
            }
        }
    }

    /// Whether this kernel, or a sandbox around the process, has no such call.
    pub(super) fn is_unavailable(error: &io::Error) -> bool {
        matches!(Errno::from_io_error(error), Some(Errno::NOSYS | Errno::PERM))
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::io::Read;
    use std::os::unix::fs::symlink;

    use super::*;

    fn text(found: Result<Found, OpenFault>) -> String {
        let Ok(Found::File(mut file, _)) = found else { panic!("not a file: {found:?}") };
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        text
    }

    type Open = fn(&Root, &str) -> Result<Found, OpenFault>;

    #[test]
    fn both_ways_of_opening_agree() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "secret").unwrap();
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        std::fs::create_dir(at("sub")).unwrap();
        std::fs::write(at("sub/file"), "inside").unwrap();
        symlink("sub/file", at("near")).unwrap();
        symlink("../sub/../sub/file", at("sub/winding")).unwrap();
        symlink(at("sub/file"), at("absolute")).unwrap();
        symlink(at("sub"), at("folder")).unwrap();
        symlink(outside.path().join("secret"), at("escape")).unwrap();
        symlink(outside.path(), at("away")).unwrap();
        symlink("../../../../../../../../etc/passwd", at("climb")).unwrap();
        symlink("loop", at("loop")).unwrap();
        symlink("nowhere", at("dangling")).unwrap();
        // Leads out and in again: the way leaves the root, the end does not.
        let back = format!("../{}/sub/file", directory.path().file_name().unwrap().to_str().unwrap());
        symlink(back, at("back")).unwrap();

        let root = Root::new(directory.path().to_owned());
        let ways: [(&str, Open); 2] = [("open", Root::open), ("canonical", Root::open_canonical)];
        for (way, open) in ways {
            for name in ["sub/file", "near", "sub/winding", "absolute", "folder/file", "back"] {
                assert_eq!(text(open(&root, name)), "inside", "{way} {name}");
            }
            for name in ["escape", "away/secret", "away", "climb", "dangling", "none", "sub/file/more"] {
                let opened = open(&root, name);
                assert!(matches!(opened, Err(OpenFault::Missing)), "{way} {name}: {opened:?}");
            }
            assert!(matches!(open(&root, "sub"), Ok(Found::Directory)), "{way}");
            assert!(matches!(open(&root, "folder"), Ok(Found::Directory)), "{way}");
            assert!(open(&root, "loop").is_err(), "{way}");
        }
        assert!(matches!(root.open(""), Ok(Found::Directory)));
        assert!(matches!(root.open("loop"), Err(OpenFault::Missing)));
        assert!(matches!(root.open(&"n".repeat(300)), Err(OpenFault::Missing)));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_pipe_is_not_served_and_holds_nothing() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let directory = tempfile::tempdir().unwrap();
        mknodat(CWD, directory.path().join("pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        let root = Root::new(directory.path().to_owned());
        assert!(matches!(root.open("pipe"), Err(OpenFault::Missing)));
        assert!(matches!(root.open_canonical("pipe"), Err(OpenFault::Missing)));
    }

    #[test]
    fn the_root_may_be_switched() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        for release in ["one", "two"] {
            std::fs::create_dir(at(release)).unwrap();
            std::fs::write(at(release).join("file"), release).unwrap();
        }
        symlink("one", at("current")).unwrap();
        let root = Root::new(at("current"));
        assert_eq!(text(root.open("file")), "one");
        symlink("two", at("next")).unwrap();
        std::fs::rename(at("next"), at("current")).unwrap();
        assert_eq!(text(root.open("file")), "two");
    }
}
