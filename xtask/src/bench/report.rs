//! The report: goals first, then a table for each row, the command lines, the machine. Markdown.

use std::fmt::Write;

use super::{
    compare::Verdict,
    rates::RateRow,
    row::{Figure, Goal, Turns, Work},
    turns::{Measured, Outcome},
};

/// What came of a row.
pub(crate) enum Section {
    Runs(Measured),
    Rates(RateRow),
    /// The row was asked for and cannot be run, and why.
    Absent {
        title: &'static str,
        why: String,
    },
}

/// Everything that is reported.
pub(crate) struct Report {
    pub(crate) sections: Vec<Section>,
    pub(crate) rounds: usize,
    /// The inputs, the machine and the programs, a line each.
    pub(crate) inputs: Vec<String>,
    pub(crate) machine: Vec<String>,
    pub(crate) programs: Vec<String>,
}

const MIB: f64 = (1 << 20) as f64;

/// A line of the table of goals.
struct Reached {
    work: String,
    goal: String,
    measured: String,
    reached: &'static str,
}

const fn word(reached: bool) -> &'static str {
    if reached { "yes" } else { "**missed**" }
}

impl Report {
    /// The whole report.
    pub(crate) fn markdown(&self) -> String {
        let mut out = String::from("# Benchmarks\n\nMade by `cargo xtask bench --save`.\n\n");
        self.conditions(&mut out);
        out.push_str("\n## Figures to reach\n\n| work | goal | measured | reached |\n|---|---|---|---|\n");
        for line in self.goals() {
            let Reached { work, goal, measured, reached } = line;
            let _ = writeln!(out, "| {work} | {goal} | {measured} | {reached} |");
        }
        for section in &self.sections {
            match section {
                Section::Runs(measured) => runs(&mut out, measured),
                Section::Rates(row) => rates(&mut out, row),
                Section::Absent { title, why } => {
                    let _ = writeln!(out, "\n## {title}\n\nNot measured: {why}.");
                }
            }
        }
        out
    }

    fn conditions(&self, out: &mut String) {
        for line in self.machine.iter().chain(&self.inputs) {
            let _ = writeln!(out, "- {line}");
        }
        out.push_str("- programs:\n");
        for line in &self.programs {
            let _ = writeln!(out, "  - {line}");
        }
        let _ = writeln!(
            out,
            "\nMedians of {} rounds, after one that does not count. In each round the programs take turns, with the\n\
             page cache warm, outputs that a command makes removed and stores moved away before it (creating files\n\
             is slow on ext4 for minutes after many were removed), and everything written out\n\
             (`sync`) between two commands. CPU is user and system time of all threads; the spread is that of wall\n\
             time, largest less smallest by median. The ratios are our (first) line's figure by that line's: below 1\n\
             we take less. Peak memory is the kernel's figure for the largest process; no less than {:.0} MiB can be\n\
             seen. What is made is its bytes, and those of the blocks it takes. Outputs were compared: \"same\" says\n\
             in what they agree with ours, or a file with its original.",
            self.rounds,
            self.floor() as f64 / MIB,
        );
    }

    /// The largest resident size of the measuring process, below which no peak is seen.
    fn floor(&self) -> u64 {
        let runs = self.sections.iter().filter_map(|section| match section {
            Section::Runs(measured) => Some(measured),
            _ => None,
        });
        runs.flat_map(|measured| &measured.outcomes).filter_map(Outcome::floor).max().unwrap_or(0)
    }

    fn goals(&self) -> Vec<Reached> {
        let mut lines = Vec::new();
        let mut largest: Option<(u64, String)> = None;
        for section in &self.sections {
            match section {
                Section::Runs(measured) => {
                    lines.extend(measured.row.goals.iter().map(|goal| judge(measured, goal)));
                    let Some((peak, name)) = measured.our_peak() else { continue };
                    // A row with a limit of its own is judged alone, all others together.
                    if measured.row.memory != SHARED_LIMIT {
                        lines.push(memory(measured.row.title.clone(), measured.row.memory, peak, &name));
                    } else if largest.as_ref().is_none_or(|(most, _)| *most < peak) {
                        largest = Some((peak, format!("{}: {name}", measured.row.title)));
                    }
                }
                Section::Rates(row) => {
                    if let Some((goal, measured, reached)) = &row.goal {
                        let (goal, measured) = (goal.clone(), measured.clone());
                        lines.push(Reached {
                            work: row.title.to_owned(),
                            goal,
                            measured,
                            reached: word(*reached),
                        });
                    }
                }
                Section::Absent { title, .. } => lines.push(Reached {
                    work: (*title).to_owned(),
                    goal: "—".to_owned(),
                    measured: "—".to_owned(),
                    reached: "not measured",
                }),
            }
        }
        if let Some((peak, name)) = largest {
            lines.push(memory("Peak memory, any row".to_owned(), SHARED_LIMIT, peak, &name));
        }
        lines
    }
}

