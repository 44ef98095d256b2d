//! Rates in memory: our kernels on one thread, and the same work in Node.js.
//!
//! This program is built without optimisation, so the kernels are run by an example of the core, which is
//! built for release and prints what it took.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};

use super::{
    measure::Line,
    place::{Digest, Place},
    stats::median,
};

/// What one run of a program told: bytes, and the seconds that each kind of work took.
#[derive(Debug)]
struct Told {
    bytes: f64,
    seconds: BTreeMap<String, f64>,
}

/// The rates of several runs in bytes a second, by kind of work.
#[derive(Debug, Default)]
pub(crate) struct Rates(BTreeMap<String, Vec<f64>>);

impl Rates {
    fn add(&mut self, told: Told) {
        for (name, seconds) in told.seconds {
            self.0.entry(name).or_default().push(told.bytes / seconds);
        }
    }

    /// The median of a kind of work in bytes a second.
    pub(crate) fn median(&self, name: &str) -> Option<f64> {
        median(self.0.get(name)?.iter().copied())
    }
}

/// A row about rates.
#[derive(Debug)]
pub(crate) struct RateRow {
    pub(crate) title: &'static str,
    /// What the lines are called, and their rates in bytes a second.
    pub(crate) lines: Vec<(String, f64)>,
    /// What is to be reached, in words; what was, in words; and whether that is enough.
    pub(crate) goal: Option<(String, String, bool)>,
    pub(crate) commands: Vec<String>,
}

/// The kinds of work that the example does, and what they are called here.
const KERNELS: [(&str, &str); 10] = [
    ("scan-casync", "scan, casync's rule"),
    ("scan-fastcdc", "scan, FastCDC"),
    ("sha256", "SHA-256, one chunk at a time"),
    ("sha256-many", "SHA-256, many chunks at a time"),
    ("sha512-256", "SHA-512/256, one chunk at a time"),
    ("sha512-256-many", "SHA-512/256, many chunks at a time"),
    ("compress", "compress, level 3"),
    ("decompress", "decompress"),
    ("decode-sha256", "decompress and verify, SHA-256"),
    ("decode-sha512-256", "decompress and verify, SHA-512/256"),
];

/// The command line of the example, on the first input.
fn native(place: &Place, example: &Path) -> Line {
    Line::new("rates", example).path(&place.a.path, &place.a.name)
}

/// Runs the example several times.
pub(crate) fn measure(place: &Place, example: &Path, rounds: usize) -> Result<Rates> {
    eprintln!("Rates in memory");
    let line = native(place, example);
    let mut rates = Rates::default();
    for _ in 0..rounds {
        rates.add(told(&line)?);
    }
    Ok(rates)
}

/// Scan alone, and the other kernels beside it.
pub(crate) fn scan(place: &Place, example: &Path, rates: &Rates) -> RateRow {
    const GOAL: f64 = 2.5e9;
    let lines = KERNELS.iter().filter_map(|&(key, name)| Some((name.to_owned(), rates.median(key)?)));
    let goal = rates.median("scan-casync").map(|rate| {
        ("scan, casync's rule ≥ 2.50 GB/s".to_owned(), format!("{:.2} GB/s", rate / 1e9), rate >= GOAL)
    });
    RateRow {
        title: "Kernels in memory, one thread",
        lines: lines.collect(),
        goal,
        commands: vec![native(place, example).shown()],
    }
}

/// What the row in Node.js is called.
pub(crate) const WASM_TITLE: &str = "Decompress and verify in WebAssembly (Node.js)";

/// The script that does it.
pub(crate) fn decode_script(root: &Path) -> PathBuf {
    root.join("pkg/bench/decode.mjs")
}

/// Decompress and verify in WebAssembly, against the same in native code.
///
/// The script is given a store and an index, reads the chunks into memory, decodes and verifies them all, and
/// prints `{"bytes": decoded, "seconds": without reading}`.
pub(crate) fn wasm(root: &Path, place: &Place, native: &Rates, rounds: usize) -> Result<RateRow> {
    const GOAL: f64 = 0.5;
    eprintln!("Decompress and verify in WebAssembly");
    let (index, store) = place.stored(&place.a, Digest::Sha256)?;
    let line = Line::new("node", "node").path(&decode_script(root), "pkg/bench/decode.mjs");
    let line = line.path(&store, "STORE").path(&index, "INDEX");
    let mut rates = Rates::default();
    for _ in 0..rounds {
        rates.add(told(&line)?);
    }
    let found = rates.median(ONLY).context("the script told nothing")?;
    let native = native.median("decode-sha256").context("there is no native rate")?;
    let ratio = found / native;
    Ok(RateRow {
        title: WASM_TITLE,
        lines: vec![("WebAssembly".to_owned(), found), ("native, one thread".to_owned(), native)],
        goal: Some((
            format!("WebAssembly ≥ {GOAL:.2} × native, one thread"),
            format!("{ratio:.2} ×"),
            ratio >= GOAL,
        )),
        commands: vec![line.shown()],
    })
}

/// What work is called that a program tells only one number of seconds for.
const ONLY: &str = "only";

fn told(line: &Line) -> Result<Told> {
    let said = line.output()?;
    parse(&said).with_context(|| format!("{} told: {}", line.shown(), said.trim()))
}

fn parse(said: &str) -> Result<Told> {
    let said: serde_json::Value = serde_json::from_str(said)?;
    let bytes = said["bytes"].as_f64().context("no bytes")?;
    let seconds: BTreeMap<_, _> = match &said["seconds"] {
        serde_json::Value::Object(all) => {
            all.iter().filter_map(|(name, seconds)| Some((name.clone(), seconds.as_f64()?))).collect()
        }
        one => BTreeMap::from([(ONLY.to_owned(), one.as_f64().context("no seconds")?)]),
    };
    let sound = bytes > 0.0 && !seconds.is_empty() && seconds.values().all(|&seconds| seconds > 0.0);
    ensure!(sound, "numbers that cannot be");
    Ok(Told { bytes, seconds })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_programs_tell_becomes_rates() {
        let mut rates = Rates::default();
        for seconds in [1, 2, 4] {
            rates.add(parse(&format!(r#"{{"bytes": 8, "seconds": {{"a": {seconds}, "b": 8}}}}"#)).unwrap());
        }
        assert_eq!((rates.median("a"), rates.median("b"), rates.median("c")), (Some(4.0), Some(1.0), None));
        let mut rates = Rates::default();
        rates.add(parse(r#"{"bytes": 100, "seconds": 0.5}"#).unwrap());
        assert_eq!(rates.median(ONLY), Some(200.0));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let wrong = ["", "{}", r#"{"bytes": 1, "seconds": 0}"#, r#"{"bytes": 1, "seconds": {}}"#];
        assert!(wrong.iter().all(|said| parse(said).is_err()));
    }
}
