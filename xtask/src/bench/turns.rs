//! Running a row: its programs in turns, so that a slower hour of the machine is everybody's.

use anyhow::{Context, Result};

use super::{
    compare::Verdict,
    measure::{Line, Sample, clear, size},
    row::{Entry, Figure, Row, Turns, Work},
    stats::{median, spread},
};

/// What came of an entry.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// The runs that count, and what the check said.
    Ran {
        samples: Vec<Sample>,
        verdict: Option<Verdict>,
    },
    NotFound,
    Cannot(&'static str),
    /// A peer's command failed, with this.
    Failed(String),
}

impl Outcome {
    fn samples(&self) -> &[Sample] {
        match self {
            Self::Ran { samples, .. } => samples,
            _ => &[],
        }
    }

    fn values(&self, figure: Figure) -> impl Iterator<Item = f64> {
        self.samples().iter().map(move |sample| match figure {
            Figure::Cpu => sample.cpu,
            Figure::Wall => sample.wall,
        })
    }

    /// The median of a figure in seconds, if there were runs.
    pub(crate) fn median(&self, figure: Figure) -> Option<f64> {
        median(self.values(figure))
    }

    /// How far the runs lie apart in wall time, as a share of the median.
    pub(crate) fn spread(&self) -> Option<f64> {
        spread(&self.values(Figure::Wall).collect::<Vec<_>>())
    }

    /// The most memory of any run, in bytes.
    pub(crate) fn peak(&self) -> Option<u64> {
        self.samples().iter().filter_map(|sample| sample.peak).max()
    }

    /// What the measuring process had resident, at most, in bytes: smaller peaks are not seen.
    pub(crate) fn floor(&self) -> Option<u64> {
        self.samples().iter().map(|sample| sample.floor).max()
    }

    /// The median of the bytes in what it made, and of the bytes of blocks they take.
    pub(crate) fn output(&self) -> Option<(f64, f64)> {
        let samples = self.samples();
        let bytes = median(samples.iter().map(|sample| sample.output.bytes as f64))?;
        Some((bytes, median(samples.iter().map(|sample| sample.output.disk as f64))?))
    }
}

/// A row with what came of each of its entries, in their order.
pub(crate) struct Measured {
    pub(crate) row: Row,
    pub(crate) outcomes: Vec<Outcome>,
}

impl Measured {
    /// What came of the entry with this name.
    pub(crate) fn outcome(&self, name: &str) -> Option<&Outcome> {
        let at = self.row.entries.iter().position(|entry| entry.name == name)?;
        self.outcomes.get(at)
    }

    /// The most memory that any of our own entries had, in bytes, and the name of that entry.
    pub(crate) fn our_peak(&self) -> Option<(u64, String)> {
        let entries = self.row.entries.iter().zip(&self.outcomes).filter(|(entry, _)| entry.ours);
        entries.filter_map(|(entry, outcome)| Some((outcome.peak()?, entry.name.clone()))).max()
    }
}

/// Runs a row. Fails if our own program does, not if a peer does.
pub(crate) fn run(row: Row, rounds: usize) -> Result<Measured> {
    eprintln!("{}", row.title);
    let first = |work: &Work| match work {
        Work::Run(_) | Work::Hash { .. } => Outcome::Ran { samples: Vec::new(), verdict: None },
        Work::NotFound => Outcome::NotFound,
        Work::Cannot(why) => Outcome::Cannot(why),
    };
    let mut outcomes: Vec<_> = row.entries.iter().map(|entry| first(&entry.work)).collect();
    let (from, to) = match row.turns {
        Turns::Rounds => (0, rounds),
        Turns::Once => (1, 1),
    };
    for round in from..=to {
        for (entry, outcome) in row.entries.iter().zip(&mut outcomes) {
            let Outcome::Ran { samples, verdict } = outcome else { continue };
            match once(entry, round == from) {
                Ok((sample, found)) => {
                    eprintln!(
                        "  {round}/{to} {}: {:.2} s CPU, {:.2} s wall",
                        entry.name, sample.cpu, sample.wall
                    );
                    if round > 0 {
                        samples.push(sample);
                    }
                    *verdict = verdict.take().or(found);
                }
                Err(error) if entry.ours => return Err(error),
                Err(error) => {
                    eprintln!("  {}: {error:#}", entry.name);
                    *outcome = Outcome::Failed(format!("{error:#}"));
                }
            }
        }
    }
    Ok(Measured { row, outcomes })
}