/// The limit on memory that rows have in common, in MiB.
const SHARED_LIMIT: u64 = 64;

fn memory(work: String, limit: u64, peak: u64, name: &str) -> Reached {
    Reached {
        work,
        goal: format!("peak ≤ {limit} MiB"),
        measured: format!("{:.1} MiB ({name})", peak as f64 / MIB),
        reached: word(peak <= limit << 20),
    }
}

/// Whether a goal of a row is reached.
fn judge(measured: &Measured, goal: &Goal) -> Reached {
    let figure = |name: &String| measured.outcome(name).and_then(|outcome| outcome.median(goal.figure));
    let ours = figure(&goal.of);
    let theirs: Option<f64> = goal.to.iter().map(figure).sum();
    let ratio = ours.zip(theirs).map(|(ours, theirs)| ours / theirs);
    let text = if goal.of == "aria" { goal.text() } else { format!("{}: {}", goal.of, goal.text()) };
    Reached {
        work: measured.row.title.clone(),
        goal: text,
        measured: ratio.map_or_else(|| "—".to_owned(), |ratio| format!("{ratio:.2} ×")),
        reached: ratio.map_or("not measured", |ratio| word(ratio <= goal.factor)),
    }
}

/// The table of a row, and its command lines.
fn runs(out: &mut String, measured: &Measured) {
    let _ = writeln!(
        out,
        "\n## {}\n\n\
         | program | CPU s | ratio | wall s | spread | ratio | peak MiB | made MiB | on disk MiB | same |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|---|",
        measured.row.title
    );
    // Where each entry does something else, their ratios say nothing.
    let first = measured.outcomes.first().filter(|_| measured.row.turns == Turns::Rounds);
    for (entry, outcome) in measured.row.entries.iter().zip(&measured.outcomes) {
        let Outcome::Ran { verdict, .. } = outcome else {
            let why = match outcome {
                Outcome::Cannot(why) => format!("— ({why})"),
                Outcome::Failed(why) => format!("failed: {}", why.replace('\n', " ").replace('|', "\\|")),
                _ => "not found".to_owned(),
            };
            let _ = writeln!(out, "| {} | {why} | | | | | | | | |", entry.name);
            continue;
        };
        let seconds = |figure| cell(outcome.median(figure), |seconds| format!("{seconds:.2}"));
        let ratio = |figure| {
            let both = first.and_then(|first| first.median(figure)).zip(outcome.median(figure));
            cell(both.filter(|(_, theirs)| *theirs > 0.0), |(ours, theirs)| format!("{:.2}", ours / theirs))
        };
        let mib = |bytes: Option<f64>| cell(bytes, |bytes| format!("{:.1}", bytes / MIB));
        let made = outcome.output().filter(|_| !entry.makes.is_empty());
        let same = match verdict {
            None => "—",
            Some(Verdict::Same(what)) => what,
            Some(Verdict::Differs(how)) => &format!("**differs**: {how}"),
        };
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {same} |",
            entry.name,
            seconds(Figure::Cpu),
            ratio(Figure::Cpu),
            seconds(Figure::Wall),
            cell(outcome.spread(), |spread| format!("{:.0} %", spread * 100.0)),
            ratio(Figure::Wall),
            mib(outcome.peak().map(|peak| peak as f64)),
            mib(made.map(|(bytes, _)| bytes)),
            mib(made.map(|(_, disk)| disk)),
        );
    }
    let lines = measured.row.entries.iter().filter_map(|entry| match &entry.work {
        Work::Run(line) | Work::Hash { openssl: line, .. } => Some((entry.name.as_str(), line.shown())),
        Work::NotFound | Work::Cannot(_) => None,
    });
    commands(out, lines);
}

/// The table of a row about rates.
fn rates(out: &mut String, row: &RateRow) {
    let _ = writeln!(out, "\n## {}\n\n| work | GB/s |\n|---|--:|", row.title);
    for (name, rate) in &row.lines {
        let _ = writeln!(out, "| {name} | {:.2} |", rate / 1e9);
    }
    commands(out, row.commands.iter().map(|line| ("", line.clone())));
}

/// Command lines with the name of what they are where it says more.
fn commands<'a>(out: &mut String, lines: impl Iterator<Item = (&'a str, String)>) {
    out.push_str("\n```sh\n");
    for (name, line) in lines {
        let comment = if name.is_empty() || line.starts_with(&format!("{name} ")) {
            String::new()
        } else {
            format!("  # {name}")
        };
        let _ = writeln!(out, "{line}{comment}");
    }
    out.push_str("```\n");
}

