//! Shared parts of the end-to-end tests: the program, its peers, test data, servers.
// Test code: a failure here is the test failing.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc)]

pub mod data;
pub mod server;

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::OnceLock,
};

use aria_storage::core::{ChunkId, Index};

/// The `aria` program, built with the profile of the tests.
pub fn aria() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        // The test's own program is in TARGET/PROFILE/deps.
        let own = std::env::current_exe().unwrap();
        let profile = own.parent().and_then(Path::parent).unwrap();
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "-p", "aria-storage-server", "--bin", "aria"]);
        build.arg("--target-dir").arg(profile.parent().unwrap());
        if profile.ends_with("release") {
            build.arg("--release");
        }
        let built = build.current_dir(env!("CARGO_MANIFEST_DIR")).status().unwrap();
        assert!(built.success(), "the program cannot be built");
        profile.join(format!("aria{}", std::env::consts::EXE_SUFFIX))
    })
}

/// A command of `aria` in a folder, without progress.
pub fn command<S: AsRef<OsStr>>(folder: &Path, args: &[S]) -> Command {
    let mut command = Command::new(aria());
    command.current_dir(folder).args(["--progress", "none"]).args(args).stdin(Stdio::null());
    command
}

/// Runs `aria` in a folder.
pub fn run<S: AsRef<OsStr>>(folder: &Path, args: &[S]) -> Output {
    command(folder, args).output().unwrap()
}

/// Runs `aria` in a folder; it must succeed. Gives what it printed on standard output.
pub fn ok<S: AsRef<OsStr>>(folder: &Path, args: &[S]) -> String {
    let output = run(folder, args);
    let line: Vec<_> = args.iter().map(|arg| arg.as_ref().to_string_lossy()).collect();
    assert!(output.status.success(), "aria {}: {}", line.join(" "), text(&output.stderr));
    text(&output.stdout)
}

/// Runs `aria` in a folder; it must fail with this exit code and one line that contains all of `words`. Gives
/// the line.
pub fn fails<S: AsRef<OsStr>>(folder: &Path, args: &[S], code: i32, words: &[&str]) -> String {
    failed(&run(folder, args), code, words)
}

/// Checks that a run failed: see [`fails`].
pub fn failed(output: &Output, code: i32, words: &[&str]) -> String {
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    let errors: Vec<&str> = stderr.lines().filter(|line| !line.starts_with("aria: note: ")).collect();
    assert_eq!(errors.len(), 1, "one line says what is wrong: {stderr}");
    assert!(errors[0].starts_with("aria: "), "{stderr}");
    for word in words {
        assert!(errors[0].contains(word), "\"{word}\" is not in: {stderr}");
    }
    errors[0].to_owned()
}

/// Bytes as text.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Whether a peer is installed. If not, says so loudly, or fails where peers are required.
pub fn peer_is_there(program: &str, package: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if found.is_ok() {
        return true;
    }
    let message = format!("skipped: {program} is not installed (apt-get install {package})");
    assert!(std::env::var_os("ARIA_REQUIRE_PEERS").is_none(), "{message}");
    println!("{message}");
    eprintln!("{message}");
    false
}

/// An index of a folder.
pub fn index(folder: &Path, name: &str) -> Index {
    aria_storage::index_file::read_path(&folder.join(name)).unwrap()
}

/// The different chunks of an index, sorted.
pub fn ids(index: &Index) -> Vec<ChunkId> {
    let mut ids: Vec<_> = index.chunks().iter().map(|chunk| chunk.id).collect();
    ids.sort();
    ids.dedup();
    ids
}

/// The chunks of `wanted` that are not in `have`, sorted.
pub fn missing(wanted: &Index, have: &Index) -> Vec<ChunkId> {
    let have = ids(have);
    ids(wanted).into_iter().filter(|id| have.binary_search(id).is_err()).collect()
}
