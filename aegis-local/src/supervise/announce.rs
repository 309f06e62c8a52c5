//! Telling the planner about releases, a person's too.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use aegis_core::model::{Author, Event, Release};
use aegis_core::port::{Delivery, EventSource, Repository as _};
use aegis_core::{Result, Revision, ServiceName, Timestamp, trailer};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::files;
use crate::git::GitRepository;

/// Releases that wait for a planner; the oldest is dropped where nobody asks.
const MOST: usize = 64;

/// The release that a planner took over last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Announced {
    revision: Revision,
}

/// Releases that wait to be asked for.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<VecDeque<Release>>,
    more: Notify,
    ended: std::sync::atomic::AtomicBool,
}

impl Queue {
    /// Tells the source that nothing will come any more.
    pub(super) fn end(&self) {
        self.ended.store(true, std::sync::atomic::Ordering::Release);
        self.more.notify_one();
    }

    fn push(&self, release: Release) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= MOST {
            waiting.pop_front();
        }
        waiting.push_back(release);
        self.more.notify_one();
    }

    fn pop(&self) -> Option<Release> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

/// Notices that another revision runs than was announced.
#[derive(Debug)]
pub(super) struct Announcer {
    pub(super) queue: Arc<Queue>,
    file: PathBuf,
    last: Option<Revision>,
}

impl Announcer {
    /// An announcer that knows what was taken over before a restart.
    pub(super) fn open(queue: Arc<Queue>, file: PathBuf) -> Self {
        let last = files::read::<Announced>(&file).map(|a| a.revision);
        Self { queue, file, last }
    }

    /// The release that was announced last.
    pub(super) fn last(&self) -> Option<&Revision> {
        self.last.as_ref()
    }

    /// Announces `revision`, unless it was. The first one ever is only noted: nothing was released
    /// when Aegis began to look.
    pub(super) async fn runs(
        &mut self,
        repository: &GitRepository,
        service: &ServiceName,
        revision: &Revision,
        at: Timestamp,
    ) {
        if self.last.as_ref() == Some(revision) {
            return;
        }
        let Some(previous) = self.last.replace(revision.clone()) else {
            note(&self.file, revision);
            return;
        };
        let author = author(repository, revision).await;
        let release = Release::new(service.clone(), revision.clone(), at, author)
            .with_previous(Some(previous));
        self.queue.push(release);
    }
}

fn note(file: &std::path::Path, revision: &Revision) {
    let announced = Announced { revision: revision.clone() };
    if let Err(e) = files::write_atomically(file, &announced) {
        tracing::warn!(error = %e, "can't note a release: it is announced again after a restart");
    }
}

/// Who released it: Aegis where the commit says so, or where a person merged a commit that does.
async fn author(repository: &GitRepository, revision: &Revision) -> Author {
    let incident = async |at: &Revision| {
        repository.message(at).await.ok().and_then(|message| trailer::incident_of(&message))
    };
    if let Some(incident) = incident(revision).await {
        return Author::Aegis(incident);
    }
    for merged in repository.parents(revision).await.unwrap_or_default().iter().skip(1) {
        if let Some(incident) = incident(merged).await {
            return Author::Aegis(incident);
        }
    }
    let name = repository
        .history(revision, None, 1)
        .await
        .ok()
        .and_then(|commits| commits.into_iter().next())
        .map(|commit| commit.author);
    Author::Person(name.unwrap_or_else(|| String::from("unknown")))
}

/// The releases of a service, as they are reported running: everyone's.
///
/// The start of a revision that ran before is none, nor is going back to it after a newer one would not
/// start. What is not acknowledged is delivered again after a restart of the supervisor. Where a
/// supervisor has several of these, each release goes to one.
#[derive(Debug)]
pub struct Releases {
    pub(super) service: ServiceName,
    pub(super) queue: Arc<Queue>,
    pub(super) file: PathBuf,
}

#[async_trait]
impl EventSource for Releases {
    fn name(&self) -> String {
        format!("releases:{}", self.service)
    }

    async fn next(&mut self) -> Result<Option<Delivery>> {
        loop {
            let more = self.queue.more.notified();
            if let Some(release) = self.queue.pop() {
                let (file, revision) = (self.file.clone(), release.revision.clone());
                let delivery = Delivery::new(Event::Released(release));
                return Ok(Some(delivery.with_ack(move || note(&file, &revision))));
            }
            if self.queue.ended.load(std::sync::atomic::Ordering::Acquire) {
                return Ok(None);
            }
            more.await;
        }
    }
}
