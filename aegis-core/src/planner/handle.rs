//! How a host talks to a running planner.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::runtime::Runtime;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::driver::{Command, Driver};
use super::engine::Engine;
use super::{intake, observer, sources};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{Digest, IncidentId, ServiceName, Timestamp};
use crate::machine::{Incident, Phase, Said};
use crate::model::Event;
use crate::policy::{Control, Freeze};
use crate::port::{EventSource, Filter, Intake, Receipt, Summary};

/// An incident entered a phase.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// The incident.
    pub incident: IncidentId,
    /// Its service.
    pub service: ServiceName,
    /// The phase that it entered.
    pub phase: Phase,
    /// When.
    pub at: Timestamp,
}

/// A running planner. Dropping it stops the planner at once; [`Handle::shutdown`] waits for writes.
#[derive(Debug)]
pub struct Handle {
    engine: Arc<Engine>,
    runtime: Option<Runtime>,
    dispatcher: Option<JoinHandle<()>>,
}

impl Handle {
    pub(super) fn start(
        engine: Arc<Engine>,
        runtime: Runtime,
        sources: Vec<Box<dyn EventSource>>,
    ) -> Self {
        for source in sources {
            sources::spawn(&engine, &runtime, source);
        }
        for service in &engine.services {
            runtime.spawn(observer::run(Arc::clone(&engine), service.clone()));
        }
        let dispatcher = runtime.spawn(dispatch(Arc::clone(&engine)));
        Self { engine, runtime: Some(runtime), dispatcher: Some(dispatcher) }
    }

    /// Every phase that an incident enters from here on; a slow listener misses the oldest.
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.engine.changes.subscribe()
    }

    /// Incidents as the journal has them, newest first.
    pub async fn list(&self, filter: &Filter) -> Result<Vec<Summary>> {
        self.engine.journal.list(filter).await
    }

    /// One incident as the journal has it.
    pub async fn incident(&self, id: &IncidentId) -> Result<Incident> {
        let stored = self.engine.journal.load(id).await?;
        let stored = stored.ok_or_else(|| Error::not_found(format!("no incident {id}")))?;
        Incident::replay(&stored.entries)
    }

    /// Approves exactly the fix, or the revert, of this digest.
    pub async fn approve(&self, id: &IncidentId, digest: Digest, by: &str) -> Result<Phase> {
        self.say(id, Said::Approve(digest), by).await
    }

    /// Lets an incident that waits for a person go on from where the outside world stands.
    pub async fn resume(&self, id: &IncidentId, by: &str) -> Result<Phase> {
        self.say(id, Said::Resume, by).await
    }

    /// Leaves an incident: what was submitted is withdrawn, what was merged stays.
    pub async fn cancel(&self, id: &IncidentId, by: &str) -> Result<Phase> {
        self.say(id, Said::Cancel, by).await
    }

    /// The same trouble is over, or went away by itself; see [`Event::Resolved`].
    async fn say(&self, id: &IncidentId, said: Said, by: &str) -> Result<Phase> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Person { by: by.to_owned(), said, reply };
        self.engine.send(id, command).await?;
        answer.await.map_err(|_| stopped())?
    }

    /// Throws the kill switch: nothing is written to the outside world, by any replica.
    pub async fn pause(&self, why: &str) -> Result<()> {
        let control = self.engine.journal.control().await?;
        self.engine.journal.set_control(control.with_killed(why)).await
    }

    /// Lifts the kill switch.
    pub async fn unpause(&self) -> Result<()> {
        let mut control = self.engine.journal.control().await?;
        control.killed = None;
        self.engine.journal.set_control(control).await
    }

    /// Adds a freeze of merges.
    pub async fn freeze(&self, freeze: Freeze) -> Result<()> {
        let control = self.engine.journal.control().await?;
        self.engine.journal.set_control(control.with_freeze(freeze)).await
    }

    /// Replaces everything that a person can switch.
    pub async fn set_control(&self, control: Control) -> Result<()> {
        self.engine.journal.set_control(control).await
    }

    /// How many things the planner is doing at this moment; 0 means that it only waits.
    pub fn in_flight(&self) -> usize {
        self.engine.in_flight()
    }

    /// Stops: no new work, writes under way are waited for, leases are given back.
    pub async fn shutdown(mut self) -> Result<()> {
        self.engine.stopping.send_replace(true);
        let wait = self.engine.config.shutdown;
        let dispatcher = self.dispatcher.take();
        let done = match dispatcher {
            Some(task) => tokio::time::timeout(wait, task).await,
            None => Ok(Ok(())),
        };
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        match done {
            Ok(Ok(())) => Ok(()),
            Ok(Err(e)) => Err(Error::internal("the planner's dispatcher failed").with_source(e)),
            Err(_) => {
                let why = format!(
                    "writes were still under way after {wait:?}; they are looked up \
                                   at the next start"
                );
                Err(Error::timeout(why).at("planner"))
            }
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.engine.stopping.send_replace(true);
        if let Some(runtime) = self.runtime.take() {
            // A plain drop would block, and panic inside another runtime.
            runtime.shutdown_background();
        }
    }
}

#[async_trait]
impl Intake for Handle {
    async fn report(&self, event: Event) -> Result<Receipt> {
        let runtime = self.runtime.as_ref().ok_or_else(stopped)?;
        let engine = Arc::clone(&self.engine);
        let taken = runtime.spawn(async move { intake::take(&engine, event).await });
        taken.await.map_err(|_| stopped())?
    }
}

fn stopped() -> Error {
    Error::new(ErrorKind::Cancelled, "the planner has stopped").at("planner")
}

impl Engine {
    /// Hands a command to whoever drives the incident.
    pub(super) async fn send(&self, id: &IncidentId, command: Command) -> Result<()> {
        let driver = self.lock(&self.drivers).get(id).cloned();
        let Some(driver) = driver else {
            let why = format!("incident {id} is not driven here; it is closed, or another's");
            return Err(Error::not_found(why).at("planner"));
        };
        driver.send(command).await.map_err(|_| stopped())
    }
}

/// Claims open incidents and drives each in a task of its own.
async fn dispatch(engine: Arc<Engine>) {
    let mut stopping = engine.stopping.subscribe();
    let mut tasks = tokio::task::JoinSet::new();
    loop {
        if *stopping.borrow_and_update() {
            break;
        }
        while tasks.try_join_next().is_some() {}
        claim(&engine, &mut tasks).await;
        let again = engine.now().plus(engine.config.lease / 3);
        tokio::select! {
            () = engine.work.notified() => {}
            () = engine.clock.sleep_until(again) => {}
            Some(_) = tasks.join_next() => {}
            _ = stopping.changed() => {}
        }
    }
    while tasks.join_next().await.is_some() {}
}

async fn claim(engine: &Arc<Engine>, tasks: &mut tokio::task::JoinSet<()>) {
    let _busy = engine.busy();
    let free = engine.config.drivers.saturating_sub(tasks.len());
    if free == 0 {
        return;
    }
    match engine.journal.claim(&engine.owner, engine.config.lease, free).await {
        Ok(leases) => {
            for lease in leases {
                let (send, receive) = mpsc::channel(64);
                let id = lease.incident.clone();
                engine.lock(&engine.drivers).insert(id.clone(), send);
                let busy_until_first_wait = Driver::new(Arc::clone(engine), lease, receive);
                tasks.spawn(async move { busy_until_first_wait.run().await });
            }
        }
        Err(e) => tracing::warn!(target: "aegis", error = %e, "can't claim incidents"),
    }
}
