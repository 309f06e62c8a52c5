//! Taking a release out of a tree, keeping what came later.

use std::collections::BTreeSet;
use std::path::Path;

use aegis_core::model::Release;
use aegis_core::patch::{FileChange, Tier};
use aegis_core::{Result, Revision};
use git2::{Commit, DiffOptions, MergeOptions, Repository, Tree};

use super::error::{oid, wrap};
use super::tree::Made;
use super::{export, read};

/// Objects of a trial are kept in memory: its store comes before those of the repository.
const FIRST: i32 = 1000;

/// What taking a release back makes of the head that it is taken out of.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TakenBack {
    /// It comes out cleanly.
    Clean {
        /// Name of the tree, as [`tree`](aegis_core::port::Repository::tree) gives names.
        tree: String,
        /// What changes in text files.
        changes: Vec<FileChange>,
        /// Paths of everything else that changes.
        others: Vec<String>,
    },
    /// It does not, for this reason.
    Conflict(String),
}

/// Writes what is left of `base` without `release` into the empty folder `into`, and nothing into the
/// repository.
pub(super) fn trial(
    repo: &Repository,
    taken: &Release,
    base: &Revision,
    into: &Path,
) -> Result<TakenBack> {
    let objects = repo.odb().map_err(wrap("can't open the object store"))?;
    objects.add_new_mempack_backend(FIRST).map_err(wrap("can't keep objects in memory"))?;
    let base = read::commit(repo, base)?;
    let id = match release(repo, taken, &base)? {
        Made::Tree(id) => id,
        Made::Conflict(why) => return Ok(TakenBack::Conflict(why)),
    };
    let (before, after) = (read::tree(&base)?, repo.find_tree(id).map_err(wrap("no such tree"))?);
    export::export(repo, &after, into)?;
    let (mut changes, mut others) = (Vec::new(), Vec::new());
    for path in differing(repo, &before, &after)? {
        match (text(repo, &before, &path)?, text(repo, &after, &path)?) {
            (Some(before), Some(after)) => {
                changes.push(FileChange { path, before, after, tier: Tier::Exact });
            }
            _ => others.push(path),
        }
    }
    Ok(TakenBack::Clean { tree: id.to_string(), changes, others })
}

/// Paths that differ, sorted.
fn differing(repo: &Repository, before: &Tree<'_>, after: &Tree<'_>) -> Result<BTreeSet<String>> {
    let mut options = DiffOptions::new();
    options.skip_binary_check(true).ignore_submodules(false);
    let diff = repo
        .diff_tree_to_tree(Some(before), Some(after), Some(&mut options))
        .map_err(wrap("can't compare the trees"))?;
    let paths = diff.deltas().flat_map(|d| [d.old_file().path(), d.new_file().path()]);
    Ok(paths.flatten().map(|p| p.to_string_lossy().into_owned()).collect())
}

/// A file's text, or that there is no file; `None` for what is no text.
#[allow(clippy::option_option)]
fn text(repo: &Repository, tree: &Tree<'_>, path: &str) -> Result<Option<Option<String>>> {
    if tree.get_path(Path::new(path)).is_err() {
        return Ok(Some(None));
    }
    let Some((id, _)) = read::entry(tree, path)? else { return Ok(None) };
    let blob = repo.find_blob(id).map_err(wrap(format!("can't read {path:?}")))?;
    Ok(String::from_utf8(blob.content().to_vec()).ok().map(Some))
}

/// Takes back everything that a release brought: from what ran before it where that is known, else
/// its one commit.
pub(super) fn release(repo: &Repository, release: &Release, base: &Commit<'_>) -> Result<Made> {
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
    let made = commit(repo, &bad, before.as_ref(), base)?;
    Ok(match made {
        Made::Tree(id) if id == base.tree_id() => {
            Made::Conflict(format!("nothing of {} is left to take back", release.revision))
        }
        made => made,
    })
}

/// Takes `bad` out of `ours` by a three-way merge that keeps what came later: back to `before`, or to
/// its first parent (a merge's mainline).
pub(super) fn commit(
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