fn cell<T>(value: Option<T>, show: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| "—".to_owned(), show)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{
        measure::{Line, Sample, Size},
        row::{Entry, Row},
    };

    fn ran(cpu: f64, wall: f64, peak: u64, verdict: Verdict) -> Outcome {
        let output = Size { bytes: 3 << 20, disk: 4 << 20 };
        let sample = Sample { wall, cpu, peak: Some(peak << 20), floor: 7 << 20, output };
        Outcome::Ran { samples: vec![sample; 3], verdict: Some(verdict) }
    }

    /// Ours against a faster limit, a peer that is not there, one that cannot, and one that fails.
    fn measured(memory: u64) -> Measured {
        let line = |name: &str| Line::new(name, name).words(&["make"]);
        let ours = Entry::ours("aria", line("aria")).makes(["x".into()]);
        let limit = Entry::peer("limit", Some(line("zstd"))).makes(["x".into()]);
        let entries = vec![
            ours,
            limit,
            Entry::peer("desync", None),
            Entry::new("casync", Work::Cannot("no such command")),
            Entry::peer("bita", Some(line("bita"))),
        ];
        let goals = vec![
            Goal::new(Figure::Cpu, "aria", 0.5, &["limit"]),
            Goal::new(Figure::Wall, "aria", 1.5, &["limit"]),
            Goal::new(Figure::Wall, "aria", 0.5, &["desync"]),
        ];
        let outcomes = vec![
            ran(2.0, 3.0, 65, Verdict::Same("index")),
            ran(2.5, 2.0, 10, Verdict::Differs("1 of 2 chunks".to_owned())),
            Outcome::NotFound,
            Outcome::Cannot("no such command"),
            Outcome::Failed("a | b\nc".to_owned()),
        ];
        Measured {
            row: Row { title: "Make".to_owned(), entries, goals, memory, turns: Turns::Rounds },
            outcomes,
        }
    }

    fn report(sections: Vec<Section>) -> String {
        let lines = |line: &str| vec![line.to_owned()];
        let report = Report {
            sections,
            rounds: 3,
            inputs: lines("input: a.tar"),
            machine: lines("memory: 1 GiB"),
            programs: lines("desync: not found"),
        };
        report.markdown()
    }

    #[test]
    fn a_table_shows_every_program() {
        let text = report(vec![Section::Runs(measured(64))]);
        for line in [
            "| aria | 2.00 | 1.00 | 3.00 | 0 % | 1.00 | 65.0 | 3.0 | 4.0 | index |",
            "| limit | 2.50 | 0.80 | 2.00 | 0 % | 1.50 | 10.0 | 3.0 | 4.0 | **differs**: 1 of 2 chunks |",
            "| desync | not found | | | | | | | | |",
            "| casync | — (no such command) | | | | | | | | |",
            "| bita | failed: a \\| b c | | | | | | | | |",
            "aria make",
            "zstd make  # limit",
            "- memory: 1 GiB",
            "  - desync: not found",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in:\n{text}");
        }
        assert!(text.contains("no less than 7 MiB"), "{text}");
    }

    #[test]
    fn goals_are_judged_and_misses_said() {
        let text = report(vec![
            Section::Runs(measured(64)),
            Section::Absent { title: "In Node.js", why: "there is no script".to_owned() },
        ]);
        for line in [
            "| Make | CPU ≤ 0.50 × limit | 0.80 × | **missed** |",
            "| Make | wall ≤ 1.50 × limit | 1.50 × | yes |",
            "| Make | wall ≤ 0.50 × desync | — | not measured |",
            "| Peak memory, any row | peak ≤ 64 MiB | 65.0 MiB (Make: aria) | **missed** |",
            "| In Node.js | — | — | not measured |",
            "Not measured: there is no script.",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in:\n{text}");
        }
    }

    #[test]
    fn a_row_with_its_own_limit_is_judged_by_that() {
        let text = report(vec![Section::Runs(measured(100))]);
        assert!(text.contains("| Make | peak ≤ 100 MiB | 65.0 MiB (aria) | yes |"), "{text}");
        assert!(!text.contains("any row"), "{text}");
    }

    #[test]
    fn rates_are_in_gigabytes() {
        let text = report(vec![Section::Rates(RateRow {
            title: "Kernels",
            lines: vec![("scan".to_owned(), 2.6e9)],
            goal: Some(("scan ≥ 2.50 GB/s".to_owned(), "2.60 GB/s".to_owned(), true)),
            commands: vec!["rates a.tar".to_owned()],
        })]);
        for line in ["| scan | 2.60 |", "| Kernels | scan ≥ 2.50 GB/s | 2.60 GB/s | yes |", "rates a.tar"] {
            assert!(text.lines().any(|found| found == line), "{line} is not in:\n{text}");
        }
    }
}
