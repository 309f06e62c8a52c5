//! Refs: their names, and moving them by compare-and-swap.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use aegis_core::{EffectKey, EffectKind, Error, IncidentId, Result};
use git2::{ErrorCode, Oid, Repository, Signature};

use super::error::wrap;

/// How long a ref that somebody else has locked is waited for.
const PATIENCE: Duration = Duration::from_secs(3);

/// Git holds a ref's lock for milliseconds; one this old belongs to a process that died.
const STALE: Duration = Duration::from_secs(30);

/// What became of a compare-and-swap.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Swap {
    /// The ref was moved.
    Done,
    /// The ref holds something else and was left alone.
    Differs,
}

/// The refs that belong to one attempt.
#[derive(Debug, Clone)]
pub(super) struct Names {
    /// The branch that people see.
    pub(super) branch: String,
    /// The head that was submitted; stays when the branch is deleted.
    pub(super) submitted: String,
    /// Set once it was withdrawn.
    pub(super) withdrawn: String,
    /// Set once a proposal was cleared for merging.
    pub(super) cleared: String,
    /// The revert that was made, set before the release branch moves.
    pub(super) reverting: String,
}

impl Names {
    /// The refs of the fix of this attempt, whatever the key's kind.
    pub(super) fn of_fix(key: &EffectKey) -> Result<Self> {
        Self::of(key, EffectKind::Submit)
    }

    /// The refs of the revert of this attempt.
    pub(super) fn of_revert(key: &EffectKey) -> Result<Self> {
        Self::of(key, EffectKind::Revert)
    }

    fn of(key: &EffectKey, kind: EffectKind) -> Result<Self> {
        IncidentId::parse(key.incident.as_str())?;
        let short = key.of_kind(kind).branch();
        Ok(Self {
            branch: format!("refs/heads/{short}"),
            submitted: format!("refs/aegis/submitted/{short}"),
            withdrawn: format!("refs/aegis/withdrawn/{short}"),
            cleared: format!("refs/aegis/cleared/{short}"),
            reverting: format!("refs/aegis/reverting/{short}"),
        })
    }
}

/// Where a ref points; `None` where it does not exist.
pub(super) fn get(repo: &Repository, name: &str) -> Result<Option<Oid>> {
    match repo.refname_to_id(name) {
        Ok(id) => Ok(Some(id)),
        Err(e) if e.code() == ErrorCode::NotFound => Ok(None),
        Err(e) => Err(wrap(format!("can't read {name}"))(e)),
    }
}

/// Moves `name` from `old` to `new` under the ref's own lock; `None` is a ref that does not exist.
pub(super) fn swap(
    repo: &Repository,
    name: &str,
    old: Option<Oid>,
    new: Option<Oid>,
    who: &Signature<'_>,
    why: &str,
) -> Result<Swap> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut change = repo.transaction().map_err(wrap("can't begin to move a ref"))?;
        match change.lock_ref(name) {
            Ok(()) => {}
            Err(e) if e.code() == ErrorCode::Locked && Instant::now() < deadline => {
                drop(change);
                clear_stale(repo.commondir(), name);
                std::thread::sleep(Duration::from_millis(10));
                continue;
            }
            Err(e) => return Err(wrap(format!("can't lock {name}"))(e)),
        }
        if get(repo, name)? != old {
            return Ok(Swap::Differs);
        }
        match new {
            Some(id) => change.set_target(name, id, Some(who), why),
            None => change.remove(name),
        }
        .and_then(|()| change.commit())
        .map_err(wrap(format!("can't move {name}")))?;
        return Ok(Swap::Done);
    }
}

/// Points `name`, which only Aegis writes, at `id`.
pub(super) fn put(
    repo: &Repository,
    name: &str,
    id: Oid,
    who: &Signature<'_>,
    why: &str,
) -> Result<()> {
    let old = get(repo, name)?;
    if old == Some(id) {
        return Ok(());
    }
    match swap(repo, name, old, Some(id), who, why)? {
        Swap::Done => Ok(()),
        Swap::Differs => Err(Error::conflict(format!("{name} was moved by somebody else"))
            .at("git")
            .with_retry(aegis_core::Retry::Backoff)),
    }
}

fn clear_stale(git_dir: &Path, name: &str) {
    let lock = git_dir.join(format!("{name}.lock"));
    let age = lock
        .metadata()
        .and_then(|m| m.modified())
        .ok()
        .and_then(|at| SystemTime::now().duration_since(at).ok());
    // Refs under our own names are written under our own lock: a lock file there is a dead process's.
    let ours = name.starts_with("refs/aegis/") || name.starts_with("refs/heads/aegis/");
    if age.is_some_and(|age| ours || age > STALE) {
        tracing::warn!(lock = %lock.display(), "removing a ref lock that a dead process left");
        let _ = std::fs::remove_file(&lock);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_ref_that_somebody_else_moved_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let repo = Repository::init_bare(folder.path()).unwrap();
        let who = Signature::new("A", "a@localhost", &git2::Time::new(1, 0)).unwrap();
        let tree = repo.find_tree(repo.treebuilder(None).unwrap().write().unwrap()).unwrap();
        let make = |text| repo.commit(None, &who, &who, text, &tree, &[]).unwrap();
        let (one, two, three) = (make("1"), make("2"), make("3"));
        let name = "refs/heads/aegis/x";
        let swap = |old, new| swap(&repo, name, old, new, &who, "test").unwrap();

        assert_eq!(swap(Some(one), Some(two)), Swap::Differs, "it does not exist");
        assert_eq!(swap(None, Some(one)), Swap::Done);
        assert_eq!(swap(None, Some(two)), Swap::Differs, "it exists");
        assert_eq!(swap(Some(two), Some(three)), Swap::Differs, "it is elsewhere");
        assert_eq!(swap(Some(two), None), Swap::Differs);
        assert_eq!(get(&repo, name).unwrap(), Some(one));
        assert_eq!(swap(Some(one), None), Swap::Done);
        assert_eq!(get(&repo, name).unwrap(), None);
    }
}
