//! Producers that commit to a journal at the same time, and rounds of them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aegis_core::machine::{Entry, Phase, Record};
use aegis_core::model::{SignalKind, Symptom};
use aegis_core::port::{Batch, Journal, Lease, NewIncident};
use aegis_core::testkit::mint;
use aegis_core::{Error, Timestamp};

use crate::Result;

/// Rounds of each measurement; the median counts.
pub(crate) const ROUNDS: usize = 5;

/// For longer than any bench runs.
pub(crate) const LONG: Duration = Duration::from_secs(3_600);

/// An incident of the service `shop` that its id alone makes different from others.
pub(crate) fn new(id: &str) -> NewIncident {
    let (at, kind) = (Timestamp::from_ms(0), SignalKind::Error(None));
    mint::incident(id, "shop", Symptom::new(at, id.into(), kind, mint::redacted("it broke")))
}

/// What one transition writes.
pub(crate) fn held(seq: u64) -> Record {
    let until = Timestamp::from_ms(seq.cast_signed());
    Record::Held { why: "the weekly freeze".into(), until }
}

/// The next transition of an incident whose last record has this number.
pub(crate) fn transition(lease: &Lease, seq: u64) -> Batch {
    recorded(lease, seq, held(seq), Phase::Submitting)
}

/// The transition that one record makes.
pub(crate) fn recorded(lease: &Lease, seq: u64, record: Record, phase: Phase) -> Batch {
    let at = Timestamp::from_ms(seq.cast_signed());
    let entries = vec![Entry { seq: seq + 1, at, record }];
    Batch { entries, ..Batch::new(lease, seq, phase) }
}

/// Incidents under lease, each with the sequence of its last record, and a producer for each.
pub(crate) struct Producers {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) leases: Vec<(Lease, u64)>,
}

impl Producers {
    /// Opens incidents with these ids, in a journal where nothing else is free, and takes them.
    pub(crate) async fn new(journal: Arc<dyn Journal>, ids: &[String]) -> Result<Self> {
        for id in ids {
            journal.open(new(id)).await?;
        }
        let leases = journal.claim("bench", &[], LONG, ids.len()).await?;
        Ok(Self { journal, leases: leases.into_iter().map(|lease| (lease, 1)).collect() })
    }

    /// Commits from every producer at once for `round`; returns how many a second.
    pub(crate) async fn rate(&mut self, round: Duration) -> Result<f64> {
        let start = Instant::now();
        let produce = |(lease, first): (Lease, u64)| {
            let journal = Arc::clone(&self.journal);
            tokio::spawn(async move {
                let mut seq = first;
                while start.elapsed() < round {
                    seq = journal.commit(transition(&lease, seq)).await?;
                }
                Ok::<_, Error>((lease, seq, seq - first))
            })
        };
        let tasks: Vec<_> = self.leases.drain(..).map(produce).collect();
        let mut count = 0;
        for task in tasks {
            let (lease, seq, committed) = task.await??;
            count += committed;
            self.leases.push((lease, seq));
        }
        Ok(rate(count, start))
    }
}

/// So many since `start`, a second.
pub(crate) fn rate(count: u64, start: Instant) -> f64 {
    count as f64 / start.elapsed().as_secs_f64()
}

/// The value at this percentile, 0 to 100; 0 of nothing.
pub(crate) fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = values.len().saturating_sub(1) * percent / 100;
    values.get(at).copied().unwrap_or_default()
}

/// The median.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    percentile(&mut values, 50)
}
