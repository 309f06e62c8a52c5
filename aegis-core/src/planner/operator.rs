//! What a person does, wherever the incident is driven: through the journal alone.

use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::id::{Digest, IncidentId};
use crate::machine::{Entry, Incident, Phase, Record, Said};
use crate::policy::{Control, Freeze};
use crate::port::{Filter, Journal, Message, Stored, Summary};

/// Between two looks for the answer to a word.
const LOOK: Duration = Duration::from_millis(100);

/// How long a word waits for its answer unless something else is set.
const PATIENCE: Duration = Duration::from_secs(10);

/// Tries of a switch that others switch at the same time.
const TRIES: u32 = 32;

/// A person's hands on a journal: in a process of its own, or beside a planner.
///
/// Words reach whichever process drives the incident, switches reach every process, both within
/// seconds.
///
/// ```
/// use std::sync::Arc;
/// use aegis_core::planner::Operator;
/// use aegis_core::port::{Filter, MemoryJournal};
///
/// # #[tokio::main]
/// # async fn main() -> aegis_core::Result<()> {
/// let operator = Operator::new(Arc::new(MemoryJournal::new()));
/// operator.pause("3 a.m., something is odd").await?;
/// assert!(operator.control().await?.killed.is_some());
/// assert!(operator.list(&Filter::new().open(true)).await?.is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Operator {
    journal: Arc<dyn Journal>,
    patience: Duration,
}

impl Operator {
    /// On this journal; a word waits 10 s for its answer.
    pub fn new(journal: Arc<dyn Journal>) -> Self {
        Self { journal, patience: PATIENCE }
    }

    /// Waits this long for the answer to a word.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Incidents, newest first.
    pub async fn list(&self, filter: &Filter) -> Result<Vec<Summary>> {
        self.journal.list(filter).await
    }

    /// One incident. Errors: `NotFound` where there is none.
    pub async fn incident(&self, id: &IncidentId) -> Result<Incident> {
        Incident::replay(&self.history(id).await?)
    }

    /// Its records, in their order. Errors: `NotFound` where there is none.
    pub async fn history(&self, id: &IncidentId) -> Result<Vec<Entry>> {
        Ok(self.stored(id).await?.entries)
    }

    async fn stored(&self, id: &IncidentId) -> Result<Stored> {
        let stored = self.journal.load(id).await?;
        stored.ok_or_else(|| Error::not_found(format!("no incident {id}")))
    }

    /// Approves exactly the fix, or the revert, of this digest; returns the phase that it led to.
    ///
    /// # Errors
    ///
    /// `NotFound` where no such incident is open, `Conflict` where it closed meanwhile, `Timeout` where
    /// nobody drives it: the word waits, and is heard by whoever does next.
    pub async fn approve(&self, id: &IncidentId, digest: Digest, by: &str) -> Result<Phase> {
        self.say(id, Said::Approve(digest), by).await
    }

    /// Lets an incident that waits for a person go on from where the outside world stands. Errors: as
    /// [`approve`](Self::approve).
    pub async fn resume(&self, id: &IncidentId, by: &str) -> Result<Phase> {
        self.say(id, Said::Resume, by).await
    }

    /// Leaves an incident: what was submitted is withdrawn, what was merged stays. Errors: as
    /// [`approve`](Self::approve).
    pub async fn cancel(&self, id: &IncidentId, by: &str) -> Result<Phase> {
        self.say(id, Said::Cancel, by).await
    }

    pub(super) async fn say(&self, id: &IncidentId, said: Said, by: &str) -> Result<Phase> {
        let before = self.history(id).await?.len();
        let own = Record::Person { by: by.to_owned(), said: said.clone() };
        self.journal.tell(id, Message::Person { by: by.to_owned(), said }).await?;
        let until = tokio::time::Instant::now() + self.patience;
        while tokio::time::Instant::now() < until {
            let Stored { summary, entries } = self.stored(id).await?;
            // Records are numbered without gaps: what was known stands first.
            if let Some(at) = entries.iter().skip(before).position(|entry| entry.record == own) {
                return Incident::replay(&entries[..=before + at]).map(|incident| incident.phase);
            }
            if summary.phase.is_terminal() {
                let why = format!("incident {id} closed as {} meanwhile", summary.phase);
                return Err(Error::conflict(why).at("planner"));
            }
            tokio::time::sleep(LOOK).await;
        }
        let why = format!(
            "incident {id} has not answered within {:?}: no process drives it at this moment, or it is \
             in the middle of something; the word waits for it",
            self.patience
        );
        Err(Error::timeout(why).at("planner"))
    }

    /// What is switched.
    pub async fn control(&self) -> Result<Control> {
        self.journal.control().await
    }

    /// Changes what is switched, whoever else does at the same time.
    pub async fn switch(&self, change: impl Fn(Control) -> Control + Send) -> Result<()> {
        let mut tries = 0;
        loop {
            let from = self.journal.control().await?;
            tries += 1;
            match self.journal.switch(&from, change(from.clone())).await {
                Err(e) if e.kind() == ErrorKind::Stale && tries < TRIES => {}
                done => return done,
            }
        }
    }

    /// Throws the kill switch: nothing is written to the outside world, by any process.
    pub async fn pause(&self, why: &str) -> Result<()> {
        self.switch(|control| control.with_killed(why)).await
    }

    /// Lifts the kill switch.
    pub async fn unpause(&self) -> Result<()> {
        self.switch(|control| Control { killed: None, ..control }).await
    }

    /// Adds a freeze of merges.
    pub async fn freeze(&self, freeze: Freeze) -> Result<()> {
        self.switch(|control| control.with_freeze(freeze.clone())).await
    }

    /// Lifts every freeze that a person set.
    pub async fn thaw(&self) -> Result<()> {
        self.switch(|control| Control { freezes: Vec::new(), ..control }).await
    }
}
