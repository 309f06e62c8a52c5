//! Limits that a control group sets, on Linux.

use std::path::{Path, PathBuf};

/// What a group allows; `None` where it sets no limit.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Limits {
    /// CPUs.
    pub(super) cpus: Option<f64>,
    /// Bytes.
    pub(super) memory: Option<u64>,
}

/// The tightest limits of the groups that process `pid` is in; `self` is this process.
pub(super) fn limits_of(pid: Option<u32>) -> Limits {
    limits(Path::new("/"), pid)
}

/// The memory in use by the group of this process without what can be dropped at once, in bytes.
pub(super) fn memory_in_use() -> Option<u64> {
    memory(Path::new("/"))
}

fn memory(root: &Path) -> Option<u64> {
    let folder = folders(root, None).into_iter().next()?;
    let used = number(&folder.join("memory.current"))?;
    let stat = std::fs::read_to_string(folder.join("memory.stat")).ok()?;
    let inactive = stat.lines().find_map(|l| l.strip_prefix("inactive_file ")?.parse().ok());
    Some(used.saturating_sub(inactive.unwrap_or(0)))
}

fn limits(root: &Path, pid: Option<u32>) -> Limits {
    let mut limits = Limits::default();
    for folder in folders(root, pid) {
        limits.cpus = least(limits.cpus, cpus(&folder));
        limits.memory = least(limits.memory, number(&folder.join("memory.max")));
    }
    limits
}

/// The group of a process and those around it, innermost first; cgroup v2 only.
fn folders(root: &Path, pid: Option<u32>) -> Vec<PathBuf> {
    let whose = pid.map_or_else(|| String::from("self"), |pid| pid.to_string());
    let file = root.join("proc").join(whose).join("cgroup");
    let Ok(text) = std::fs::read_to_string(file) else { return Vec::new() };
    let Some(group) = text.lines().find_map(|line| line.strip_prefix("0::")) else {
        return Vec::new();
    };
    let mount = root.join("sys/fs/cgroup");
    let inside = Path::new(group.trim_start_matches('/'));
    // Seen from inside a namespace, a group outside it begins with `..`.
    if inside.components().any(|c| c.as_os_str() == "..") {
        return vec![mount];
    }
    inside.ancestors().map(|group| mount.join(group)).collect()
}

/// `max 100000` or `50000 100000`: quota and period in microseconds.
fn cpus(folder: &Path) -> Option<f64> {
    let text = std::fs::read_to_string(folder.join("cpu.max")).ok()?;
    let (quota, period) = text.trim().split_once(' ')?;
    let (quota, period): (f64, f64) = (quota.parse().ok()?, period.parse().ok()?);
    (quota > 0.0 && period > 0.0).then(|| quota / period)
}

fn number(file: &Path) -> Option<u64> {
    std::fs::read_to_string(file).ok()?.trim().parse().ok()
}

fn least<T: PartialOrd>(a: Option<T>, b: Option<T>) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if a < b { a } else { b }),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn the_tightest_limit_around_a_process_counts() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        write(root, "proc/7/cgroup", "0::/a/b\n");
        write(root, "sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
        write(root, "sys/fs/cgroup/a/b/memory.max", "2000\n");
        write(root, "sys/fs/cgroup/a/cpu.max", "50000 100000\n");
        write(root, "sys/fs/cgroup/a/memory.max", "1000\n");
        write(root, "sys/fs/cgroup/memory.max", "max\n");
        let found = limits(root, Some(7));
        assert_eq!(found, Limits { cpus: Some(0.5), memory: Some(1000) });
    }

    #[test]
    fn memory_that_can_be_dropped_is_not_in_use() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        write(root, "proc/self/cgroup", "0::/\n");
        write(root, "sys/fs/cgroup/memory.current", "1000\n");
        write(root, "sys/fs/cgroup/memory.stat", "anon 600\ninactive_file 400\n");
        assert_eq!(memory(root), Some(600));
    }

    #[test]
    fn no_group_sets_no_limit() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(limits(root.path(), None), Limits::default());
        write(root.path(), "proc/self/cgroup", "4:memory:/x\n");
        assert_eq!(limits(root.path(), None), Limits::default());
        write(root.path(), "proc/self/cgroup", "0::/../x\n");
        write(root.path(), "sys/fs/cgroup/memory.max", "5\n");
        assert_eq!(limits(root.path(), None).memory, Some(5));
    }
}
