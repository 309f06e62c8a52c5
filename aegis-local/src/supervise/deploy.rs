//! Putting a release into production, and going back where it does not start.

use std::path::Path;
use std::time::{Duration, Instant};

use aegis_core::port::{Clock as _, SystemClock};
use aegis_core::stage::Feedback;
use aegis_core::{Error, Result, Revision, Timestamp};
use tokio::sync::watch;

use super::announce::Announcer;
use super::builder::Settings;
use super::files;
use super::probe::{Health, Probe};
use super::process::{Paths, Process};
use super::releases::ReleaseFolders;
use super::restarts::Restarts;
use super::status::{State, Status};
use crate::git::{GitRepository, Refusal};
use crate::service::ServiceSpec;

/// How often a service that starts is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// How long the port of a service that was ended may stay taken.
const PORT_FREE: Duration = Duration::from_secs(3);

/// Everything that the supervising task owns. Each await leaves it whole, so that a step may be dropped.
#[derive(Debug)]
pub(super) struct Supervised {
    pub(super) spec: ServiceSpec,
    pub(super) repository: GitRepository,
    pub(super) settings: Settings,
    pub(super) paths: Paths,
    pub(super) folders: ReleaseFolders,
    pub(super) probe: Probe,
    pub(super) announcer: Announcer,
    pub(super) status: watch::Sender<Status>,
    pub(super) process: Option<Process>,
    pub(super) refused: Option<Refusal>,
    pub(super) restarts: Restarts,
    pub(super) restart_at: Option<Instant>,
    /// What should run: the last release that did, or the first.
    pub(super) wanted: Option<Revision>,
    /// What was last reported running, and since when.
    pub(super) live: Option<(Revision, Timestamp)>,
    /// Held as long as this supervises.
    pub(super) _lock: std::fs::File,
}

impl Supervised {
    /// Deploys `revision`; where it does not start, the release before runs again and this one is
    /// refused.
    pub(super) async fn deploy(&mut self, revision: &Revision) -> Result<()> {
        // Exported before anything is ended, so that a full disk costs no downtime.
        let folder = self.folders.prepare(&self.repository, revision).await?;
        tracing::info!(service = %self.spec.name, %revision, "deploying");
        self.end().await?;
        let feedback = match self.start(revision, &folder).await {
            Ok(()) => {
                // Before it is shown running, so that nobody sees both.
                self.refuse(None)?;
                self.runs(revision).await;
                self.restart_at = None;
                let before = self.wanted.replace(revision.clone());
                let mut needed = vec![revision];
                needed.extend(before.as_ref());
                self.folders.prune(&needed);
                return Ok(());
            }
            Err(feedback) => feedback,
        };
        tracing::error!(service = %self.spec.name, %revision, why = feedback.summary, "it would not start");
        self.end().await?;
        self.refuse(Some(Refusal::new(revision.clone(), feedback.clone())))?;
        match self.wanted.clone().filter(|before| before != revision) {
            Some(before) => {
                tracing::warn!(service = %self.spec.name, %before, "going back to the release before");
                self.start_again(&before).await
            }
            None => {
                self.failed(feedback);
                Ok(())
            }
        }
    }

    /// Starts a release that ran before.
    pub(super) async fn start_again(&mut self, revision: &Revision) -> Result<()> {
        let folder = self.folders.prepare(&self.repository, revision).await?;
        self.end().await?;
        self.wanted = Some(revision.clone());
        match self.start(revision, &folder).await {
            Ok(()) => {
                self.runs(revision).await;
                self.restart_at = None;
                Ok(())
            }
            Err(feedback) => {
                self.end().await?;
                self.restart_at = Some(self.restarts.after_crash(Instant::now()));
                self.failed(feedback);
                Ok(())
            }
        }
    }

