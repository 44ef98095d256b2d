//! Developer commands: `cargo xtask demo | test | wasm | fuzz | bench`.

#[cfg(unix)]
mod bench;
mod demo;
mod fuzz;
mod peers;
mod steps;
mod test;
mod wasm;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, Subcommand};

/// Developer commands of aria-storage.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Publish two versions of a model, update a native client and a browser by their missing chunks
    Demo(demo::Args),
    /// Install what the tests need, then run all checks and tests
    Test(test::Args),
    /// Feed random input to the parsers and chunkers
    Fuzz(fuzz::Args),
    /// Measure us and every peer that is there, in turns, and print a table
    #[cfg(unix)]
    Bench(bench::Args),
    /// Build the browser module and the npm package around it
    Wasm,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let root = root();
    let done = match cli.command {
        Command::Demo(args) => demo::run(&root, &args),
        Command::Test(args) => test::run(&root, &args),
        Command::Fuzz(args) => fuzz::run(&root, &args),
        #[cfg(unix)]
        Command::Bench(args) => bench::run(&root, &args),
        Command::Wasm => peers::for_wasm(&root).and_then(|()| wasm::build(&root)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The folder of the workspace.
fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_path_buf()
}
