//! Offering a fix: one commit on the verified base, on a branch of its own, in a pull request.

use aegis_core::port::Repository as _;
use aegis_core::stage::{Order, Rollout};
use aegis_core::trailer::{self, BASE, FIX, MODE};
use aegis_core::{EffectKey, Error, ErrorKind, Result, Retry};
use serde_json::json;

use super::GitHubDeployer;
use super::change::{self, Made};
use super::commit;
use super::find::{Found, find};
use super::note::Note;
use super::pull::{Pull, Remote};

/// A pull request to be: where its commit is, and what it says.
pub(super) struct Offer<'a> {
    pub(super) key: &'a EffectKey,
    pub(super) note: Note,
    pub(super) title: &'a str,
    pub(super) body: &'a str,
}

/// Puts the fix into a pull request, or finds that it is there.
pub(super) async fn place(
    deployer: &GitHubDeployer,
    order: &Order,
) -> Result<Result<Found, Rollout>> {
    let (remote, key) = (&deployer.remote, order.key());
    let mut note = Note {
        key: trailer::key_text(key),
        what: order.fix().digest().to_string(),
        base: order.base().to_string(),
        head: String::new(),
        propose: order.propose_only(),
        withdrawn: None,
    };
    match find(remote, key).await? {
        Found::Absent => {
            let head = remote.repository.head().await?;
            if head != *order.base() {
                return Ok(Err(Rollout::BaseMoved { base: head }));
            }
            let changes = match change::of_fix(remote, order.fix(), order.base()).await? {
                Made::Changes(changes) => changes,
                Made::Conflict(why) => {
                    tracing::info!(target: "aegis", %key, why, "the fix does not apply to its base");
                    return Ok(Err(Rollout::Conflict));
                }
            };
            note.head = commit::make(remote, key, order.base(), &changes, &message(order)).await?;
        }
        Found::Branch { head, message } => {
            let same = trailer::value(&message, FIX) == Some(note.what.as_str())
                && trailer::value(&message, BASE) == Some(note.base.as_str());
            if !same {
                return Err(another(key));
            }
            note.head = head;
        }
        Found::Open(pull, known) => return again(deployer, order, *pull, known).await.map(Ok),
        other => return Ok(Ok(other)),
    }
    let offer = Offer { key, note, title: &order.fix().title, body: order.body() };
    open(deployer, &offer).await.map(|(pull, note)| Ok(Found::Open(Box::new(pull), note)))
}

/// What was submitted before: cleared for merging, where it is now.
async fn again(
    deployer: &GitHubDeployer,
    order: &Order,
    pull: Pull,
    mut note: Note,
) -> Result<Found> {
    if note.what != order.fix().digest().as_str() || note.base != order.base().as_str() {
        return Err(another(order.key()));
    }
    if note.propose && !order.propose_only() {
        note.propose = false;
        let body = rewritten(&pull, &note);
        let amended = deployer.remote.amend(pull.number, json!({ "body": body })).await?;
        return Ok(Found::Open(Box::new(amended), note));
    }
    Ok(Found::Open(Box::new(pull), note))
}

/// The body of a pull request with another note.
pub(super) fn rewritten(pull: &Pull, note: &Note) -> String {
    let body = pull.body.as_deref().unwrap_or_default();
    note.before(Note::read(body).map_or(body, |(_, text)| text))
}

/// Opens the pull request of a branch that is there.
pub(super) async fn open(deployer: &GitHubDeployer, offer: &Offer<'_>) -> Result<(Pull, Note)> {
    let (remote, body) = (&deployer.remote, offer.note.before(offer.body));
    commit::tidy(remote, offer.key).await?;
    let title: String = offer.title.chars().filter(|c| !c.is_control()).take(250).collect();
    let pull = match remote.open(&offer.key.branch(), &title, &body).await? {
        Ok(pull) => pull,
        Err(refused) if refused.message.contains("already exists") => return Err(raced(offer.key)),
        Err(refused) => return Err(refused.into()),
    };
    if !deployer.labels.is_empty()
        && let Err(error) = remote.label(pull.number, &deployer.labels).await
    {
        // Nothing depends on it.
        tracing::warn!(target: "aegis", key = %offer.key, %error, "the labels were not set");
    }
    Ok((pull, offer.note.clone()))
}

fn message(order: &Order) -> String {
    let fix = order.fix();
    let mut trailers = trailer::signed(order.key());
    trailers.push((FIX, fix.digest().to_string()));
    trailers.push((BASE, order.base().to_string()));
    if order.propose_only() {
        trailers.push((MODE, String::from("propose")));
    }
    trailer::compose(&fix.title, &[&fix.meaning], &trailers)
}

/// Two calls for one key met: the next look finds what the other one made.
pub(super) fn raced(key: &EffectKey) -> Error {
    Error::new(ErrorKind::Conflict, format!("{key} is being submitted by another call"))
        .with_retry(Retry::Backoff)
        .at("deploy")
}

pub(super) fn another(key: &EffectKey) -> Error {
    Error::invalid(format!("{key} was submitted for another request")).at("deploy")
}

/// The branch of a revert that has nothing to do, at the head that it found.
pub(super) async fn nothing_left(remote: &Remote, key: &EffectKey, head: &str) -> Result<()> {
    if remote.branch(&key.branch(), head).await? { Ok(()) } else { Err(raced(key)) }
}
