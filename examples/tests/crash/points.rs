//! Points at which something may happen to a process, by name.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::disk;
use super::person::Act;

/// Says what happens where.
pub(super) const PLAN: &str = "AEGIS_CRASH_PLAN";

static HITS: AtomicU64 = AtomicU64::new(0);

/// What happens at a point.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// The first point of this name, or the point of this number, from `#0`.
    pub(super) at: String,
    /// In this order.
    pub(super) does: Vec<Does>,
}

/// One thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Does {
    /// SIGKILL.
    Die,
    /// SIGSTOP, until somebody says that it may go on.
    Stop,
    /// A person does something to the repository.
    Person(Act),
    /// The disk is full from here on, until somebody makes room.
    Fill,
    /// Somebody will make room in a while.
    RoomSoon,
}

impl Does {
    const ALL: [Self; 8] = [
        Self::Die,
        Self::Stop,
        Self::Person(Act::Delete),
        Self::Person(Act::Merge),
        Self::Person(Act::Push),
        Self::Person(Act::Base),
        Self::Fill,
        Self::RoomSoon,
    ];
}

impl Plan {
    /// Dies at the first point of this name.
    pub(super) fn dies(name: &str) -> Self {
        Self::of(name, &[Does::Die])
    }

    /// Dies after so many points.
    pub(super) fn dies_after(points: u64) -> Self {
        Self::of(&format!("#{points}"), &[Does::Die])
    }

    pub(super) fn of(name: &str, does: &[Does]) -> Self {
        Self { at: name.to_owned(), does: does.to_vec() }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}|{:?}", self.at, self.does)
    }
}

/// The process is at a point: it notes that, and what was planned happens.
pub(super) fn at(folder: &Path, name: &str) {
    let number = HITS.fetch_add(1, Ordering::SeqCst);
    let first = !hit(folder).contains(name);
    note(folder, "points", name);
    let plan = std::env::var(PLAN).unwrap_or_default();
    let Some((planned, what)) = plan.split_once('|') else { return };
    if planned == format!("#{number}") || (planned == name && first) {
        let does = Does::ALL.into_iter().filter(|does| what.contains(&format!("{does:?}")));
        let mut does: Vec<Does> = does.collect();
        // What a process does not survive comes last.
        does.sort_by_key(|does| matches!(does, Does::Die | Does::Stop));
        does.into_iter().for_each(|does| happen(folder, does));
    }
}

fn happen(folder: &Path, does: Does) {
    match does {
        Does::Die => {
            signal(std::process::id(), "KILL");
            loop {
                std::thread::park();
            }
        }
        Does::Stop => {
            signal(std::process::id(), "STOP");
            // A thread that runs for a moment longer does not get past this.
            while !folder.join("continued").exists() {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        Does::Person(act) => note(folder, "acted", act.act(folder)),
        Does::Fill => disk::fill(folder),
        Does::RoomSoon => {
            let folder = folder.to_owned();
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(1_500));
                disk::make_room(&folder);
            });
        }
    }
}

/// Sends a signal, by its name.
pub(super) fn signal(pid: u32, name: &str) {
    let _ = Command::new("kill").args([format!("-{name}"), pid.to_string()]).status();
}

/// Adds a line to a file, on the disk when it returns.
pub(super) fn note(folder: &Path, file: &str, line: &str) {
    let mut file = File::options().append(true).create(true).open(folder.join(file)).unwrap();
    file.write_all(format!("{line}\n").as_bytes()).unwrap();
    file.sync_all().unwrap();
}

/// The lines of a file.
pub(super) fn notes(folder: &Path, file: &str) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join(file)).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Names of the points that were hit, by any process.
pub(super) fn hit(folder: &Path) -> BTreeSet<String> {
    notes(folder, "points").into_iter().collect()
}
