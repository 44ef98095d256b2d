//! The commands, one after the other, as a user of desync would use them.
#![allow(clippy::unwrap_used, reason = "a failure here is the test failing")]

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use aria_storage::core::StoredForm;
use aria_tests::{aria, data, fails, ids, index, missing, ok, run, text};
use serde_json::Value;

/// Two versions of a file, their indexes and their store.
fn two_versions(folder: &Path) -> [Vec<u8>; 2] {
    let old = data::archive(71, 2 << 20);
    let new = data::edited(&old, 72);
    for (name, content) in [("old", &old), ("new", &new)] {
        fs::write(folder.join(name), content).unwrap();
        ok(folder, &["make", "-m", "4:16:64", "-s", "store", &format!("{name}.caibx"), name]);
    }
    [old, new]
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn verify_finds_and_removes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    two_versions(folder);
    let all = json(&ok(folder, &["verify", "-s", "store", "--format", "json"]));
    let bad = index(folder, "new.caibx").chunks()[3].id;
    let file = folder.join("store").join(bad.store_path(StoredForm::Compressed));
    fs::write(&file, b"nonsense").unwrap();
    let output = run(folder, &["verify", "-s", "store"]);
    assert_eq!(output.status.code(), Some(4));
    assert!(text(&output.stderr).contains(&bad.to_string()));
    assert!(file.exists());
    let repaired = json(&ok(folder, &["verify", "-r", "-s", "store", "--format", "json"]));
    assert_eq!(repaired["chunks"], all["chunks"]);
    assert_eq!(repaired["bad"][0]["id"], bad.to_string());
    assert!(!file.exists());
    fails(folder, &["extract", "-s", "store", "new.caibx", "out"], 3, &[&bad.to_string()]);
}

#[test]
fn verify_index_compares_all_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let [old, _] = two_versions(folder);
    ok(folder, &["verify-index", "old.caibx", "old"]);
    fails(folder, &["verify-index", "old.caibx", "new"], 4, &["new", "bytes"]);
    let mut other = old.clone();
    let last = other.len() - 1;
    other[last] ^= 1;
    fs::write(folder.join("other"), &other).unwrap();
    fails(folder, &["verify-index", "old.caibx", "other"], 4, &["other", "differ"]);
    fails(folder, &["verify-index", "old.caibx", "none"], 3, &["none"]);
}

#[test]
fn chop_and_cache_copy_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let [_, new] = two_versions(folder);
    let copied = |output: &str| json(output)["copied"].as_u64().unwrap() as usize;
    let (one, two) = (index(folder, "old.caibx"), index(folder, "new.caibx"));
    let chop = ["chop", "--format", "json", "-s", "chopped", "new.caibx", "new"];
    assert_eq!(copied(&ok(folder, &chop)), ids(&two).len());
    assert_eq!(copied(&ok(folder, &chop)), 0);
    ok(folder, &["extract", "-s", "chopped", "new.caibx", "out"]);
    assert!(fs::read(folder.join("out")).unwrap() == new);
    let only_new = ["chop", "--format", "json", "--ignore", "old.caibx", "-s", "part", "new.caibx", "new"];
    assert_eq!(copied(&ok(folder, &only_new)), missing(&two, &one).len());
    fs::write(folder.join("list"), ok(folder, &["list-chunks", "old.caibx"]) + "\n").unwrap();
    let cache =
        ["cache", "--format", "json", "--ignore-chunks", "list", "-s", "store", "-c", "cached", "new.caibx"];
    assert_eq!(copied(&ok(folder, &cache)), missing(&two, &one).len());
    let both = ["cache", "--format", "json", "-s", "store", "-c", "cached", "-u", "old.caibx", "new.caibx"];
    assert_eq!(copied(&ok(folder, &both)), ids(&one).len(), "what is there in the other form counts");
    ok(folder, &["verify", "-s", "cached"]);
    // A chain: neither store has all.
    ok(folder, &["cache", "-s", "store", "-c", "first", "old.caibx"]);
    fails(folder, &["extract", "-s", "first", "new.caibx", "out2"], 3, &["first"]);
    ok(folder, &["extract", "-s", "first", "-s", "part", "new.caibx", "out2"]);
    assert!(fs::read(folder.join("out2")).unwrap() == new);
    fails(folder, &["chop", "-s", "x", "new.caibx", "old"], 4, &["old"]);
    fs::write(folder.join("list"), "nonsense\n").unwrap();
    fails(folder, &cache, 2, &["list, line 1"]);
}

