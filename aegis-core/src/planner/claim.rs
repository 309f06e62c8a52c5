//! How many incidents are claimed: bounded in total, and of each service.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::driver::{Command, Driver};
use super::engine::Engine;
use super::mail::RETRY;
use crate::error::Result;
use crate::id::{IncidentId, ServiceName};
use crate::port::{Fence, Lease, TelemetryEvent};

/// Incidents that wait for a person and are claimed at once.
const WAITING: usize = 256;

/// A driver among those that are at work.
#[derive(Debug)]
pub(super) struct Place {
    /// Of its lease: an earlier driver of the incident may still be ending.
    pub(super) fence: Fence,
    pub(super) commands: mpsc::Sender<Command>,
    /// The incident's service, once it is known.
    service: Option<ServiceName>,
    /// Whether it only waits for a person or for its turn, and keeps nobody else from being driven.
    idle: bool,
}

/// For how many more drivers there is room.
struct Room {
    total: usize,
    /// In the order of the planner's services.
    services: Vec<(ServiceName, usize)>,
}

/// Claims open incidents and drives each in a task of its own.
#[derive(Debug, Default)]
pub(super) struct Claims {
    /// Which service is asked first where they take turns.
    turn: usize,
}

impl Claims {
    /// Claims what there is room for; returns after how long to look again, at the latest.
    ///
    /// One question to the journal is enough while it has less to give than any service has room for.
    /// Otherwise the services take turns, so that those with many open incidents leave room for those
    /// with few.
    pub(super) async fn claim(
        &mut self,
        engine: &Arc<Engine>,
        tasks: &mut JoinSet<()>,
    ) -> Duration {
        let _busy = engine.busy();
        engine.unclaimed.store(false, Ordering::SeqCst);
        // Set before anything is driven: room that is made meanwhile is not missed.
        let contended = engine.contended.swap(true, Ordering::SeqCst);
        let done = if contended {
            self.in_turns(engine, tasks).await
        } else {
            at_first(engine, tasks).await
        };
        let regular = engine.config.lease / 3;
        match done {
            Ok(more) => {
                engine.contended.store(more, Ordering::SeqCst);
                let (at, room) = (engine.now(), engine.config.drivers);
                let driven = room - engine.room().total;
                engine.telemetry.record(TelemetryEvent::Claimed { at, driven, room, more });
                regular
            }
            Err(e) => {
                tracing::warn!(target: "aegis", error = %e, "can't claim incidents");
                regular.min(RETRY)
            }
        }
    }

    /// Asks service by service; whether any may have more than there was room for.
    async fn in_turns(&mut self, engine: &Arc<Engine>, tasks: &mut JoinSet<()>) -> Result<bool> {
        let Room { mut total, mut services } = engine.room();
        let first = self.turn % services.len().max(1);
        self.turn = self.turn.wrapping_add(1);
        services.rotate_left(first);
        let all = services.len();
        services.retain(|(_, room)| *room > 0);
        let mut more = services.len() < all;
        while total > 0 && !services.is_empty() {
            let share = (total / services.len()).max(1);
            let mut again = Vec::new();
            for (service, room) in services {
                let most = share.min(room).min(total);
                let asked = std::slice::from_ref(&service);
                let got = if most > 0 { drive(engine, tasks, asked, most).await? } else { 0 };
                total -= got;
                if got == most && room > got {
                    again.push((service, room - got));
                } else {
                    more |= got == most;
                }
            }
            services = again;
        }
        Ok(more || !services.is_empty())
    }
}

/// Asks for all services at once; whether any may have more than was given.
async fn all_at_once(engine: &Arc<Engine>, tasks: &mut JoinSet<()>) -> Result<bool> {
    let Room { total, services } = engine.room();
    let all = services.len();
    let (asked, rooms): (Vec<ServiceName>, Vec<usize>) =
        services.into_iter().filter(|(_, room)| *room > 0).unzip();
    let most = rooms.into_iter().min().unwrap_or(0).min(total);
    if most == 0 {
        return Ok(true);
    }
    let got = drive(engine, tasks, &asked, most).await?;
    Ok(got == most || asked.len() < all)
}

/// Claims at most `most` incidents of these services, and drives them; returns how many.
async fn drive(
    engine: &Arc<Engine>,
    tasks: &mut JoinSet<()>,
    services: &[ServiceName],
    most: usize,
) -> Result<usize> {
    let leases = engine.journal.claim(&engine.owner, services, engine.config.lease, most).await?;
    let got = leases.len();
    enter(engine, tasks, services, leases, false);
    Ok(got)
}

