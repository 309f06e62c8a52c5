//! What every scenario of a played run uses: visitors, waiting, marks, and a planner that can be
//! started again under another policy.

use std::sync::Arc;
use std::time::Duration;

use aegis_core::Timestamp;
use aegis_core::machine::{Incident, Phase};
use aegis_core::planner::{Change, Handle};
use aegis_core::policy::PolicyConfig;
use aegis_core::port::{Clock as _, Filter, Journal, Notice, SystemClock};
use aegis_core::stage::{Deployer, MetricSource};
use aegis_local::local::Local;
use tokio::sync::broadcast::Receiver;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::forgetful::Forgetful;
use super::pace::Pace;
use super::{Failure, Options, RunFile, Scene, notes, story};
use crate::staging::model::Models;
use crate::staging::script::{self, Bug};
use crate::terminal::{Terminal, Tone};
use crate::traffic::Traffic;

/// A planner that runs, and what it says.
#[derive(Debug)]
struct Running {
    handle: Handle,
    changes: Receiver<Change>,
    notices: mpsc::Receiver<Notice>,
}

/// A run that is being played.
#[derive(Debug)]
pub(super) struct Play<'a> {
    pub(super) terminal: &'a mut Terminal,
    pub(super) scene: &'a Scene,
    pub(super) options: &'a Options,
    pub(super) pace: Pace,
    pub(super) deployer: Forgetful<Arc<dyn Deployer>>,
    pub(super) journal: Arc<dyn Journal>,
    pub(super) run: RunFile,
    local: &'a Local,
    models: Option<&'a Models>,
    metrics: Arc<dyn MetricSource>,
    traffic: Traffic,
    running: Option<Running>,
    /// When the incidents that are looked at began at the earliest.
    since: Timestamp,
    /// When the whole run gives up.
    ends: Option<Instant>,
}

