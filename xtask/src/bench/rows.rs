//! The rows about one version pair: index, make, extract, verify.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use super::{
    compare::{self, Agreement, Table},
    measure::Line,
    place::{Digest, Place, create, index_name},
    row::{Entry, Figure, Goal, Row, Turns, Work},
};

/// The most memory that a row may take, in MiB.
const MEMORY: u64 = 64;

const DESYNC: &str = "desync";
const CASYNC: &str = "casync";
const HASHING: &str = "hashing (openssl)";
const READING: &str = "reading (cat)";
const INDEX_ONLY: &str = "aria, index only";

fn row(title: impl Into<String>, entries: Vec<Entry>, goals: Vec<Goal>) -> Row {
    Row { title: title.into(), entries, goals, memory: MEMORY, turns: Turns::Rounds }
}

/// The same command of this build and of the earlier one, if there is one.
fn ours(place: &Place, name: &str, command: impl Fn(Line, &str) -> Entry) -> Vec<Entry> {
    let mut entries = vec![Entry { ours: true, ..command(place.aria(), name) }];
    if let Some(before) = &place.before {
        entries.push(command(Line::new("aria", before), &format!("{name} (earlier build)")));
    }
    entries
}

/// Hashing `bytes` at the rate of `openssl speed`.
fn hashing(place: &Place, name: &str, digest: Digest, bytes: u64) -> Entry {
    let openssl = place.peers.line("openssl");
    let speed =
        |line: Line| line.words(&["speed", "-mr", "-seconds", "1", "-bytes", "65536", "-evp", digest.name()]);
    Entry::new(name, openssl.map_or(Work::NotFound, |line| Work::Hash { openssl: speed(line), bytes }))
}

/// `aria make` without a store.
fn index_only(place: &Place, name: &str, digest: Digest) -> Result<Vec<Entry>> {
    let (expected, _) = place.stored(&place.a, digest)?;
    Ok(ours(place, name, |aria, name| {
        let index = place.path(&format!("{name}.caibx"));
        let line = aria.words(&["make", "--digest", digest.name()]).path(&index, &index_name(&place.a));
        let (made, expected) = (index.clone(), expected.clone());
        Entry::new(name, Work::Run(line.path(&place.a.path, &place.a.name)))
            .makes([index])
            .check(move || compare::indexes(&made, &expected, Agreement::Bytes))
    }))
}

/// `desync make`, into a store if one is given, checked by its chunk table.
fn desync_make(place: &Place, digest: Digest, index: &Path, store: Option<&Path>) -> Result<Entry> {
    let (expected, _) = place.stored(&place.a, digest)?;
    let line = place.peers.line(DESYNC).map(|line| {
        let line = line.words(&["make", "-n", &place.threads]);
        let line = if digest == Digest::Sha256 { line.words(&["--digest", "sha256"]) } else { line };
        let line =
            store.map_or_else(|| line.clone(), |store| line.clone().words(&["-s"]).path(store, "STORE"));
        line.path(index, &index_name(&place.a)).path(&place.a.path, &place.a.name)
    });
    let made = index.to_path_buf();
    Ok(Entry::peer(DESYNC, line)
        .makes([index.to_path_buf()])
        .check(move || compare::indexes(&made, &expected, Agreement::Table)))
}

/// Index only.
pub(crate) fn index(place: &Place, digest: Digest) -> Result<Row> {
    let mut entries = index_only(place, "aria", digest)?;
    entries.push(desync_make(place, digest, &place.path("desync.caibx"), None)?);
    entries.push(Entry::new(CASYNC, Work::Cannot("it makes no index without a store")));
    entries.push(Entry::new("bita", Work::Cannot("it makes no index without an archive")));
    entries.push(hashing(place, HASHING, digest, place.a.size));
    let cat = place.peers.line("cat").map(|line| line.path(&place.a.path, &place.a.name));
    entries.push(Entry::peer(READING, cat));
    let goals = match digest {
        Digest::Sha512 => vec![Goal::new(Figure::Cpu, "aria", 0.40, &[DESYNC])],
        Digest::Sha256 => vec![
            Goal::new(Figure::Cpu, "aria", 0.45, &[DESYNC]),
            Goal::new(Figure::Cpu, "aria", 1.3, &[HASHING, READING]),
        ],
    };
    Ok(row(format!("Index only, {}", digest.title()), entries, goals))
}

