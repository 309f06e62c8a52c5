//! Taking back what was offered and not merged.

use aegis_core::{EffectKey, Result};
use serde_json::json;

use super::find::{Found, find};
use super::pull::Remote;
use super::submit::rewritten;

/// Closes the pull request and deletes its branch, where it is still ours; what a person made of it
/// stays.
pub(super) async fn withdraw(remote: &Remote, key: &EffectKey, why: &str) -> Result<Found> {
    let branch = key.branch();
    let head = match find(remote, key).await? {
        Found::Absent => return Ok(Found::Withdrawn),
        Found::Branch { head, .. } => Some(head),
        Found::Open(pull, mut note) => {
            let why = why.chars().map(|c| if c.is_control() { ' ' } else { c }).take(500).collect();
            note.withdrawn = Some(why);
            // Noted and closed at once: what a person closes has no note.
            let change = json!({ "body": rewritten(&pull, &note), "state": "closed" });
            let amended = remote.amend(pull.number, change).await?;
            if amended.merged_at.is_some() {
                return find(remote, key).await;
            }
            Some(note.head)
        }
        // The branch may have been left, by a crash.
        Found::Withdrawn | Found::Closed => submitted(remote, key).await?,
        found @ (Found::Merged(_) | Found::Foreign) => return Ok(found),
    };
    match head {
        Some(head) if !remote.delete(&branch, &head).await? => Ok(Found::Foreign),
        _ => Ok(Found::Withdrawn),
    }
}

/// The head that was submitted by a pull request that is closed.
async fn submitted(remote: &Remote, key: &EffectKey) -> Result<Option<String>> {
    let key = super::find::named(key);
    let pulls = remote.pulls(&key.branch()).await?;
    let notes = pulls.iter().filter_map(|pull| super::note::Note::read(pull.body.as_deref()?));
    Ok(notes.map(|(note, _)| note).find(|note| note.is_of(&key)).map(|note| note.head))
}
