//! The tree that a fix makes of its base.

use std::collections::BTreeMap;

use aegis_core::model::{Fix, FixKind, Release};
use aegis_core::patch::{self, Patch, check_path};
use aegis_core::{Error, Result};
use git2::build::TreeUpdateBuilder;
use git2::{Commit, FileMode, MergeOptions, ObjectType, Oid, Repository};

use super::error::{oid, wrap};
use super::read;

/// A tree, or that it can't be made cleanly.
pub(super) enum Made {
    /// The id of the tree.
    Tree(Oid),
    /// The change does not apply here, for this reason.
    Conflict(String),
}

/// Applies `fix` to `base`.
pub(super) fn apply(repo: &Repository, fix: &Fix, base: &Commit<'_>) -> Result<Made> {
    match &fix.kind {
        FixKind::Patch(patch) => apply_patch(repo, patch, base),
        FixKind::Revert(release) => take_back_release(repo, release, base),
        _ => {
            Err(Error::invalid(format!("{:?} is nothing that Git could ship", fix.title)).at("git"))
        }
    }
}

fn apply_patch(repo: &Repository, patch: &Patch, base: &Commit<'_>) -> Result<Made> {
    let tree = read::tree(base)?;
    let mut before = BTreeMap::new();
    let mut modes = BTreeMap::new();
    for path in patch.paths() {
        check_path(path)?;
        if let Some((id, mode)) = read::entry(&tree, path)? {
            let blob = repo.find_blob(id).map_err(wrap(format!("can't read {path:?}")))?;
            let Ok(text) = std::str::from_utf8(blob.content()) else {
                return Ok(Made::Conflict(format!("{path:?} is not text")));
            };
            before.insert(path.to_owned(), text.to_owned());
            modes.insert(path.to_owned(), mode);
        } else if tree.get_path(std::path::Path::new(path)).is_ok() {
            return Ok(Made::Conflict(format!("{path:?} is no regular file")));
        }
    }
    let changes = match patch::apply(&patch.edits, &before) {
        Ok(changes) => changes,
        Err(e) => return Ok(Made::Conflict(e.to_string())),
    };
    let mut update = TreeUpdateBuilder::new();
    for change in &changes {
        let Some(text) = &change.after else {
            update.remove(change.path.as_str());
            continue;
        };
        let executable = modes.get(&change.path).is_some_and(|mode| mode & 0o100 != 0);
        let mode = if executable { FileMode::BlobExecutable } else { FileMode::Blob };
        let blob =
            repo.blob(text.as_bytes()).map_err(wrap(format!("can't store {:?}", change.path)))?;
        // A folder can't stand where a file does, nor be made below one.
        let folders = change.path.match_indices('/').map(|(i, _)| &change.path[..i]);
        for folder in folders {
            let at = tree.get_path(std::path::Path::new(folder));
            if at.is_ok_and(|e| e.kind() != Some(ObjectType::Tree)) {
                return Ok(Made::Conflict(format!("{folder:?} is no folder")));
            }
        }
        update.upsert(change.path.as_str(), blob, mode);
    }
    let made = update.create_updated(repo, &tree).map_err(wrap("can't write the tree"))?;
    if made == tree.id() {
        return Ok(Made::Conflict(String::from("the patch changes nothing")));
    }
    Ok(Made::Tree(made))
}

/// Takes back everything that a release brought: from what ran before it where that is known, else
/// its one commit.
fn take_back_release(repo: &Repository, release: &Release, base: &Commit<'_>) -> Result<Made> {
    let bad = read::find(repo, oid(&release.revision)?)?;
    if !read::contains(repo, base.id(), bad.id())? {
        return Ok(Made::Conflict(format!("{} is not on the release branch", release.revision)));
    }
    let before = match &release.previous {
        Some(previous) => {
            let id = oid(previous)?;
            let known = id != bad.id() && repo.find_commit(id).is_ok();
            if known && read::contains(repo, bad.id(), id)? {
                Some(read::find(repo, id)?)
            } else {
                None
            }
        }
        None => None,
    };
    take_back(repo, &bad, before.as_ref(), base)
}

/// Takes `bad` out of `ours` by a three-way merge that keeps what came later: back to `before`, or to
/// its first parent (a merge's mainline).
pub(super) fn take_back(
    repo: &Repository,
    bad: &Commit<'_>,
    before: Option<&Commit<'_>>,
    ours: &Commit<'_>,
) -> Result<Made> {
    let parent = bad.parents().next();
    let Some(before) = before.or(parent.as_ref()) else {
        return Ok(Made::Conflict(String::from("the first commit can't be taken back")));
    };
    let mut options = MergeOptions::new();
    options.find_renames(true);
    let mut merged = repo
        .merge_trees(&read::tree(bad)?, &read::tree(ours)?, &read::tree(before)?, Some(&options))
        .map_err(wrap(format!("can't take {} back", bad.id())))?;
    if merged.has_conflicts() {
        return Ok(Made::Conflict(format!("later work changed the same lines as {}", bad.id())));
    }
    merged.write_tree_to(repo).map(Made::Tree).map_err(wrap("can't write the tree"))
}
