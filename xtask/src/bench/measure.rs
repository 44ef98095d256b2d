//! Running one command, and what the kernel says it took.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{Read, Seek},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

use anyhow::{Context, Result, bail};
use wait4::Wait4;

/// A command line: what is run, and how it is shown (with the names of things instead of this machine's paths).
#[derive(Clone, Debug)]
pub(crate) struct Line {
    program: PathBuf,
    words: Vec<OsString>,
    shown: Vec<String>,
}

impl Line {
    pub(crate) fn new(shown: &str, program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), words: Vec::new(), shown: vec![shown.to_owned()] }
    }

    /// Adds words that are shown as they are.
    pub(crate) fn words(mut self, words: &[&str]) -> Self {
        self.words.extend(words.iter().map(OsString::from));
        self.shown.extend(words.iter().map(|&word| word.to_owned()));
        self
    }

    /// Adds a path that is shown by another name.
    pub(crate) fn path(self, path: &Path, shown: &str) -> Self {
        self.joined("", path, shown)
    }

    /// Adds a word that ends with a path, such as `--store=PATH`.
    pub(crate) fn joined(mut self, start: &str, path: &Path, shown: &str) -> Self {
        let mut word = OsString::from(start);
        word.push(path);
        self.words.push(word);
        self.shown.push(format!("{start}{shown}"));
        self
    }

    /// The command line as it is printed.
    pub(crate) fn shown(&self) -> String {
        self.shown.join(" ")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.words).stdin(Stdio::null());
        command
    }

    /// Runs the command to its end without measuring and gives what it printed on standard output.
    pub(crate) fn output(&self) -> Result<String> {
        let output = self.command().output().with_context(|| format!("cannot run {}", self.shown()))?;
        if !output.status.success() {
            let errors = String::from_utf8_lossy(&output.stderr);
            bail!("{} failed ({}): {}", self.shown(), output.status, errors.trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs the command to its end and measures it. What it prints is dropped, but for the errors of a command
    /// that fails: those are in the error.
    pub(crate) fn measure(&self) -> Result<Sample> {
        let mut errors = tempfile::tempfile().context("cannot make a temporary file")?;
        let mut command = self.command();
        command.stdout(Stdio::null()).stderr(errors.try_clone()?);
        let floor = forget_own_peak();
        let started = Instant::now();
        let child = command.spawn().with_context(|| format!("cannot run {}", self.shown()))?;
        let used = child.wait4().with_context(|| format!("cannot wait for {}", self.shown()))?;
        let wall = started.elapsed().as_secs_f64();
        if !used.status.success() {
            let mut text = String::new();
            errors.rewind()?;
            errors.take(4096).read_to_string(&mut text).ok();
            bail!("{} failed ({}): {}", self.shown(), used.status, text.trim());
        }
        let cpu = (used.rusage.utime + used.rusage.stime).as_secs_f64();
        Ok(Sample { wall, cpu, peak: Some(used.rusage.maxrss), floor, output: Size::default() })
    }
}

/// What one run took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sample {
    /// Seconds from its start to its end.
    pub(crate) wall: f64,
    /// Seconds of processor time, its own and the kernel's for it, over all threads.
    pub(crate) cpu: f64,
    /// The most memory it had resident, in bytes.
    pub(crate) peak: Option<u64>,
    /// What the process that started it had resident, in bytes. The kernel counts that as the child's until
    /// the program is loaded, so no smaller peak can be seen.
    pub(crate) floor: u64,
    /// What it left behind.
    pub(crate) output: Size,
}

/// The size of files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Size {
    /// Bytes in the files.
    pub(crate) bytes: u64,
    /// Bytes of the blocks they take, without folders.
    pub(crate) disk: u64,
}

/// The size of a file, or of all files below a folder; nothing if there is none.
pub(crate) fn size(path: &Path) -> Result<Size> {
    let meta = match fs::symlink_metadata(path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Size::default()),
        Err(error) => return Err(error).with_context(|| format!("cannot look at {}", path.display())),
    };
    if !meta.is_dir() {
        return Ok(Size { bytes: meta.len(), disk: meta.blocks() * 512 });
    }
    let mut sum = Size::default();
    for entry in fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))? {
        let below = size(&entry?.path())?;
        sum.bytes += below.bytes;
        sum.disk += below.disk;
    }
    Ok(sum)
}

