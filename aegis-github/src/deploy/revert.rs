//! Taking back what was merged, keeping what came later.

use aegis_core::port::Repository as _;
use aegis_core::stage::{RevertOrder, Rollout};
use aegis_core::trailer::{self, REVERTS};
use aegis_core::{Result, Revision};

use super::GitHubDeployer;
use super::change::{self, Made};
use super::commit;
use super::find::{Found, find};
use super::merge::{TRIES, land, moving};
use super::note::Note;
use super::pull::{Bare, Pull};
use super::submit::{Offer, another, nothing_left, open};

/// Opens the pull request that takes a commit back, and merges it once its checks pass.
pub(super) async fn revert(deployer: &GitHubDeployer, order: &RevertOrder) -> Result<Rollout> {
    let key = order.key();
    for _ in 0..TRIES {
        let (pull, note) = match find(&deployer.remote, key).await? {
            Found::Open(pull, note) => (*pull, note),
            Found::Merged(_, Some(note)) if note.what != order.commit().as_str() => {
                return Err(another(key));
            }
            found @ (Found::Merged(..) | Found::Closed(_) | Found::Foreign) => {
                return deployer.answer(found).await;
            }
            found @ (Found::Absent | Found::Branch { .. }) => {
                match offered(deployer, order, found).await? {
                    Ok(offered) => offered,
                    Err(rollout) => return Ok(rollout),
                }
            }
        };
        if note.what != order.commit().as_str() {
            return Err(another(key));
        }
        if let Some(rollout) = land(deployer, key, &pull, &note).await? {
            return Ok(rollout);
        }
    }
    Err(moving(key))
}

/// The pull request, made anew or from the branch that an earlier call left.
async fn offered(
    deployer: &GitHubDeployer,
    order: &RevertOrder,
    found: Found,
) -> Result<Result<(Pull, Note), Rollout>> {
    let (remote, key, bad) = (&deployer.remote, order.key(), order.commit());
    let onto = remote.repository.head().await?;
    let Bare { message: theirs, parents, .. } = remote.commit(bad.as_str()).await?;
    let title = format!("Revert \"{}\"", theirs.lines().next().unwrap_or_default());
    let head = if let Found::Branch { head, message } = found {
        if trailer::value(&message, REVERTS) != Some(bad.as_str()) {
            return Err(another(key));
        }
        head
    } else {
        if !remote.contains(onto.as_str(), bad.as_str()).await? {
            return Ok(Err(Rollout::Conflict));
        }
        let before = parents.into_iter().next().map(|parent| Revision::new(parent.sha));
        let changes = match change::take_back(remote, bad, before, &onto).await? {
            Made::Changes(changes) if changes.is_empty() => {
                // Somebody took it back already: the head is the answer, without an empty commit.
                nothing_left(remote, key, onto.as_str()).await?;
                return deployer.rolled_out(onto.as_str()).await.map(Err);
            }
            Made::Changes(changes) => changes,
            Made::Conflict(why) => {
                tracing::warn!(target: "aegis", %key, why, "the revert is not clean");
                return Ok(Err(Rollout::Conflict));
            }
        };
        let mut trailers = trailer::signed(key);
        trailers.push((REVERTS, bad.to_string()));
        let reasons = reasons(order);
        let this = format!("This reverts commit {bad}.");
        let message = trailer::compose(&title, &[&this, &reasons], &trailers);
        commit::make(remote, key, &onto, &changes, &message).await?
    };
    let note = Note {
        key: trailer::key_text(key),
        what: bad.to_string(),
        base: onto.to_string(),
        head,
        propose: false,
        withdrawn: None,
    };
    let body = format!(
        "This takes {bad} back, which made things worse:\n\n{}\n\nEach file that it changed is as it \
         was before; none of them was changed since. It is merged when its checks pass. To stop it: \
         close this pull request, cancel incident `{}`, or throw the kill switch.\n",
        reasons(order),
        key.incident
    );
    open(deployer, &Offer { key, note, title: &title, body: &body }).await.map(Ok)
}

fn reasons(order: &RevertOrder) -> String {
    let lines: Vec<String> = order.reasons().iter().map(|reason| format!("- {reason}")).collect();
    lines.join("\n")
}
