//! Release folders: exported whole, renamed into place, the oldest thrown away.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use aegis_core::port::Repository as _;
use aegis_core::{Error, Result, Revision};

use super::files;
use super::group::alive;
use super::process::Record;
use crate::git::GitRepository;

/// `<state>/releases`.
#[derive(Debug, Clone)]
pub(super) struct ReleaseFolders {
    root: PathBuf,
    keep: usize,
}

impl ReleaseFolders {
    /// Opens the folder and clears what an export that was cut short left there.
    pub(super) fn open(state: &Path, keep: usize) -> Result<Self> {
        let root = state.join("releases");
        std::fs::create_dir_all(&root)?;
        for entry in std::fs::read_dir(&root)?.flatten() {
            let name = entry.file_name();
            let owner = name.to_str().and_then(|n| n.strip_prefix(".export-")?.split('-').next());
            if owner.and_then(|pid| pid.parse().ok()).is_some_and(|pid| !alive(pid)) {
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
        Ok(Self { root, keep })
    }

    /// Where a release is or will be.
    pub(super) fn path(&self, revision: &Revision) -> PathBuf {
        self.root.join(revision.as_str())
    }

    /// The folder of `revision`, exported where it is not there yet.
    pub(super) async fn prepare(
        &self,
        repository: &GitRepository,
        revision: &Revision,
    ) -> Result<PathBuf> {
        if revision.as_str().len() != 40
            || !revision.as_str().bytes().all(|b| b.is_ascii_hexdigit())
        {
            return Err(Error::invalid(format!("{revision} is no commit id")).at("supervise"));
        }
        let path = self.path(revision);
        if path.is_dir() {
            return Ok(path);
        }
        let prefix = format!(".export-{}-", std::process::id());
        let fresh = tempfile::Builder::new().prefix(&prefix).tempdir_in(&self.root)?;
        let tree = fresh.path().join("tree");
        repository.export(revision, &tree).await?;
        match std::fs::rename(&tree, &path) {
            // Somebody else was quicker; the content is the same.
            Err(_) if path.is_dir() => Ok(path),
            Err(e) => Err(e.into()),
            Ok(()) => Ok(path),
        }
    }

    /// Deletes all but the newest folders; never one of `needed`, nor one that another service of
    /// the state folder runs.
    pub(super) fn prune(&self, needed: &[&Revision]) {
        let Ok(entries) = std::fs::read_dir(&self.root) else { return };
        let mut folders: Vec<(SystemTime, PathBuf)> = entries
            .flatten()
            .filter(|e| !e.file_name().to_string_lossy().starts_with('.'))
            .filter_map(|e| Some((age(&e)?, e.path())))
            .collect();
        let others = self.others();
        folders.sort();
        folders.reverse();
        for (_, path) in folders.into_iter().skip(self.keep) {
            if needed.iter().copied().chain(&others).all(|r| self.path(r) != path) {
                let _ = std::fs::remove_dir_all(&path);
            }
        }
    }

    /// What the pid files of the state folder name.
    fn others(&self) -> Vec<Revision> {
        let entries = std::fs::read_dir(self.root.with_file_name("supervisor"));
        let paths = entries.into_iter().flatten().flatten().map(|e| e.path());
        paths
            .filter(|p| p.extension().is_some_and(|e| e == "json"))
            .filter_map(|p| files::read::<Record>(&p))
            .map(|record| record.revision)
            .collect()
    }
}

fn age(entry: &std::fs::DirEntry) -> Option<SystemTime> {
    let metadata = entry.metadata().ok()?;
    metadata.created().or_else(|_| metadata.modified()).ok()
}
