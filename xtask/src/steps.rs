//! Running programs one after the other, saying which.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, bail};

/// A program in the folder of the workspace.
pub(crate) fn program(root: &Path, name: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(name);
    command.current_dir(root);
    command
}

/// The cargo that runs this.
pub(crate) fn cargo(root: &Path, args: &[&str]) -> Command {
    let mut command = program(root, std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args);
    command
}

/// npm with arguments.
pub(crate) fn npm(root: &Path, args: &[&str]) -> Command {
    let mut command = program(root, if cfg!(windows) { "npm.cmd" } else { "npm" });
    command.args(args);
    command
}

/// What a command looks like on a command line.
fn line(command: &Command) -> String {
    let words: Vec<_> = std::iter::once(command.get_program()).chain(command.get_args()).collect();
    words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Runs a program to its end; its failure is an error that names it.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = line(command);
    let status = command.status().with_context(|| format!("cannot run {line}"))?;
    if !status.success() {
        bail!("{line} failed ({status})");
    }
    Ok(())
}

/// Runs a program and gives what it printed on standard output.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let line = line(command);
    let output = command.stderr(Stdio::inherit()).output().with_context(|| format!("cannot run {line}"))?;
    if !output.status.success() {
        bail!("{line} failed ({})", output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a program is on the path and runs.
pub(crate) fn there_is(name: &str, argument: &str) -> bool {
    let quiet = Command::new(name)
        .arg(argument)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    quiet.is_ok_and(|status| status.success())
}

/// A heading, the work, and how long it took.
pub(crate) fn step<T>(title: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    println!("\n=== {title}");
    let started = Instant::now();
    let done = work().with_context(|| title.to_owned())?;
    println!("--- {title}: {:.1} s", started.elapsed().as_secs_f64());
    Ok(done)
}

/// Where cargo puts what it builds.
pub(crate) fn target_dir(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir))
}

/// Builds the `aria` program and gives its path.
pub(crate) fn build_aria(root: &Path) -> Result<PathBuf> {
    run(&mut cargo(root, &["build", "--quiet", "--locked", "-p", "aria-storage-server", "--bin", "aria"]))?;
    Ok(target_dir(root).join("debug").join(format!("aria{}", std::env::consts::EXE_SUFFIX)))
}
