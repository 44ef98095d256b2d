//! On a file system that can share blocks between files, what comes from a seed takes no room.
#![allow(clippy::unwrap_used, reason = "a failure here is the test failing")]
#![cfg(target_os = "linux")]

use std::{
    fs::{self, File},
    path::Path,
    process::Command,
};

use aria_tests::{data, ok, peer_is_there};

/// A mounted btrfs in a file; unmounted with this value.
struct Mounted<'a>(&'a Path);

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}

fn succeeds(program: &str, args: &[&str]) -> bool {
    Command::new(program).args(args).output().is_ok_and(|output| output.status.success())
}

/// Bytes in use on the file system of a folder.
fn used(folder: &Path) -> u64 {
    assert!(succeeds("sync", &["-f", folder.to_str().unwrap()]));
    let output = Command::new("df").args(["--output=used", "-B1"]).arg(folder).output().unwrap();
    aria_tests::text(&output.stdout).lines().nth(1).unwrap().trim().parse().unwrap()
}

#[test]
fn seeds_share_their_blocks() {
    if !peer_is_there("mkfs.btrfs", "btrfs-progs") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (image, mount) = (folder.path().join("image"), folder.path().join("mount"));
    File::create(&image).unwrap().set_len(300 << 20).unwrap();
    fs::create_dir(&mount).unwrap();
    let (image, at) = (image.to_str().unwrap(), mount.to_str().unwrap());
    assert!(succeeds("mkfs.btrfs", &["-q", image]));
    if !succeeds("mount", &["-o", "loop", image, at]) {
        // Not for everybody; a peer that is missing is another matter.
        println!("skipped: a file system cannot be mounted here (it takes root)");
        eprintln!("skipped: a file system cannot be mounted here (it takes root)");
        return;
    }
    let mounted = Mounted(&mount);
    let folder = mounted.0;
    let old = data::noise(91, 40 << 20);
    // An edit of the same length: what follows lies alike in both versions.
    let mut new = old.clone();
    new[10 << 20..(10 << 20) + 5000].copy_from_slice(&data::noise(92, 5000));
    for (name, content) in [("old", &old), ("new", &new)] {
        fs::write(folder.join(name), content).unwrap();
        ok(folder, &["make", "-s", "store", &format!("{name}.caibx"), name]);
    }
    fs::remove_file(folder.join("new")).unwrap();
    let before = used(folder);
    ok(folder, &["extract", "--seed", "old.caibx", "-s", "store", "new.caibx", "new"]);
    let taken = used(folder).saturating_sub(before);
    assert!(fs::read(folder.join("new")).unwrap() == new);
    assert!(taken < 8 << 20, "{taken} bytes were taken");
}
