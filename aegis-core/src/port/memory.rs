//! A journal in memory: for tests, and for hosts that may forget.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::watch;

use super::{
    Batch, EffectStatus, Fence, Filter, Journal, Lease, Letter, MOST_LETTERS, Message, NewIncident,
    Opened, SlotChange, Stored, Summary, refused,
};
use crate::error::Result;
use crate::id::{Digest, EffectKey, IncidentId, ServiceName};
use crate::machine::{Entry, Phase};
use crate::policy::Control;

/// Keeps incidents for as long as the process lives.
#[derive(Debug, Default)]
pub struct MemoryJournal {
    state: Mutex<State>,
    /// How often there was something new.
    news: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    rows: BTreeMap<IncidentId, Row>,
    effects: BTreeMap<EffectKey, (Option<Digest>, EffectStatus)>,
    slots: BTreeMap<ServiceName, IncidentId>,
    counters: BTreeMap<String, BTreeMap<String, u64>>,
    control: Control,
    letters: BTreeMap<u64, (IncidentId, Message)>,
    /// Number of the last message.
    number: u64,
}

#[derive(Debug)]
struct Row {
    summary: Summary,
    entries: Vec<Entry>,
    fence: Fence,
    lease: Option<(String, Instant)>,
}

impl MemoryJournal {
    /// An empty journal.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is made after its checks, so a panic can't leave half of one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell_news(&self) {
        self.news.send_modify(|n| *n += 1);
    }
}

/// Wide, since amounts may be as large as a counter's limit.
fn sum(taken: &BTreeMap<String, u64>) -> u128 {
    taken.values().copied().map(u128::from).sum()
}

impl State {
    fn row(&mut self, id: &IncidentId) -> Result<&mut Row> {
        self.rows.get_mut(id).ok_or_else(|| refused::missing(id))
    }

    fn lease(
        &mut self,
        owner: &str,
        services: &[ServiceName],
        ttl: Duration,
        limit: usize,
        wanted: impl Fn(Phase) -> bool,
    ) -> Vec<Lease> {
        let now = Instant::now();
        let free = self.rows.values_mut().filter(|row| {
            let driven = row.lease.as_ref().is_some_and(|(_, until)| *until > now);
            let ours = services.is_empty() || services.contains(&row.summary.service);
            let phase = row.summary.phase;
            !phase.is_terminal() && wanted(phase) && !driven && ours
        });
        let leases = free.take(limit).map(|row| {
            row.fence = Fence(row.fence.0 + 1);
            row.lease = Some((owner.to_owned(), now + ttl));
            let incident = row.summary.id.clone();
            Lease { incident, owner: owner.to_owned(), fence: row.fence, ttl }
        });
        leases.collect()
    }
}

