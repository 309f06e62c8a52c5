//! The one commit of an attempt, and its branch.
//!
//! GitHub signs what it commits itself, but only on a branch that is there. So that a branch of ours never
//! stands for less than its commit, that is one of its own, beside: where the commit is made, the
//! attempt's branch is made at it. What a crash leaves beside is taken up again, or goes.

use aegis_core::{EffectKey, Error, Result, Revision};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::change::{Change, Content};
use super::pull::{Remote, heard, refused};
use super::submit::raced;
use crate::client::Refused;
use crate::graphql::CREATE_COMMIT;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Created {
    create_commit_on_branch: Option<Payload>,
}

#[derive(Deserialize)]
struct Payload {
    commit: Option<Commit>,
}

#[derive(Deserialize)]
struct Commit {
    oid: String,
}

/// Where commits are made.
fn beside(key: &EffectKey) -> String {
    key.branch().replacen("aegis/", "aegis/unsigned/", 1)
}

/// Commits on `base` and makes the attempt's branch there; the commit.
pub(super) async fn make(
    remote: &Remote,
    key: &EffectKey,
    base: &Revision,
    changes: &[Change],
    message: &str,
) -> Result<String> {
    let plain = changes.iter().all(|change| change.plain);
    let signed = match remote.signed && plain {
        true => signed(remote, key, base.as_str(), changes, &heard(message)).await?,
        false => None,
    };
    let head = match signed {
        Some(head) => head,
        None => remote.write(base.as_str(), changes, message).await?,
    };
    // Somebody was faster, or an earlier call whose answer was lost.
    if remote.branch(&key.branch(), &head).await? { Ok(head) } else { Err(raced(key)) }
}

/// Removes the branch beside, whatever a crash left on it.
pub(super) async fn tidy(remote: &Remote, key: &EffectKey) -> Result<()> {
    if remote.signed
        && let Some(tip) = remote.tip(&beside(key)).await?
    {
        remote.delete(&beside(key), &tip).await?;
    }
    Ok(())
}

/// What is on the branch beside.
enum Beside {
    /// No commit yet.
    Base,
    /// The one that is asked for.
    Made(String),
    /// Nothing of use, and it is gone.
    Gone,
}

/// The commit, made by GitHub; nothing where it can't.
async fn signed(
    remote: &Remote,
    key: &EffectKey,
    base: &str,
    changes: &[Change],
    message: &str,
) -> Result<Option<String>> {
    let branch = beside(key);
    if !remote.branch(&branch, base).await? {
        match left(remote, &branch, base, changes, message).await? {
            Beside::Base => {}
            Beside::Made(head) => return Ok(Some(head)),
            Beside::Gone => return Err(raced(key)),
        }
    }
    let (headline, body) = message.trim_end().split_once("\n\n").unwrap_or((message, ""));
    let asked = json!({
        "branch": { "repositoryNameWithOwner": remote.repository.name(), "branchName": branch },
        "expectedHeadOid": base,
        "message": { "headline": headline, "body": body },
        "fileChanges": file_changes(remote, changes).await?,
    });
    let made = remote.github().graphql(&CREATE_COMMIT, json!({ "input": asked })).await;
    match refused::<Created>(made, &[409, Refused::UNKNOWN])? {
        Ok(created) => {
            let commit = created.create_commit_on_branch.and_then(|payload| payload.commit);
            let unnamed = || Error::unavailable("GitHub names no commit of what it committed");
            commit.map(|commit| Some(commit.oid)).ok_or_else(|| unnamed().at("deploy"))
        }
        Err(refused) if refused.is_unknown() => {
            tracing::warn!(target: "aegis", %key, "this server signs no commits; it is not signed");
            tidy(remote, key).await?;
            Ok(None)
        }
        // It moved: by our own commit, where that one's answer was lost.
        Err(_) => match left(remote, &branch, base, changes, message).await? {
            Beside::Made(head) => Ok(Some(head)),
            Beside::Base | Beside::Gone => Err(raced(key)),
        },
    }
}

/// What an earlier call left. A commit is ours where it holds exactly what is asked for: whoever may
/// push could have put another there.
async fn left(
    remote: &Remote,
    branch: &str,
    base: &str,
    changes: &[Change],
    message: &str,
) -> Result<Beside> {
    let Some(tip) = remote.tip(branch).await? else { return Ok(Beside::Gone) };
    if tip == base {
        return Ok(Beside::Base);
    }
    let found = remote.commit(&tip).await?;
    let parents: Vec<&str> = found.parents.iter().map(|parent| parent.sha.as_str()).collect();
    if parents == [base]
        && found.message.trim_end() == message.trim_end()
        && found.tree.sha == remote.tree(base, changes).await?
    {
        return Ok(Beside::Made(tip));
    }
    remote.delete(branch, &tip).await?;
    Ok(Beside::Gone)
}

async fn file_changes(remote: &Remote, changes: &[Change]) -> Result<Value> {
    let (mut additions, mut deletions) = (Vec::new(), Vec::new());
    for Change { path, content, .. } in changes {
        let contents = match content {
            Content::Text(text) => BASE64_STANDARD.encode(text),
            Content::Blob(id) => BASE64_STANDARD.encode(remote.repository.blob(id).await?),
            Content::Gone => {
                deletions.push(json!({ "path": path }));
                continue;
            }
        };
        additions.push(json!({ "path": path, "contents": contents }));
    }
    Ok(json!({ "additions": additions, "deletions": deletions }))
}
