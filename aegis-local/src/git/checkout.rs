//! The repository's own checkout, which people look at and the service never runs from.
//!
//! It follows the release branch where it is clean. A ref and a folder can't move at once, so the
//! step is written down first and finished by the next start after a crash in between.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use aegis_core::{Digest, Error, Result, Revision};
use git2::build::CheckoutBuilder;
use git2::{Delta, DiffOptions, ObjectType, Oid, Repository, StatusOptions};
use serde::{Deserialize, Serialize};

use super::error::{oid, revision, wrap};
use super::read;
use crate::supervise::write_atomically;

#[derive(Debug, Serialize, Deserialize)]
struct Step {
    release: String,
    from: Revision,
    to: Revision,
}

/// The step of this repository; several may share a state folder.
fn step_file(repo: &Repository, state: &Path) -> PathBuf {
    let folder = repo.path().to_string_lossy();
    state.join(format!("checkout-{}.json", Digest::of([&*folder]).short()))
}

/// Whether the checkout is on `release`.
fn on(repo: &Repository, release: &str) -> bool {
    !repo.is_bare()
        && repo
            .find_reference("HEAD")
            .is_ok_and(|h| h.symbolic_target().ok().flatten() == Some(release))
}

/// Tracked files that differ from the head, at most a few.
pub(super) fn changed(repo: &Repository) -> Result<Vec<String>> {
    if repo.is_bare() {
        return Ok(Vec::new());
    }
    let mut options = StatusOptions::new();
    options.include_untracked(false).include_ignored(false).exclude_submodules(true);
    let found = repo.statuses(Some(&mut options)).map_err(wrap("can't look at the checkout"))?;
    Ok(found.iter().take(5).map(|s| String::from_utf8_lossy(s.path_bytes()).into_owned()).collect())
}

/// Says whether the checkout is to follow from `old` to `new`, and writes the step down where it is.
pub(super) fn prepare(
    repo: &Repository,
    state: &Path,
    release: &str,
    old: Oid,
    new: Oid,
) -> Result<bool> {
    if !on(repo, release) {
        return Ok(false);
    }
    let dirty = changed(repo)?;
    if !dirty.is_empty() {
        tracing::warn!(files = ?dirty, "the checkout has changes and is left as it is");
        return Ok(false);
    }
    let step = Step { release: release.to_owned(), from: revision(old), to: revision(new) };
    write_atomically(&step_file(repo, state), &step)?;
    Ok(true)
}

/// Forgets the step that was written down.
pub(super) fn settle(repo: &Repository, state: &Path) -> Result<()> {
    match std::fs::remove_file(step_file(repo, state)) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e.into()),
        _ => Ok(()),
    }
}

/// Finishes a step that a crash cut short.
pub(super) fn resume(repo: &Repository, state: &Path) -> Result<()> {
    let Ok(text) = std::fs::read(step_file(repo, state)) else { return Ok(()) };
    if let Ok(step) = serde_json::from_slice::<Step>(&text) {
        let (from, to) = (oid(&step.from)?, oid(&step.to)?);
        let head = super::refs::get(repo, &step.release)?;
        if on(repo, &step.release)
            && head == Some(to)
            && let Err(e) = fast_forward(repo, from, to)
        {
            tracing::warn!(error = %e, "the checkout was left behind its branch");
        }
    }
    settle(repo, state)
}

/// Brings the files that differ between two commits from the first to the second, in folder and
/// index; refused, with nothing written, where one of them is as neither commit has it.
pub(super) fn fast_forward(repo: &Repository, from: Oid, to: Oid) -> Result<()> {
    let root =
        repo.workdir().ok_or_else(|| Error::internal("a bare repository has no checkout"))?;
    let (old, new) = (read::find(repo, from)?, read::find(repo, to)?);
    let (old, new) = (read::tree(&old)?, read::tree(&new)?);
    let mut options = DiffOptions::new();
    options.ignore_submodules(true).skip_binary_check(true);
    let diff = repo
        .diff_tree_to_tree(Some(&old), Some(&new), Some(&mut options))
        .map_err(wrap("can't compare two commits"))?;
    let mut paths = BTreeMap::new();
    for delta in diff.deltas() {
        let before = (delta.status() != Delta::Added).then(|| delta.old_file().id());
        let after = (delta.status() != Delta::Deleted).then(|| delta.new_file().id());
        let path = delta.new_file().path().or_else(|| delta.old_file().path());
        if let Some(path) = path {
            paths.insert(path.to_owned(), (before, after));
        }
    }
    if paths.is_empty() {
        return Ok(());
    }
    for (path, (before, after)) in &paths {
        let there = content(&root.join(path))?;
        if there != *before && there != *after {
            let path = path.display();
            return Err(Error::conflict(format!("{path} was changed by hand")).at("git"));
        }
    }
    let mut how = CheckoutBuilder::new();
    how.force().disable_filters(true).disable_pathspec_match(true);
    for path in paths.keys() {
        how.path(path);
    }
    repo.checkout_tree(new.as_object(), Some(&mut how)).map_err(wrap("can't update the checkout"))
}

/// The id of what a path holds as Git would store it without filters; `None` where there is nothing.
fn content(path: &Path) -> Result<Option<Oid>> {
    let bytes = match path.symlink_metadata() {
        Ok(m) if m.file_type().is_symlink() => {
            use std::os::unix::ffi::OsStringExt as _;
            std::fs::read_link(path)?.into_os_string().into_vec()
        }
        Ok(m) if m.is_file() => std::fs::read(path)?,
        Ok(_) => return Ok(None),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e.into()),
    };
    Oid::hash_object(ObjectType::Blob, &bytes).map(Some).map_err(wrap("can't hash a file"))
}
