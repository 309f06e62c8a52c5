//! Points at which a process may die, by name.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// Says where to die.
pub(super) const AT: &str = "AEGIS_CRASH_AT";

static HITS: AtomicU64 = AtomicU64::new(0);

/// Where to die.
#[derive(Debug)]
pub(super) enum Plan {
    /// At the first point of this name.
    Named(String),
    /// After so many points.
    After(u64),
}

impl Plan {
    pub(super) fn named(name: &str) -> Self {
        Self::Named(name.to_owned())
    }

    pub(super) fn after(points: u64) -> Self {
        Self::After(points)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => f.write_str(name),
            Self::After(points) => write!(f, "#{points}"),
        }
    }
}

/// The process is at a point: it notes that, and dies where that was planned.
pub(super) fn at(folder: &Path, name: &str) {
    let number = HITS.fetch_add(1, Ordering::SeqCst);
    let file = File::options().append(true).create(true).open(folder.join("points"));
    let mut file = file.unwrap();
    file.write_all(format!("{name}\n").as_bytes()).unwrap();
    let planned = std::env::var(AT).unwrap_or_default();
    if planned == name || planned == format!("#{number}") {
        let pid = std::process::id().to_string();
        let _ = std::process::Command::new("kill").args(["-KILL", &pid]).status();
        loop {
            std::thread::park();
        }
    }
}

/// Names of the points that were hit.
pub(super) fn hit(folder: &Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(folder.join("points")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}
