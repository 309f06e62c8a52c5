//! Messages that other processes left for the incidents driven here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};

use super::driver::Command;
use super::engine::Engine;
use crate::error::Result;
use crate::id::IncidentId;
use crate::port::{Letter, Message};

/// When each message that still waits was handed over, by its number.
pub(super) type Handed = BTreeMap<u64, Instant>;

/// Messages fetched at once.
const MOST: usize = 256;

/// After how long a look that failed is repeated: what it was woken for still waits.
pub(super) const RETRY: Duration = Duration::from_secs(1);

/// After how long a message that was handed over and still waits is handed over again: its driver may
/// have ended before it answered.
const AGAIN: Duration = Duration::from_secs(60);

/// Hands out what waits, until the planner stops. By the wall clock: a person waits.
pub(super) async fn run(engine: Arc<Engine>) {
    let mut stopping = engine.stopping.subscribe();
    let mut tick = tokio::time::interval(engine.config.mail_every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = engine.post.notified() => {}
            _ = stopping.changed() => return,
        }
        if !engine.drives() {
            continue;
        }
        match engine.journal.letters(&engine.owner, MOST).await {
            Ok(letters) => hand_out(&engine, letters),
            Err(e) => {
                tracing::warn!(target: "aegis", error = %e, "can't read messages");
                tick.reset_after(engine.config.mail_every.min(RETRY));
            }
        }
    }
}

fn hand_out(engine: &Engine, letters: Vec<Letter>) {
    let mut handed = engine.lock(&engine.handed);
    handed.retain(|number, _| letters.iter().any(|letter| letter.number == *number));
    for letter in letters {
        let recently = handed.get(&letter.number).is_some_and(|at| at.elapsed() < AGAIN);
        let Letter { number, incident, message } = letter;
        let command = Command::Tell { message, letter: Some(number), reply: None };
        if !recently && engine.try_send(&incident, command).is_ok() {
            handed.insert(number, Instant::now());
        }
    }
}

impl Engine {
    /// Has a message handed over again whose answer could not be journaled.
    pub(super) fn unanswered(&self, letter: u64) {
        self.lock(&self.handed).remove(&letter);
        self.post.notify_one();
    }

    /// Hands a message to whoever drives an incident, in this process or in another.
    pub(super) async fn send_anywhere(&self, id: &IncidentId, message: Message) -> Result<()> {
        if self.driver_of(id).is_none() {
            return self.journal.tell(id, message).await.map(drop);
        }
        self.try_send(id, message.into())
    }
}
