//! Installing what builds and tests need beside Rust and Node.js.
//!
//! Debian packages are installed where `apt-get` can be used (as root or through `sudo`); elsewhere what is
//! missing is named. Nothing is installed that is there already.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, bail};

use crate::steps::{self, cargo, npm, output, program, run};

/// A program from a package: (program, an argument it takes without doing anything, Debian's package).
type Peer = (&'static str, &'static str, &'static str);

/// The C compiler for WebAssembly.
const CLANG: Peer = ("clang", "--version", "clang");
/// The browser.
const CHROMIUM: Peer = ("chromium", "--version", "chromium");
/// What the formats are compared with.
const CASYNC: Peer = ("casync", "--version", "casync");

/// A file system that shares blocks between files.
const BTRFS: Peer = ("mkfs.btrfs", "--version", "btrfs-progs");

/// The target of the browser module.
const WASM_TARGET: &str = "wasm32-unknown-unknown";
/// Targets without std, where the core must build.
pub(crate) const BARE_TARGETS: [&str; 2] = ["thumbv7em-none-eabi", "wasm32v1-none"];

/// The version of cargo-deny that the checks use.
const CARGO_DENY: &str = "0.20.2";
/// The version of cargo-fuzz.
const CARGO_FUZZ: &str = "0.13.2";

/// What the browser module and the npm packages need.
pub(crate) fn for_wasm(root: &Path) -> Result<()> {
    packages(&[CLANG])?;
    rust_targets(&[WASM_TARGET])?;
    node_modules(root)
}

/// What the demo needs; the browser only if it runs by itself.
pub(crate) fn for_demo(root: &Path, headless: bool) -> Result<()> {
    if headless {
        packages(&[CHROMIUM])?;
    }
    for_wasm(root)
}

/// What the tests need.
pub(crate) fn for_tests(root: &Path) -> Result<()> {
    packages(&[CASYNC, CHROMIUM, BTRFS])?;
    for_wasm(root)?;
    rust_targets(&BARE_TARGETS)
}

/// cargo-deny in the target folder. Gives its path.
pub(crate) fn cargo_deny(root: &Path) -> Result<PathBuf> {
    cargo_tool(root, "cargo-deny", CARGO_DENY)
}

/// cargo-fuzz in the target folder. Gives its path.
pub(crate) fn cargo_fuzz(root: &Path) -> Result<PathBuf> {
    cargo_tool(root, "cargo-fuzz", CARGO_FUZZ)
}

fn cargo_tool(root: &Path, name: &str, version: &str) -> Result<PathBuf> {
    let tools = steps::target_dir(root).join("tools");
    let path = tools.join("bin").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    if !steps::there_is(&path.to_string_lossy(), "--version") {
        let mut install =
            cargo(root, &["install", "--quiet", "--locked", name, "--version", version, "--root"]);
        run(install.arg(&tools))?;
    }
    Ok(path)
}

fn packages(peers: &[Peer]) -> Result<()> {
    let missing: Vec<&str> = peers
        .iter()
        .filter(|(name, argument, _)| !steps::there_is(name, argument))
        .map(|peer| peer.2)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let how = format!("apt-get install {}", missing.join(" "));
    if !steps::there_is("apt-get", "--version") {
        bail!("these programs are missing: {}; on Debian: {how}", missing.join(", "));
    }
    let root = output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    let apt = |args: &[&str]| {
        let mut command = Command::new(if root { "apt-get" } else { "sudo" });
        if !root {
            command.arg("apt-get");
        }
        command.env("DEBIAN_FRONTEND", "noninteractive").args(["-qq", "-o", "Dpkg::Use-Pty=0"]).args(args);
        run(&mut command)
    };
    println!("installing {}", missing.join(", "));
    apt(&["update"])?;
    apt(&[&["install", "-y", "--no-install-recommends"], &missing[..]].concat())
}

fn rust_targets(targets: &[&str]) -> Result<()> {
    if !steps::there_is("rustup", "--version") {
        println!("no rustup here: the targets {} have to be there already", targets.join(", "));
        return Ok(());
    }
    let installed = output(Command::new("rustup").args(["target", "list", "--installed"]))?;
    let missing: Vec<&str> =
        targets.iter().copied().filter(|target| !installed.lines().any(|l| l == *target)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    run(Command::new("rustup").args(["target", "add"]).args(missing))
}

/// The npm packages that the lock file names, if it has changed since they were installed.
fn node_modules(root: &Path) -> Result<()> {
    if !steps::there_is("node", "--version") {
        bail!("Node.js is missing (version 20 or newer, with npm)");
    }
    let lock = std::fs::read(root.join("package-lock.json"))?;
    let mark = root.join("node_modules").join(".aria-lock");
    if std::fs::read(&mark).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    run(&mut npm(root, &["ci", "--no-audit", "--no-fund"]))?;
    std::fs::write(mark, lock)?;
    Ok(())
}

/// Node running a script of ours.
pub(crate) fn node(root: &Path, script: &str) -> Command {
    let mut command = program(root, "node");
    command.arg(script);
    command
}
