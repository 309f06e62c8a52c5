//! The branch that a candidate is proven on, from its commit to its end.

use aegis_core::model::{Case, Fix};
use aegis_core::trailer::{self, BASE, FIX, INCIDENT};
use aegis_core::{Error, ErrorKind, Result, Retry, Revision, Timestamp};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::Deserialize;

use super::super::change::Change;
use super::super::pull::{Object, Remote};
use crate::client::unless_missing;

/// What the names of its branches begin with.
pub(super) const PREFIX: &str = "aegis/verify-";
/// The branch that a commit was made for: what somebody else has there is not ours to delete.
const BRANCH: &str = "Aegis-Verify";
/// When whoever made it is done with it, in milliseconds since 1970.
const UNTIL: &str = "Aegis-Until";
/// Branches that are looked at, one call each.
const LEFT: usize = 50;

/// A candidate's branch; removed with this at the latest, where a runtime is left to do it.
#[derive(Debug)]
pub(super) struct Candidate {
    remote: Remote,
    pub(super) branch: String,
    pub(super) head: String,
    /// Whether it may be there.
    there: bool,
}

#[derive(Deserialize)]
struct Named {
    #[serde(rename = "ref")]
    name: String,
    object: Object,
}

impl Candidate {
    /// Writes the commit; no branch has it yet.
    pub(super) async fn commit(
        remote: &Remote,
        case: &Case,
        fix: &Fix,
        base: &Revision,
        changes: &[Change],
        until: Timestamp,
    ) -> Result<Self> {
        // Calls for the same fix may meet.
        let branch = format!("{PREFIX}{}-{}", case.incident, random()?);
        let trailers = [
            (INCIDENT, case.incident.to_string()),
            (FIX, fix.digest().to_string()),
            (BASE, base.to_string()),
            (BRANCH, branch.clone()),
            (UNTIL, until.as_ms().to_string()),
        ];
        // Nothing of the fix's own words: some of them would keep workflows from running.
        let why = "It is here for its checks to run, and is deleted after them.";
        let message = trailer::compose("Prove a fix", &[why], &trailers);
        let head = remote.write(base.as_str(), changes, &message).await?;
        Ok(Self { remote: remote.clone(), branch, head, there: true })
    }

    /// Makes the branch.
    pub(super) async fn push(&self) -> Result<()> {
        if self.remote.branch(&self.branch, &self.head).await? {
            return Ok(());
        }
        let say = format!("{} is there already", self.branch);
        Err(Error::new(ErrorKind::Conflict, say).with_retry(Retry::Backoff).at("verify"))
    }

    /// Removes the branch, where it still is what was pushed.
    pub(super) async fn remove(mut self) -> Result<()> {
        self.remote.delete(&self.branch, &self.head).await?;
        self.there = false;
        Ok(())
    }
}

impl Drop for Candidate {
    fn drop(&mut self) {
        if !self.there {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (remote, branch, head) = (self.remote.clone(), self.branch.clone(), self.head.clone());
        runtime.spawn(async move {
            if let Err(error) = remote.delete(&branch, &head).await {
                tracing::warn!(target: "aegis", branch, %error, "the branch of a proof is left");
            }
        });
    }
}

/// Removes what was left behind: branches of ours whose makers are done with them by now.
pub(super) async fn sweep(remote: &Remote, now: Timestamp) -> Result<()> {
    let path = remote.repository.at(&format!("git/matching-refs/heads/{PREFIX}"));
    let all: Option<Vec<Named>> = unless_missing(remote.github().get(&path).await)?;
    for Named { name, object } in all.unwrap_or_default().into_iter().take(LEFT) {
        let Some(branch) = name.strip_prefix("refs/heads/") else { continue };
        let message = remote.commit(&object.sha).await?.message;
        let ours = trailer::value(&message, BRANCH) == Some(branch);
        let until = trailer::value(&message, UNTIL).and_then(|ms| ms.parse().ok());
        if ours && until.is_some_and(|ms| Timestamp::from_ms(ms) < now) {
            tracing::info!(target: "aegis", branch, "removing what a proof left behind");
            remote.delete(branch, &object.sha).await?;
        }
    }
    Ok(())
}

fn random() -> Result<String> {
    let mut bytes = [0; 6];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| Error::internal("the system gives no random bytes").at("verify"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