    /// Starts `revision` and waits until it is healthy and reports itself.
    async fn start(&mut self, revision: &Revision, folder: &Path) -> Result<(), Feedback> {
        let free_by = Instant::now() + PORT_FREE;
        while self.probe.taken().await {
            if Instant::now() >= free_by {
                let why = format!("something else listens where {} should", self.spec.health);
                return Err(Feedback::new(format!("the port is in use: {why}"), ""));
            }
            tokio::time::sleep(LOOK).await;
        }
        let process = Process::spawn(&self.spec, revision, folder, &self.paths)
            .map_err(|e| Feedback::new(format!("it can't be started: {e}"), ""))?;
        let (pid, log) = (process.record.pid, process.record.log.clone());
        self.process = Some(process);
        self.status.send_modify(|s| {
            s.revision = Some(revision.clone());
            (s.pid, s.log, s.since) = (Some(pid), Some(log), None);
            (s.state, s.healthy) = (State::Starting, false);
        });
        let deadline = Instant::now() + self.settings.start_timeout;
        loop {
            let health = self.probe.look().await;
            let Some(process) = &mut self.process else {
                return Err(Feedback::new("it was ended while it started", ""));
            };
            if let Some(how) = process.ended() {
                let last = process.log_tail();
                return Err(Feedback::new(format!("{how} before it was healthy"), last));
            }
            let why = match health {
                Health::Healthy(None) => None,
                Health::Healthy(Some(says)) if says == *revision => None,
                Health::Healthy(Some(says)) => Some(format!("it reports {says}, not {revision}")),
                Health::Unhealthy(why) => Some(why),
            };
            let Some(why) = why else { return Ok(()) };
            if Instant::now() >= deadline {
                let limit = self.settings.start_timeout.as_secs_f32();
                let last = process.log_tail();
                return Err(Feedback::new(format!("not healthy within {limit} s: {why}"), last));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Notes that `revision` runs and is healthy.
    pub(super) async fn runs(&mut self, revision: &Revision) {
        let known = self.process.as_ref().and_then(|p| p.record.since);
        let now = SystemClock.now();
        // A restart of the same revision is no later release: its first report counts.
        let since = known
            .or_else(|| {
                self.live.as_ref().filter(|(at, _)| at == revision).map(|(_, since)| *since)
            })
            .unwrap_or(now);
        self.live = Some((revision.clone(), since));
        if let Some(process) = &mut self.process
            && let Err(e) = process.seen_running(since)
        {
            tracing::warn!(error = %e, "can't update the pid file");
        }
        let (pid, log) =
            self.process.as_ref().map(|p| (p.record.pid, p.record.log.clone())).unzip();
        self.status.send_modify(|s| {
            s.revision = Some(revision.clone());
            (s.pid, s.log, s.since) = (pid, log, Some(since));
            (s.state, s.healthy) = (State::Running, true);
        });
        self.announcer.runs(&self.repository, &self.spec.name, revision, since).await;
    }

    /// Ends what runs.
    pub(super) async fn end(&mut self) -> Result<()> {
        if let Some(process) = &mut self.process {
            process.stop(self.settings.stop_grace).await?;
        }
        self.process = None;
        self.status.send_modify(|s| {
            (s.pid, s.healthy, s.state) = (None, false, State::Stopped);
        });
        Ok(())
    }

    /// Notes that nothing runs, and why.
    pub(super) fn failed(&self, feedback: Feedback) {
        self.status.send_modify(|s| {
            (s.state, s.healthy, s.pid) = (State::Failed(feedback), false, None);
        });
    }

    /// Remembers the release that would not start, across restarts too.
    pub(super) fn refuse(&mut self, refused: Option<Refusal>) -> Result<()> {
        match &refused {
            Some(r) => files::write_atomically(&self.paths.refused, &(&r.revision, &r.feedback))?,
            None => files::remove(&self.paths.refused),
        }
        self.refused = refused.clone();
        self.status.send_modify(|s| s.refused = refused);
        Ok(())
    }

    /// The failure that `status` shows, as an error.
    pub(super) fn as_error(&self) -> Option<Error> {
        let status = self.status.borrow();
        let State::Failed(feedback) = &status.state else { return None };
        let name = &self.spec.name;
        let why = format!("{name} does not start: {}\n{}", feedback.summary, feedback.detail);
        Some(Error::unavailable(why.trim_end()).at("supervise"))
    }
}
