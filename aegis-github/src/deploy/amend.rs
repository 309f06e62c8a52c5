//! What a pull request says, once more is known.

use aegis_core::{EffectKey, Result};
use serde_json::json;

use super::note::Note;
use super::pull::Remote;

/// Replaces what the pull request of `key` says, and keeps its note; one that says it already, or is
/// not ours, stays as it is.
pub(super) async fn amend(remote: &Remote, key: &EffectKey, body: &str) -> Result<()> {
    let pulls = remote.pulls(&key.branch()).await?;
    let ours = pulls.into_iter().find_map(|pull| Note::on(pull, key));
    let Some((pull, note)) = ours else { return Ok(()) };
    let body = note.before(body);
    if pull.body.as_ref() != Some(&body) {
        remote.amend(pull.number, json!({ "body": body })).await?;
    }
    Ok(())
}
