//! The world of the Reduced tier: a run's own folder among the host's, with a copy of the tree.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::unistd::Pid;

use super::copy::{change, copy, plain};
use super::lock::World;
use super::mounts::trying;
use super::order::Order;

/// Places of the Strong tier that stand in the run's own folder here.
const PLACES: [&str; 3] = ["/workspace", "/aegis", "/out"];

/// What a program needs beside what is visible, and what holds nothing of others.
const SYSTEM: [&str; 8] = [
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/proc/cpuinfo",
    "/proc/meminfo",
    // The command's own, as it is asked for in its process.
    "/proc/self",
];

/// Fills the run's own folder, and puts the real paths into the order.
pub(super) fn build(order: &mut Order) -> io::Result<World> {
    let root = order.root.clone();
    let text = root.to_str().ok_or_else(|| io::Error::other("the run's folder is not UTF-8"))?;
    let at = |place: &str| root.join(place);
    for folder in ["workspace", "aegis", "out", "tmp"] {
        fs::create_dir(at(folder))?;
    }
    trying("copy the tree", copy(&order.tree, &at("workspace")))?;
    change(&order.changes, &at("workspace"))?;
    for (name, script) in &order.files {
        let placed = if name.ends_with(".py") { put(script, text) } else { script.clone() };
        trying(name, fs::write(at("aegis").join(plain(name)?), placed))?;
    }
    for argument in &mut order.argv {
        *argument = put(argument, text);
    }
    let temporary = at("tmp").display().to_string();
    let placed = |value: &String| match value.as_str() {
        "/tmp" => temporary.clone(),
        value => put(value, text),
    };
    let env: BTreeMap<_, _> =
        order.env.iter().map(|(name, value)| (name.clone(), placed(value))).collect();
    order.env = env;
    order.env.entry("TMPDIR".into()).or_insert(temporary);
    let system = SYSTEM.iter().map(PathBuf::from);
    let readable = order.visible.iter().cloned().chain(system).chain([at("aegis")]).collect();
    let writable = vec![at("workspace"), at("out"), at("tmp"), "/dev/null".into()];
    Ok(World { workspace: at("workspace"), out: at("out"), readable, writable })
}

/// The text with the real paths of the places in it.
fn put(text: &str, root: &str) -> String {
    let begins = |before: Option<char>| {
        before.is_none_or(|c| {
            c.is_whitespace() || matches!(c, '=' | ':' | ',' | ';' | '"' | '\'' | '(')
        })
    };
    let ends = |after: Option<char>| {
        after.is_none_or(|c| {
            c.is_whitespace() || matches!(c, '/' | ':' | ',' | ';' | '"' | '\'' | ')')
        })
    };
    let mut done = String::with_capacity(text.len());
    let mut rest = text;
    let mut before = None;
    while let Some(next) = rest.chars().next() {
        let place = PLACES.iter().find(|place| {
            begins(before)
                && rest.strip_prefix(**place).is_some_and(|after| ends(after.chars().next()))
        });
        let taken = match place {
            Some(place) => {
                done.push_str(root);
                place.len()
            }
            None => next.len_utf8(),
        };
        let (piece, after) = rest.split_at(taken);
        done.push_str(piece);
        before = piece.chars().next_back();
        rest = after;
    }
    done
}

/// How much the run's folder may grow.
#[derive(Debug)]
pub(super) struct Disk {
    folder: PathBuf,
    most: u64,
    next: Instant,
}

impl Disk {
    /// From what it holds on, `more` bytes more.
    pub(super) fn of(folder: &Path, more: u64) -> Self {
        let held = on_disk(folder);
        Self { folder: folder.to_owned(), most: held.saturating_add(more), next: Instant::now() }
    }

    /// Whether it holds more than it may, with what `processes` keep open and is in no folder any
    /// longer. Looks rarely where a look takes long.
    pub(super) fn is_full(&mut self, processes: &[Pid]) -> bool {
        let begun = Instant::now();
        if begun < self.next {
            return false;
        }
        let held = on_disk(&self.folder).saturating_add(deleted(processes));
        self.next = begun + (begun.elapsed() * 10).max(Duration::from_millis(50));
        held > self.most
    }
}

/// Bytes that the files beneath a folder take; one that is linked twice counts twice.
fn on_disk(folder: &Path) -> u64 {
    let mut held = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        // It may be gone meanwhile.
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            // A file without a byte costs too.
            held += metadata.blocks() * 512 + 512;
            if metadata.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    held
}

/// Bytes of open files that are in no folder any longer, those in memory among them.
fn deleted(processes: &[Pid]) -> u64 {
    let mut seen = HashSet::new();
    let mut held = 0;
    for process in processes {
        let open = fs::read_dir(format!("/proc/{process}/fd"));
        for descriptor in open.into_iter().flatten().flatten() {
            let Ok(metadata) = fs::metadata(descriptor.path()) else { continue };
            let gone = metadata.is_file() && metadata.nlink() == 0;
            if gone && seen.insert((metadata.dev(), metadata.ino())) {
                held += metadata.blocks() * 512;
            }
        }
    }
    held
}

/// Lets the host remove every folder beneath, whatever it may not be asked for.
pub(super) fn open_up(folder: &Path) {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let _ = fs::set_permissions(&folder, fs::Permissions::from_mode(0o700));
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(entry.path());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_put_where_they_stand_as_paths_and_nowhere_else() {
        let of = |text| put(text, "/r");
        assert_eq!(of("/aegis/harness.py"), "/r/aegis/harness.py");
        assert_eq!(of("-p x --junitxml=/out/j.xml"), "-p x --junitxml=/r/out/j.xml");
        assert_eq!(of("p = \"/workspace/\" + '/aegis'"), "p = \"/r/workspace/\" + '/r/aegis'");
        assert_eq!(of("/usr/out/x:/workspace:/bin"), "/usr/out/x:/r/workspace:/bin");
        assert_eq!(of("/output /outer/x ä/out"), "/output /outer/x ä/out");
    }
}
