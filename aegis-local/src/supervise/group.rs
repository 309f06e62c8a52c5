//! Processes and their groups, told apart by `/proc`: a number alone may belong to somebody else by now.

use aegis_core::{Error, Result};
use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// What `/proc/<pid>/stat` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stat {
    running: bool,
    group: u32,
    started: u64,
}

fn stat(pid: u32) -> Option<Stat> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; the fields start after the last one.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    Some(Stat {
        running: !matches!(*fields.first()?, "Z" | "X"),
        group: fields.get(2)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
    })
}

/// Whether a process of this number runs.
pub(crate) fn alive(pid: u32) -> bool {
    stat(pid).is_some_and(|s| s.running)
}

/// When a process that runs was started, in clock ticks since boot.
pub(super) fn started(pid: u32) -> Option<u64> {
    stat(pid).filter(|s| s.running).map(|s| s.started)
}

/// Whether a process leads a group of its own.
pub(super) fn leads(pid: u32) -> bool {
    stat(pid).is_some_and(|s| s.running && s.group == pid)
}

/// Names this boot of the machine: process numbers and start times begin anew with each.
pub(super) fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

/// The numbers of all processes.
pub(super) fn all() -> impl Iterator<Item = u32> {
    let entries = std::fs::read_dir("/proc").ok().into_iter().flatten().flatten();
    entries.filter_map(|e| e.file_name().to_str()?.parse().ok())
}

/// Whether any process of the group runs.
pub(super) fn group_runs(group: u32) -> bool {
    all().any(|pid| stat(pid).is_some_and(|s| s.running && s.group == group))
}

/// Signals every process of a group; a group that is gone is fine.
pub(super) fn signal(group: u32, signal: Signal) -> Result<()> {
    let id = i32::try_from(group).ok().filter(|id| *id > 1);
    let Some(id) = id else { return Err(Error::internal(format!("{group} is no process group"))) };
    match killpg(Pid::from_raw(id), signal) {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(e) => Err(Error::denied(format!("can't signal process group {group}")).with_source(e)),
    }
}

/// Ends a process group when it is dropped.
#[derive(Debug)]
pub(crate) struct GroupGuard(Option<u32>);

impl GroupGuard {
    /// Guards the group that this process leads.
    pub(crate) fn of(leader: Option<u32>) -> Self {
        Self(leader)
    }

    /// Kills what is left of it.
    pub(crate) fn end(&mut self) {
        if let Some(group) = self.0.take() {
            let _ = signal(group, Signal::SIGKILL);
        }
    }
}

impl Drop for GroupGuard {
    fn drop(&mut self) {
        self.end();
    }
}