/// `aria make` into a store; into one of its own that is not there, or into one that has it all.
fn make_into(place: &Place, name: &str, digest: Digest, full: bool) -> Result<Vec<Entry>> {
    let (expected, has_all) = place.stored(&place.a, digest)?;
    Ok(ours(place, name, |aria, name| {
        let (index, own) = (place.path(&format!("{name}.caibx")), place.path(&format!("{name}.store")));
        let store = if full { has_all.clone() } else { own.clone() };
        let line = aria.words(&["make", "--digest", digest.name(), "-s"]).path(&store, "STORE");
        let line = line.path(&index, &index_name(&place.a)).path(&place.a.path, &place.a.name);
        let (made, expected) = (index.clone(), expected.clone());
        let entry = Entry::new(name, Work::Run(line)).makes([index]);
        let entry = if full { entry } else { entry.makes([own]) };
        entry.check(move || made_right(&made, &store, &expected, Agreement::Bytes))
    }))
}

/// Whether an index is as expected, and a store holds its chunks.
fn made_right(index: &Path, store: &Path, expected: &Path, agreement: Agreement) -> Result<compare::Verdict> {
    match compare::indexes(index, expected, agreement)? {
        compare::Verdict::Same(index) => match compare::store_of(store, expected)? {
            compare::Verdict::Same(_) => Ok(compare::Verdict::Same(match index {
                "index" => "index, chunks",
                _ => "chunk table, chunks",
            })),
            differs => Ok(differs),
        },
        differs => Ok(differs),
    }
}

/// `casync make`.
fn casync_make(place: &Place, store: &Path) -> Result<Entry> {
    let (expected, _) = place.stored(&place.a, Digest::Sha512)?;
    let index = place.path("casync.caibx");
    let line = place.peers.line(CASYNC).map(|line| {
        let line = line.words(&["make"]).joined("--store=", store, "STORE");
        line.path(&index, &index_name(&place.a)).path(&place.a.path, &place.a.name)
    });
    let (made, store) = (index.clone(), store.to_path_buf());
    Ok(Entry::peer(CASYNC, line)
        .makes([index])
        .check(move || made_right(&made, &store, &expected, Agreement::Bytes)))
}

/// Make into an empty local store.
pub(crate) fn make(place: &Place) -> Result<Row> {
    let zstd_name = format!("zstd -3 -T{}", place.threads);
    let mut entries = make_into(place, "aria", Digest::Sha512, false)?;
    entries.extend(make_into(place, "aria, SHA-256", Digest::Sha256, false)?);
    let store = place.path("desync.store");
    let (index, expected) = (place.path("desync.caibx"), place.stored(&place.a, Digest::Sha512)?.0);
    let desync = desync_make(place, Digest::Sha512, &index, Some(&store))?.makes([store.clone()]);
    // desync makes no store, it only fills one that is there.
    let folder = store.clone();
    let desync = desync.before(move || create(&folder));
    entries.push(desync.check(move || made_right(&index, &store, &expected, Agreement::Table)));
    let store = place.path("casync.store");
    entries.push(casync_make(place, &store)?.makes([store]));
    let archive = place.path("made.cba");
    entries.push(Entry::peer("bita", place.bita_compress(&place.a, &archive)).makes([archive]));
    let out = place.path("made.zst");
    let zstd = place.peers.line("zstd").map(|line| {
        let line = line.words(&["-3", &format!("-T{}", place.threads), "-q"]);
        line.path(&place.a.path, &place.a.name).words(&["-o"]).path(&out, "OUT.zst")
    });
    entries.push(Entry::peer(zstd_name.clone(), zstd).makes([out]));
    let goals = vec![
        Goal::new(Figure::Wall, "aria", 0.20, &[CASYNC]),
        Goal::new(Figure::Wall, "aria", 0.20, &[DESYNC]),
        Goal::new(Figure::Wall, "aria", 1.5, &[&zstd_name]),
        Goal::new(Figure::Wall, "aria, SHA-256", 1.5, &[&zstd_name]),
    ];
    Ok(row("Make into an empty local store", entries, goals))
}

