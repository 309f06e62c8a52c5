//! How a host talks to a running planner.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::runtime::Runtime;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::claim::Claims;
use super::driver::Command;
use super::engine::Engine;
use super::{Operator, intake, mail, news, observer, sources};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{Digest, IncidentId, ServiceName, Timestamp};
use crate::machine::{Incident, Phase, Said};
use crate::model::Event;
use crate::policy::{Control, Freeze};
use crate::port::{EventSource, Filter, Intake, Message, Receipt, Summary, TelemetryEvent};

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

/// A running planner.
///
/// It has threads of its own, so its methods may be called from any runtime, and a handle may be
/// dropped inside one. Dropping it stops the planner at once and leaves a write that is under way to
/// be looked up at the next start; [`Handle::shutdown`] waits for it instead. To share a handle, put it
/// into an `Arc`.
///
/// ```no_run
/// use aegis_core::planner::{Handle, DynPlanner};
/// use aegis_core::port::{Filter, Intake};
/// use aegis_core::model::{Event, Signal};
/// use aegis_core::redact::Untrusted;
/// use aegis_core::{Result, Timestamp};
///
/// async fn run(planner: DynPlanner, log: String, now: Timestamp) -> Result<()> {
///     let handle: Handle = planner.start()?;
///     let error = Signal::error("shop".into(), now, Untrusted::new(log));
///     let receipt = handle.report(Event::Signal(error)).await?;
///     println!("{receipt:?}");
///     for incident in handle.list(&Filter::new().open(true)).await? {
///         println!("{} {}", incident.id, incident.phase);
///     }
///     handle.shutdown().await
/// }
/// ```
#[must_use = "dropping the handle stops the planner"]
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
        runtime.spawn(mail::run(Arc::clone(&engine)));
        runtime.spawn(news::run(Arc::clone(&engine)));
        runtime.spawn(news::outside(Arc::clone(&engine)));
        let dispatcher = runtime.spawn(dispatch(Arc::clone(&engine)));
        Self { engine, runtime: Some(runtime), dispatcher: Some(dispatcher) }
    }

    /// Every phase that an incident enters from here on; a slow listener misses the oldest.
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.engine.changes.subscribe()
    }

    /// Incidents as the journal has them, newest first.
    pub async fn list(&self, filter: &Filter) -> Result<Vec<Summary>> {
        self.operator().list(filter).await
    }

    /// One incident as the journal has it.
    pub async fn incident(&self, id: &IncidentId) -> Result<Incident> {
        self.operator().incident(id).await
    }

    /// Approves exactly the fix, or the revert, of this digest; returns the phase that it led to. A fix
    /// that was proposed because a gate capped it is merged then, where autonomy allows merging. Where
    /// the incident does not wait for that digest, nothing changes.
    ///
    /// # Errors
    ///
    /// `NotFound` where no such incident is open, `Conflict` where it closed at this moment, `Timeout`
    /// where another process drives it and does not answer within 10 s.
    pub async fn approve(&self, id: &IncidentId, digest: Digest, by: &str) -> Result<Phase> {
        self.say(id, Said::Approve(digest), by).await
    }

    /// Lets an incident that waits for a person go on from where the outside world stands, and has one
    /// that is damped looked at at once; of the umbrella of a storm it says that the storm is over.
    pub async fn resume(&self, id: &IncidentId, by: &str) -> Result<Phase> {
        self.say(id, Said::Resume, by).await
    }

    /// Leaves an incident: what was submitted is withdrawn, what was merged stays.
    pub async fn cancel(&self, id: &IncidentId, by: &str) -> Result<Phase> {
        self.say(id, Said::Cancel, by).await
    }

    async fn say(&self, id: &IncidentId, said: Said, by: &str) -> Result<Phase> {
        if self.engine.driver_of(id).is_none() {
            return self.operator().say(id, said, by).await;
        }
        let (reply, answer) = oneshot::channel();
        let message = Message::Person { by: by.to_owned(), said };
        let command = Command::Tell { message, letter: None, reply: Some(reply) };
        self.engine.send(id, command).await?;
        answer.await.map_err(|_| stopped())?
    }

    /// A person's hands on the same journal, which outlive this planner.
    pub fn operator(&self) -> Operator {
        Operator::new(Arc::clone(&self.engine.journal))
    }

    /// Throws the kill switch: nothing is written to the outside world, by any replica.
    pub async fn pause(&self, why: &str) -> Result<()> {
        self.operator().pause(why).await
    }

    /// Lifts the kill switch.
    pub async fn unpause(&self) -> Result<()> {
        self.operator().unpause().await
    }

    /// Adds a freeze of merges.
    pub async fn freeze(&self, freeze: Freeze) -> Result<()> {
        self.operator().freeze(freeze).await
    }

    /// Replaces everything that a person can switch.
    pub async fn set_control(&self, control: Control) -> Result<()> {
        self.operator().switch(|_| control.clone()).await
    }

    /// Says that something outside may have changed, as a webhook does: what this planner waits to look
    /// at again, the checks of a fix or the rollout of a merge, it looks at now. A hint and no more: it
    /// costs a look, ten a second at most, and where none comes the planner looks in its own time. A
    /// pause after a failure is not cut short.
    pub fn look_again(&self) {
        self.engine.hinted.notify_one();
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
            self.engine.crew.end();
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
            self.engine.crew.end();
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
        let driver = self.driver_of(id).ok_or_else(|| not_driven(id))?;
        driver.send(command).await.map_err(|_| not_driven(id))
    }

    /// Hands a command over if there is room: a source must not wait for a driver that is busy.
    pub(super) fn try_send(&self, id: &IncidentId, command: Command) -> Result<()> {
        let driver = self.driver_of(id).ok_or_else(|| not_driven(id))?;
        driver.try_send(command).map_err(|e| match e {
            mpsc::error::TrySendError::Closed(_) => not_driven(id),
            mpsc::error::TrySendError::Full(_) => {
                self.telemetry.record(TelemetryEvent::Dropped { queue: "commands" });
                Error::new(ErrorKind::Exhausted, format!("incident {id} is busy")).at("planner")
            }
        })
    }
}

fn not_driven(id: &IncidentId) -> Error {
    let why = format!("incident {id} is not driven here; it is closed, or another's");
    Error::not_found(why).at("planner")
}

/// Claims open incidents and drives each in a task of its own.
async fn dispatch(engine: Arc<Engine>) {
    let mut stopping = engine.stopping.subscribe();
    let mut tasks = tokio::task::JoinSet::new();
    let mut claims = Claims::default();
    loop {
        if *stopping.borrow_and_update() {
            break;
        }
        while let Some(ended) = tasks.try_join_next() {
            report(&ended);
        }
        let pause = claims.claim(&engine, &mut tasks).await;
        let again = engine.now().plus(pause);
        tokio::select! {
            () = engine.work.notified() => {}
            () = engine.clock.sleep_until(again) => {}
            Some(ended) = tasks.join_next() => report(&ended),
            _ = stopping.changed() => {}
        }
    }
    while tasks.join_next().await.is_some() {}
}

/// Whoever a driver's end surprises reads why; its lease runs out, and it is claimed again.
fn report(ended: &std::result::Result<(), tokio::task::JoinError>) {
    if let Err(e) = ended
        && e.is_panic()
    {
        tracing::error!(target: "aegis", error = %e, "a driver panicked");
    }
}
