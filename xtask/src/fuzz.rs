//! `cargo xtask fuzz`: the parsers and chunkers against random input, each for a while.

use std::path::Path;

use anyhow::Result;

use crate::{
    peers,
    steps::{self, program, step},
};

/// The fuzz targets, in `core/fuzz`.
const TARGETS: [&str; 5] = ["index", "chunk", "chunker", "digest", "manifest"];

/// Arguments of `cargo xtask fuzz`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The target; all of them if left out
    #[arg(value_parser = TARGETS)]
    target: Option<String>,

    /// How long each target runs
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

pub(crate) fn run(root: &Path, args: &Args) -> Result<()> {
    let cargo_fuzz = peers::cargo_fuzz(root)?;
    for target in
        TARGETS.iter().filter(|target| args.target.as_deref().is_none_or(|wanted| wanted == **target))
    {
        step(&format!("fuzzing {target}"), || {
            let mut fuzz = program(&root.join("core"), &cargo_fuzz);
            // Instrumentation is not a stable option of the compiler.
            fuzz.env("RUSTC_BOOTSTRAP", "1").args(["run", target, "--"]);
            steps::run(fuzz.args([format!("-max_total_time={}", args.seconds), "-max_len=200000".to_owned()]))
        })?;
    }
    Ok(())
}
