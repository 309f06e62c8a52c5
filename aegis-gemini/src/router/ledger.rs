//! What a day has used of quotas and budgets, on the journal's counters: a restart forgets nothing, and
//! replicas share it.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aegis_core::port::Journal;
use aegis_core::{ErrorKind, Result};

use super::{Choice, Task};

/// Of all that a day allows, one in so many is kept for judgement.
const RESERVE: u64 = 5;

/// The counters, and keys that nobody else draws.
#[derive(Debug)]
pub(super) struct Ledger {
    journal: Arc<dyn Journal>,
    drawn: u64,
    next: AtomicU64,
}

/// An amount that was taken; it stays taken unless it is settled.
#[derive(Debug)]
pub(super) struct Taken {
    key: String,
    counters: Vec<String>,
}

impl Ledger {
    pub(super) fn new(journal: Arc<dyn Journal>) -> Self {
        let drawn = RandomState::new().build_hasher().finish();
        Self { journal, drawn, next: AtomicU64::new(0) }
    }

    /// Takes one request; `None` where the day has none left for this task.
    pub(super) async fn request(
        &self,
        day: i64,
        choice: &Choice,
        most: Option<u64>,
        task: Task,
    ) -> Result<Option<Taken>> {
        if self.journal.used(&spent(day, choice)).await? > 0 {
            return Ok(None);
        }
        self.take(&format!("models/requests/{day}/{choice}"), 1, most, task).await
    }

    /// Takes what a request may cost; `None` where the day has not that much left for this task.
    pub(super) async fn cost(
        &self,
        day: i64,
        amount: u64,
        most: Option<u64>,
        task: Task,
    ) -> Result<Option<Taken>> {
        self.take(&format!("models/cost/{day}"), amount, most, task).await
    }

    /// Remembers that the provider has no more of it this day, whatever was counted.
    pub(super) async fn spend(&self, day: i64, choice: &Choice) -> Result<()> {
        self.journal.settle(&spent(day, choice), "told", 1).await
    }

    /// Corrects what was taken to what was used.
    pub(super) async fn settle(&self, taken: &Taken, used: u64) -> Result<()> {
        for counter in &taken.counters {
            self.journal.settle(counter, &taken.key, used).await?;
        }
        Ok(())
    }

    /// Whatever is not judgement is counted twice: with judgement up to all, and by itself up to what
    /// is not kept for it.
    async fn take(
        &self,
        counter: &str,
        amount: u64,
        most: Option<u64>,
        task: Task,
    ) -> Result<Option<Taken>> {
        // Counters are signed in some journals.
        let most = most.unwrap_or(1 << 60);
        let others = (format!("{counter}/others"), most - most.div_ceil(RESERVE));
        let all = (counter.to_owned(), most);
        let wanted = if task == Task::Judgement { vec![all] } else { vec![others, all] };
        let key = format!("{:016x}-{}", self.drawn, self.next.fetch_add(1, Ordering::Relaxed));
        let mut taken = Taken { key, counters: Vec::new() };
        for (counter, most) in wanted {
            match self.journal.reserve(&counter, &taken.key, amount, most).await {
                Ok(()) => taken.counters.push(counter),
                Err(e) if e.kind() == ErrorKind::Exhausted => {
                    self.settle(&taken, 0).await?;
                    return Ok(None);
                }
                Err(e) => return Err(e),
            }
        }
        Ok(Some(taken))
    }
}

fn spent(day: i64, choice: &Choice) -> String {
    format!("models/spent/{day}/{choice}")
}
