//! `cargo xtask demo`: two versions of a model, published, and updated natively and in a browser.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};
use aria_demo_model::{Detail, Version, glb};

use crate::{
    peers,
    steps::{self, build_aria, npm, step},
    wasm,
};

/// The name of the asset.
const ASSET: &str = "island.glb";

/// The port the viewer is at, if it is free.
const PORT: u16 = 8080;

/// Arguments of `cargo xtask demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Look at the page in Chromium, check what it fetched, take pictures, and end
    #[arg(long)]
    headless: bool,
}

impl Args {
    /// As the tests run it.
    pub(crate) const fn headless() -> Self {
        Self { headless: true }
    }
}

/// Where things are.
struct Places {
    folder: PathBuf,
    site: PathBuf,
    assets: PathBuf,
    client: PathBuf,
    log: PathBuf,
}

pub(crate) fn run(root: &Path, args: &Args) -> Result<()> {
    let folder = steps::target_dir(root).join("demo");
    let places = Places {
        site: folder.join("site"),
        assets: folder.join("site").join("assets"),
        client: folder.join("client"),
        log: folder.join("access.log"),
        folder,
    };
    let aria = step("building", || {
        peers::for_demo(root, args.headless)?;
        let aria = build_aria(root)?;
        wasm::build(root)?;
        steps::run(&mut npm(root, &["run", "--silent", "build", "-w", "aria-web-viewer"]))?;
        Ok(aria)
    })?;
    let models = step("two versions of a model", || models(&places))?;
    step("publishing", || publish(root, &aria, &places, &models))?;
    let server = Server::start(&aria, &places, args.headless)?;
    println!("\nserving on {}", server.url);
    step("a native client, first with nothing, then with version 1 as a seed", || {
        native(&aria, &server.url, &places, &models)
    })?;
    if args.headless {
        return step("a browser", || browser(root, &aria, &server.url, &places));
    }
    println!("\nThe same in a browser: {}  (Ctrl-C ends)", server.url);
    server.wait()
}

/// Makes the models and empties what an earlier run left.
fn models(places: &Places) -> Result<[PathBuf; 2]> {
    if places.folder.exists() {
        fs::remove_dir_all(&places.folder)
            .with_context(|| format!("cannot empty {}", places.folder.display()))?;
    }
    for folder in [&places.assets, &places.client] {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let paths = [places.folder.join("model-1.glb"), places.folder.join("model-2.glb")];
    for (path, version) in paths.iter().zip([Version::One, Version::Two]) {
        let bytes = glb(version, Detail::Full)?;
        println!("{}: {} bytes", path.display(), bytes.len());
        fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(paths)
}

/// Publishes both versions, and puts the page beside them.
fn publish(root: &Path, aria: &Path, places: &Places, models: &[PathBuf]) -> Result<()> {
    for model in models {
        steps::run(
            Command::new(aria)
                .arg("publish")
                .arg(model)
                .args(["--name", ASSET, "--output"])
                .arg(&places.assets),
        )?;
    }
    let page = root.join("examples/web-viewer/dist");
    for entry in fs::read_dir(&page).with_context(|| format!("cannot read {}", page.display()))? {
        let entry = entry?;
        fs::copy(entry.path(), places.site.join(entry.file_name()))?;
    }
    Ok(())
}

/// Fetches version 1, then version 2 with version 1 as the seed.
fn native(aria: &Path, url: &str, places: &Places, models: &[PathBuf]) -> Result<()> {
    let mut seed: Option<PathBuf> = None;
    for (number, model) in (1..).zip(models) {
        let output = places.client.join(format!("version-{number}.glb"));
        let mut extract = Command::new(aria);
        extract.arg("extract").arg(format!("{url}assets/versions/{ASSET}/{number}.caibx")).arg(&output);
        extract.arg("--store").arg(format!("{url}assets/store"));
        if let Some(seed) = &seed {
            extract.arg("--seed").arg(seed);
        }
        steps::run(&mut extract)?;
        ensure!(fs::read(&output)? == fs::read(model)?, "{} is not what was published", output.display());
        seed = Some(output);
    }
    Ok(())
}

/// Lets Chromium do the same, checks what it asked the server for, and takes pictures.
fn browser(root: &Path, aria: &Path, url: &str, places: &Places) -> Result<()> {
    let mut script = peers::node(root, "tests/browser/viewer.mjs");
    script.arg("--url").arg(url).arg("--aria").arg(aria).arg("--log").arg(&places.log);
    script
        .arg("--versions")
        .arg(places.assets.join("versions").join(ASSET))
        .arg("--pictures")
        .arg(&places.folder);
    steps::run(&mut script)
}

/// `aria serve`, ended with this value.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(aria: &Path, places: &Places, any_port: bool) -> Result<Self> {
        let free = !any_port && TcpListener::bind(("127.0.0.1", PORT)).is_ok();
        let port = if free { PORT } else { 0 };
        let mut child = Command::new(aria)
            .arg("serve")
            .arg(&places.site)
            .args(["--listen", &format!("127.0.0.1:{port}"), "--log-format", "json", "--log"])
            .arg(&places.log)
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start aria serve")?;
        let mut line = String::new();
        if let Some(stderr) = child.stderr.take() {
            BufReader::new(stderr).read_line(&mut line)?;
        }
        let Some((_, url)) = line.trim().rsplit_once(" on ") else {
            // It has said why it could not start.
            bail!("aria serve did not start: {}", line.trim());
        };
        Ok(Self { url: url.to_owned(), child })
    }

    fn wait(mut self) -> Result<()> {
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { bail!("aria serve ended with {status}") }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
