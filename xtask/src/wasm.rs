//! `cargo xtask wasm`: the browser module, with vectors and without, and the npm package around both.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, ensure};
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

/// A build of the module. The JavaScript around it is the same for all.
struct Variant {
    /// What the name of its file ends with.
    suffix: &'static str,
    /// Where its build is, below cargo's folder: two with different flags would overwrite each other there.
    folder: &'static str,
    /// For rustc.
    rustflags: &'static str,
    /// For clang, which compiles zstd. Moving memory by one instruction is what rustc does, too.
    cflags: &'static str,
    /// For wasm-opt, on top of [`FEATURES`].
    features: &'static [&'static str],
}

const VARIANTS: [Variant; 2] = [
    Variant { suffix: "_bg.wasm", folder: "", rustflags: "", cflags: "-mbulk-memory", features: &[] },
    // Browsers have had vectors since 2023 at the latest.
    Variant {
        suffix: "_simd_bg.wasm",
        folder: "simd128",
        rustflags: "-C target-feature=+simd128",
        cflags: "-msimd128 -mbulk-memory",
        features: &["--enable-simd"],
    },
];

/// Builds the modules into `pkg/dist`, then the TypeScript around them.
pub(crate) fn build(root: &Path) -> Result<()> {
    let dist = root.join("pkg").join("dist");
    if dist.exists() {
        fs::remove_dir_all(&dist).with_context(|| format!("cannot empty {}", dist.display()))?;
    }
    fs::create_dir_all(&dist).with_context(|| format!("cannot create {}", dist.display()))?;

    for variant in &VARIANTS {
        build_variant(root, variant, &dist)?;
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

fn build_variant(root: &Path, variant: &Variant, dist: &Path) -> Result<()> {
    let target = "wasm32-unknown-unknown";
    let folder = steps::target_dir(root).join(variant.folder);
    let mut build = cargo(
        root,
        &[
            "build",
            "--quiet",
            "--locked",
            "--profile",
            "wasm",
            "--target",
            target,
            "-p",
            "aria-storage-wasm",
            "--lib",
        ],
    );
    build
        .env("CARGO_TARGET_DIR", &folder)
        .env("RUSTFLAGS", variant.rustflags)
        .env("CFLAGS_wasm32_unknown_unknown", variant.cflags);
    run(&mut build).context(
        "the module needs the target wasm32-unknown-unknown (rustup target add) and clang (apt-get install clang)",
    )?;
    let built = folder.join(target).join("wasm").join(format!("{NAME}.wasm"));
    let bound = folder.join("wasm-bindgen");
    Bindgen::new()
        .input_path(&built)
        .web(true)
        .and_then(|bindgen| bindgen.typescript(true).omit_default_module_path(false).generate(&bound))
        .map_err(|error| anyhow!("wasm-bindgen failed on {}: {error:#}", built.display()))?;

    let mut optimise = program(root, node_bin(root, "wasm-opt"));
    // Beyond the first level the module was measured to decode a fifth slower.
    optimise.arg("-O1").args(FEATURES).args(variant.features).arg(bound.join(format!("{NAME}_bg.wasm")));
    run(optimise.arg("-o").arg(dist.join(format!("{NAME}{}", variant.suffix))))
        .context("wasm-opt comes with npm ci")?;
    for file in [format!("{NAME}.js"), format!("{NAME}.d.ts")] {
        let text = fs::read(bound.join(&file)).with_context(|| format!("cannot read {file}"))?;
        let shared = dist.join(&file);
        ensure!(
            !shared.exists() || fs::read(&shared)? == text,
            "{file} differs between the builds of the module"
        );
        fs::write(&shared, text).with_context(|| format!("cannot write {file}"))?;
    }
    Ok(())
}

/// A program that an npm package brought.
fn node_bin(root: &Path, name: &str) -> PathBuf {
    let name = if cfg!(windows) { format!("{name}.cmd") } else { name.to_owned() };
    root.join("node_modules").join(".bin").join(name)
}
