//! What the measurements were made on: never its name, nor who uses it.

use std::{fs, path::Path};

use super::measure::status_bytes;

/// The machine in lines of `what: value`; `folder` is where the programs write to.
pub(crate) fn describe(folder: &Path) -> Vec<String> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = status_bytes(&read("/proc/meminfo"), "MemTotal:") as f64 / (1 << 30) as f64;
    let kernel = read("/proc/sys/kernel/osrelease");
    let system = file_system(&read("/proc/mounts"), folder);
    vec![
        format!("processor: {}, {cores} cores", cpu_model(&read("/proc/cpuinfo")).unwrap_or("unknown")),
        format!("memory: {memory:.1} GiB"),
        format!("kernel: {} {}", std::env::consts::OS, or_unknown(kernel.trim())),
        format!("file system: {}", or_unknown(&system.unwrap_or_default())),
    ]
}

/// How many processes wanted to run in the last minute: what else the machine was doing.
pub(crate) fn load() -> Option<String> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().next().map(str::to_owned)
}

/// The date, in UTC.
pub(crate) fn date() -> String {
    jiff::Timestamp::now().to_string().chars().take(10).collect()
}

fn or_unknown(text: &str) -> &str {
    if text.is_empty() { "unknown" } else { text }
}

fn cpu_model(cpuinfo: &str) -> Option<&str> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, model)| model.trim())
}

/// The type of the file system a folder is on: that of the longest mount point above it.
fn file_system(mounts: &str, folder: &Path) -> Option<String> {
    let mounts = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        Some((words.next()?, words.next()?))
    });
    // Of two on one point, the later one is seen.
    let above = mounts.filter(|(point, _)| folder.starts_with(point));
    above.max_by_key(|(point, _)| point.len()).map(|(_, kind)| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_system_is_that_of_the_nearest_mount_point() {
        let mounts = "a / ext4 rw 0 0\nb /home xfs rw 0 0\nc /home/x btrfs rw 0 0\nd /ho tmpfs rw 0 0\n";
        assert_eq!(file_system(mounts, Path::new("/home/you")).as_deref(), Some("xfs"));
        assert_eq!(file_system(mounts, Path::new("/home/x/y")).as_deref(), Some("btrfs"));
        assert_eq!(file_system(mounts, Path::new("/hom")).as_deref(), Some("ext4"));
        assert_eq!(file_system("", Path::new("/")), None);
    }

    #[test]
    fn the_model_of_the_processor() {
        let text = "processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nflags\t: fpu\n";
        assert_eq!(cpu_model(text), Some("Some CPU @ 2 GHz"));
        assert_eq!(cpu_model(""), None);
    }

    #[test]
    fn dates_are_days() {
        assert!(date().len() == 10 && date().starts_with("20"));
    }
}
