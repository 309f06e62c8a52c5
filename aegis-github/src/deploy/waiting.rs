//! Merges that GitHub makes later: once what is required is met, or through its merge queue.
//!
//! The planner's policy clears a merge at one moment, and its kill switch stops calls, not GitHub. So
//! whatever waits there is watched from here, and taken out where it may not merge any more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aegis_core::Result;
use aegis_core::port::{Clock as _, Journal, Repository as _, SystemClock};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::note::Note;
use super::pull::{MergeMethod, Pull, Remote, refused};
use crate::graphql::{DEQUEUE, DISABLE_AUTO_MERGE, ENABLE_AUTO_MERGE, ENQUEUE, Operation, WAITING};

/// Between two looks at what may stop a merge.
const LOOK: Duration = Duration::from_secs(1);
/// What waits longer is taken out: something never passes.
const LONGEST: Duration = Duration::from_secs(3_600);

/// So long a look may believe what GitHub said: it is asked each second, and each question counts.
const BELIEVED: Duration = Duration::from_secs(10);

/// What lets GitHub merge later, and stops it.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    journal: Arc<dyn Journal>,
    /// Pull requests that are watched, by number.
    watched: Arc<Mutex<BTreeSet<u64>>>,
    /// What GitHub said of them lately.
    said: Arc<Mutex<BTreeMap<u64, (Instant, bool)>>>,
}

/// By what GitHub merges later.
pub(super) enum By<'a> {
    /// Itself, like this and with these words.
    Auto(MergeMethod, (&'a str, &'a str)),
    Queue,
}

#[derive(Deserialize)]
struct Asked {
    node: Option<State>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct State {
    #[serde(default)]
    is_in_merge_queue: bool,
    auto_merge_request: Option<Value>,
}

impl Waiting {
    pub(super) fn new(journal: Arc<dyn Journal>) -> Self {
        Self { journal, watched: Arc::default(), said: Arc::default() }
    }

    /// Lets GitHub merge exactly this head; false where something moved, or it can be merged at once.
    pub(super) async fn begin(
        &self,
        remote: &Remote,
        pull: &Pull,
        note: &Note,
        by: &By<'_>,
    ) -> Result<bool> {
        if let Some(why) = self.stopped(note).await {
            tracing::info!(target: "aegis", key = note.key, why, "GitHub is not asked to merge");
            return Ok(true);
        }
        // Watched first: the answer may be lost.
        self.watch(remote, pull, note);
        let mut input = json!({ "pullRequestId": pull.node_id, "expectedHeadOid": note.head });
        let operation = match by {
            By::Queue => &ENQUEUE,
            By::Auto(method, (title, message)) => {
                input["mergeMethod"] = method.as_str().to_ascii_uppercase().into();
                if *method != MergeMethod::Rebase {
                    input["commitHeadline"] = (*title).into();
                    input["commitBody"] = (*message).into();
                }
                &ENABLE_AUTO_MERGE
            }
        };
        let asked = json!({ "input": input });
        let begun = remote.github().graphql::<Value>(operation, asked).await;
        let Err(refused) = refused(begun, &[409, 422])? else {
            self.believe(pull, true);
            return Ok(true);
        };
        let says = refused.message.to_ascii_lowercase();
        let has = |part: &str| says.contains(part);
        match refused.status {
            409 => Ok(false),
            _ if has("clean status") || has("unstable status") || has("was modified") => Ok(false),
            _ if has("already") => Ok(true),
            _ => Err(refused.into()),
        }
    }

    /// Whether GitHub may merge this pull request by itself. One that it may is watched, whoever began.
    pub(super) async fn is_begun(&self, remote: &Remote, pull: &Pull, note: &Note) -> Result<bool> {
        let begun = !outstanding(remote, pull).await?.is_empty();
        self.believe(pull, begun);
        if begun {
            self.watch(remote, pull, note);
        }
        Ok(begun)
    }

    /// The same, as GitHub said lately.
    pub(super) async fn was_begun(
        &self,
        remote: &Remote,
        pull: &Pull,
        note: &Note,
    ) -> Result<bool> {
        let said = self.said().get(&pull.number).copied();
        match said.filter(|(at, _)| at.elapsed() < BELIEVED) {
            Some((_, begun)) => Ok(begun),
            None => self.is_begun(remote, pull, note).await,
        }
    }

