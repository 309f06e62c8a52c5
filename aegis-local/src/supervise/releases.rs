//! Release folders: exported whole, renamed into place, the oldest thrown away.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use aegis_core::port::Repository as _;
use aegis_core::{Error, Result, Revision};

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
            if entry.file_name().to_string_lossy().starts_with(".export-") {
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
        let fresh = tempfile::Builder::new().prefix(".export-").tempdir_in(&self.root)?;
        let tree = fresh.path().join("tree");
        repository.export(revision, &tree).await?;
        match std::fs::rename(&tree, &path) {
            // Somebody else was quicker; the content is the same.
            Err(_) if path.is_dir() => Ok(path),
            Err(e) => Err(e.into()),
            Ok(()) => Ok(path),
        }
    }

    /// Deletes all but the newest folders; never one of `needed`.
    pub(super) fn prune(&self, needed: &[&Revision]) {
        let Ok(entries) = std::fs::read_dir(&self.root) else { return };
        let mut folders: Vec<(SystemTime, PathBuf)> = entries
            .flatten()
            .filter(|e| !e.file_name().to_string_lossy().starts_with('.'))
            .filter_map(|e| Some((age(&e)?, e.path())))
            .collect();
        folders.sort();
        folders.reverse();
        for (_, path) in folders.into_iter().skip(self.keep) {
            if needed.iter().all(|r| self.path(r) != path) {
                let _ = std::fs::remove_dir_all(&path);
            }
        }
    }
}

fn age(entry: &std::fs::DirEntry) -> Option<SystemTime> {
    let metadata = entry.metadata().ok()?;
    metadata.created().or_else(|_| metadata.modified()).ok()
}