/// Runs an entry once: what it needs first, the command, then what it made.
fn once(entry: &Entry, check: bool) -> Result<(Sample, Option<Verdict>)> {
    entry.makes.iter().try_for_each(|path| clear(path))?;
    if let Some(before) = &entry.before {
        before()?;
    }
    // What one program wrote is not to be written while the next one runs.
    rustix::fs::sync();
    let mut sample = match &entry.work {
        Work::Run(line) => line.measure()?,
        Work::Hash { openssl, bytes } => hash(openssl, *bytes)?,
        Work::NotFound | Work::Cannot(_) => Sample::default(),
    };
    for path in &entry.makes {
        let made = size(path)?;
        sample.output.bytes += made.bytes;
        sample.output.disk += made.disk;
    }
    let verdict = match &entry.check {
        Some(is_right) if check => Some(is_right()?),
        _ => None,
    };
    if !entry.keep {
        entry.makes.iter().try_for_each(|path| clear(path))?;
    }
    Ok((sample, verdict))
}

/// How long hashing takes at the rate that `openssl speed` finds.
fn hash(openssl: &Line, bytes: u64) -> Result<Sample> {
    let said = openssl.output()?;
    let rate = rate(&said).with_context(|| format!("{} did not tell a rate", openssl.shown()))?;
    let seconds = bytes as f64 / rate;
    Ok(Sample { wall: seconds, cpu: seconds, ..Sample::default() })
}

/// The bytes a second that `openssl speed -mr` tells: `+F:NUMBER:ALGORITHM:RATE`.
fn rate(said: &str) -> Option<f64> {
    let line = said.lines().find(|line| line.starts_with("+F:"))?;
    line.rsplit(':').next()?.trim().parse().ok().filter(|&rate| rate > 0.0)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::bench::row::Goal;

    fn sh(script: &str) -> Line {
        Line::new("sh", "/bin/sh").words(&["-c", script])
    }

    fn row(entries: Vec<Entry>, turns: Turns) -> Row {
        let goals = Vec::<Goal>::new();
        Row { title: "a row".to_owned(), entries, goals, memory: 64, turns }
    }

    #[test]
    fn the_rate_that_openssl_tells() {
        let said = "+DT:sha256:1:65536\n+R:22890:sha256:0.98\n+H:65536\n+F:25:sha256:1530733714.29\n";
        assert_eq!(rate(said), Some(1_530_733_714.29));
        assert_eq!(rate("+F:25:sha256:0\n"), None);
        assert_eq!(rate("unknown"), None);
        let sample = hash(&sh("echo +F:25:sha256:1000"), 500).unwrap();
        assert_eq!((sample.cpu, sample.peak), (0.5, None));
    }

    #[test]
    fn entries_take_turns_and_find_nothing_of_the_last_run() {
        let folder = tempfile::tempdir().unwrap();
        let (log, made) = (folder.path().join("log"), folder.path().join("made"));
        let script = |name: &str| {
            // Fails where an earlier run left its file.
            format!(
                "test ! -e {1} && printf {name} >> {0} && printf 12345 > {1}",
                log.display(),
                made.display()
            )
        };
        let entry = |name: &str| Entry::ours(name, sh(&script(name))).makes([made.clone()]);
        let checked = entry("a").check(|| Ok(Verdict::Same("content")));
        let measured = run(row(vec![checked, entry("b")], Turns::Rounds), 2).unwrap();
        assert_eq!(fs::read_to_string(&log).unwrap(), "ababab");
        let outcome = measured.outcome("a").unwrap();
        assert_eq!(outcome.samples().len(), 2);
        assert_eq!(outcome.output().map(|(bytes, _)| bytes), Some(5.0));
        assert!(matches!(outcome, Outcome::Ran { verdict: Some(Verdict::Same("content")), .. }));
        assert!(!made.exists() && measured.outcome("c").is_none());
    }

    #[test]
    fn a_peer_may_fail_but_not_we() {
        let peer = Entry::peer("peer", Some(sh("echo no >&2; exit 1")));
        let missing = Entry::peer("missing", None);
        let measured = run(row(vec![peer, missing], Turns::Once), 1).unwrap();
        assert!(matches!(&measured.outcomes[0], Outcome::Failed(why) if why.contains("no")));
        assert!(matches!(measured.outcomes[1], Outcome::NotFound));
        assert!(run(row(vec![Entry::ours("we", sh("exit 1"))], Turns::Once), 1).is_err());
    }
}
