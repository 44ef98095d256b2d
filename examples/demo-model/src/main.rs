//! Writes both versions of the model into a folder: `model-1.glb` and `model-2.glb`.

use std::{env, fs, io, path::Path, process::ExitCode};

use aria_demo_model::{Detail, Version, glb};

fn main() -> ExitCode {
    let Some(folder) = env::args_os().nth(1) else {
        eprintln!("usage: aria-demo-model FOLDER");
        return ExitCode::from(2);
    };
    match write(Path::new(&folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", Path::new(&folder).display());
            ExitCode::FAILURE
        }
    }
}

fn write(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for (name, version) in [("model-1.glb", Version::One), ("model-2.glb", Version::Two)] {
        fs::write(folder.join(name), glb(version, Detail::Full)?)?;
    }
    Ok(())
}