#[test]
fn prune_keeps_what_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let [_, new] = two_versions(folder);
    let (one, two) = (index(folder, "old.caibx"), index(folder, "new.caibx"));
    let some = folder.join("store").join(two.chunks()[0].id.store_path(StoredForm::Compressed));
    let leftover = some.with_file_name(".tmp-cacnk123");
    fs::write(&leftover, b"half a chunk").unwrap();
    for (answer, removes) in [("n\n", false), ("", false), ("y\n", true)] {
        let mut child = Command::new(aria())
            .current_dir(folder)
            .args(["prune", "-s", "store", "new.caibx"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(answer.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        assert!(text(&output.stdout).contains(&missing(&one, &two).len().to_string()));
        let left = json(&ok(folder, &["verify", "-s", "store", "--format", "json"]))["chunks"]
            .as_u64()
            .unwrap() as usize;
        let expected = if removes { ids(&two).len() } else { ids(&two).len() + missing(&one, &two).len() };
        assert_eq!(left, expected, "answer {answer:?}");
        assert_eq!(leftover.exists(), !removes);
    }
    assert_eq!(
        json(&ok(folder, &["prune", "--format", "json", "-y", "-s", "store", "new.caibx"]))["removed"],
        0
    );
    ok(folder, &["extract", "-s", "store", "new.caibx", "out"]);
    assert!(fs::read(folder.join("out")).unwrap() == new);
    fails(folder, &["prune", "-y", "-s", "store", "no.caibx"], 3, &["no.caibx"]);
}

#[test]
fn info_counts() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let [_, new] = two_versions(folder);
    let (one, two) = (index(folder, "old.caibx"), index(folder, "new.caibx"));
    ok(folder, &["cache", "-s", "store", "-c", "cache", "old.caibx"]);
    ok(folder, &["inspect-chunks", "-s", "store", "new.caibx", "chunks.json"]);
    let args = [
        "info",
        "-s",
        "store",
        "--seed",
        "old.caibx",
        "-c",
        "cache",
        "--chunks-info",
        "chunks.json",
        "new.caibx",
    ];
    let info = json(&ok(folder, &args));
    let only_new = missing(&two, &one);
    let size = |ids: &[aria_storage::core::ChunkId]| -> u64 {
        ids.iter().map(|id| u64::from(two.chunks().iter().find(|chunk| chunk.id == *id).unwrap().size)).sum()
    };
    for (name, value) in [
        ("total", two.chunks().len() as u64),
        ("unique", ids(&two).len() as u64),
        ("in-store", ids(&two).len() as u64),
        ("in-seed", (ids(&two).len() - only_new.len()) as u64),
        ("in-cache", (ids(&two).len() - only_new.len()) as u64),
        ("not-in-seed-nor-cache", only_new.len() as u64),
        ("size", new.len() as u64),
        ("dedup-size-not-in-seed", size(&only_new)),
        ("dedup-size-not-in-seed-nor-cache", size(&only_new)),
        ("chunk-size-min", 4096),
        ("chunk-size-avg", 16_384),
        ("chunk-size-max", 65_536),
    ] {
        assert_eq!(info[name], value, "{name}");
    }
    let stored = |id: &aria_storage::core::ChunkId| {
        fs::metadata(folder.join("store").join(id.store_path(StoredForm::Compressed))).unwrap().len()
    };
    let compressed: u64 = only_new.iter().map(stored).sum();
    assert_eq!(info["dedup-size-not-in-seed-nor-cache-compressed"], compressed);
    let plain = ok(folder, &["info", "--format", "plain", "new.caibx"]);
    assert_eq!(plain.lines().count(), 13);
    assert!(plain.starts_with("Total chunks: "));
}

#[test]
fn lists_of_chunks() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    two_versions(folder);
    let index = index(folder, "new.caibx");
    let listed: Vec<String> = index.chunks().iter().map(|chunk| chunk.id.to_string()).collect();
    assert_eq!(ok(folder, &["list-chunks", "new.caibx"]).lines().collect::<Vec<_>>(), listed);
    let inspected = json(&ok(folder, &["inspect-chunks", "new.caibx"]));
    assert_eq!(inspected.as_array().unwrap().len(), listed.len());
    assert_eq!(inspected[0]["id"], listed[0]);
    assert_eq!(inspected[0]["uncompressed_size"], index.chunks()[0].size);
    assert!(inspected[0].get("compressed_size").is_none());
    let cuts: String =
        index.chunks().iter().map(|c| format!("{}\t{}\t{}\n", c.start, c.size, c.id)).collect();
    assert_eq!(ok(folder, &["chunk", "-m", "4:16:64", "new"]), cuts);
    let second = ok(folder, &["chunk", "-m", "4:16:64", "-S", &index.chunks()[1].start.to_string(), "new"]);
    assert_eq!(second, cuts.split_once('\n').unwrap().1, "from a cut on, the cuts are the same");
}

