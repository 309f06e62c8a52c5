//! Taking back what was offered and not merged.

use aegis_core::{EffectKey, Result};
use serde_json::json;

use super::commit;
use super::find::{Found, find};
use super::submit::rewritten;
use super::{GitHubDeployer, waiting};

/// Closes the pull request and deletes its branch, where it is still ours; what a person made of it
/// stays. That is what is returned, and nothing where nothing is left.
pub(super) async fn withdraw(
    deployer: &GitHubDeployer,
    key: &EffectKey,
    why: &str,
) -> Result<Option<Found>> {
    let remote = &deployer.remote;
    let branch = key.branch();
    let found = find(remote, key).await?;
    if matches!(found, Found::Absent | Found::Branch { .. }) {
        commit::tidy(remote, key).await?;
    }
    let head = match found {
        Found::Absent => return Ok(None),
        Found::Branch { head, .. } => head,
        Found::Open(pull, mut note) => {
            if deployer.waiting.is_some() {
                waiting::end(remote, &pull).await?;
            }
            let why = why.chars().map(|c| if c.is_control() { ' ' } else { c }).take(500).collect();
            note.withdrawn = Some(why);
            // Noted and closed at once: what a person closes has no note.
            let change = json!({ "body": rewritten(&pull, &note), "state": "closed" });
            let amended = remote.amend(pull.number, change).await?;
            if amended.merged_at.is_some() {
                return find(remote, key).await.map(Some);
            }
            note.head
        }
        // The branch may have been left, by a crash.
        Found::Closed(note) => note.head,
        found @ (Found::Merged(..) | Found::Foreign) => return Ok(Some(found)),
    };
    Ok((!remote.delete(&branch, &head).await?).then_some(Found::Foreign))
}
