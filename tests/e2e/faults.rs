//! Bad input: a clear error that names the thing, an exit code, no output, nothing damaged.
#![allow(clippy::unwrap_used, reason = "a failure here is the test failing")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use aria_storage::core::{ChunkId, StoredForm};
use aria_tests::{
    data, failed, fails, index, ok, run,
    server::{Answer, Scripted},
    text,
};

/// A file with its index and store, local and on a server that can misbehave.
struct Site {
    folder: tempfile::TempDir,
    content: Vec<u8>,
    server: Scripted,
    /// A chunk in the middle.
    victim: ChunkId,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let content = data::noise(61, 300_000);
        fs::write(folder.path().join("data"), &content).unwrap();
        ok(folder.path(), &["make", "-m", "4:16:64", "-s", "store", "data.caibx", "data"]);
        let victim = index(folder.path(), "data.caibx").chunks()[5].id;
        let server = Scripted::start(folder.path());
        Self { folder, content, server, victim }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The URL path of the victim, and its file.
    fn victim(&self) -> (String, PathBuf) {
        let path = format!("store/{}", self.victim.store_path(StoredForm::Compressed));
        (format!("/{path}"), self.path().join(path))
    }

    /// `extract` from the server, with little patience.
    fn remote(&self, more: &[&str]) -> Vec<String> {
        let (index, store) = (format!("{}data.caibx", self.server.url), format!("{}store", self.server.url));
        let patience = ["-e", "2", "-b", "5ms", "--stall-timeout", "300ms"];
        let args = [&["extract"], &patience[..], &["-s", &store, &index, "out"], more].concat();
        args.iter().map(|arg| (*arg).to_owned()).collect()
    }

    /// The remote extraction fails so, and there is no output.
    fn remote_fails(&self, code: i32, words: &[&str]) {
        fails(self.path(), &self.remote(&[]), code, words);
        assert!(!self.path().join("out").exists());
    }

    /// The remote extraction goes through.
    fn remote_works(&self) {
        ok(self.path(), &self.remote(&[]));
        assert!(fs::read(self.path().join("out")).unwrap() == self.content);
        fs::remove_file(self.path().join("out")).unwrap();
    }

    /// How often the victim was asked for since the last time.
    fn asked(&self) -> usize {
        let victim = self.victim().0;
        let count = self.server.asked().iter().filter(|path| **path == victim).count();
        self.server.reset();
        count
    }
}

const LOCAL: [&str; 5] = ["extract", "-s", "store", "data.caibx", "out"];

#[test]
fn damaged_indexes() {
    let site = Site::new();
    let good = fs::read(site.path().join("data.caibx")).unwrap();
    let flipped = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 0x40;
        bytes
    };
    let table = 64;
    let cases: [(&str, Vec<u8>, &str); 10] = [
        ("empty", Vec::new(), "truncated"),
        ("cut in the header", good[..50].to_vec(), "truncated"),
        ("cut in an entry", good[..table + 50].to_vec(), "truncated"),
        ("cut behind an entry", good[..table + 80].to_vec(), "tail"),
        ("padded", [&good[..], b"\0"].concat(), "bytes follow"),
        ("header size", flipped(0), "48"),
        ("flags", flipped(21), "feature flags"),
        ("an offset", flipped(table + 5), "chunk 0"),
        ("the tail", flipped(good.len() - 1), "tail"),
        ("a page", b"<!DOCTYPE html><title>Hello</title> and so on".to_vec(), "web page"),
    ];
    for (what, bytes, word) in cases {
        println!("{what}");
        fs::write(site.path().join("bad.caibx"), &bytes).unwrap();
        fails(site.path(), &["extract", "-s", "store", "bad.caibx", "out"], 4, &["bad.caibx", word]);
        site.server.on("/data.caibx", move |_| Answer::Status(200, bytes.clone(), String::new()));
        site.remote_fails(4, &["/data.caibx", word]);
    }
    ok(site.path(), &["verify", "-s", "store"]);
}

#[test]
fn missing_things() {
    let site = Site::new();
    let (path, file) = site.victim();
    let id = site.victim.to_string();
    site.server.on(&path, |_| Answer::Status(404, Vec::new(), String::new()));
    site.remote_fails(3, &[&id, "missing", "/store"]);
    assert_eq!(site.asked(), 1, "what is missing is not asked for again");
    fs::remove_file(file).unwrap();
    fails(site.path(), &LOCAL, 3, &[&id, "missing", "store"]);
    assert!(!site.path().join("out").exists());
    fails(site.path(), &["extract", "-s", "store", "no.caibx", "out"], 3, &["no.caibx"]);
    fails(site.path(), &["extract", "-s", "nowhere", "data.caibx", "out"], 3, &["nowhere"]);
    let gone = format!("{}gone.caibx", site.server.url);
    fails(site.path(), &["extract", "-s", "store", &gone, "out"], 3, &["gone.caibx"]);
    fails(site.path(), &["extract", "-s", "store", "data.caibx", "no/folder/out"], 3, &["no/folder"]);
    fails(
        site.path(),
        &["extract", "-s", "store", "--seed", "no-seed", "data.caibx", "out"],
        3,
        &["no-seed"],
    );
    fails(site.path(), &["make", "x.caibx", "no-file"], 3, &["no-file"]);
}