#[test]
fn cat_gives_ranges() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let [_, new] = two_versions(folder);
    let cat =
        |more: &[&str]| run(folder, &[&["cat", "-s", "store", "-c", "cache"], more, &["new.caibx"]].concat());
    assert!(cat(&[]).stdout == new);
    for (offset, length) in [(0, 1), (1, 100_000), (500_000, 70_000), (new.len() - 5, 5)] {
        let output = cat(&["-o", &offset.to_string(), "-l", &length.to_string()]);
        assert!(output.stdout == new[offset..offset + length], "{offset} {length}");
    }
    assert!(cat(&["-o", "1000000"]).stdout == new[1_000_000..]);
    ok(folder, &["cat", "-s", "store", "new.caibx", "file"]);
    assert!(fs::read(folder.join("file")).unwrap() == new);
    let past = (new.len() + 1).to_string();
    fails(folder, &["cat", "-s", "store", "-o", &past, "new.caibx"], 2, &["bytes"]);
    fails(
        folder,
        &["cat", "-s", "store", "-o", "5", "-l", &u64::MAX.to_string(), "new.caibx"],
        2,
        &["bytes"],
    );
}

#[test]
fn statistics_by_the_names_of_desync() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    two_versions(folder);
    let (one, two) = (index(folder, "old.caibx"), index(folder, "new.caibx"));
    let output = run(folder, &["make", "--print-stats", "-m", "4:16:64", "-s", "other", "x.caibx", "new"]);
    let stderr = text(&output.stderr);
    let stats = json(&stderr[..=stderr.find('}').unwrap()]);
    assert_eq!(stats["ChunksAccepted"], two.chunks().len());
    assert_eq!(stats["ChunksProduced"], ids(&two).len());
    let seeded = ["extract", "--print-stats", "--seed", "old.caibx", "-s", "store", "new.caibx", "out"];
    let stats = json(&ok(folder, &seeded));
    assert_eq!(stats["chunks-from-store"], missing(&two, &one).len());
    assert_eq!(stats["chunks-total"], two.chunks().len());
    assert_eq!(stats["bytes-total"], two.len());
    assert_eq!(stats["seeds"], 2);
    let again = json(&ok(folder, &["extract", "--print-stats", "-k", "-s", "store", "new.caibx", "out"]));
    assert_eq!(again["chunks-in-place"], two.chunks().len());
    assert_eq!(again["chunks-from-store"], 0);
}

#[test]
fn seeds_of_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let [old, new] = two_versions(folder);
    fs::create_dir_all(folder.join("seeds/deep")).unwrap();
    fs::write(folder.join("seeds/deep/old"), &old).unwrap();
    fs::copy(folder.join("old.caibx"), folder.join("seeds/deep/old.caibx")).unwrap();
    // An index without its file is no seed.
    fs::copy(folder.join("new.caibx"), folder.join("seeds/new.caibx")).unwrap();
    let args = ["extract", "--print-stats", "--seed-dir", "seeds", "-s", "store", "new.caibx", "out"];
    let stats = json(&ok(folder, &args));
    let (one, two) = (index(folder, "old.caibx"), index(folder, "new.caibx"));
    assert_eq!(stats["chunks-from-store"], missing(&two, &one).len());
    assert!(fs::read(folder.join("out")).unwrap() == new);
}

#[test]
fn an_old_version_is_updated_in_place() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let [old, new] = two_versions(folder);
    for content in [&old[..], &new[..100_000], &[&new[..], b"and more"].concat(), b""] {
        fs::write(folder.join("target"), content).unwrap();
        ok(folder, &["extract", "-k", "-s", "store", "new.caibx", "target"]);
        assert!(fs::read(folder.join("target")).unwrap() == new);
    }
}

#[cfg(unix)]
#[test]
fn holes_stay_holes_and_permissions_stay() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let content = [data::noise(81, 300_000), vec![0; 20 << 20], data::noise(82, 300_000)].concat();
    fs::write(folder.join("data"), &content).unwrap();
    ok(folder, &["make", "-s", "store", "data.caibx", "data"]);
    fs::write(folder.join("out"), b"old").unwrap();
    fs::set_permissions(folder.join("out"), fs::Permissions::from_mode(0o750)).unwrap();
    ok(folder, &["extract", "-s", "store", "data.caibx", "out"]);
    assert!(fs::read(folder.join("out")).unwrap() == content);
    let meta = fs::metadata(folder.join("out")).unwrap();
    assert!(meta.blocks() * 512 < 5 << 20, "{} blocks", meta.blocks());
    assert_eq!(meta.mode() & 0o777, 0o750);
    // In place, zeros replace what was there.
    fs::write(folder.join("full"), data::noise(83, content.len())).unwrap();
    ok(folder, &["extract", "-k", "-s", "store", "data.caibx", "full"]);
    assert!(fs::read(folder.join("full")).unwrap() == content);
}
