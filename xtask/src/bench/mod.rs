//! `cargo xtask bench`: us and every peer that is there, in turns, on the same inputs.

mod compare;
mod inputs;
mod large;
mod machine;
mod measure;
mod peers;
mod place;
mod rates;
mod report;
mod row;
mod rows;
mod stats;
mod turns;

use std::{
    cell::OnceCell,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;

use self::{
    inputs::Input,
    peers::Peers,
    place::{Digest, Place},
    rates::Rates,
    report::{Report, Section},
    row::Row,
};
use crate::steps::{self, cargo};

/// Arguments of `cargo xtask bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Two versions of a file to measure on: given twice; generated without
    #[arg(long, value_name = "FILE")]
    input: Vec<PathBuf>,

    /// Run only these rows
    #[arg(long, value_name = "ROW")]
    only: Vec<RowName>,

    /// List the rows and end
    #[arg(long)]
    list: bool,

    /// How many rounds count
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,

    /// Run the rows about large things too: needs 30 GB of disk and half an hour
    #[arg(long)]
    large: bool,

    /// How large the large file is, in GB
    #[arg(long, value_name = "GB", default_value_t = 20)]
    large_size: u64,

    /// How many chunks the large store has
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    large_chunks: u64,

    /// Write the report to docs/BENCHMARKS.md
    #[arg(long)]
    save: bool,

    /// Where to work, on the file system to measure on [default: bench in the folder for builds]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,

    /// Measure this program instead of building it
    #[arg(long, value_name = "PROGRAM")]
    aria: Option<PathBuf>,

    /// An earlier build of our program, to take turns with this one
    #[arg(long, value_name = "PROGRAM")]
    before: Option<PathBuf>,

    /// desync, if it is not on the path
    #[arg(long, value_name = "PROGRAM")]
    desync: Option<PathBuf>,

    /// casync, if it is not on the path
    #[arg(long, value_name = "PROGRAM")]
    casync: Option<PathBuf>,

    /// bita, if it is not on the path
    #[arg(long, value_name = "PROGRAM")]
    bita: Option<PathBuf>,
}

/// The rows there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum RowName {
    /// Index only, chunks named by SHA-512/256
    IndexSha512,
    /// Index only, chunks named by SHA-256
    IndexSha256,
    /// Make into an empty local store
    Make,
    /// Make into a store that has it all
    MakeAgain,
    /// Extract from a local store
    Extract,
    /// Extract the second version with the first as seed, chunks local
    Seed,
    /// Verify a store
    Verify,
    /// Kernels in memory: scan, digests, codec
    Scan,
    /// Decompress and verify in WebAssembly
    Wasm,
    /// A file of 20 GB (with --large or by name)
    LargeFile,
    /// Prune and verify a store of a million chunks (with --large or by name)
    LargeStore,
}

impl RowName {
    const fn large(self) -> bool {
        matches!(self, Self::LargeFile | Self::LargeStore)
    }
}

/// The rows that are asked for, in their order.
fn chosen(only: &[RowName], large: bool) -> Vec<RowName> {
    let all = RowName::value_variants().iter().copied();
    all.filter(|row| if only.is_empty() { large || !row.large() } else { only.contains(row) }).collect()
}

