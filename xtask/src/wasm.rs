//! `cargo xtask wasm`: the browser module, and the npm package around it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow};
use wasm_bindgen_cli_support::Bindgen;

use crate::steps::{self, cargo, npm, program, run};

/// The name of the module's files.
const NAME: &str = "aria_storage_wasm";

/// What rustc uses of WebAssembly beyond its first version, and browsers have had since 2022.
const FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
    "--enable-multivalue",
];

/// Builds the module into `pkg/dist`, then the TypeScript around it.
pub(crate) fn build(root: &Path) -> Result<()> {
    let dist = root.join("pkg").join("dist");
    if dist.exists() {
        fs::remove_dir_all(&dist).with_context(|| format!("cannot empty {}", dist.display()))?;
    }
    fs::create_dir_all(&dist).with_context(|| format!("cannot create {}", dist.display()))?;

    let target = "wasm32-unknown-unknown";
    run(&mut cargo(
        root,
        &["build", "--quiet", "--locked", "--profile", "wasm", "--target", target, "-p", "aria-storage-wasm", "--lib"],
    ))
    .context("the module needs the target wasm32-unknown-unknown (rustup target add) and clang (apt-get install clang)")?;
    let built = steps::target_dir(root).join(target).join("wasm").join(format!("{NAME}.wasm"));
    let bound = steps::target_dir(root).join("wasm-bindgen");
    Bindgen::new()
        .input_path(&built)
        .web(true)
        .and_then(|bindgen| bindgen.typescript(true).omit_default_module_path(false).generate(&bound))
        .map_err(|error| anyhow!("wasm-bindgen failed on {}: {error:#}", built.display()))?;

    let module = format!("{NAME}_bg.wasm");
    let mut optimise = program(root, node_bin(root, "wasm-opt"));
    optimise.arg("-O3").args(FEATURES).arg(bound.join(&module)).arg("-o").arg(dist.join(&module));
    run(&mut optimise).context("wasm-opt comes with npm ci")?;
    for file in [format!("{NAME}.js"), format!("{NAME}.d.ts")] {
        fs::copy(bound.join(&file), dist.join(&file)).with_context(|| format!("cannot copy {file}"))?;
    }
    run(&mut npm(root, &["run", "--silent", "build", "-w", "aria-storage"]))?;

    for entry in fs::read_dir(&dist)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "wasm" || extension == "js") {
            println!(
                "{}: {} bytes",
                path.strip_prefix(root).unwrap_or(&path).display(),
                fs::metadata(&path)?.len()
            );
        }
    }
    Ok(())
}

/// A program that an npm package brought.
fn node_bin(root: &Path, name: &str) -> PathBuf {
    let name = if cfg!(windows) { format!("{name}.cmd") } else { name.to_owned() };
    root.join("node_modules").join(".bin").join(name)
}
