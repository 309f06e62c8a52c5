//! How far an attempt got, told by GitHub alone.

use aegis_core::trailer::{self, KEY, key_text};
use aegis_core::{EffectKey, EffectKind, Result};

use super::note::Note;
use super::pull::{Pull, Remote};

#[derive(Debug)]
pub(super) enum Found {
    /// It was never submitted.
    Absent,
    /// Its branch is there, its pull request is not yet.
    Branch {
        /// The commit that was submitted.
        head: String,
        /// What its message says.
        message: String,
    },
    /// Waiting, as it was submitted.
    Open(Box<Pull>, Note),
    /// On the release branch as this commit; a revert that had nothing to do has no note.
    Merged(String, Option<Note>),
    /// Closed and not merged: taken back where its note says so, else by a person.
    Closed(Note),
    /// The branch holds something that is not ours: a person pushed, or took the name.
    Foreign,
}

/// The key that the fix, or the revert, of an attempt is found by.
fn named(key: &EffectKey) -> EffectKey {
    match key.kind {
        EffectKind::Revert => key.clone(),
        _ => key.of_kind(EffectKind::Submit),
    }
}

/// How far the fix, or the revert, of `key`'s attempt got.
pub(super) async fn find(remote: &Remote, key: &EffectKey) -> Result<Found> {
    let (key, branch) = (named(key), key.branch());
    let pulls = remote.pulls(&branch).await?;
    let taken = !pulls.is_empty();
    let ours = pulls.into_iter().find_map(|pull| Note::on(pull, &key));
    let Some((pull, note)) = ours else {
        return if taken { Ok(Found::Foreign) } else { bare(remote, &key, &branch).await };
    };
    if pull.merged_at.is_some() {
        return Ok(match pull.merge_commit_sha {
            Some(commit) if pull.base.branch == remote.repository.branch() => {
                Found::Merged(commit, Some(note))
            }
            _ => Found::Foreign,
        });
    }
    if pull.state != "open" {
        return Ok(Found::Closed(note));
    }
    // A person may also have pointed it at another branch, or opened it again.
    let same = pull.head.sha == note.head && pull.base.branch == remote.repository.branch();
    let ours = same && note.withdrawn.is_none();
    Ok(if ours { Found::Open(Box::new(pull), note) } else { Found::Foreign })
}

/// What a branch without a pull request is.
async fn bare(remote: &Remote, key: &EffectKey, branch: &str) -> Result<Found> {
    let Some(head) = remote.tip(branch).await? else { return Ok(Found::Absent) };
    let message = remote.commit(&head).await?.message;
    if trailer::value(&message, KEY) == Some(key_text(key).as_str()) {
        return Ok(Found::Branch { head, message });
    }
    // A revert that found nothing left to do points at the head it found.
    let nothing_left = key.kind == EffectKind::Revert
        && remote.contains(remote.repository.branch(), &head).await?;
    Ok(if nothing_left { Found::Merged(head, None) } else { Found::Foreign })
}
