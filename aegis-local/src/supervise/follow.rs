//! The supervising task: taking over at the start, then following the release branch.

use std::time::Instant;

use aegis_core::port::{Clock as _, Repository as _, SystemClock};
use aegis_core::stage::Feedback;
use aegis_core::{Result, Revision};
use tokio::sync::{mpsc, oneshot};
use tokio::time::MissedTickBehavior;

use super::deploy::Supervised;
use super::probe::Health;
use super::process::Process;
use super::{files, orphan};
use crate::git::Refusal;

/// What the handle asks of the task.
#[derive(Debug)]
pub(super) enum Ask {
    /// End, and end the service too where `service` is set.
    Shutdown { service: bool, done: oneshot::Sender<Result<()>> },
}

impl Supervised {
    /// Takes over what a supervisor before left, or starts the head of the release branch.
    pub(super) async fn begin(&mut self) -> Result<()> {
        let head = self.repository.head().await?;
        let last: Option<(Revision, Feedback)> = files::read(&self.paths.refused);
        let refused = last.filter(|(at, _)| *at == head).map(|(at, why)| Refusal::new(at, why));
        self.wanted = self.announcer.last().cloned();
        if let Some(record) = orphan::find(&self.paths) {
            let revision = record.revision.clone();
            let stands_in = refused.is_some() && self.wanted.as_ref() == Some(&revision);
            self.process = Some(Process::adopt(record, &self.paths)?);
            if revision != head {
                // What to go back to, should the head not start.
                self.wanted = Some(revision.clone());
            }
            if revision == head || stands_in {
                if self.is_it(&revision).await {
                    tracing::info!(service = %self.spec.name, %revision, "adopted what was left running");
                    if stands_in {
                        self.refuse(refused)?;
                    }
                    self.wanted = Some(revision.clone());
                    self.runs(&revision).await;
                    return Ok(());
                }
                tracing::warn!(service = %self.spec.name, %revision, "what was left running is ended");
            }
        }
        self.deploy(&head).await?;
        self.as_error().map_or(Ok(()), Err)
    }

    /// Whether what runs is healthy and is `revision`.
    async fn is_it(&self, revision: &Revision) -> bool {
        match self.probe.look().await {
            Health::Healthy(says) => says.is_none_or(|r| r == *revision),
            Health::Unhealthy(_) => false,
        }
    }

    /// Follows the branch until the handle asks to stop, or is dropped: then the service runs on.
    pub(super) async fn follow(mut self, mut asks: mpsc::Receiver<Ask>) {
        let mut tick = tokio::time::interval(self.settings.poll);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let asked = loop {
            let step = async {
                tick.tick().await;
                if let Err(e) = self.step().await {
                    tracing::warn!(error = %e, "supervising: tried again");
                }
            };
            tokio::select! {
                biased;
                asked = asks.recv() => break asked,
                () = step => {}
            }
        };
        if let Some(Ask::Shutdown { service, done }) = asked {
            let ended = if service { self.end().await } else { Ok(()) };
            self.announcer.queue.end();
            // Releases the lock before the handle is told.
            drop(self);
            let _ = done.send(ended);
        }
    }

    /// One look at branch, process and health.
    async fn step(&mut self) -> Result<()> {
        match self.repository.head().await {
            Ok(head) => {
                let refused = self.refused.as_ref().is_some_and(|r| r.revision == head);
                if self.wanted.as_ref() != Some(&head) && !refused {
                    return self.deploy(&head).await;
                }
                if self.wanted.as_ref() == Some(&head) && self.refused.is_some() {
                    // The branch went back to what runs.
                    self.refuse(None)?;
                }
            }
            Err(e) => tracing::warn!(error = %e, "can't read the release branch"),
        }
        if let Some(how) = self.process.as_mut().and_then(Process::ended) {
            let last = self.process.as_ref().map(Process::log_tail).unwrap_or_default();
            tracing::error!(service = %self.spec.name, how, "the service crashed");
            self.end().await?;
            self.restart_at = Some(self.restarts.after_crash(Instant::now()));
            self.status.send_modify(|s| s.restarts = self.restarts.total);
            self.failed(Feedback::new(format!("it crashed: {how}"), last));
        }
        match (&self.process, &self.wanted) {
            (None, Some(wanted)) if self.restart_at.is_none_or(|at| at <= Instant::now()) => {
                let wanted = wanted.clone();
                self.start_again(&wanted).await
            }
            (Some(process), _) => {
                let started = process.record.revision.clone();
                self.look(started).await;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn look(&mut self, started: Revision) {
        match self.probe.look().await {
            Health::Healthy(says) => {
                let revision = says.unwrap_or(started);
                if self.live.as_ref().is_none_or(|(at, _)| *at != revision) {
                    // Somebody else restarted or replaced it: what it says counts.
                    tracing::warn!(service = %self.spec.name, %revision, "it reports another revision");
                    self.live = Some((revision, SystemClock.now()));
                }
                let (revision, since) = self.live.clone().unzip();
                self.status.send_modify(|s| {
                    s.healthy = true;
                    (s.revision, s.since) = (revision, since);
                });
            }
            Health::Unhealthy(why) => {
                if self.status.borrow().healthy {
                    tracing::warn!(service = %self.spec.name, why, "the service is not healthy");
                }
                self.status.send_modify(|s| s.healthy = false);
            }
        }
    }
}
