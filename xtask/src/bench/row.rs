//! What a row of the comparison is: the programs that do one piece of work, and the figures to reach.

use std::path::PathBuf;

use anyhow::Result;

use super::{compare::Verdict, measure::Line};

/// One piece of work, done by several programs in turns.
pub(crate) struct Row {
    pub(crate) title: String,
    pub(crate) entries: Vec<Entry>,
    pub(crate) goals: Vec<Goal>,
    /// The most memory that our entries may have, in MiB.
    pub(crate) memory: u64,
    pub(crate) turns: Turns,
}

/// How often a row is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turns {
    /// A round that does not count, then as many as asked for.
    Rounds,
    /// Each entry once, one building on the other.
    Once,
}

/// Something done before a run, outside what is measured.
pub(crate) type Before = Box<dyn Fn() -> Result<()>>;

/// Says whether what a run made is right.
pub(crate) type Check = Box<dyn Fn() -> Result<Verdict>>;

/// One program's part in a row.
pub(crate) struct Entry {
    /// What it is called in the table; goals refer to it by this.
    pub(crate) name: String,
    pub(crate) work: Work,
    /// Files and folders it makes: removed before each run, and measured after it.
    pub(crate) makes: Vec<PathBuf>,
    /// Whether what it makes is removed after a run too.
    pub(crate) keep: bool,
    pub(crate) before: Option<Before>,
    pub(crate) check: Option<Check>,
    /// Whether it is our program.
    pub(crate) ours: bool,
}

pub(crate) enum Work {
    Run(Line),
    /// Hashing so many bytes, computed from the rate that `openssl speed` gives when it is run in its turn.
    Hash {
        openssl: Line,
        bytes: u64,
    },
    NotFound,
    /// There is no command for it, and why.
    Cannot(&'static str),
}

impl Entry {
    pub(crate) fn new(name: impl Into<String>, work: Work) -> Self {
        let (makes, name) = (Vec::new(), name.into());
        Self { name, work, makes, keep: false, before: None, check: None, ours: false }
    }

    /// An entry of a program that may not be there.
    pub(crate) fn peer(name: impl Into<String>, line: Option<Line>) -> Self {
        Self::new(name, line.map_or(Work::NotFound, Work::Run))
    }

    /// An entry of our program.
    pub(crate) fn ours(name: impl Into<String>, line: Line) -> Self {
        Self { ours: true, ..Self::new(name, Work::Run(line)) }
    }

    pub(crate) fn makes(mut self, paths: impl IntoIterator<Item = PathBuf>) -> Self {
        self.makes.extend(paths);
        self
    }

    pub(crate) fn kept(self) -> Self {
        Self { keep: true, ..self }
    }

    pub(crate) fn before(self, before: impl Fn() -> Result<()> + 'static) -> Self {
        Self { before: Some(Box::new(before)), ..self }
    }

    pub(crate) fn check(self, check: impl Fn() -> Result<Verdict> + 'static) -> Self {
        Self { check: Some(Box::new(check)), ..self }
    }
}

/// What a goal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Figure {
    Cpu,
    Wall,
}

impl Figure {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "CPU",
            Self::Wall => "wall",
        }
    }
}

/// A figure to reach: that of one entry is at most so many times that of others together.
#[derive(Clone, Debug)]
pub(crate) struct Goal {
    pub(crate) figure: Figure,
    pub(crate) of: String,
    pub(crate) factor: f64,
    pub(crate) to: Vec<String>,
}

impl Goal {
    pub(crate) fn new(figure: Figure, of: &str, factor: f64, to: &[&str]) -> Self {
        Self { figure, of: of.to_owned(), factor, to: to.iter().map(|&name| name.to_owned()).collect() }
    }

    /// What is to be reached, in words.
    pub(crate) fn text(&self) -> String {
        let to = match &self.to[..] {
            [one] => one.clone(),
            several => format!("({})", several.join(" + ")),
        };
        format!("{} ≤ {:.2} × {to}", self.figure.name(), self.factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goals_in_words() {
        let goal = Goal::new(Figure::Cpu, "aria", 0.4, &["desync"]);
        assert_eq!(goal.text(), "CPU ≤ 0.40 × desync");
        let goal = Goal::new(Figure::Wall, "aria", 1.3, &["hash", "read"]);
        assert_eq!(goal.text(), "wall ≤ 1.30 × (hash + read)");
    }
}
