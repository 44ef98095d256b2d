//! `cargo xtask test`: every check and test there is.

use std::path::Path;

use anyhow::Result;

use crate::{
    demo, peers,
    steps::{self, cargo, npm, program, step},
    wasm,
};

/// Arguments of `cargo xtask test`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Install nothing; a test whose peer is missing says so and is skipped
    #[arg(long)]
    no_install: bool,

    /// Leave out what needs a browser
    #[arg(long)]
    no_browser: bool,
}

fn run_cargo(root: &Path, args: &[&str]) -> Result<()> {
    steps::run(&mut cargo(root, args))
}

pub(crate) fn run(root: &Path, args: &Args) -> Result<()> {
    if !args.no_install {
        step("peers", || peers::for_tests(root))?;
    }
    step("formatting", || run_cargo(root, &["fmt", "--all", "--check"]))?;
    step("clippy", || {
        run_cargo(
            root,
            &["clippy", "--quiet", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"],
        )
    })?;
    step("the core without std", || {
        for target in peers::BARE_TARGETS {
            run_cargo(
                root,
                &[
                    "build",
                    "--quiet",
                    "--locked",
                    "-p",
                    "aria-storage-core",
                    "--no-default-features",
                    "--target",
                    target,
                ],
            )?;
        }
        Ok(())
    })?;
    step("documentation", || {
        let mut doc = cargo(root, &["doc", "--quiet", "--locked", "--workspace", "--no-deps"]);
        steps::run(doc.env("RUSTDOCFLAGS", "-D warnings"))
    })?;
    if !args.no_install {
        step("dependencies", || {
            let deny = peers::cargo_deny(root)?;
            steps::run(program(root, deny).args(["--locked", "check", "bans", "licenses", "sources"]))
        })?;
    }
    step("Rust tests", || {
        let mut tests = cargo(root, &["test", "--quiet", "--locked", "--workspace"]);
        if !args.no_install {
            tests.env("ARIA_REQUIRE_PEERS", "1");
        }
        steps::run(&mut tests)
    })?;
    // The program without extensions of the processor, and with each alone: the same bytes every time.
    for features in ["portable", "avx2", "sha"] {
        step(&format!("comparison with casync, kernels: {features}"), || {
            let mut tests = cargo(root, &["test", "--quiet", "--locked", "-p", "aria-tests"]);
            tests.args(["--test", "casync"]).env("ARIA_CPU", features);
            if !args.no_install {
                tests.env("ARIA_REQUIRE_PEERS", "1");
            }
            steps::run(&mut tests)
        })?;
    }
    step("browser module", || wasm::build(root))?;
    step("npm package", || {
        steps::run(&mut npm(root, &["run", "--workspaces", "--if-present", "check"]))?;
        steps::run(&mut npm(root, &["test", "-w", "aria-storage"]))
    })?;
    if !args.no_browser {
        step("npm package in Chromium", || {
            steps::run(&mut npm(root, &["test", "-w", "aria-browser-tests"]))
        })?;
        step("demo in Chromium", || demo::run(root, &demo::Args::headless()))?;
    }
    println!("\nall checks and tests passed");
    Ok(())
}
