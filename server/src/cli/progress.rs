//! Progress on standard error: a bar on a terminal, JSON lines elsewhere.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use aria_storage::{Phase, Progress};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ProgressMode {
    /// A bar on a terminal, else JSON lines.
    Auto,
    /// A bar.
    Bar,
    /// JSON lines, one a second.
    Json,
    /// Not at all.
    None,
}

/// The reporter for a mode.
pub(crate) fn reporter(mode: ProgressMode, terminal: bool) -> Arc<dyn Progress> {
    match mode {
        ProgressMode::Bar => Arc::new(Bars::default()),
        ProgressMode::Auto if terminal => Arc::new(Bars::default()),
        ProgressMode::Auto | ProgressMode::Json => Arc::new(Lines::default()),
        ProgressMode::None => Arc::new(Quiet),
    }
}

/// Only notices.
#[derive(Debug)]
struct Quiet;

impl Progress for Quiet {
    fn start(&self, _: Phase, _: Option<u64>) {}
    fn advance(&self, _: Phase, _: u64) {}
    fn finish(&self, _: Phase) {}
    fn notice(&self, text: &str) {
        say!("aria: note: {text}");
    }
}

/// A bar for each phase.
#[derive(Default)]
struct Bars(Mutex<HashMap<Phase, ProgressBar>>);

impl Bars {
    fn bar(&self, phase: Phase) -> Option<ProgressBar> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&phase).cloned()
    }
}

impl fmt::Debug for Bars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bars")
    }
}

impl Progress for Bars {
    fn start(&self, phase: Phase, total: Option<u64>) {
        let template = match (phase.in_bytes(), total) {
            (true, Some(_)) => "{prefix:>9} {bar:32} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
            (true, None) => "{prefix:>9} {spinner} {bytes} {bytes_per_sec}",
            (false, Some(_)) => "{prefix:>9} {bar:32} {pos}/{len} chunks {eta}",
            (false, None) => "{prefix:>9} {spinner} {pos} chunks",
        };
        let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━╸─"));
        }
        bar.set_prefix(phase.name());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(phase, bar);
    }

    fn advance(&self, phase: Phase, by: u64) {
        if let Some(bar) = self.bar(phase) {
            bar.inc(by);
        }
    }

    fn finish(&self, phase: Phase) {
        if let Some(bar) = self.bar(phase) {
            bar.finish_and_clear();
        }
    }

    fn notice(&self, text: &str) {
        let text = format!("aria: note: {text}");
        let bars = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match bars.values().find(|bar| !bar.is_finished()) {
            Some(bar) => bar.suspend(|| say!("{text}")),
            None => say!("{text}"),
        }
    }
}

/// A line of JSON a second for each phase that lasts that long.
#[derive(Debug, Default)]
struct Lines(Mutex<HashMap<Phase, Line>>);

#[derive(Debug)]
struct Line {
    done: u64,
    total: Option<u64>,
    printed: Instant,
    any: bool,
}

/// What a line says.
#[derive(Serialize)]
struct Said {
    phase: &'static str,
    done: u64,
    total: Option<u64>,
    unit: &'static str,
}

impl Line {
    fn print(&mut self, phase: Phase) {
        let unit = if phase.in_bytes() { "bytes" } else { "chunks" };
        let said = Said { phase: phase.name(), done: self.done, total: self.total, unit };
        if let Ok(line) = serde_json::to_string(&said) {
            say!("{line}");
        }
        self.printed = Instant::now();
        self.any = true;
    }
}

impl Progress for Lines {
    fn start(&self, phase: Phase, total: Option<u64>) {
        let line = Line { done: 0, total, printed: Instant::now(), any: false };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(phase, line);
    }

    fn advance(&self, phase: Phase, by: u64) {
        if let Some(line) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&phase) {
            line.done += by;
            if line.printed.elapsed() >= Duration::from_secs(1) {
                line.print(phase);
            }
        }
    }

    fn finish(&self, phase: Phase) {
        // What was short enough not to be mentioned needs no end either.
        if let Some(mut line) = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&phase)
            && line.any
        {
            line.print(phase);
        }
    }

    fn notice(&self, text: &str) {
        say!("aria: note: {text}");
    }
}