impl<'a> Play<'a> {
    pub(super) fn new(
        terminal: &'a mut Terminal,
        (scene, local, models): (&'a Scene, &'a Local, Option<&'a Models>),
        metrics: Arc<dyn MetricSource>,
        deployer: Arc<dyn Deployer>,
        options: &'a Options,
        journal: Arc<dyn Journal>,
        traffic: Traffic,
    ) -> Self {
        Self {
            terminal,
            scene,
            options,
            pace: options.pace(),
            deployer: Forgetful::new(deployer),
            journal,
            run: scene.run.clone(),
            local,
            models,
            metrics,
            traffic,
            running: None,
            since: Timestamp::from_ms(0),
            ends: options.limit.map(|limit| Instant::now() + Duration::from_secs(limit)),
        }
    }

    /// Starts the planner under `policy`, in place of the one that runs.
    pub(super) async fn plan(&mut self, policy: PolicyConfig) -> Result<(), Failure> {
        self.rest().await?;
        let (notes, notices) = notes::Notes::new();
        let deployer = self.deployer.clone();
        let builder =
            self.scene.planner((self.local, &self.metrics), &self.journal, policy, &self.pace);
        let builder = builder.deployer(deployer).notifier(Arc::new(notes));
        let handle = match self.models {
            Some(models) => models.planner(builder, self.local)?.start()?,
            None => builder.build()?.start()?,
        };
        let changes = handle.changes();
        self.running = Some(Running { handle, changes, notices });
        Ok(())
    }

    /// Stops the planner; what it was doing is in the journal.
    pub(super) async fn rest(&mut self) -> Result<(), Failure> {
        match self.running.take() {
            Some(running) => Ok(running.handle.shutdown().await?),
            None => Ok(()),
        }
    }

    /// Ends the visitors; the totals of their requests.
    pub(super) async fn end(mut self) -> Result<crate::traffic::Totals, Failure> {
        self.rest().await?;
        Ok(self.traffic.stop().await?)
    }

    pub(super) fn handle(&self) -> Result<&Handle, Failure> {
        let none = || Failure::from("the planner does not run");
        self.running.as_ref().map(|running| &running.handle).ok_or_else(none)
    }

    /// From here on visitors meet these bugs, beside what they usually do.
    pub(super) fn visitors(&self, bugs: &[Bug]) {
        self.traffic.replace(script::requests(bugs));
    }

    /// From here on most visitors ask for the stock, so that a cache of it warms up within the watch.
    pub(super) fn visitors_of_the_stock(&self) {
        self.traffic.replace(script::requests(&[]).into_iter().chain(script::stock(9)).collect());
    }

    /// The incidents from here on belong to `row`; a run that is resumed keeps the first mark.
    pub(super) fn mark(&mut self, row: &str) -> Result<(), Failure> {
        self.since = self.run.mark(row, SystemClock.now());
        Ok(self.run.write(&self.scene.state)?)
    }

    pub(super) fn say(&mut self, text: impl std::fmt::Display) {
        self.terminal.line(Tone::Plain, text);
    }

    /// Lets time pass, and shows what happens meanwhile.
    pub(super) async fn pass(&mut self, time: Duration) -> Result<(), Failure> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.show(end).await?;
        }
        Ok(())
    }

    /// Shows what happens until the incidents since the mark are as `met` says; those incidents.
    pub(super) async fn until(
        &mut self,
        what: &str,
        met: impl Fn(&[Incident]) -> bool,
    ) -> Result<Vec<Incident>, Failure> {
        let deadline = Instant::now() + self.pace.limit;
        loop {
            let incidents = self.incidents().await?;
            if met(&incidents) {
                return Ok(incidents);
            }
            if Instant::now() > deadline || self.ends.is_some_and(|end| Instant::now() > end) {
                return Err(format!("gave up: {what}").into());
            }
            self.show(Instant::now() + Duration::from_millis(200)).await?;
        }
    }

    /// The one incident since the mark, once it is in `phase`.
    pub(super) async fn until_in(&mut self, phase: Phase) -> Result<Incident, Failure> {
        let what = format!("no incident became {phase}");
        let all = self.until(&what, |all| all.iter().any(|i| i.phase == phase)).await?;
        all.into_iter().find(|i| i.phase == phase).ok_or_else(|| what.into())
    }

    /// The incident since the mark whose release is held by policy.
    pub(super) async fn until_held(&mut self) -> Result<Incident, Failure> {
        let held = |i: &Incident| {
            i.held.is_some() && matches!(i.phase, Phase::Submitting | Phase::Merging)
        };
        let what = "no release was held";
        let all = self.until(what, |all| all.iter().any(held)).await?;
        let found = all.into_iter().find(held).ok_or(what)?;
        let why = found.held.clone().unwrap_or_default();
        self.terminal.line(Tone::Bad, format!("{}  held: {why}", found.case.incident));
        Ok(found)
    }

    /// The incidents since the mark, oldest first.
    pub(super) async fn incidents(&self) -> Result<Vec<Incident>, Failure> {
        let mut found = Vec::new();
        for summary in self.journal.list(&Filter::new()).await? {
            if summary.opened_at < self.since {
                break;
            }
            if summary.phase != Phase::Folded
                && let Some(stored) = self.journal.load(&summary.id).await?
            {
                found.push(Incident::replay(&stored.entries)?);
            }
        }
        found.reverse();
        Ok(found)
    }

    /// Shows the next thing that happens, or nothing by `end`.
    async fn show(&mut self, end: Instant) -> Result<(), Failure> {
        let totals = self.traffic.totals();
        let (requests, errors) = (totals.requests, totals.errors);
        self.terminal.status(format!("          {requests} requests, {errors} errors"));
        let Some(running) = &mut self.running else {
            tokio::time::sleep_until(end).await;
            return Ok(());
        };
        tokio::select! {
            change = running.changes.recv() => {
                story::say(self.terminal, &running.handle, change).await
            }
            Some(notice) = running.notices.recv() => {
                notes::print(self.terminal, &notice);
                Ok(())
            }
            () = tokio::time::sleep_until(end) => Ok(()),
        }
    }
}
