//! What commands print.

use std::io::{self, Write};

use aria_storage::Error;
use serde::Serialize;

use super::{Context, Result};

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// As this command's users expect it.
    #[default]
    Auto,
    /// For people.
    Plain,
    /// For programs.
    Json,
}

/// Prints a value as JSON on standard output, indented as desync does.
pub(crate) fn json(value: &impl Serialize) -> Result {
    let mut text =
        serde_json::to_string_pretty(value).map_err(|e| Error::io("write", "standard output")(e.into()))?;
    text.push('\n');
    out(text.as_bytes())
}

/// Writes to standard output. A reader that went away is an error like any other.
pub(crate) fn out(bytes: &[u8]) -> Result {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
    Ok(written.map_err(Error::io("write", "standard output"))?)
}

/// Ends a command: JSON on standard output if that was asked for, else a sentence on standard error.
pub(crate) fn done(context: &Context, value: &impl Serialize, sentence: impl FnOnce() -> String) -> Result {
    if context.format == Format::Json {
        return json(value);
    }
    say!("{}", sentence());
    Ok(())
}

/// A number of bytes for people: `1.5 MB`.
pub(crate) fn bytes(count: u64) -> String {
    let mut value = count as f64;
    for unit in ["bytes", "kB", "MB", "GB"] {
        if value < 999.5 {
            return if unit == "bytes" { format!("{count} {unit}") } else { format!("{value:.1} {unit}") };
        }
        value /= 1000.0;
    }
    format!("{value:.1} TB")
}

/// Turns `--verbose` on: what the libraries log goes to standard error.
pub(crate) fn log_to_stderr() {
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(io::stderr)
        .with_target(false)
        .finish();
    // Fails only if there is a subscriber already, which then does the work.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

#[cfg(test)]
mod tests {
    #[test]
    fn bytes_are_readable() {
        for (count, text) in [
            (0, "0 bytes"),
            (999, "999 bytes"),
            (1000, "1.0 kB"),
            (999_400, "999.4 kB"),
            (999_600, "1.0 MB"),
            (1_234_567_890, "1.2 GB"),
            (u64::MAX, "18446744.1 TB"),
        ] {
            assert_eq!(super::bytes(count), text);
        }
    }
}