#[test]
fn damaged_chunks() {
    let site = Site::new();
    let (path, file) = site.victim();
    let id = site.victim.to_string();
    let good = fs::read(&file).unwrap();
    let bomb = {
        let zeros = tempfile::tempdir().unwrap();
        fs::write(zeros.path().join("z"), vec![0; 60 << 20]).unwrap();
        ok(zeros.path(), &["make", "-m", "61440:61440:61440", "-s", "s", "z.caibx", "z"]);
        let id = index(zeros.path(), "z.caibx").chunks()[0].id;
        fs::read(zeros.path().join("s").join(id.store_path(StoredForm::Compressed))).unwrap()
    };
    let flipped = {
        let mut bytes = good.clone();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        bytes
    };
    let cases = [
        ("truncated", good[..good.len() / 2].to_vec()),
        ("corrupt", flipped),
        ("too large", bomb),
        ("web page", b"<html><body>Please sign in".to_vec()),
        ("truncated", Vec::new()),
    ];
    for (word, bytes) in cases {
        fs::write(&file, &bytes).unwrap();
        fails(site.path(), &LOCAL, 4, &[&id, word, "store"]);
        assert!(!site.path().join("out").exists());
        site.remote_fails(4, &[&id, word, "/store"]);
        fails(
            site.path(),
            &[&site.remote(&[])[..], &["-c".into(), "cache".into()]].concat(),
            4,
            &[&id, word],
        );
        ok(site.path(), &["verify", "-s", "cache"]);
    }
    fs::write(&file, good).unwrap();
    site.server.on(&path, |_| Answer::Endless);
    site.remote_fails(4, &[&id, "more than"]);
    site.server.reset();
    site.remote_works();
    ok(site.path(), &["verify", "-s", "store"]);
}

#[test]
fn failing_servers() {
    let site = Site::new();
    let (path, _) = site.victim();
    let id = site.victim.to_string();
    let busy = || Answer::Status(503, b"busy".to_vec(), String::new());
    let asked_to_wait = |seconds: u32| Answer::Status(429, Vec::new(), format!("Retry-After: {seconds}\r\n"));

    site.server.on(&path, move |_| busy());
    site.remote_fails(5, &[&id, "503", "3 times"]);
    assert_eq!(site.asked(), 3);
    site.server.on(&path, move |n| if n < 3 { busy() } else { Answer::File });
    site.remote_works();
    assert_eq!(site.asked(), 3);
    site.server.on(&path, |_| Answer::Status(403, Vec::new(), String::new()));
    site.remote_fails(5, &[&id, "403"]);
    assert_eq!(site.asked(), 1, "a refusal is not tried again");
    site.server.on(&path, move |_| asked_to_wait(3600));
    site.remote_fails(5, &[&id, "429"]);
    assert_eq!(site.asked(), 1, "an hour is too long to wait");
    site.server.on(&path, move |n| if n < 2 { asked_to_wait(1) } else { Answer::File });
    site.remote_works();

    site.server.reset();
    site.server.on(&path, |_| Answer::Cut(100));
    site.remote_fails(4, &[&id, "truncated", "100 of"]);
    assert_eq!(site.asked(), 3);
    site.server.on(&path, |n| if n < 3 { Answer::Cut(100) } else { Answer::File });
    site.remote_works();
    site.server.reset();
    site.server.on(&path, |_| Answer::Stall(100));
    site.remote_fails(5, &[&id, "no answer in time"]);
    assert_eq!(site.asked(), 3);
    site.server.on(&path, |n| if n == 1 { Answer::Stall(0) } else { Answer::File });
    site.remote_works();
    site.server.reset();
    site.server.on(&path, |n| if n < 3 { Answer::Close } else { Answer::File });
    site.remote_works();
    site.server.reset();
    site.server.on(&path, |_| Answer::Close);
    site.remote_fails(5, &[&id]);
    fails(
        site.path(),
        &["extract", "-e", "1", "-b", "5ms", "-s", "http://127.0.0.1:9/store", "data.caibx", "out"],
        5,
        &["http://127.0.0.1:9/store", "refused"],
    );
}

#[test]
fn an_index_for_the_other_digest() {
    let site = Site::new();
    let mut bytes = fs::read(site.path().join("data.caibx")).unwrap();
    bytes[23] ^= 0x20;
    fs::write(site.path().join("other.caibx"), bytes).unwrap();
    let args = ["extract", "-s", "store", "other.caibx", "out"];
    fails(site.path(), &args, 4, &["sha512-256", "sha256", "another digest"]);
    assert!(!site.path().join("out").exists());
    ok(site.path(), &["verify", "-s", "store"]);
}

