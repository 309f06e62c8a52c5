//! Reading commits and trees; all of it blocks.

use aegis_core::model::Commit as Entry;
use aegis_core::port::FileEntry;
use aegis_core::{Error, Result, Revision, Timestamp};
use git2::{
    Commit, DiffOptions, ObjectType, Oid, Repository, Sort, Tree, TreeWalkMode, TreeWalkResult,
};

use super::error::{oid, revision, wrap};
use super::refs;

/// Commits that a history may look at while it searches for those that touch a path.
const MAX_WALK: usize = 20_000;

/// The head of a branch, which must exist.
pub(super) fn head(repo: &Repository, branch: &str) -> Result<Oid> {
    refs::get(repo, &format!("refs/heads/{branch}"))?.ok_or_else(|| {
        Error::not_found(format!("branch {branch:?} does not exist or has no commit yet")).at("git")
    })
}

/// The commit of a revision.
pub(super) fn commit<'r>(repo: &'r Repository, at: &Revision) -> Result<Commit<'r>> {
    find(repo, oid(at)?)
}

/// The commit of an id.
pub(super) fn find(repo: &Repository, id: Oid) -> Result<Commit<'_>> {
    repo.find_commit(id).map_err(wrap(format!("there is no commit {id}")))
}

/// The tree of a commit.
pub(super) fn tree<'r>(commit: &Commit<'r>) -> Result<Tree<'r>> {
    commit.tree().map_err(wrap(format!("commit {} has no tree", commit.id())))
}

/// Whether `id` is `ancestor` or comes after it.
pub(super) fn contains(repo: &Repository, id: Oid, ancestor: Oid) -> Result<bool> {
    Ok(id == ancestor
        || repo
            .graph_descendant_of(id, ancestor)
            .map_err(wrap(format!("can't compare {id} with {ancestor}")))?)
}

/// The message of a commit, whatever its encoding.
pub(super) fn message(commit: &Commit<'_>) -> String {
    String::from_utf8_lossy(commit.message_bytes()).into_owned()
}

/// Whether a tree entry of this mode is a regular file.
pub(super) fn regular(mode: i32) -> bool {
    // The last four digits are permissions; old tools wrote group-writable ones too.
    mode & 0o170_000 == 0o100_000
}

/// A regular file's content.
pub(super) fn file(repo: &Repository, at: &Revision, path: &str) -> Result<Option<Vec<u8>>> {
    let tree = tree(&commit(repo, at)?)?;
    let Some((id, _)) = entry(&tree, path)? else { return Ok(None) };
    let blob = repo.find_blob(id).map_err(wrap(format!("can't read {path:?}")))?;
    Ok(Some(blob.content().to_vec()))
}

/// Id and mode of a regular file.
pub(super) fn entry(tree: &Tree<'_>, path: &str) -> Result<Option<(Oid, i32)>> {
    if path.is_empty() {
        return Ok(None);
    }
    match tree.get_path(std::path::Path::new(path)) {
        Ok(e) if e.kind() == Some(ObjectType::Blob) && regular(e.filemode()) => {
            Ok(Some((e.id(), e.filemode())))
        }
        Ok(_) => Ok(None),
        Err(e) if e.code() == git2::ErrorCode::NotFound => Ok(None),
        Err(e) => Err(wrap(format!("can't look up {path:?}"))(e)),
    }
}

/// Every file. A name that is not UTF-8 can't be asked for and is left out.
pub(super) fn list(repo: &Repository, at: &Revision) -> Result<Vec<FileEntry>> {
    let tree = tree(&commit(repo, at)?)?;
    let objects = repo.odb().map_err(wrap("can't open the object store"))?;
    let mut files = Vec::new();
    let mut fault = None;
    let walked = tree.walk(TreeWalkMode::PreOrder, |folder, entry| {
        let Ok(name) = entry.name() else { return TreeWalkResult::Skip };
        if entry.kind() == Some(ObjectType::Tree) {
            return TreeWalkResult::Ok;
        }
        let regular = regular(entry.filemode());
        let size = match regular.then(|| objects.read_header(entry.id())).transpose() {
            Ok(header) => header.map_or(0, |(size, _)| size as u64),
            Err(e) => {
                fault = Some(e);
                return TreeWalkResult::Abort;
            }
        };
        files.push(FileEntry::new(format!("{folder}{name}"), regular, size));
        TreeWalkResult::Ok
    });
    if let Some(e) = fault {
        return Err(wrap("can't read the size of a file")(e));
    }
    walked.map_err(wrap(format!("can't list {at}")))?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// Commits that lead to `at`, newest first; those that touch `path` where one is given.
pub(super) fn history(
    repo: &Repository,
    at: &Revision,
    path: Option<&str>,
    limit: usize,
) -> Result<Vec<Entry>> {
    let mut walk = repo.revwalk().map_err(wrap("can't walk the history"))?;
    walk.set_sorting(Sort::TOPOLOGICAL | Sort::TIME).map_err(wrap("can't sort the history"))?;
    walk.push(commit(repo, at)?.id()).map_err(wrap(format!("can't walk from {at}")))?;
    let mut entries = Vec::new();
    for id in walk.take(MAX_WALK) {
        if entries.len() >= limit {
            break;
        }
        let commit = find(repo, id.map_err(wrap("can't walk the history"))?)?;
        if let Some(path) = path
            && !touches(&commit, path)?
        {
            continue;
        }
        entries.push(describe(repo, &commit)?);
    }
    Ok(entries)
}

/// Whether a commit changed `path`; a merge did where it differs from every parent.
fn touches(commit: &Commit<'_>, path: &str) -> Result<bool> {
    let at = |tree: Tree<'_>| -> Option<(Oid, i32)> {
        tree.get_path(std::path::Path::new(path)).ok().map(|e| (e.id(), e.filemode()))
    };
    let here = at(tree(commit)?);
    if commit.parent_count() == 0 {
        return Ok(here.is_some());
    }
    for parent in commit.parents() {
        if at(tree(&parent)?) == here {
            return Ok(false);
        }
    }
    Ok(true)
}

fn describe(repo: &Repository, commit: &Commit<'_>) -> Result<Entry> {
    let before = match commit.parents().next() {
        Some(parent) => Some(tree(&parent)?),
        None => None,
    };
    let mut options = DiffOptions::new();
    options.skip_binary_check(true).ignore_submodules(true);
    let diff = repo
        .diff_tree_to_tree(before.as_ref(), Some(&tree(commit)?), Some(&mut options))
        .map_err(wrap(format!("can't compare {} with its parent", commit.id())))?;
    let paths = diff
        .deltas()
        .filter_map(|d| d.new_file().path().or_else(|| d.old_file().path()))
        .filter_map(|p| p.to_str().map(str::to_owned))
        .collect();
    let message = message(commit);
    let summary = message.trim_start().lines().next().unwrap_or_default();
    let at = Timestamp::from_ms(commit.time().seconds().saturating_mul(1000));
    Ok(Entry::new(revision(commit.id()), at, summary)
        .with_author(String::from_utf8_lossy(commit.author().name_bytes()))
        .with_paths(paths))
}