    fn believe(&self, pull: &Pull, begun: bool) {
        let mut said = self.said();
        said.retain(|_, (at, _)| at.elapsed() < BELIEVED);
        said.insert(pull.number, (Instant::now(), begun));
    }

    fn said(&self) -> MutexGuard<'_, BTreeMap<u64, (Instant, bool)>> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why nothing of this kind may merge: the kill switch, or a freeze by a person, during which
    /// something may still be taken back.
    async fn stopped(&self, note: &Note) -> Option<String> {
        match self.journal.control().await {
            // The planner takes it for thrown, too.
            Err(error) => Some(format!("the kill switch can't be read: {error}")),
            Ok(control) => {
                let frozen = control.frozen(&[], SystemClock.now()).map(|(why, _)| why);
                control.killed.or(frozen.filter(|_| !takes_back(note)))
            }
        }
    }

    fn watched(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Watches it until it is closed or merged, or must not be any more.
    fn watch(&self, remote: &Remote, pull: &Pull, note: &Note) {
        if !self.watched().insert(pull.number) {
            return;
        }
        let (own, remote) = (self.clone(), remote.clone());
        let (pull, note) = (pull.clone(), note.clone());
        tokio::spawn(async move {
            let until = Instant::now() + LONGEST;
            loop {
                sleep(LOOK).await;
                let ends = if Instant::now() >= until {
                    Some(String::from("it waited too long"))
                } else if let Some(why) = own.stopped(&note).await {
                    Some(why)
                } else {
                    match moved(&remote, &pull, &note).await {
                        Ok(Moved::Gone) => break,
                        Ok(Moved::Not) | Err(_) => None,
                        Ok(Moved::Away(why)) => Some(String::from(why)),
                    }
                };
                let Some(why) = ends else { continue };
                match end(&remote, &pull).await {
                    Ok(()) => {
                        tracing::info!(target: "aegis", key = note.key, why, "GitHub merges it no more");
                        break;
                    }
                    Err(error) => {
                        tracing::warn!(target: "aegis", key = note.key, why, %error, "GitHub may still merge it");
                    }
                }
            }
            own.watched().remove(&pull.number);
            own.said().remove(&pull.number);
        });
    }
}

fn takes_back(note: &Note) -> bool {
    note.key.ends_with("/revert")
}

enum Moved {
    Not,
    /// It is closed, or merged.
    Gone,
    Away(&'static str),
}

async fn moved(remote: &Remote, pull: &Pull, note: &Note) -> Result<Moved> {
    let now = remote.pull(pull.number).await?;
    if now.state != "open" {
        return Ok(Moved::Gone);
    }
    if now.head.sha != note.head || now.base.branch != remote.repository.branch() {
        return Ok(Moved::Away("somebody changed it"));
    }
    // What takes back keeps what came later.
    if !takes_back(note) && remote.repository.head().await?.as_str() != note.base {
        return Ok(Moved::Away("the release branch has moved on"));
    }
    Ok(Moved::Not)
}

/// Takes it out of whatever may merge it. What GitHub says to that is not believed: it may refuse what
/// it did.
pub(super) async fn end(remote: &Remote, pull: &Pull) -> Result<()> {
    let mut last = None;
    for operation in outstanding(remote, pull).await? {
        let name = if operation.name == DEQUEUE.name { "id" } else { "pullRequestId" };
        let asked = json!({ "input": { name: pull.node_id } });
        last = remote.github().graphql::<Value>(operation, asked).await.err().or(last);
    }
    match last {
        Some(failure) if !outstanding(remote, pull).await?.is_empty() => Err(failure.into()),
        _ => Ok(()),
    }
}

/// What has to be done so that GitHub does not merge it by itself.
async fn outstanding(remote: &Remote, pull: &Pull) -> Result<Vec<&'static Operation>> {
    let asked: Asked = remote.github().graphql(&WAITING, json!({ "id": pull.node_id })).await?;
    let Some(State { is_in_merge_queue, auto_merge_request }) = asked.node else {
        return Ok(Vec::new());
    };
    let queued = is_in_merge_queue.then_some(&DEQUEUE);
    Ok(auto_merge_request.map(|_| &DISABLE_AUTO_MERGE).into_iter().chain(queued).collect())
}
