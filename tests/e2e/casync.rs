//! Agreement with casync: the same indexes, byte for byte, and stores that each can use of the other.
#![allow(clippy::unwrap_used, reason = "a failure here is the test failing")]

use std::{fs, path::Path, process::Command};

use aria_demo_model::{Detail, Version, glb};
use aria_tests::{data, index, ok, peer_is_there, text};

const DIGESTS: [&str; 2] = ["sha512-256", "sha256"];

/// Runs casync in a folder; gives whether it succeeded, and its last words if not.
fn casync(folder: &Path, args: &[&str]) -> Result<(), String> {
    let output = Command::new("casync").current_dir(folder).args(args).output().unwrap();
    if output.status.success() { Ok(()) } else { Err(text(&output.stderr)) }
}

/// Cuts `data` with both programs; the index files must be equal. Gives the number of chunks, and how many have
/// exactly the minimum (the last one aside).
fn agree(folder: &Path, data: &[u8], (min, avg, max): (u64, u64, u64), digest: &str) -> (usize, usize) {
    fs::write(folder.join("data"), data).unwrap();
    for left in ["ours.caibx", "theirs.caibx"] {
        let _ = fs::remove_file(folder.join(left));
    }
    let _ = fs::remove_dir_all(folder.join("theirs.castr"));
    let sizes = format!("{min}B:{avg}B:{max}B");
    ok(folder, &["make", "--digest", digest, "-m", &sizes, "ours.caibx", "data"]);
    let (digest, sizes) = (format!("--digest={digest}"), format!("--chunk-size={min}:{avg}:{max}"));
    casync(folder, &["make", &digest, &sizes, "--store=theirs.castr", "theirs.caibx", "data"]).unwrap();
    let (ours, theirs) =
        (fs::read(folder.join("ours.caibx")).unwrap(), fs::read(folder.join("theirs.caibx")).unwrap());
    assert!(ours == theirs, "{} bytes, {sizes}, {digest}: the indexes differ", data.len());
    let index = index(folder, "ours.caibx");
    let inner = &index.chunks()[..index.chunks().len().saturating_sub(1)];
    (index.chunks().len(), inner.iter().filter(|chunk| u64::from(chunk.size) == min).count())
}

#[test]
fn the_same_cuts_around_every_boundary() {
    if !peer_is_there("casync", "casync") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let noise = data::noise(1, 300_000);
    for (min, avg, max) in [(16_384, 65_536, 262_144), (1024, 4096, 16_384), (100, 300, 2000), (16, 64, 256)]
    {
        let mut lengths = vec![0, 1, 47, 48, 49, min - 1, min, min + 1, max - 1, max, max + 1];
        lengths.dedup();
        for len in lengths {
            agree(folder.path(), &noise[..len as usize], (min, avg, max), "sha512-256");
            agree(folder.path(), &vec![0; len as usize], (min, avg, max), "sha256");
        }
    }
}

#[test]
fn the_same_cuts_of_large_files_at_all_sizes() {
    if !peer_is_there("casync", "casync") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let large = data::archive(7, 40 << 20);
    for digest in DIGESTS {
        agree(folder.path(), &large, (16_384, 65_536, 262_144), digest);
    }
    let (chunks, exactly_min) = agree(folder.path(), &large, (1024, 4096, 16_384), "sha512-256");
    assert!(exactly_min > 0, "of {chunks} chunks none is cut at exactly the minimum");
    for sizes in [
        (4096, 16_384, 65_536),
        (65_536, 262_144, 1_048_576),
        // casync raises the discriminator to the minimum here,
        (61_440, 65_536, 262_144),
        // lowers it to the maximum here,
        (2 << 20, 8 << 20, 32 << 20),
        // and here the formula for it is beyond its pole.
        (4 << 20, 16 << 20, 64 << 20),
        (10_240, 10_240, 10_240),
    ] {
        agree(folder.path(), &large, sizes, "sha256");
    }
    agree(folder.path(), &vec![0; 5_000_000], (16_384, 65_536, 262_144), "sha512-256");
}

#[test]
fn the_same_cuts_of_models() {
    if !peer_is_there("casync", "casync") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for version in [Version::One, Version::Two] {
        let model = glb(version, Detail::Full).unwrap();
        for digest in DIGESTS {
            agree(folder.path(), &model, (16_384, 65_536, 262_144), digest);
        }
    }
}

#[test]
fn sizes_below_the_window() {
    if !peer_is_there("casync", "casync") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let noise = data::noise(3, 20_000);
    agree(folder.path(), &noise, (1, 1, 100), "sha256");
    agree(folder.path(), &noise, (10, 20, 48), "sha256");
    agree(folder.path(), &noise, (30, 30, 30), "sha256");
    // A maximum below the window of 48 bytes: neither program can do it.
    let sizes = ["make", "--chunk-size=10:20:47", "--store=s.castr", "x.caibx", "data"];
    assert!(casync(folder.path(), &sizes).is_err());
    aria_tests::fails(folder.path(), &["make", "-m", "10B:20B:47B", "y.caibx", "data"], 1, &["47", "48"]);
}

#[test]
fn any_number_of_threads_gives_the_same_index() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("data"), data::archive(5, 12 << 20)).unwrap();
    let make = |threads: &str, index: &str, store: &str| {
        ok(folder.path(), &["make", "-n", threads, "-m", "4:16:64", "-s", store, index, "data"]);
        fs::read(folder.path().join(index)).unwrap()
    };
    let one = make("1", "1.caibx", "1.castr");
    assert_eq!(make("2", "2.caibx", "2.castr"), one);
    assert_eq!(make("7", "7.caibx", "7.castr"), one);
    let piped = Command::new(aria_tests::aria())
        .args(["make", "-m", "4:16:64", "-", "-"])
        .stdin(fs::File::open(folder.path().join("data")).unwrap())
        .output()
        .unwrap();
    assert_eq!(piped.stdout, one, "{}", text(&piped.stderr));
}

#[test]
fn each_extracts_what_the_other_stored() {
    if !peer_is_there("casync", "casync") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let data = data::archive(11, 6 << 20);
    fs::write(folder.join("data"), &data).unwrap();
    for digest in DIGESTS {
        let flag = format!("--digest={digest}");
        for (form, name) in [(None, "compressed"), (Some("-u"), "plain")] {
            let store = format!("ours-{digest}-{name}.castr");
            let mut make = vec!["make", "--digest", digest, "-s", &store, "ours.caibx", "data"];
            make.extend(form);
            ok(folder, &make);
            casync(folder, &["extract", &flag, &format!("--store={store}"), "ours.caibx", "theirs.out"])
                .unwrap();
            assert!(fs::read(folder.join("theirs.out")).unwrap() == data, "{digest}, {name}");
            // casync would take an output that is there for a seed while it writes it.
            fs::remove_file(folder.join("theirs.out")).unwrap();
        }
        let store = format!("theirs-{digest}.castr");
        casync(folder, &["make", &flag, &format!("--store={store}"), "theirs.caibx", "data"]).unwrap();
        ok(folder, &["verify", "-s", &store]);
        ok(folder, &["extract", "-s", &store, "theirs.caibx", "ours.out"]);
        assert!(fs::read(folder.join("ours.out")).unwrap() == data, "{digest}");
        fs::remove_file(folder.join("ours.out")).unwrap();
    }
}
