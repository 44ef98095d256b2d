//! Files: reading and writing at positions, appearing whole, copying inside the kernel, holes.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::{Error, Result};

/// Reads at a position until `buffer` is full; `UnexpectedEof` if the file ends first.
pub(crate) fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset);
    #[cfg(windows)]
    {
        let (mut buffer, mut offset) = (buffer, offset);
        while !buffer.is_empty() {
            match std::os::windows::fs::FileExt::seek_read(file, buffer, offset) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => {
                    buffer = &mut buffer[n..];
                    offset += n as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Reads at a position until `buffer` is full or the file ends. Gives the number of bytes.
pub(crate) fn read_up_to_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        let (rest, at) = (&mut buffer[done..], offset + done as u64);
        #[cfg(unix)]
        let read = std::os::unix::fs::FileExt::read_at(file, rest, at);
        #[cfg(windows)]
        let read = std::os::windows::fs::FileExt::seek_read(file, rest, at);
        match read {
            Ok(0) => break,
            Ok(n) => done += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Writes all of `bytes` at a position.
pub(crate) fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::write_all_at(file, bytes, offset);
    #[cfg(windows)]
    {
        let (mut bytes, mut offset) = (bytes, offset);
        while !bytes.is_empty() {
            match std::os::windows::fs::FileExt::seek_write(file, bytes, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    bytes = &bytes[n..];
                    offset += n as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Whether all bytes are zero. Stops early at what is not.
pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    // Pieces that compilers turn into a few wide instructions.
    let (pieces, rest) = bytes.as_chunks::<64>();
    pieces.iter().all(|piece| piece.iter().fold(0, |all, byte| all | byte) == 0)
        && rest.iter().all(|&byte| byte == 0)
}

/// Whether the file system of `file` may be one that lets files share blocks, or copies on a server: where
/// [`copy_in_kernel`] can do better than reading and writing. `false` only if it is known that it cannot;
/// then the kernel would copy page by page, and what it copied would have to be read back to be checked.
///
/// So this is a list of those that cannot. btrfs, XFS, bcachefs, ZFS and OCFS2 share blocks; NFS, CIFS, Ceph
/// and some behind FUSE copy on the server; overlayfs does what the one below it does; one that is not known
/// here gets the chance to.
#[cfg(target_os = "linux")]
pub(crate) fn may_share_blocks(file: &File) -> bool {
    /// The `f_type` of statfs(2), from Linux's `magic.h` and the file systems' own headers.
    const CANNOT: [u32; 12] = [
        0x0000_ef53, // ext2, ext3, ext4
        0x0102_1994, // tmpfs
        0x8584_58f6, // ramfs
        0x9584_58f6, // hugetlbfs
        0xf2f5_2010, // F2FS
        0x0000_4d44, // FAT
        0x2011_bab0, // exFAT
        0x5346_544e, // NTFS, the old driver
        0x7366_746e, // NTFS
        0x3153_464a, // JFS
        0x0000_9660, // ISO 9660
        0x7371_7368, // squashfs
    ];
    // The field has another type on each architecture; the numbers have 32 bits on all of them.
    rustix::fs::fstatfs(file).map_or(true, |stats| !CANNOT.contains(&(stats.f_type as u32)))
}

/// See the Linux version: here the caller always reads and writes.
#[cfg(not(target_os = "linux"))]
pub(crate) fn may_share_blocks(_: &File) -> bool {
    false
}

/// The size of the blocks that file systems share between files.
#[cfg(target_os = "linux")]
const BLOCK: u64 = 4096;

/// Copies a range from one file to another without bringing it into this process. On file systems that can
/// share blocks between files the kernel does that, for the whole blocks of a range that lies alike in both.
/// `false` if it cannot be done here and the caller should read and write; an error only if the copy was
/// possible and failed.
#[cfg(target_os = "linux")]
pub(crate) fn copy_in_kernel(
    from: &File,
    from_offset: u64,
    to: &File,
    to_offset: u64,
    len: u64,
) -> io::Result<bool> {
    // Blocks are shared only by calls that begin on a block's border, so the range is split there.
    let head = from_offset.next_multiple_of(BLOCK) - from_offset;
    let alike = from_offset % BLOCK == to_offset % BLOCK;
    let parts = if alike && len > head { [head, len - head] } else { [len, 0] };
    let mut done = 0;
    for part in parts {
        if !copy_range(from, from_offset + done, to, to_offset + done, part)? {
            return Ok(false);
        }
        done += part;
    }
    Ok(true)
}

#[cfg(target_os = "linux")]
fn copy_range(from: &File, from_offset: u64, to: &File, to_offset: u64, len: u64) -> io::Result<bool> {
    use rustix::io::Errno;
    let (mut source, mut target, mut left) = (from_offset, to_offset, len);
    while left > 0 {
        // Whole blocks first: with the rest of a last block in the same call none would be shared.
        let whole = left - left % BLOCK;
        let piece = if whole > 0 { whole.min(1 << 30) } else { left };
        match rustix::fs::copy_file_range(from, Some(&mut source), to, Some(&mut target), piece as usize) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => left -= n as u64,
            Err(Errno::INTR) => {}
            // Not on this file system, not between these two, or not for this kind of file.
            Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM | Errno::BADF) => {
                return Ok(false);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(true)
}

/// See the Linux version: here the caller always reads and writes.
#[cfg(not(target_os = "linux"))]
pub(crate) fn copy_in_kernel(_: &File, _: u64, _: &File, _: u64, _: u64) -> io::Result<bool> {
    Ok(false)
}

/// Makes a range read as zeros, by a hole where the file system has them.
pub(crate) fn write_zeros(file: &File, offset: u64, len: u64) -> io::Result<()> {
    static ZEROS: [u8; 64 << 10] = [0; 64 << 10];
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::FallocateFlags;
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        if len > 0 && rustix::fs::fallocate(file, flags, offset, len).is_ok() {
            return Ok(());
        }
    }
    let mut done = 0;
    while done < len {
        let piece = (len - done).min(ZEROS.len() as u64);
        write_all_at(file, &ZEROS[..piece as usize], offset + done)?;
        done += piece;
    }
    Ok(())
}

/// Bytes free for this user on the file system of `path`, where that can be told.
pub(crate) fn free_space(path: &Path) -> Option<u64> {
    #[cfg(unix)]
    {
        let stats = rustix::fs::statvfs(path).ok()?;
        stats.f_bavail.checked_mul(stats.f_frsize)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

/// Writes everything that was written below `folder` to the disk, as far as the system can do that for a
/// whole file system at once.
pub(crate) fn sync_file_system(folder: &Path) -> Result<()> {
    #[cfg(target_os = "linux")]
    {
        let handle = File::open(folder).map_err(Error::io("open", folder))?;
        rustix::fs::syncfs(&handle).map_err(io::Error::from).map_err(Error::io("sync", folder))?;
    }
    #[cfg(not(target_os = "linux"))]
    let _ = folder;
    Ok(())
}

/// The folder a file is in: `.` for a bare name.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// A file that appears under its name whole or not at all: written under a temporary name beside it, renamed
/// by [`commit`](Self::commit), removed if dropped before.
#[derive(Debug)]
pub struct AtomicFile {
    target: PathBuf,
    file: tempfile::NamedTempFile,
}

impl AtomicFile {
    /// Starts a file that will be at `target`, in a folder that exists.
    pub fn create(target: impl AsRef<Path>) -> Result<Self> {
        let target = target.as_ref();
        let mut builder = tempfile::Builder::new();
        builder.prefix(".aria-").suffix(".part");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // What a file gets that is simply created; the umask takes its share.
            builder.permissions(fs::Permissions::from_mode(0o666));
        }
        let file =
            builder.tempfile_in(parent(target)).map_err(Error::io("create a file in", parent(target)))?;
        Ok(Self { target: target.to_path_buf(), file })
    }

    /// Gives the file its name, replacing what was there.
    pub fn commit(self) -> Result<()> {
        let Self { target, file } = self;
        file.as_file().sync_data().map_err(Error::io("write", &target))?;
        file.persist(&target).map_err(|error| Error::io("create", &target)(error.error))?;
        Ok(())
    }

    /// Writes `bytes` as the whole content of `target`.
    pub fn write_whole(target: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
        let mut file = Self::create(target)?;
        file.write_all(bytes).map_err(Error::io("write", &file.target))?;
        file.commit()
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn an_atomic_file_appears_on_commit_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"half").unwrap();
        assert!(!path.exists());
        drop(file);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing stays behind");
        AtomicFile::write_whole(&path, b"whole").unwrap();
        AtomicFile::write_whole(&path, b"again").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"again");
        let nowhere = AtomicFile::write_whole(folder.path().join("no/where"), b"x").unwrap_err();
        assert!(nowhere.to_string().contains("no"), "{nowhere}");
    }

    #[test]
    fn zeros_and_kernel_copies_are_exact() {
        let folder = tempfile::tempdir().unwrap();
        let open = |name: &str| {
            let path = folder.path().join(name);
            File::options().read(true).write(true).create(true).truncate(true).open(path).unwrap()
        };
        let (a, b) = (open("a"), open("b"));
        let data: Vec<u8> = (0..100_000u32).map(|i| (i % 251) as u8).collect();
        write_all_at(&a, &data, 0).unwrap();
        b.set_len(100_000).unwrap();
        if copy_in_kernel(&a, 5000, &b, 7, 60_000).unwrap() {
            let mut copied = vec![0; 60_000];
            read_exact_at(&b, &mut copied, 7).unwrap();
            assert_eq!(copied, data[5000..65_000]);
            assert_eq!(
                copy_in_kernel(&a, 99_000, &b, 0, 5000).unwrap_err().kind(),
                io::ErrorKind::UnexpectedEof
            );
        }
        write_zeros(&a, 1000, 90_000).unwrap();
        let mut found = vec![1; 100_000];
        read_exact_at(&a, &mut found, 0).unwrap();
        assert_eq!(found[..1000], data[..1000]);
        assert!(is_zero(&found[1000..91_000]));
        assert_eq!(found[91_000..], data[91_000..]);
    }
}
