//! Telling the planner about releases, a person's too.

use std::time::Duration;

use aegis_core::model::{Author, Event, Release};
use aegis_core::port::{Delivery, EventSource, Repository as _};
use aegis_core::{Result, Revision, ServiceName, trailer};
use async_trait::async_trait;
use tokio::time::Instant;

use super::live::{self, Live};
use super::pull::Remote;

/// The releases of a service, as [`Live`] shows them: everyone's.
///
/// What runs when it is asked first has nothing to be compared with; each one after that opens a watch,
/// unless it is Aegis' own, which its incident watches. A release that came and went between two looks
/// is not seen.
#[derive(Debug)]
pub struct GitHubReleases {
    remote: Remote,
    live: Live,
    service: ServiceName,
    every: Duration,
    due: Instant,
    last: Option<Revision>,
}

impl GitHubReleases {
    pub(super) fn new(remote: Remote, live: Live, service: ServiceName) -> Self {
        let (every, due) = (Duration::from_secs(15), Instant::now());
        Self { remote, live, service, every, due, last: None }
    }

    /// Looks so often; every 15 s unless set.
    #[must_use]
    pub fn every(mut self, every: Duration) -> Self {
        self.every = every;
        self
    }
}

#[async_trait]
impl EventSource for GitHubReleases {
    fn name(&self) -> String {
        format!("releases:{}", self.service)
    }

    async fn next(&mut self) -> Result<Option<Delivery>> {
        loop {
            tokio::time::sleep_until(self.due).await;
            let running = live::running(&self.remote, &self.live).await;
            // An error is asked about again after the caller's own pause.
            self.due = Instant::now() + self.every;
            let Some((revision, at)) = running? else { continue };
            if self.last.as_ref() == Some(&revision) {
                continue;
            }
            let author = author(&self.remote, &revision).await;
            let release = Release::new(self.service.clone(), revision.clone(), at, author)
                .with_previous(self.last.replace(revision));
            return Ok(Some(Delivery::new(Event::Released(release))));
        }
    }
}

/// Who released it: Aegis where the commit says so, or where a person merged a commit that does.
async fn author(remote: &Remote, revision: &Revision) -> Author {
    if let Ok(commit) = remote.commit(revision.as_str()).await {
        let mut incident = trailer::incident_of(&commit.message);
        for merged in commit.parents.iter().skip(1) {
            if incident.is_none()
                && let Ok(merged) = remote.commit(&merged.sha).await
            {
                incident = trailer::incident_of(&merged.message);
            }
        }
        if let Some(incident) = incident {
            return Author::Aegis(incident);
        }
    }
    let newest = remote.repository.history(revision, None, 1).await;
    let name = newest.ok().and_then(|commits| commits.into_iter().next()).map(|c| c.author);
    Author::Person(name.unwrap_or_else(|| String::from("unknown")))
}