/// Removes a file or a folder with all that is in it, if it is there.
pub(crate) fn remove(path: &Path) -> Result<()> {
    let done = match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    };
    done.with_context(|| format!("cannot remove {}", path.display()))
}

/// Gets a file or folder out of the way of the next run. A folder is moved, to be removed when all is done:
/// ext4 passes over inodes that were freed in the last minutes, each at a cost, so that creating files soon
/// after many were removed takes several times as long.
pub(crate) fn clear(path: &Path) -> Result<()> {
    static MOVED: AtomicUsize = AtomicUsize::new(0);
    if !fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir()) {
        return remove(path);
    }
    let number = MOVED.fetch_add(1, Ordering::Relaxed);
    let aside = path.with_file_name(format!(".old-{number}"));
    fs::rename(path, &aside).with_context(|| format!("cannot move {} out of the way", path.display()))
}

/// Reads a file to its end, so that it is in the page cache.
pub(crate) fn warm(path: &Path) -> Result<()> {
    let mut file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut buffer = vec![0; 1 << 20];
    while file.read(&mut buffer)? > 0 {}
    Ok(())
}

/// Makes this process forget the most memory it ever had, and gives what it has now in bytes. Only Linux can;
/// elsewhere it is 0.
fn forget_own_peak() -> u64 {
    fs::write("/proc/self/clear_refs", "5").ok();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status_bytes(&status, "VmHWM:")
}

/// The bytes that a line of `/proc/PID/status` or `/proc/meminfo` gives in kB.
pub(crate) fn status_bytes(status: &str, key: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    let kib = line.and_then(|rest| rest.split_whitespace().next()).and_then(|kib| kib.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_without_paths_and_run_with_them() {
        let line =
            Line::new("echo", "/bin/echo").words(&["-n"]).joined("--store=", Path::new("/a/b"), "STORE");
        assert_eq!(line.shown(), "echo -n --store=STORE");
        assert_eq!(line.output().unwrap(), "--store=/a/b");
    }

    #[test]
    fn what_a_process_used_is_measured() {
        let sample = Line::new("sh", "/bin/sh")
            .words(&["-c", "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done"])
            .measure()
            .unwrap();
        assert!(sample.cpu > 0.0 && sample.wall > 0.0 && sample.peak > Some(0));
    }

    #[test]
    fn a_failure_shows_what_the_command_said() {
        let line = Line::new("sh", "/bin/sh").words(&["-c", "echo lost >&2; exit 3"]);
        for error in [line.measure().map(|_| ()), line.output().map(|_| ())] {
            let text = error.unwrap_err().to_string();
            assert!(text.contains("lost") && text.contains('3'), "{text}");
        }
    }

    #[test]
    fn sizes_of_files_and_folders() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("below")).unwrap();
        fs::write(folder.path().join("below/file"), [1; 5000]).unwrap();
        fs::write(folder.path().join("other"), [1; 10]).unwrap();
        let found = size(folder.path()).unwrap();
        assert_eq!(found.bytes, 5010);
        assert!(found.disk.is_multiple_of(512));
        remove(&folder.path().join("other")).unwrap();
        clear(&folder.path().join("below")).unwrap();
        assert!(!folder.path().join("below").exists());
        assert_eq!(size(folder.path()).unwrap().bytes, 5000, "moved, not removed");
        clear(&folder.path().join("below")).unwrap();
        remove(folder.path()).unwrap();
        assert_eq!(size(folder.path()).unwrap(), Size::default());
        remove(folder.path()).unwrap();
    }

    #[test]
    fn lines_of_proc() {
        let text = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t 1 kB\n";
        assert_eq!(status_bytes(text, "VmHWM:"), 2 << 20);
        assert_eq!(status_bytes(text, "VmSwap:"), 0);
    }
}
