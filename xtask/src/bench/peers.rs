//! The programs we are compared with: where they are, and which versions.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::measure::Line;

/// Programs found, by name; `None` for those that are not.
#[derive(Debug)]
pub(crate) struct Peers {
    found: Vec<(&'static str, Option<PathBuf>)>,
}

/// Every program that is looked for.
const NAMES: [&str; 7] = ["casync", "desync", "bita", "zstd", "openssl", "find", "cat"];

impl Peers {
    /// Looks for all of them on the path, but takes what is given for a name.
    pub(crate) fn find(given: &[(&str, Option<&Path>)]) -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders: Vec<_> = std::env::split_paths(&path).collect();
        let find = |name: &str| match given.iter().find(|(of, _)| *of == name) {
            Some((_, Some(path))) => Some(path.to_path_buf()),
            _ => folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file()),
        };
        Self { found: NAMES.iter().map(|&name| (name, find(name))).collect() }
    }

    /// The start of a command line, if the program is there.
    pub(crate) fn line(&self, name: &str) -> Option<Line> {
        let path = self.found.iter().find(|(of, _)| *of == name)?.1.as_ref()?;
        Some(Line::new(name, path))
    }

    /// What each of them is, one a line: its version, or that it is not there.
    pub(crate) fn describe(&self) -> Vec<String> {
        let describe = |(name, path): &(&str, Option<PathBuf>)| match path {
            Some(path) => format!("{name}: {}", version(name, path)),
            None => format!("{name}: not found"),
        };
        self.found.iter().map(describe).collect()
    }
}

/// The version of a program, as it tells it.
fn version(name: &str, path: &Path) -> String {
    let said = match name {
        "desync" => {
            return fs::read(path).ok().and_then(|file| go_module(&file)).unwrap_or_else(unknown);
        }
        "openssl" => Line::new(name, path).words(&["version"]).output(),
        _ => Line::new(name, path).words(&["--version"]).output(),
    };
    let line = said.ok().and_then(|text| text.lines().find(|line| !line.is_empty()).map(str::to_owned));
    line.map_or_else(unknown, |line| line.trim_matches(|c| c == '*' || c == ' ').to_owned())
}

fn unknown() -> String {
    "a version it does not tell".to_owned()
}

/// The version of its main module that a program written in Go carries in it.
fn go_module(program: &[u8]) -> Option<String> {
    const MARK: &[u8] = b"\nmod\tgithub.com/folbricht/desync\t";
    let at = program.windows(MARK.len()).position(|window| window == MARK)? + MARK.len();
    let version = program[at..].split(|&byte| byte == b'\t' || byte == b'\n').next()?;
    Some(String::from_utf8_lossy(version).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_said() {
        let given = Path::new("/somewhere/desync");
        let peers = Peers { found: vec![("casync", None), ("desync", Some(given.to_path_buf()))] };
        assert!(peers.line("casync").is_none());
        assert_eq!(peers.line("desync").map(|line| line.shown()), Some("desync".to_owned()));
        assert_eq!(peers.describe()[0], "casync: not found");
        let found = Peers::find(&[("desync", Some(given))]);
        assert!(found.found.contains(&("desync", Some(given.to_path_buf()))));
    }

    #[test]
    fn the_version_inside_a_go_program() {
        let program = b"\0\0path\tx\nmod\tgithub.com/folbricht/desync\tv1.0.4\t\ndep\ty\tv2\n";
        assert_eq!(go_module(program).as_deref(), Some("v1.0.4"));
        assert_eq!(go_module(b"nothing"), None);
    }
}
