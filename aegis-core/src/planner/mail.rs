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

/// Messages fetched at once.
const MOST: usize = 256;

/// After how long a message that was handed over and still waits is handed over again: its driver may
/// have ended before it answered.
const AGAIN: Duration = Duration::from_secs(60);

/// Hands out what waits, until the planner stops. By the wall clock: a person waits.
pub(super) async fn run(engine: Arc<Engine>) {
    let mut stopping = engine.stopping.subscribe();
    let mut tick = tokio::time::interval(engine.config.mail_every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut handed: BTreeMap<u64, Instant> = BTreeMap::new();
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
            Ok(letters) => hand_out(&engine, letters, &mut handed),
            Err(e) => tracing::warn!(target: "aegis", error = %e, "can't read messages"),
        }
    }
}

fn hand_out(engine: &Engine, letters: Vec<Letter>, handed: &mut BTreeMap<u64, Instant>) {
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
    /// Hands a message to whoever drives an incident, in this process or in another.
    pub(super) async fn send_anywhere(&self, id: &IncidentId, message: Message) -> Result<()> {
        if self.driver_of(id).is_none() {
            return self.journal.tell(id, message).await.map(drop);
        }
        self.try_send(id, message.into())
    }
}
