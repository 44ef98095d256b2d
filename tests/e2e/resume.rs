//! Interrupted work: nothing half-done is visible, and the next run goes on where this one was.
#![allow(clippy::unwrap_used, reason = "a failure here is the test failing")]

use std::{
    collections::HashSet,
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use aria_tests::{
    command, data, failed, ok,
    server::{Answer, Scripted},
};

/// How many chunks are fetched at a time.
const WIDTH: usize = 4;

/// A site with one file of some 200 chunks on a slow server.
fn site(folder: &Path) -> (Vec<u8>, Scripted) {
    let content = data::noise(41, 4 << 20);
    fs::write(folder.join("data"), &content).unwrap();
    fs::create_dir(folder.join("site")).unwrap();
    ok(folder, &["make", "-m", "4:16:64", "-s", "site/store", "site/data.caibx", "data"]);
    let server = Scripted::start(&folder.join("site"));
    server.on("*", |_| Answer::Slow(Duration::from_millis(20)));
    (content, server)
}

fn args(server: &Scripted, more: &[&str]) -> Vec<String> {
    let (index, store) = (format!("{}data.caibx", server.url), format!("{}store", server.url));
    let mut args = vec![
        "extract".to_owned(),
        "-n".to_owned(),
        WIDTH.to_string(),
        "-s".to_owned(),
        store,
        index,
        "out".to_owned(),
    ];
    args.extend(more.iter().map(|arg| (*arg).to_owned()));
    args
}

/// Starts the extraction and waits until `chunks` have been asked for.
fn start(folder: &Path, server: &Scripted, more: &[&str], chunks: usize) -> Child {
    let child = command(folder, &args(server, more)).stderr(Stdio::piped()).spawn().unwrap();
    let started = Instant::now();
    while server.chunks_asked_for().len() < chunks {
        assert!(started.elapsed() < Duration::from_secs(60), "nothing is asked for");
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

/// Kills the extraction in the middle and runs it again: all is there, and only what had not arrived (at most
/// what was under way) is asked for again.
fn killed_and_run_again(more: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (content, server) = site(folder);
    let mut child = start(folder, &server, more, 60);
    // SIGKILL: no chance to tidy up.
    child.kill().unwrap();
    child.wait().unwrap();
    if !more.contains(&"-k") {
        assert!(!folder.join("out").exists(), "the output appears when it is whole");
    }
    let before = server.chunks_asked_for();
    assert!(before.len() >= 60 && before.len() < 150, "{} chunks", before.len());
    server.reset();
    ok(folder, &args(&server, more));
    assert!(fs::read(folder.join("out")).unwrap() == content);
    let before: HashSet<_> = before.into_iter().collect();
    let after = server.chunks_asked_for();
    let again = after.iter().filter(|id| before.contains(id)).count();
    assert!(again <= WIDTH, "{again} chunks were fetched again");
    let all: HashSet<_> = after.iter().chain(&before).collect();
    let index = aria_tests::index(&folder.join("site"), "data.caibx");
    assert_eq!(all.len(), aria_tests::ids(&index).len());
    let left =
        fs::read_dir(folder).unwrap().flatten().filter(|e| e.file_name().to_string_lossy().starts_with('.'));
    assert_eq!(left.count(), 0, "nothing temporary stays");
}

#[test]
fn killed_beside_the_output() {
    killed_and_run_again(&[]);
}

#[test]
fn killed_in_place() {
    killed_and_run_again(&["-k"]);
}

#[test]
fn killed_with_a_cache() {
    killed_and_run_again(&["-c", "cache"]);
}

#[test]
fn interrupted_by_signals() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_, server) = site(folder);
    for signal in ["-INT", "-TERM"] {
        server.reset();
        server.on("*", |_| Answer::Slow(Duration::from_millis(20)));
        let child = start(folder, &server, &[], 10);
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        assert_eq!(failed(&output, 130, &[]), "aria: cancelled");
        assert!(!folder.join("out").exists());
    }
}

#[test]
fn one_output_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (content, server) = site(folder);
    let first = start(folder, &server, &[], 10);
    let second = command(folder, &args(&server, &[])).output().unwrap();
    failed(&second, 1, &["out is being written by another process"]);
    assert!(first.wait_with_output().unwrap().status.success());
    assert!(fs::read(folder.join("out")).unwrap() == content);
}

#[test]
fn make_killed_in_the_middle_leaves_a_sound_store() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let content = data::noise(51, 60 << 20);
    fs::write(folder.join("data"), &content).unwrap();
    let make = ["make", "-m", "4:16:64", "-s", "store", "data.caibx", "data"];
    let mut child = command(folder, &make).stderr(Stdio::null()).spawn().unwrap();
    let started = Instant::now();
    while fs::read_dir(folder.join("store")).map_or(0, Iterator::count) < 200 {
        assert!(started.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!folder.join("data.caibx").exists(), "the index comes last");
    ok(folder, &["verify", "-s", "store"]);
    ok(folder, &make);
    ok(folder, &["extract", "-s", "store", "data.caibx", "out"]);
    assert!(fs::read(folder.join("out")).unwrap() == content);
}