/// Claims what there is, as far as there is room, and all that waits for a person where there may be
/// more; whether there may.
async fn at_first(engine: &Arc<Engine>, tasks: &mut JoinSet<()>) -> Result<bool> {
    let more = all_at_once(engine, tasks).await?;
    if more {
        all_that_wait(engine, tasks).await?;
    }
    Ok(more)
}

/// Claims all that wait for a person, whose drivers take no room.
async fn all_that_wait(engine: &Arc<Engine>, tasks: &mut JoinSet<()>) -> Result<()> {
    let services: Vec<ServiceName> = engine.services.iter().map(|s| s.name.clone()).collect();
    let (journal, lease) = (&engine.journal, engine.config.lease);
    while !*engine.stopping.borrow() {
        let leases = journal.claim_waiting(&engine.owner, &services, lease, WAITING).await?;
        let got = leases.len();
        enter(engine, tasks, &services, leases, true);
        if got < WAITING {
            break;
        }
    }
    Ok(())
}

/// Drives what was claimed, each in a task of its own.
fn enter(
    engine: &Arc<Engine>,
    tasks: &mut JoinSet<()>,
    services: &[ServiceName],
    leases: Vec<Lease>,
    idle: bool,
) {
    for lease in leases {
        let (send, receive) = mpsc::channel(64);
        engine.entered(&lease, send, idle);
        if let [service] = services {
            engine.is_of(&lease, service);
        }
        tasks.spawn(Driver::new(Arc::clone(engine), lease, receive).run());
    }
}

/// A driver that keeps nobody else from being driven while this lives.
pub(super) struct Idle<'a> {
    engine: &'a Engine,
    lease: &'a Lease,
}

impl Drop for Idle<'_> {
    fn drop(&mut self) {
        self.engine.with_place(self.lease, |place| place.idle = false);
    }
}

impl Engine {
    /// Remembers who drives an incident.
    pub(super) fn entered(&self, lease: &Lease, commands: mpsc::Sender<Command>, idle: bool) {
        let place = Place { fence: lease.fence, commands, service: None, idle };
        self.lock(&self.drivers).insert(lease.incident.clone(), place);
    }

    /// Remembers which service a driver works for; until then it counts against every one.
    pub(super) fn is_of(&self, lease: &Lease, service: &ServiceName) {
        let is_news = |place: &mut Place| place.service.replace(service.clone()).is_none();
        if self.with_place(lease, is_news) == Some(true) {
            self.made_room();
        }
    }

    /// Marks a driver that only waits for a person or for its turn, or that can do nothing.
    pub(super) fn idle<'a>(&'a self, lease: &'a Lease) -> Idle<'a> {
        self.with_place(lease, |place| place.idle = true);
        self.made_room();
        Idle { engine: self, lease }
    }

    /// Whether anything is driven here.
    pub(super) fn drives(&self) -> bool {
        !self.lock(&self.drivers).is_empty()
    }

    pub(super) fn driver_of(&self, id: &IncidentId) -> Option<mpsc::Sender<Command>> {
        self.lock(&self.drivers).get(id).map(|place| place.commands.clone())
    }

    fn with_place<T>(&self, lease: &Lease, change: impl FnOnce(&mut Place) -> T) -> Option<T> {
        let mut drivers = self.lock(&self.drivers);
        let place = drivers.get_mut(&lease.incident).filter(|place| place.fence == lease.fence);
        place.map(change)
    }

    fn made_room(&self) {
        if self.contended.load(Ordering::SeqCst) {
            self.wake_dispatcher();
        }
    }

    fn room(&self) -> Room {
        let drivers = self.lock(&self.drivers);
        let mut taken: HashMap<Option<&ServiceName>, usize> = HashMap::new();
        for place in drivers.values().filter(|place| !place.idle) {
            *taken.entry(place.service.as_ref()).or_default() += 1;
        }
        let unknown = taken.get(&None).copied().unwrap_or(0);
        let of = |name| taken.get(&Some(name)).copied().unwrap_or(0) + unknown;
        let left = |name| self.config.drivers_per_service.saturating_sub(of(name));
        let names = self.services.iter().map(|service| &service.name);
        Room {
            total: self.config.drivers.saturating_sub(taken.values().sum()),
            services: names.map(|name| (name.clone(), left(name))).collect(),
        }
    }
}
