//! How far an attempt got, told by the repository alone.

use aegis_core::{EffectKey, Result};
use git2::{Oid, Repository, Sort};

use super::error::wrap;
use super::refs::{self, Names};
use super::{read, site::Site};
use aegis_core::trailer::{self, KEY, MODE, key_text};

/// Commits of the release branch that are searched for a trailer where no ref remembers a revert.
const MAX_WALK: usize = 2_000;

/// How far an attempt got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// It was never submitted.
    Absent,
    /// On the release branch as this commit.
    Merged(Oid),
    /// Taken back before it was merged.
    Withdrawn,
    /// A person deleted its branch.
    Closed,
    /// Its branch holds something that is not ours: a person pushed, or took the name.
    Foreign,
    /// Waiting on its branch.
    Open {
        /// The head that was submitted.
        head: Oid,
        /// Whether only a person may merge it.
        propose: bool,
    },
}

/// How far the fix of `key`'s attempt got.
pub(super) fn fix(repo: &Repository, site: &Site, key: &EffectKey) -> Result<Found> {
    let names = Names::of_fix(key)?;
    // The branch is written before the note of it, so that a crash in between loses nothing; read the
    // other way round, a reader beside a writer never sees the note without the branch.
    let noted = refs::get(repo, &names.submitted)?;
    let tip = refs::get(repo, &names.branch)?;
    let submitted = match noted {
        Some(id) => Some(id),
        None => tip.filter(|id| is_of(repo, *id, key)),
    };
    let Some(head) = submitted else {
        return Ok(if tip.is_some() { Found::Foreign } else { Found::Absent });
    };
    let release = read::head(repo, site.repository.branch())?;
    if read::contains(repo, release, head)? {
        return Ok(Found::Merged(merge_of(repo, release, head)?));
    }
    if refs::get(repo, &names.withdrawn)?.is_some() {
        return Ok(Found::Withdrawn);
    }
    match tip {
        None => Ok(Found::Closed),
        Some(tip) if tip != head => Ok(Found::Foreign),
        Some(_) => {
            let message = read::message(&read::find(repo, head)?);
            let propose = trailer::value(&message, MODE) == Some("propose")
                && refs::get(repo, &names.cleared)?.is_none();
            Ok(Found::Open { head, propose })
        }
    }
}

/// The revert of `key`'s attempt, where it is on the release branch.
pub(super) fn revert(repo: &Repository, site: &Site, key: &EffectKey) -> Result<Option<Oid>> {
    let names = Names::of_revert(key)?;
    let release = read::head(repo, site.repository.branch())?;
    if let Some(id) = refs::get(repo, &names.reverting)?
        && read::contains(repo, release, id)?
    {
        return Ok(Some(id));
    }
    // Without the note of it, as in a fresh clone, the trailer tells.
    let mut walk = repo.revwalk().map_err(wrap("can't walk the release branch"))?;
    walk.set_sorting(Sort::TOPOLOGICAL).map_err(wrap("can't sort the history"))?;
    walk.simplify_first_parent().map_err(wrap("can't walk the mainline"))?;
    walk.push(release).map_err(wrap("can't walk the release branch"))?;
    for id in walk.take(MAX_WALK) {
        let id = id.map_err(wrap("can't walk the release branch"))?;
        if is_of(repo, id, &key.of_kind(aegis_core::EffectKind::Revert)) {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// Whether a commit carries the trailer of `key`'s fix or revert.
fn is_of(repo: &Repository, id: Oid, key: &EffectKey) -> bool {
    let kind = match key.kind {
        aegis_core::EffectKind::Revert => key.kind,
        _ => aegis_core::EffectKind::Submit,
    };
    repo.find_commit(id).is_ok_and(|commit| {
        let message = read::message(&commit);
        trailer::value(&message, KEY) == Some(key_text(&key.of_kind(kind)).as_str())
    })
}

/// The commit of the mainline that brought `head` in: the merge, or `head` itself.
fn merge_of(repo: &Repository, release: Oid, head: Oid) -> Result<Oid> {
    let mut brought = release;
    let mut at = read::find(repo, release)?;
    while at.id() != head {
        let Some(parent) = at.parents().next() else { break };
        if !read::contains(repo, parent.id(), head)? {
            break;
        }
        brought = parent.id();
        at = parent;
    }
    Ok(brought)
}