/// Make into a store that has it all.
pub(crate) fn make_again(place: &Place) -> Result<Row> {
    let (_, store) = place.stored(&place.a, Digest::Sha512)?;
    let mut entries = make_into(place, "aria", Digest::Sha512, true)?;
    entries.extend(index_only(place, INDEX_ONLY, Digest::Sha512)?);
    entries.push(desync_make(place, Digest::Sha512, &place.path("desync.caibx"), Some(&store))?);
    entries.push(casync_make(place, &store)?);
    let goals = vec![Goal::new(Figure::Wall, "aria", 1.3, &[INDEX_ONLY])];
    Ok(row("Make into a store that has it all", entries, goals))
}

/// An entry that writes the content of an input, checked against it.
fn extracted(place: &Place, name: &str, of: &Path, line: impl FnOnce(&Path) -> Option<Line>) -> Entry {
    let out = place.path(&format!("{name}.out"));
    let (made, expected) = (out.clone(), of.to_path_buf());
    Entry::peer(name, line(&out)).makes([out]).check(move || compare::files(&made, &expected))
}

/// Extract from a local store.
pub(crate) fn extract(place: &Place) -> Result<Row> {
    let (a, index_name) = (&place.a, index_name(&place.a));
    let mut entries = Vec::new();
    for (name, digest) in [("aria", Digest::Sha512), ("aria, SHA-256", Digest::Sha256)] {
        let (index, store) = place.stored(a, digest)?;
        entries.extend(ours(place, name, |aria, name| {
            let line = aria.words(&["extract", "-s"]).path(&store, "STORE").path(&index, &index_name);
            extracted(place, name, &a.path, |out| Some(line.path(out, "OUT")))
        }));
    }
    let (index, store) = place.stored(a, Digest::Sha512)?;
    entries.push(extracted(place, DESYNC, &a.path, |out| {
        let line = place.peers.line(DESYNC)?.words(&["extract", "-n", &place.threads, "-s"]);
        Some(line.path(&store, "STORE").path(&index, &index_name).path(out, "OUT"))
    }));
    entries.push(extracted(place, CASYNC, &a.path, |out| {
        let line = place.peers.line(CASYNC)?.words(&["extract"]).joined("--store=", &store, "STORE");
        Some(line.path(&index, &index_name).path(out, "OUT"))
    }));
    let archive = place.bita_archive(a);
    entries.push(extracted(place, "bita", &a.path, |out| {
        let line = place.peers.line("bita")?.words(&["clone"]);
        Some(line.path(&archive?, &format!("{}.cba", a.name)).path(out, "OUT"))
    }));
    let zst = place.zst(a)?;
    entries.push(extracted(place, "zstd -d", &a.path, |out| {
        let line = place.peers.line("zstd")?.words(&["-d", "-q"]).path(&zst?, &format!("{}.zst", a.name));
        Some(line.words(&["-o"]).path(out, "OUT"))
    }));
    let goals = vec![
        Goal::new(Figure::Wall, "aria", 0.5, &[DESYNC]),
        Goal::new(Figure::Wall, "aria", 1.2, &["zstd -d"]),
        Goal::new(Figure::Wall, "aria, SHA-256", 1.2, &["zstd -d"]),
    ];
    Ok(row("Extract from a local store", entries, goals))
}

