//! The tree that a fix makes of its base.

use std::collections::BTreeMap;

use aegis_core::model::{Fix, FixKind};
use aegis_core::patch::{self, Patch, check_path};
use aegis_core::{Error, Result};
use git2::build::TreeUpdateBuilder;
use git2::{Commit, FileMode, ObjectType, Oid, Repository};

use super::error::wrap;
use super::{read, take_back};

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
        FixKind::Revert(release) => take_back::release(repo, release, base),
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
