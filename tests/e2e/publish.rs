//! Publishing: versions, the manifest, a target that takes `PUT`.
#![allow(clippy::unwrap_used, reason = "a failure here is the test failing")]

use std::{fs, path::Path};

use aria_storage::core::manifest::Manifest;
use aria_tests::{data, fails, index, ok, server::Scripted};

fn manifest(folder: &Path) -> Manifest {
    Manifest::decode(&fs::read(folder.join("manifest.json")).unwrap()).unwrap()
}

#[test]
fn versions_accumulate_and_never_change() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (one, two) = (data::noise(1, 500_000), data::noise(2, 600_000));
    let publish = |content: &[u8], more: &[&str]| {
        fs::write(folder.join("a.glb"), content).unwrap();
        ok(folder, &[&["publish", "--format", "json", "a.glb", "-o", "site"], more].concat())
    };
    assert!(publish(&one, &[]).contains("\"new\""));
    let before = fs::read(folder.join("site/manifest.json")).unwrap();
    assert!(publish(&one, &[]).contains("\"unchanged\""));
    assert_eq!(
        fs::read(folder.join("site/manifest.json")).unwrap(),
        before,
        "the same content is no new version"
    );
    publish(&two, &[]);
    publish(&one, &["--as", "2.1-rollback"]);
    let site = folder.join("site");
    let manifest = manifest(&site);
    let asset = &manifest.assets["a.glb"];
    let names: Vec<&str> = asset.versions.iter().map(|version| &*version.version).collect();
    assert_eq!(names, ["1", "2", "2.1-rollback"]);
    assert_eq!(asset.latest, "2.1-rollback");
    assert_eq!(asset.versions[0].content, asset.versions[2].content);
    assert_eq!(asset.versions[1].size, 600_000);
    assert_eq!(asset.versions[0].media_type, "model/gltf-binary");
    assert_eq!(asset.versions[0].content, asset.versions[0].digest.id(&one));
    assert_eq!(index(&site, &asset.index), index(&site, &asset.versions[2].index));
    for (version, content) in asset.versions.iter().zip([&one, &two, &one]) {
        let index = site.join(&version.index).display().to_string();
        ok(folder, &["extract", "-s", "site/store", &index, "out"]);
        assert!(fs::read(folder.join("out")).unwrap() == *content);
    }
    fs::write(folder.join("a.glb"), &two).unwrap();
    fails(folder, &["publish", "a.glb", "-o", "site", "--as", "1"], 1, &["a.glb", "version 1"]);
}

#[test]
fn folders_of_files() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::create_dir_all(folder.join("in/models/deep")).unwrap();
    fs::create_dir(folder.join("none")).unwrap();
    fs::write(folder.join("in/readme.txt"), b"hello").unwrap();
    fs::write(folder.join("in/models/a.glb"), data::noise(3, 100_000)).unwrap();
    fs::write(folder.join("in/models/deep/empty.bin"), b"").unwrap();
    ok(folder, &["publish", "in", "-o", "site"]);
    let manifest = manifest(&folder.join("site"));
    let names: Vec<&String> = manifest.assets.keys().collect();
    assert_eq!(names, ["models/a.glb", "models/deep/empty.bin", "readme.txt"]);
    assert!(folder.join("site/models/a.glb.caibx").exists());
    assert!(folder.join("site/versions/models/deep/empty.bin/1.caibx").exists());
    fails(folder, &["publish", "none", "-o", "site"], 1, &["none"]);
    fails(folder, &["publish", "in", "--name", "x", "-o", "site"], 1, &["--name"]);
    fs::write(folder.join("in/100%.txt"), b"").unwrap();
    fails(folder, &["publish", "in", "-o", "site"], 1, &["100%.txt"]);
}

#[test]
fn to_a_server_chunks_first_manifest_last() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::create_dir(folder.join("site")).unwrap();
    let server = Scripted::start(&folder.join("site"));
    let one = data::noise(5, 400_000);
    let two = data::edited(&one, 6);
    fs::write(folder.join("a.bin"), &one).unwrap();
    let target = format!("{}pub", server.url);
    ok(folder, &["publish", "a.bin", "-o", &target]);
    let put = server.put();
    let kind = |path: &str| {
        ["/store/", "versions/", ".caibx", "manifest.json"].iter().position(|k| path.contains(k))
    };
    assert!(put.is_sorted_by_key(|path| kind(path)), "{put:?}");
    assert_eq!(put.last().unwrap(), "/pub/manifest.json");
    server.reset();
    fs::write(folder.join("a.bin"), &two).unwrap();
    ok(folder, &["publish", "a.bin", "-o", &target]);
    let versions = folder.join("site/pub/versions/a.bin");
    let wanted = aria_tests::missing(&index(&versions, "2.caibx"), &index(&versions, "1.caibx"));
    assert_eq!(server.put().iter().filter(|path| path.contains("/store/")).count(), wanted.len());
    let (index, store) = (format!("{target}/a.bin.caibx"), format!("{target}/store"));
    ok(folder, &["extract", "-s", &store, &index, "out"]);
    assert!(fs::read(folder.join("out")).unwrap() == two);
}

#[test]
fn what_is_no_manifest_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::create_dir(folder.join("site")).unwrap();
    fs::write(folder.join("site/manifest.json"), b"{\"name\": \"a web app\"}").unwrap();
    fs::write(folder.join("a"), b"a").unwrap();
    fails(folder, &["publish", "a", "-o", "site"], 1, &["manifest.json", "not a manifest"]);
    assert_eq!(fs::read(folder.join("site/manifest.json")).unwrap(), b"{\"name\": \"a web app\"}");
}