impl Row {
    fn fenced(&self, fence: Fence) -> Result<()> {
        if self.fence == fence && self.lease.is_some() {
            return Ok(());
        }
        Err(refused::fenced(&self.summary.id))
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    async fn open(&self, new: NewIncident) -> Result<Opened> {
        let phase = new.phase();
        let mut state = self.lock();
        let same = |row: &&mut Row| {
            row.summary.service == new.service && row.summary.fingerprint == new.fingerprint
        };
        let mut known: Vec<&mut Row> = state.rows.values_mut().filter(same).collect();
        if let Some(row) = known.iter().find(|row| !row.summary.phase.is_terminal()) {
            return Ok(Opened::Existing(row.summary.id.clone()));
        }
        known.sort_by_key(|row| row.summary.updated_at);
        if let (Some((after, record)), Some(row)) = (new.reopen, known.pop())
            && row.summary.updated_at > after
        {
            if row.summary.updated_at > new.at {
                return Ok(Opened::Ended(row.summary.id.clone()));
            }
            let seq = row.summary.seq + 1;
            row.entries.push(Entry { seq, at: new.at, record });
            row.summary.seq = seq;
            row.summary.updated_at = new.at;
            row.summary.phase = Phase::Diagnosing;
            row.lease = None;
            self.tell_news();
            return Ok(Opened::Reopened(row.summary.id.clone()));
        }
        if state.rows.contains_key(&new.id) {
            return Err(refused::exists(&new.id));
        }
        let summary = Summary {
            id: new.id.clone(),
            service: new.service,
            fingerprint: new.fingerprint,
            kind: new.kind,
            phase,
            opened_at: new.at,
            updated_at: new.at,
            seq: 1,
        };
        let entries = vec![Entry { seq: 1, at: new.at, record: new.opened }];
        let row = Row { summary, entries, fence: Fence(0), lease: None };
        state.rows.insert(new.id.clone(), row);
        self.tell_news();
        Ok(Opened::Created(new.id))
    }

    async fn commit(&self, batch: Batch) -> Result<u64> {
        batch.check()?;
        let mut state = self.lock();
        let row = state.row(&batch.incident)?;
        row.fenced(batch.fence)?;
        if row.summary.seq != batch.expected_seq {
            return Err(refused::stale(&batch.incident, row.summary.seq, batch.expected_seq));
        }
        let service = row.summary.service.clone();
        if let Some(gone) = batch.letters.iter().find(|n| !state.letters.contains_key(*n)) {
            return Err(refused::answered(*gone));
        }
        let holder = state.slots.get(&service);
        if batch.slot == SlotChange::Take
            && let Some(other) = holder.filter(|h| **h != batch.incident)
        {
            return Err(refused::releasing(other, service));
        }
        for effect in &batch.effects {
            let held = state.effects.get(&effect.key);
            if let (Some((Some(old), status)), Some(new)) = (held, &effect.request)
                && *status != EffectStatus::Void
                && old != new
            {
                return Err(refused::used(&effect.key));
            }
        }
        for effect in batch.effects {
            let held = state.effects.entry(effect.key).or_insert((None, effect.status));
            held.0 = effect.request.or(held.0.take());
            held.1 = effect.status;
        }
        let closes = batch.phase.is_terminal();
        state.letters.retain(|number, (incident, _)| {
            let answered = batch.letters.contains(number);
            !(answered || (closes && *incident == batch.incident))
        });
        if batch.phase.is_terminal() || batch.slot == SlotChange::Free {
            if state.slots.get(&service) == Some(&batch.incident) {
                state.slots.remove(&service);
            }
        } else if batch.slot == SlotChange::Take {
            state.slots.insert(service, batch.incident.clone());
        }
        let row = state.row(&batch.incident)?;
        if let Some(last) = batch.entries.last() {
            row.summary.seq = last.seq;
            row.summary.updated_at = last.at;
        }
        row.summary.phase = batch.phase;
        row.entries.extend(batch.entries);
        Ok(row.summary.seq)
    }

    async fn claim(
        &self,
        owner: &str,
        services: &[ServiceName],
        ttl: Duration,
        limit: usize,
    ) -> Result<Vec<Lease>> {
        Ok(self.lock().lease(owner, services, ttl, limit, |_| true))
    }

    async fn claim_waiting(
        &self,
        owner: &str,
        services: &[ServiceName],
        ttl: Duration,
        limit: usize,
    ) -> Result<Vec<Lease>> {
        let waits = |phase| phase == Phase::AwaitingHuman;
        Ok(self.lock().lease(owner, services, ttl, limit, waits))
    }

    async fn renew(&self, lease: &Lease) -> Result<()> {
        let mut state = self.lock();
        let row = state.row(&lease.incident)?;
        row.fenced(lease.fence)?;
        row.lease = Some((lease.owner.clone(), Instant::now() + lease.ttl));
        Ok(())
    }

    async fn release(&self, lease: &Lease) -> Result<()> {
        let mut state = self.lock();
        let row = state.row(&lease.incident)?;
        if row.fence == lease.fence {
            row.lease = None;
            if !row.summary.phase.is_terminal() {
                self.tell_news();
            }
        }
        Ok(())
    }

    async fn tell(&self, id: &IncidentId, message: Message) -> Result<u64> {
        let mut state = self.lock();
        if state.row(id)?.summary.phase.is_terminal() {
            return Err(refused::missing(id));
        }
        if state.letters.values().filter(|(incident, _)| incident == id).count() >= MOST_LETTERS {
            return Err(refused::full(id));
        }
        state.number += 1;
        let number = state.number;
        state.letters.insert(number, (id.clone(), message));
        self.tell_news();
        Ok(number)
    }

    async fn letters(&self, owner: &str, limit: usize) -> Result<Vec<Letter>> {
        let (now, state) = (Instant::now(), self.lock());
        let driven = |id: &IncidentId| {
            let lease = state.rows.get(id).and_then(|row| row.lease.as_ref());
            lease.is_some_and(|(by, until)| by == owner && *until > now)
        };
        let waiting = state.letters.iter().filter(|(_, (id, _))| driven(id));
        let letter = |(number, (incident, message)): (&u64, &(IncidentId, Message))| Letter {
            number: *number,
            incident: incident.clone(),
            message: message.clone(),
        };
        Ok(waiting.take(limit).map(letter).collect())
    }

    async fn news(&self, seen: u64) -> u64 {
        let mut news = self.news.subscribe();
        // The sender lives as long as `self`, so the wait can't fail.
        news.wait_for(|n| *n != seen).await.map_or(seen, |n| *n)
    }

    async fn load(&self, id: &IncidentId) -> Result<Option<Stored>> {
        let state = self.lock();
        let row = state.rows.get(id);
        Ok(row.map(|r| Stored { summary: r.summary.clone(), entries: r.entries.clone() }))
    }

    async fn list(&self, filter: &Filter) -> Result<Vec<Summary>> {
        let state = self.lock();
        let rows = state.rows.values().rev().map(|row| &row.summary);
        let wanted = rows.filter(|s| {
            filter.service.as_ref().is_none_or(|v| *v == s.service)
                && filter.fingerprint.as_ref().is_none_or(|v| *v == s.fingerprint)
                && filter.open.is_none_or(|open| open != s.phase.is_terminal())
                && filter.before.as_ref().is_none_or(|id| s.id < *id)
        });
        Ok(wanted.take(filter.bound()).cloned().collect())
    }

    async fn reserve(&self, counter: &str, key: &str, amount: u64, limit: u64) -> Result<()> {
        let mut state = self.lock();
        let taken = state.counters.entry(counter.to_owned()).or_default();
        if taken.get(key).is_some_and(|held| *held > 0) {
            return Ok(());
        }
        let sum = sum(taken);
        if u128::from(amount) + sum > u128::from(limit) {
            return Err(refused::spent(counter, sum, limit));
        }
        taken.insert(key.to_owned(), amount);
        Ok(())
    }

    async fn settle(&self, counter: &str, key: &str, used: u64) -> Result<()> {
        let mut state = self.lock();
        state.counters.entry(counter.to_owned()).or_default().insert(key.to_owned(), used);
        Ok(())
    }

    async fn used(&self, counter: &str) -> Result<u64> {
        let sum = self.lock().counters.get(counter).map_or(0, sum);
        Ok(u64::try_from(sum).unwrap_or(u64::MAX))
    }

    async fn control(&self) -> Result<Control> {
        Ok(self.lock().control.clone())
    }

    async fn switch(&self, from: &Control, to: Control) -> Result<()> {
        let mut state = self.lock();
        if state.control != *from {
            return Err(refused::switched());
        }
        state.control = to;
        Ok(())
    }
}