pub(crate) fn run(root: &Path, args: &Args) -> Result<()> {
    if args.list {
        for row in RowName::value_variants().iter().filter_map(ValueEnum::to_possible_value) {
            println!("{:14} {}", row.get_name(), row.get_help().map(ToString::to_string).unwrap_or_default());
        }
        return Ok(());
    }
    let bench = Bench::new(root, args)?;
    let load = machine::load();
    let rows = chosen(&args.only, args.large);
    let sections = rows.into_iter().map(|row| bench.section(row)).collect::<Result<_>>()?;
    let text = bench.without_paths(&bench.report(sections, load).markdown());
    fs::remove_dir_all(bench.place.folder()).context("cannot remove what was made")?;
    println!("{text}");
    if args.save {
        let path = root.join("docs/BENCHMARKS.md");
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// What all rows are run with.
struct Bench<'a> {
    root: &'a Path,
    args: &'a Args,
    place: Place,
    /// Rates in memory, measured when the first row wants them.
    rates: OnceCell<(PathBuf, Rates)>,
}

impl<'a> Bench<'a> {
    fn new(root: &'a Path, args: &'a Args) -> Result<Self> {
        let aria = match &args.aria {
            Some(aria) => aria.canonicalize().with_context(|| format!("cannot find {}", aria.display()))?,
            None => build(root, &["-p", "aria-storage-server", "--bin", "aria"], "aria")?,
        };
        let folder = args.folder.clone().unwrap_or_else(|| steps::target_dir(root).join("bench"));
        place::create(&folder)?;
        let folder = folder.canonicalize()?;
        let inputs = match &args.input[..] {
            [] => inputs::pair(&folder.join("inputs"))?,
            [a, b] => [Input::new(a)?, Input::new(b)?],
            _ => anyhow::bail!("--input is given twice, for two versions of a file, or not at all"),
        };
        ensure!(inputs[0].path != inputs[1].path, "the two inputs are the same file");
        let peers = Peers::find(&[
            ("desync", args.desync.as_deref()),
            ("casync", args.casync.as_deref()),
            ("bita", args.bita.as_deref()),
        ]);
        let place = Place::new(folder.join("work"), aria, args.before.clone(), peers, inputs)?;
        Ok(Self { root, args, place, rates: OnceCell::new() })
    }

    fn rounds(&self) -> usize {
        usize::from(self.args.rounds)
    }

    fn section(&self, name: RowName) -> Result<Section> {
        let place = &self.place;
        let run = |row: Result<Row>| Ok(Section::Runs(turns::run(row?, self.rounds())?));
        match name {
            RowName::IndexSha512 => run(rows::index(place, Digest::Sha512)),
            RowName::IndexSha256 => run(rows::index(place, Digest::Sha256)),
            RowName::Make => run(rows::make(place)),
            RowName::MakeAgain => run(rows::make_again(place)),
            RowName::Extract => run(rows::extract(place)),
            RowName::Seed => run(rows::extract_with_seed(place)),
            RowName::Verify => run(rows::verify(place)),
            RowName::Scan => {
                let (example, rates) = self.rates()?;
                Ok(Section::Rates(rates::scan(place, example, rates)))
            }
            RowName::Wasm if !rates::decode_script(self.root).exists() => Ok(Section::Absent {
                title: rates::WASM_TITLE,
                why: "there is no pkg/bench/decode.mjs".to_owned(),
            }),
            RowName::Wasm => {
                let native = &self.rates()?.1;
                Ok(Section::Rates(rates::wasm(self.root, place, native, self.rounds())?))
            }
            RowName::LargeFile => {
                let row = large::file(place, (self.args.large_size * 1_000_000_000) >> 20);
                let section = run(row)?;
                measure::remove(&place.path("large"))?;
                Ok(section)
            }
            RowName::LargeStore => {
                let section = run(large::chunks(place, self.args.large_chunks))?;
                measure::remove(&place.path("chunks"))?;
                Ok(section)
            }
        }
    }

    /// The rates in memory, and the example that tells them.
    fn rates(&self) -> Result<&(PathBuf, Rates)> {
        if let Some(rates) = self.rates.get() {
            return Ok(rates);
        }
        let example = build(self.root, &["-p", "aria-storage-core", "--example", "rates"], "examples/rates")?;
        let rates = rates::measure(&self.place, &example, self.rounds())?;
        Ok(self.rates.get_or_init(|| (example, rates)))
    }

    /// A text without this machine's paths, which what a peer says may have in it.
    fn without_paths(&self, text: &str) -> String {
        let place = &self.place;
        let paths =
            [(place.folder(), "WORK"), (&place.a.path, &place.a.name), (&place.b.path, &place.b.name)];
        let hide = |text: String, (path, name): (&Path, &str)| text.replace(&*path.to_string_lossy(), name);
        paths.into_iter().fold(text.to_owned(), hide)
    }

    fn report(&self, sections: Vec<Section>, load: Option<String>) -> Report {
        let input = |input: &Input| format!("{} ({:.1} MB)", input.name, input.size as f64 / 1e6);
        let place = &self.place;
        let mut machine = machine::describe(place.folder());
        machine.push(format!("date: {}", machine::date()));
        if let Some(load) = load {
            machine.push(format!("processes that wanted to run in the minute before: {load}"));
        }
        let mut programs = vec![format!("aria: {}", env!("CARGO_PKG_VERSION"))];
        programs.extend(place.peers.describe());
        let inputs = vec![format!("inputs: {}, {}", input(&place.a), input(&place.b))];
        Report { sections, rounds: self.rounds(), inputs, machine, programs }
    }
}

/// Builds a program for release and gives its path.
fn build(root: &Path, what: &[&str], name: &str) -> Result<PathBuf> {
    let mut build = vec!["build", "--quiet", "--locked", "--release"];
    build.extend(what);
    steps::run(&mut cargo(root, &build))?;
    Ok(steps::target_dir(root).join("release").join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_rows_are_run_when_asked_for() {
        assert!(chosen(&[], false).iter().all(|row| !row.large()));
        assert!(chosen(&[], true).contains(&RowName::LargeStore));
        let only = [RowName::LargeFile, RowName::Make];
        assert_eq!(chosen(&only, false), [RowName::Make, RowName::LargeFile]);
    }
}
