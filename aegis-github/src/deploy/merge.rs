//! Merging exactly what was verified.

use aegis_core::port::Repository as _;
use aegis_core::stage::{MergeOrder, Rollout};
use aegis_core::trailer::{self, BASE, FIX, INCIDENT, KEY};
use aegis_core::{EffectKey, Error, ErrorKind, Result, Retry};

use super::GitHubDeployer;
use super::checks::Verdict;
use super::find::{Found, find};
use super::note::Note;
use super::pull::Pull;
use super::waiting::{self, By};
use crate::client::Refused;

/// Looks at what became of a merge that GitHub refused because something moved.
pub(super) const TRIES: usize = 3;

/// What GitHub's refusal to merge means: one status says several things.
#[derive(Debug, PartialEq, Eq)]
enum Means {
    /// Something moved: look again.
    Moved,
    /// Required checks are not done.
    Checking,
    /// Only the merge queue merges.
    Queue,
    /// A review is missing, or only a person may.
    Person,
    /// It does not merge cleanly.
    Unmergeable,
    /// It never will.
    Never,
}

fn means(refused: &Refused) -> Means {
    let says = refused.message.to_ascii_lowercase();
    let has = |part: &str| says.contains(part);
    match refused.status {
        409 => Means::Moved,
        _ if has("base branch was modified") || has("head branch was modified") => Means::Moved,
        _ if has("merge queue") => Means::Queue,
        _ if has("status check") || has("is expected") || has("in progress") => Means::Checking,
        _ if has("review") || has("code owner") || has("conversation") => Means::Person,
        _ if has("not mergeable") || has("conflict") => Means::Unmergeable,
        _ => Means::Never,
    }
}

pub(super) async fn merge(deployer: &GitHubDeployer, order: &MergeOrder) -> Result<Rollout> {
    for _ in 0..TRIES {
        let (pull, note) = match find(&deployer.remote, order.key()).await? {
            Found::Open(pull, note) => (pull, note),
            Found::Absent | Found::Branch { .. } => {
                let say = format!("{} was never submitted", order.key());
                return Err(Error::not_found(say).at("deploy"));
            }
            found => return deployer.answer(found).await,
        };
        if note.head != order.head().as_str() {
            return Ok(Rollout::Conflict);
        }
        let base = deployer.remote.repository.head().await?;
        if base != *order.base() {
            if deployer.waiting.is_some() {
                waiting::end(&deployer.remote, &pull).await?;
            }
            return Ok(Rollout::BaseMoved { base });
        }
        if let Some(rollout) = land(deployer, order.key(), &pull, &note).await? {
            return Ok(rollout);
        }
    }
    Err(moving(order.key()))
}

/// Merges an open pull request whose checks pass; nothing where something moved meanwhile.
///
/// The checks are asked here again: nothing merges on somebody's memory of them.
pub(super) async fn land(
    deployer: &GitHubDeployer,
    key: &EffectKey,
    pull: &Pull,
    note: &Note,
) -> Result<Option<Rollout>> {
    match deployer.verdict(pull).await? {
        Verdict::Passed => {}
        Verdict::Waiting => return Ok(Some(Rollout::Checking)),
        Verdict::Failed(feedback) => return Ok(Some(Rollout::Failed(feedback))),
    }
    if let Some(waiting) = &deployer.waiting
        && waiting.is_begun(&deployer.remote, pull, note).await?
    {
        return Ok(Some(Rollout::Checking));
    }
    let title = format!("Merge {}: {}", key.branch(), pull.title);
    let trailers = [
        (INCIDENT, key.incident.to_string()),
        (KEY, trailer::key_text(key)),
        (FIX, note.what.clone()),
        (BASE, note.base.clone()),
    ];
    let message = trailer::paragraph(&trailers);
    let merged =
        deployer.remote.merge(pull, &note.head, deployer.method, (&title, &message)).await?;
    let refused = match merged {
        Ok(commit) => return deployer.rolled_out(&commit).await.map(Some),
        Err(refused) => refused,
    };
    let by = match means(&refused) {
        Means::Checking if deployer.auto => Some(By::Auto(deployer.method, (&title, &message))),
        Means::Queue => Some(By::Queue),
        _ => None,
    };
    if let (Some(waiting), Some(by)) = (&deployer.waiting, by) {
        let begun = waiting.begin(&deployer.remote, pull, note, &by).await?;
        return Ok(begun.then_some(Rollout::Checking));
    }
    Ok(match means(&refused) {
        Means::Moved => None,
        Means::Checking => Some(Rollout::Checking),
        Means::Queue => {
            let say = "this branch is merged through a merge queue: say `waits_on_github`";
            return Err(Error::invalid(say).at("deploy"));
        }
        Means::Person => Some(Rollout::AwaitingPerson),
        Means::Unmergeable => match deployer.remote.pull(pull.number).await?.mergeable {
            // GitHub works it out after the question.
            None => Some(Rollout::Checking),
            Some(_) => Some(Rollout::Conflict),
        },
        Means::Never => return Err(refused.into()),
    })
}

pub(super) fn moving(key: &EffectKey) -> Error {
    Error::new(ErrorKind::Conflict, format!("{key}: branches moved {TRIES} times during a merge"))
        .with_retry(Retry::Backoff)
        .at("deploy")
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    #[test]
    fn one_status_means_several_things() {
        for (status, says, expected) in [
            (405, "Base branch was modified. Review and try the merge again.", Means::Moved),
            (409, "Head branch was modified. Review and try the merge again.", Means::Moved),
            (405, "Required status check \"test\" is expected.", Means::Checking),
            (405, "Changes must be made through the merge queue", Means::Queue),
            (405, "At least 1 approving review is required.", Means::Person),
            (405, "Pull Request is not mergeable", Means::Unmergeable),
            (405, "Squash merges are not allowed on this repository.", Means::Never),
        ] {
            let body = serde_json::json!({ "message": says }).to_string();
            let what = String::from("PUT merge");
            let refused = Refused::new(status, &HeaderMap::new(), body.as_bytes(), what);
            assert_eq!(means(&refused), expected, "{says}");
        }
    }
}
