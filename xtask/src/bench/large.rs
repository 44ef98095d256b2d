//! The rows about large things: a file of many GB, a store of very many chunks. Ours only, but for the walk.

use anyhow::Result;

use super::{
    compare::{self, Agreement},
    inputs::{Large, records},
    measure::remove,
    place::{Place, create},
    row::{Entry, Figure, Goal, Row, Turns},
};

/// A file of so many MiB: index, make, extract and verify, one after the other.
///
/// The file goes before it is extracted, so that it never stands there twice; what is extracted is compared
/// with the content generated anew.
pub(crate) fn file(place: &Place, mib: u64) -> Result<Row> {
    let folder = place.path("large");
    create(&folder)?;
    let large = Large { size: mib };
    let [file, out, store, first, second] =
        ["large.bin", "OUT", "store", "first.caibx", "large.bin.caibx"].map(|name| folder.join(name));
    eprintln!("writing a file of {mib} MiB");
    large.write(&file)?;
    let aria = || place.aria();
    let make = aria().words(&["make"]).path(&first, "large.bin.caibx").path(&file, "large.bin");
    let index = Entry::ours("aria make, index only", make).makes([first.clone()]).kept();
    let make = aria().words(&["make", "-s"]).path(&store, "STORE");
    let make = make.path(&second, "large.bin.caibx").path(&file, "large.bin");
    let make = Entry::ours("aria make", make).makes([second.clone(), store.clone()]).kept();
    let made = second.clone();
    let make = make.check(move || compare::indexes(&made, &first, Agreement::Bytes));
    let extract = aria().words(&["extract", "-s"]).path(&store, "STORE");
    let extract = extract.path(&second, "large.bin.caibx").path(&out, "OUT");
    let extract = Entry::ours("aria extract", extract).makes([out.clone()]);
    let extract = extract.before(move || remove(&file)).check(move || large.compare(&out));
    let verify = aria().words(&["verify", "-s"]).path(&store, "STORE");
    let verify = Entry::ours("aria verify", verify);
    Ok(Row {
        title: format!("A file of {:.1} GB (one run each)", (mib << 20) as f64 / 1e9),
        entries: vec![index, make, extract, verify],
        goals: Vec::new(),
        memory: 64,
        turns: Turns::Once,
    })
}

/// A store of so many tiny chunks: what prune and verify take beside a mere walk.
pub(crate) fn chunks(place: &Place, count: u64) -> Result<Row> {
    const WALK: &str = "find";
    const READ: &str = "find, reading all";
    let folder = place.path("chunks");
    create(&folder)?;
    let [file, store, index] = ["records.bin", "store", "records.caibx"].map(|name| folder.join(name));
    eprintln!("making a store of {count} chunks");
    records(&file, count)?;
    let make = place.aria().words(&["make", "-m", "256B:256B:256B", "-s"]);
    make.path(&store, "STORE").path(&index, "INDEX").path(&file, "records.bin").output()?;
    remove(&file)?;
    let find = || place.peers.line("find").map(|line| line.path(&store, "STORE").words(&["-type", "f"]));
    let prune = place.aria().words(&["prune", "-y", "-s"]).path(&store, "STORE").path(&index, "INDEX");
    let kept = (store.clone(), index.clone());
    let entries = vec![
        Entry::ours("aria prune", prune).check(move || compare::store_of(&kept.0, &kept.1)),
        Entry::ours("aria verify", place.aria().words(&["verify", "-s"]).path(&store, "STORE")),
        Entry::peer(WALK, find()),
        Entry::peer(READ, find().map(|line| line.words(&["-exec", "cat", "{}", "+"]))),
    ];
    // No verify can do without reading the chunks, so its walk is measured against one that reads too.
    let goals = vec![
        Goal::new(Figure::Wall, "aria prune", 1.5, &[WALK]),
        Goal::new(Figure::Wall, "aria verify", 1.5, &[READ]),
    ];
    Ok(Row {
        title: format!("Prune and verify, a store of {count} chunks"),
        entries,
        goals,
        memory: 100,
        turns: Turns::Rounds,
    })
}
