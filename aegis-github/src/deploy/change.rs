//! What a fix, or taking a commit back, makes of the files of its base.

use std::collections::{BTreeMap, BTreeSet};

use aegis_core::model::{Fix, FixKind, Release};
use aegis_core::patch::{self, Patch, check_path};
use aegis_core::{Error, Result, Revision};
use serde_json::{Value, json};

use super::pull::Remote;
use crate::repository::Tree;

const PLAIN: &str = "100644";

/// What becomes of one file.
pub(super) struct Change {
    pub(super) path: String,
    mode: String,
    pub(super) content: Content,
    /// Whether nobody has to set a mode for it.
    pub(super) plain: bool,
}

pub(super) enum Content {
    Text(String),
    /// That of a blob that is there.
    Blob(String),
    Gone,
}

impl Change {
    /// As an entry of a tree.
    pub(super) fn entry(&self) -> Value {
        let Self { path, mode, content, .. } = self;
        let kind = if mode == "160000" { "commit" } else { "blob" };
        let (name, value) = match content {
            Content::Text(text) => ("content", Some(text)),
            Content::Blob(id) => ("sha", Some(id)),
            Content::Gone => ("sha", None),
        };
        json!({ "path": path, "mode": mode, "type": kind, name: value })
    }
}

/// Changes of files, or why they can't be made cleanly.
pub(super) enum Made {
    /// What changes; nothing where it is empty.
    Changes(Vec<Change>),
    /// It does not apply here, for this reason.
    Conflict(String),
}

/// Applies `fix` to `base`.
pub(super) async fn of_fix(remote: &Remote, fix: &Fix, base: &Revision) -> Result<Made> {
    let made = match &fix.kind {
        FixKind::Patch(patch) => of_patch(remote, patch, base).await?,
        FixKind::Revert(release) => of_release(remote, release, base).await?,
        _ => {
            let say = format!("{:?} is nothing that Git could ship", fix.title);
            return Err(Error::invalid(say).at("deploy"));
        }
    };
    Ok(match made {
        Made::Changes(changes) if changes.is_empty() => {
            Made::Conflict(String::from("it changes nothing"))
        }
        made => made,
    })
}

async fn of_patch(remote: &Remote, patch: &Patch, base: &Revision) -> Result<Made> {
    let tree = remote.repository.files(base).await?;
    let mut before = BTreeMap::new();
    for path in patch.paths() {
        check_path(path)?;
        match tree.get(path) {
            Some(file) if file.is_regular() => {
                let Ok(text) = String::from_utf8(remote.repository.blob(&file.id).await?) else {
                    return Ok(Made::Conflict(format!("{path:?} is not text")));
                };
                before.insert(path.to_owned(), text);
            }
            Some(_) => return Ok(Made::Conflict(format!("{path:?} is no regular file"))),
            None if tree.is_folder(path) => {
                return Ok(Made::Conflict(format!("{path:?} is a folder")));
            }
            None => {}
        }
    }
    let changes = match patch::apply(&patch.edits, &before) {
        Ok(changes) => changes,
        Err(e) => return Ok(Made::Conflict(e.to_string())),
    };
    let mut made = Vec::with_capacity(changes.len());
    for change in changes {
        let path = change.path.as_str();
        let mode = tree.get(path).map_or(PLAIN, |file| file.mode()).to_owned();
        let Some(text) = change.after else {
            made.push(Change { path: change.path, mode, content: Content::Gone, plain: true });
            continue;
        };
        let mut folders = path.match_indices('/').map(|(i, _)| &path[..i]);
        if let Some(file) = folders.find(|folder| tree.get(folder).is_some()) {
            return Ok(Made::Conflict(format!("{file:?} is no folder")));
        }
        let plain = mode == PLAIN;
        made.push(Change { path: change.path, mode, content: Content::Text(text), plain });
    }
    Ok(Made::Changes(made))
}

/// Takes a release out of `base`: back to what ran before, where that is known and came before it.
async fn of_release(remote: &Remote, release: &Release, base: &Revision) -> Result<Made> {
    let bad = release.revision.as_str();
    if !remote.contains(base.as_str(), bad).await? {
        return Ok(Made::Conflict(format!("{bad} is not on the release branch")));
    }
    let before = match &release.previous {
        Some(previous) if *previous != release.revision => {
            remote.contains(bad, previous.as_str()).await?.then(|| previous.clone())
        }
        _ => None,
    };
    let before = match before {
        None => remote.commit(bad).await?.parents.into_iter().next().map(|p| Revision::new(p.sha)),
        known => known,
    };
    take_back(remote, &release.revision, before, base).await
}

/// Takes `bad` out of `onto`, back to `before`, which is missing for a first commit: each file that it changed and
/// that nobody changed since is as it was; what somebody did change is theirs to decide.
pub(super) async fn take_back(
    remote: &Remote,
    bad: &Revision,
    before: Option<Revision>,
    onto: &Revision,
) -> Result<Made> {
    let Some(before) = before else {
        return Ok(Made::Conflict(String::from("the first commit can't be taken back")));
    };
    let repository = &remote.repository;
    let before = repository.files(&before).await?;
    let (bad, onto) = (repository.files(bad).await?, repository.files(onto).await?);
    let mut changes = Vec::new();
    for path in differing(&before, &bad) {
        let [was, is, now] = [&before, &bad, &onto].map(|tree| tree.get(path));
        if now == was {
            continue;
        }
        if now != is {
            return Ok(Made::Conflict(format!("later work changed {path:?}")));
        }
        let mode = was.or(is).map_or(PLAIN, |file| file.mode()).to_owned();
        let content = was.map_or(Content::Gone, |file| Content::Blob(file.id.clone()));
        // A file that is gone loses its mode with it; a submodule is no file.
        let plain = match was {
            Some(_) => [was, is].into_iter().flatten().all(|file| file.mode() == PLAIN),
            None => mode != "160000",
        };
        changes.push(Change { path: path.to_owned(), mode, content, plain });
    }
    Ok(Made::Changes(changes))
}

fn differing<'a>(before: &'a Tree, after: &'a Tree) -> BTreeSet<&'a str> {
    let paths = before.paths().chain(after.paths());
    paths.filter(|path| before.get(path) != after.get(path)).collect()
}