#[test]
fn a_damaged_cache_is_mended() {
    let site = Site::new();
    let cached = [&LOCAL[..], &["-c", "cache"]].concat();
    ok(site.path(), &cached);
    let in_cache = site.path().join("cache").join(site.victim.store_path(StoredForm::Compressed));
    for damage in [b"nonsense".to_vec(), fs::read(&in_cache).unwrap()[..200].to_vec(), Vec::new()] {
        fs::write(&in_cache, damage).unwrap();
        let output = run(site.path(), &cached);
        let stderr = text(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        let note = stderr.lines().find(|line| line.starts_with("aria: note: ")).unwrap();
        assert!(note.contains(&site.victim.to_string()) && note.contains("cache"), "{note}");
        assert!(fs::read(site.path().join("out")).unwrap() == site.content);
        ok(site.path(), &["verify", "-s", "cache"]);
    }
}

#[test]
fn a_changed_seed_is_no_error() {
    let site = Site::new();
    let mut seed = site.content.clone();
    seed[100_000..100_010].fill(0);
    fs::write(site.path().join("seed"), &seed).unwrap();
    for cut in [seed.len(), 200_000] {
        fs::write(site.path().join("seed"), &seed[..cut]).unwrap();
        let args = [&LOCAL[..], &["--seed", "data.caibx:seed", "--print-stats"]].concat();
        let output = run(site.path(), &args);
        let stderr = text(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        assert!(stderr.contains("note: the seed seed"), "{stderr}");
        assert!(fs::read(site.path().join("out")).unwrap() == site.content);
        let stats: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(stats["bad-seed-chunks"], stats["chunks-from-store"]);
        assert!(stats["bad-seed-chunks"].as_u64().unwrap() >= 1);
        fs::remove_file(site.path().join("out")).unwrap();
    }
}

#[test]
fn outputs_and_caches_that_cannot_be_written() {
    let site = Site::new();
    fs::create_dir(site.path().join("out-dir")).unwrap();
    fails(site.path(), &["extract", "-s", "store", "data.caibx", "out-dir"], 1, &["out-dir", "directory"]);
    let with_cache = [&LOCAL[..], &["-c", "data"]].concat();
    fails(site.path(), &with_cache, 1, &["data", "folder"]);
    // A folder of the cache that is a file: even root cannot write there.
    fs::create_dir(site.path().join("cache")).unwrap();
    fs::write(site.path().join("cache").join(&site.victim.to_string()[..4]), b"").unwrap();
    let with_cache = [&LOCAL[..], &["-c", "cache"]].concat();
    fails(site.path(), &with_cache, 1, &[&site.victim.to_string()[..4]]);
    assert!(!site.path().join("out").exists());
    fails(site.path(), &["extract", "-s", "ftp://h/s", "data.caibx", "out"], 1, &["ftp://h/s"]);
    fails(
        site.path(),
        &["extract", "-k", "-s", "store", "--seed", "data", "data.caibx", "data"],
        1,
        &["data", "seed"],
    );
    fails(site.path(), &["extract", "-s", "store", "data.caibx", "data.caibx"], 2, &["data.caibx"]);
}

/// Runs `aria` with files limited to so many blocks of 1024 bytes: writing beyond is an error, as on a full disk.
#[cfg(unix)]
fn with_little_room(folder: &Path, blocks: u32, args: &[&str]) -> std::process::Output {
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" --progress none \"$@\"");
    Command::new("bash")
        .current_dir(folder)
        .arg("-c")
        .arg(script)
        .arg(aria_tests::aria())
        .args(args)
        .output()
        .unwrap()
}

#[cfg(unix)]
#[test]
fn a_full_disk() {
    let site = Site::new();
    let output = with_little_room(site.path(), 100, &LOCAL);
    failed(&output, 1, &["out", "too large"]);
    assert!(!site.path().join("out").exists());
    // Chunks of up to 64 KiB, and room for 8: some fit, the first large one does not.
    let make = ["make", "-u", "-m", "4:16:64", "-s", "small", "small.caibx", "data"];
    failed(&with_little_room(site.path(), 8, &make), 1, &["small/", "too large"]);
    assert!(!site.path().join("small.caibx").exists(), "no index without its chunks");
    ok(site.path(), &["verify", "-s", "small"]);
    ok(site.path(), &make);
    ok(site.path(), &["extract", "-s", "small", "small.caibx", "out"]);
    // A device that is always full.
    if Path::new("/dev/full").exists() {
        let args = ["extract", "-k", "-s", "store", "data.caibx", "/dev/full"];
        fails(site.path(), &args, 1, &["/dev/full", "no space left"]);
    }
}