/// Extract the second version with the first as a seed, chunks local.
pub(crate) fn extract_with_seed(place: &Place) -> Result<Row> {
    let (a, b) = (&place.a, &place.b);
    let (seed_name, name_b) = (index_name(a), index_name(b));
    let mut entries = Vec::new();
    for (name, digest) in [("aria", Digest::Sha512), ("aria, SHA-256", Digest::Sha256)] {
        let ((seed, _), (index, store)) = (place.stored(a, digest)?, place.stored(b, digest)?);
        entries.extend(ours(place, name, |aria, name| {
            let line = aria.words(&["extract", "-s"]).path(&store, "STORE").words(&["--seed"]);
            let line = line.path(&seed, &seed_name).path(&index, &name_b);
            extracted(place, name, &b.path, |out| Some(line.path(out, "OUT")))
        }));
    }
    let ((seed, _), (index, store)) = (place.stored(a, Digest::Sha512)?, place.stored(b, Digest::Sha512)?);
    entries.push(extracted(place, DESYNC, &b.path, |out| {
        let line = place.peers.line(DESYNC)?.words(&["extract", "-n", &place.threads, "-s"]);
        let line = line.path(&store, "STORE").words(&["--seed"]).path(&seed, &seed_name);
        Some(line.path(&index, &name_b).path(out, "OUT"))
    }));
    entries.push(extracted(place, CASYNC, &b.path, |out| {
        let line = place.peers.line(CASYNC)?.words(&["extract"]).joined("--store=", &store, "STORE");
        let line = line.joined("--seed=", &a.path, &a.name);
        Some(line.path(&index, &name_b).path(out, "OUT"))
    }));
    let archive = place.bita_archive(b);
    entries.push(extracted(place, "bita", &b.path, |out| {
        let line = place.peers.line("bita")?.words(&["clone", "--seed"]).path(&a.path, &a.name);
        Some(line.path(&archive?, &format!("{}.cba", b.name)).path(out, "OUT"))
    }));
    let goals = vec![Goal::new(Figure::Wall, "aria", 0.5, &[DESYNC])];
    Ok(row("Extract the second version with the first as seed, chunks local", entries, goals))
}

/// Verify a store.
pub(crate) fn verify(place: &Place) -> Result<Row> {
    let (mut entries, mut hashes, mut goals) = (Vec::new(), Vec::new(), Vec::new());
    for (name, digest) in [("aria", Digest::Sha512), ("aria, SHA-256", Digest::Sha256)] {
        let (index, store) = place.stored(&place.a, digest)?;
        entries.extend(ours(place, name, |aria, name| {
            Entry::new(name, Work::Run(aria.words(&["verify", "-s"]).path(&store, "STORE")))
        }));
        let hashing_name = format!("{HASHING}, {}", digest.title());
        goals.push(Goal::new(Figure::Cpu, name, 1.2, &["zstd -t", &hashing_name]));
        hashes.push(hashing(place, &hashing_name, digest, Table::read(&index)?.unique_bytes()));
    }
    let (_, store) = place.stored(&place.a, Digest::Sha512)?;
    let desync = place
        .peers
        .line(DESYNC)
        .map(|line| line.words(&["verify", "-n", &place.threads, "-s"]).path(&store, "STORE"));
    entries.push(Entry::peer(DESYNC, desync));
    entries.push(Entry::new(CASYNC, Work::Cannot("it has no such command")));
    entries.push(Entry::new("bita", Work::Cannot("it has no such command")));
    let list = place.path("chunks.txt");
    write_list(&store, &list)?;
    let zstd = place
        .peers
        .line("zstd")
        .map(|line| line.words(&["-t", "-q"]).joined("--filelist=", &list, "CHUNKS-OF-STORE"));
    entries.push(Entry::peer("zstd -t", zstd));
    entries.extend(hashes);
    Ok(row("Verify a store", entries, goals))
}

/// Writes the paths of all chunks of a store to a file.
fn write_list(store: &Path, list: &Path) -> Result<()> {
    let mut paths = Vec::new();
    for folder in fs::read_dir(store).with_context(|| format!("cannot read {}", store.display()))? {
        for file in fs::read_dir(folder?.path())? {
            paths.push(file?.path().to_string_lossy().into_owned());
        }
    }
    paths.sort();
    fs::write(list, paths.join("\n")).with_context(|| format!("cannot write {}", list.display()))
}
