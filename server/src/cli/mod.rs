//! The command line: what it looks like, and how a command ends.
//!
//! Names and flags are desync's (and casync's) where they have them. Each command is a file in `commands/`:
//! its arguments, checked by clap, and a `run` that calls the libraries.

/// Writes a line to standard error. If nobody reads it, that is no reason to end in a panic.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($text)*);
    }};
}

mod commands;
mod error;
mod options;
mod progress;
mod report;

use std::{io::IsTerminal, process::ExitCode, sync::Arc};

use aria_storage::{CancellationToken, Progress, core::cpu::Features};
use clap::{Parser, Subcommand};

pub use self::error::CliError;
use self::{
    commands as cmd,
    progress::{ProgressMode, reporter},
};

/// What commands return.
pub(crate) type Result<T = (), E = CliError> = std::result::Result<T, E>;

/// Content-addressed delta sync: publish large files, fetch only what changed.
#[derive(Debug, Parser)]
#[command(name = "aria", version, max_term_width = 100, after_help = EXIT_CODES)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Locations of stores and indexes are paths or http(s):// URLs; an index can be - for standard input or output.

Exit codes:
  0    done
  1    an error that none of the others describes
  2    the command line is wrong
  3    a chunk, index or file is missing
  4    something is damaged: a chunk, an index, a file that does not match its index
  5    a server cannot be reached, or refuses
  130  interrupted";

/// Options that every command takes.
#[derive(Debug, clap::Args)]
struct Global {
    /// How progress is shown: a bar, JSON lines, or not at all. By default a bar on a terminal, else JSON
    /// lines on standard error, one a second.
    #[arg(long, global = true, value_enum, default_value_t = ProgressMode::Auto, value_name = "HOW")]
    progress: ProgressMode,

    /// Print results as JSON on standard output instead of sentences.
    #[arg(short = 'f', long = "format", global = true, value_enum, default_value_t, value_name = "HOW")]
    format: report::Format,

    /// Say more on standard error, such as every retry.
    #[arg(long, global = true)]
    verbose: bool,

    /// Use only these extensions of the processor: sha, avx2, avx512 with commas between them, or portable
    /// for none. Results are the same; without, whatever there is is used.
    #[arg(long, global = true, env = "ARIA_CPU", value_name = "NAMES")]
    cpu: Option<Features>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Cut a file into chunks, store them, write its index
    Make(cmd::make::Args),
    /// Put a file together from its index, with seeds, a cache and stores
    Extract(cmd::extract::Args),
    /// Check every chunk of a local store
    Verify(cmd::verify::Args),
    /// Check that a file is what its index says
    VerifyIndex(cmd::verify_index::Args),
    /// Store the chunks of a file according to an index that exists
    Chop(cmd::chop::Args),
    /// Copy the chunks of indexes into another store
    Cache(cmd::cache::Args),
    /// Remove the chunks of a local store that no index needs
    Prune(cmd::prune::Args),
    /// Tell what an index holds, and how much of it is at hand
    Info(cmd::info::Args),
    /// List the chunk IDs of an index
    ListChunks(cmd::list_chunks::Args),
    /// List the chunks of an index with their sizes, as JSON
    InspectChunks(cmd::inspect_chunks::Args),
    /// Show where a file would be cut
    Chunk(cmd::chunk::Args),
    /// Write the content of an index, or a part of it, to standard output
    Cat(cmd::cat::Args),
    /// Publish files as assets with versions: indexes, chunk store, manifest
    Publish(cmd::publish::Args),
    /// Serve a folder over HTTP, with the headers that stores and browsers want
    Serve(cmd::serve::Args),
}

/// What a command is run with, beside its arguments.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(crate) progress: Arc<dyn Progress>,
    pub(crate) cancel: CancellationToken,
    pub(crate) format: report::Format,
}

/// Runs the program on the arguments of the process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Some(features) = cli.global.cpu {
        features.restrict();
    }
    if cli.global.verbose {
        report::log_to_stderr();
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            say!("aria: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let context = Context {
        progress: reporter(cli.global.progress, std::io::stderr().is_terminal()),
        cancel: CancellationToken::new(),
        format: cli.global.format,
    };
    let result = runtime.block_on(async {
        tokio::spawn(cancel_on_signal(context.cancel.clone()));
        run(cli.command, &context).await
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say!("aria: {}", error.line());
            ExitCode::from(error.exit_code())
        }
    }
}

async fn run(command: Command, context: &Context) -> Result {
    match command {
        Command::Make(args) => cmd::make::run(args, context).await,
        Command::Extract(args) => cmd::extract::run(args, context).await,
        Command::Verify(args) => cmd::verify::run(args, context).await,
        Command::VerifyIndex(args) => cmd::verify_index::run(args, context).await,
        Command::Chop(args) => cmd::chop::run(args, context).await,
        Command::Cache(args) => cmd::cache::run(args, context).await,
        Command::Prune(args) => cmd::prune::run(args, context).await,
        Command::Info(args) => cmd::info::run(args, context).await,
        Command::ListChunks(args) => cmd::list_chunks::run(args, context).await,
        Command::InspectChunks(args) => cmd::inspect_chunks::run(args, context).await,
        Command::Chunk(args) => cmd::chunk::run(args, context).await,
        Command::Cat(args) => cmd::cat::run(args, context).await,
        Command::Publish(args) => cmd::publish::run(args, context).await,
        Command::Serve(args) => cmd::serve::run(args, context).await,
    }
}

/// The first Ctrl-C or SIGTERM asks the work to stop; the second ends the process.
async fn cancel_on_signal(cancel: CancellationToken) {
    loop {
        if wait_for_signal().await.is_err() {
            return;
        }
        if cancel.is_cancelled() {
            std::process::exit(130);
        }
        cancel.cancel();
    }
}

#[cfg(unix)]
async fn wait_for_signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        done = tokio::signal::ctrl_c() => done,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn wait_for_signal() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
