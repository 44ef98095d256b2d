//! An update over HTTP fetches exactly the chunks that the versions differ in, each once.
#![allow(clippy::unwrap_used, reason = "a failure here is the test failing")]

use std::{fs, path::Path, process::Stdio, time::Duration};

use aria_tests::{command, data, index, missing, ok, server::Served};

/// Publishes two versions of a large file. Gives their content.
fn publish(folder: &Path, options: &[&str]) -> [Vec<u8>; 2] {
    let old = data::archive(21, 60 << 20);
    let new = data::edited(&old, 22);
    for content in [&old, &new] {
        fs::write(folder.join("data"), content).unwrap();
        let args = [&["publish", "data", "-o", "site", "--name", "game.pak"], options].concat();
        ok(folder, &args);
    }
    fs::write(folder.join("old"), &old).unwrap();
    [old, new]
}

/// Runs `extract` with these seeds; gives the most memory it used, in kB.
fn extract(folder: &Path, url: &str, seed: &str) -> u64 {
    let (index, store) = (format!("{url}game.pak.caibx"), format!("{url}store"));
    let args = ["extract", "--seed", seed, "-s", &store, &index, "new"];
    let mut child = command(folder, &args).stderr(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    loop {
        // The kernel's own high-water mark; the last reading counts.
        if let Some(line) = fs::read_to_string(&status)
            .ok()
            .as_deref()
            .and_then(|s| s.lines().find(|l| l.starts_with("VmHWM")))
        {
            most = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        }
        if let Some(done) = child.try_wait().unwrap() {
            assert!(done.success());
            return most;
        }
        std::thread::sleep(Duration::from_millis(3));
    }
}

fn update(options: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let [_, new] = publish(folder, options);
    let versions = folder.join("site/versions/game.pak");
    let wanted = missing(&index(&versions, "2.caibx"), &index(&versions, "1.caibx"));
    assert!(!wanted.is_empty() && wanted.len() < 100);
    let with_index = format!("{}:old", versions.join("1.caibx").display());
    for seed in ["old", &with_index] {
        let server = Served::start(&folder.join("site"), &folder.join("log"));
        let memory = extract(folder, &server.url, seed);
        assert!(fs::read(folder.join("new")).unwrap() == new, "seed {seed}");
        assert_eq!(server.chunks_asked_for(), wanted, "seed {seed}");
        assert!(memory > 1000 && memory < 100_000, "it used {memory} kB");
        fs::remove_file(folder.join("new")).unwrap();
        fs::remove_file(folder.join("log")).unwrap();
    }
}

#[test]
fn with_sha256() {
    update(&[]);
}

#[test]
fn with_sha512_256() {
    update(&["--digest", "sha512-256"]);
}

#[test]
fn with_fastcdc() {
    update(&["--chunker", "fastcdc"]);
}

#[test]
fn with_chunks_of_a_fixed_size() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let old = data::archive(31, 3 << 20);
    let mut new = old.clone();
    new[1_000_000..1_000_010].copy_from_slice(b"ten bytes!");
    fs::create_dir(folder.join("site")).unwrap();
    for (name, content) in [("old", &old), ("new", &new)] {
        fs::write(folder.join(name), content).unwrap();
        ok(folder, &["make", "-m", "64:64:64", "-s", "site/store", &format!("site/{name}.caibx"), name]);
    }
    let server = Served::start(&folder.join("site"), &folder.join("log"));
    let (index, store) = (format!("{}new.caibx", server.url), format!("{}store", server.url));
    ok(folder, &["extract", "--seed", "old", "-s", &store, &index, "out"]);
    assert!(fs::read(folder.join("out")).unwrap() == new);
    assert_eq!(server.chunks_asked_for().len(), 1);
}
