//! The report of a run, from the journal alone.

mod history;

use aegis_core::Result;
use aegis_core::machine::{Entry, Incident, Phase, Record};
use aegis_core::model::{Reproduction, TestCounts};
use aegis_core::port::{Filter, Journal};
use aegis_core::stage::Rollout;
use serde::Serialize;

/// The report of a run; unknown is null.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// A row an incident, oldest first.
    pub incidents: Vec<Row>,
}

/// One incident.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Row {
    /// Its id.
    pub id: String,
    /// Its service.
    pub service: String,
    /// What identifies it.
    pub fingerprint: String,
    /// `crash`, `release`, `pipeline`, `resource` or `storm`.
    pub kind: String,
    /// `Healed`, `RolledBack`, `Kept`, `AwaitingHuman`, `SelfResolved`, `Abandoned` or `Folded`; the
    /// phase where it is still under way.
    pub outcome: String,
    /// Time in each phase of the machine, in the order they were first entered.
    pub stages: Vec<StageTime>,
    /// The verification's confidence, from 0 to 1.
    pub confidence: Option<f64>,
    /// The branch that carried the last fix.
    pub branch: Option<String>,
    /// The commit that merged it, where it was merged.
    pub merge_commit: Option<String>,
    /// The suite on the base and on the patched tree.
    pub tests: Tests,
    /// The commit that took back the last fix, or the release that was watched.
    pub reverted_by: Option<String>,
    /// Which scenario of a played run it belongs to.
    pub scenario: Option<String>,
    /// The release of somebody's that it watched.
    pub release: Option<String>,
    /// When it was opened, in milliseconds since the epoch.
    pub opened_at: i64,
    /// When it was closed; unknown while it is open.
    pub closed_at: Option<i64>,
    /// Why it waits for a person.
    pub why: Option<String>,
    /// Everything that was offered for merging, in order.
    pub submissions: Vec<Submission>,
    /// When a release was held, and why.
    pub held: Vec<Held>,
    /// When it had its service's turn to release, which nobody else may have meanwhile.
    pub turns: Vec<Turn>,
    /// What a table says beside it; not part of the file.
    #[serde(skip)]
    pub beside: Beside,
}

/// One fix that was offered for merging.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Submission {
    /// Which one of its incident, from 1.
    pub attempt: u32,
    /// The branch that carried it.
    pub branch: String,
    /// The commit that merged it.
    pub merge_commit: Option<String>,
    /// The commit that took it back.
    pub reverted_by: Option<String>,
}

/// A time in which a release was held: by policy, or for a person's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Held {
    /// Why.
    pub why: String,
    /// Since when, in milliseconds since the epoch.
    pub from: i64,
    /// Until when; unknown while it lasts.
    pub to: Option<i64>,
}

/// A time in which it had its service's turn to release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Turn {
    /// Since when, in milliseconds since the epoch.
    pub from: i64,
    /// Until when; unknown while it lasts.
    pub to: Option<i64>,
}

/// Time in one phase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StageTime {
    /// The phase.
    pub name: &'static str,
    /// Milliseconds.
    pub ms: u64,
}

/// The suite on the base and on the patched tree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tests {
    /// On the base.
    pub before: Option<Counts>,
    /// On the patched tree.
    pub after: Option<Counts>,
}

/// How many tests passed and failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Passed.
    pub passed: u32,
    /// Failed.
    pub failed: u32,
}

/// Derived figures of a row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beside {
    /// What broke, in a line.
    pub title: String,
    /// From the first signal to the merge, without the time queued behind another release or held.
    pub to_merge_ms: Option<u64>,
    /// The part of it spent in the service's own test, replay and check processes.
    pub tests_ms: u64,
    /// Whether it is closed.
    pub closed: bool,
    /// Whether its failure could be made to happen again; unknown where nothing was verified.
    pub reproduced: Option<bool>,
}

impl Report {
    /// How many of the failures whose fixes were verified could be made to happen again, in a line.
    pub fn reproduced(&self) -> Option<String> {
        let tried: Vec<bool> =
            self.incidents.iter().filter_map(|row| row.beside.reproduced).collect();
        let (could, all) = (tried.iter().filter(|r| **r).count(), tried.len());
        (all > 0).then(|| {
            let share = could as f64 * 100.0 / all as f64;
            format!("{could} of {all} failures could be reproduced ({share:.0}%)")
        })
    }
}

/// Reads every incident of a journal.
pub async fn read(journal: &dyn Journal) -> Result<Report> {
    let mut incidents = Vec::new();
    let mut filter = Filter::new();
    loop {
        let page = journal.list(&filter).await?;
        let Some(last) = page.last() else { break };
        filter = Filter::new().before(last.id.clone());
        for summary in page {
            // What was folded is told by the incident that stands for it.
            if summary.phase != Phase::Folded
                && let Some(stored) = journal.load(&summary.id).await?
            {
                incidents.push(row(&stored.entries)?);
            }
        }
    }
    incidents.reverse();
    Ok(Report { incidents })
}

/// One incident's row, from its records.
pub fn row(entries: &[Entry]) -> Result<Row> {
    let incident = Incident::replay(entries)?;
    let case = &incident.case;
    let proof = incident.verification.as_ref();
    let counts = |c: Option<TestCounts>| c.map(|c| Counts { passed: c.passed, failed: c.failed });
    let end = entries.last().map_or(case.opened_at, |e| e.at);
    let stages = incident.time_in_phases(end);
    let history = history::of(entries)?;
    let last = history.submissions.last();
    let held_ms = history.held.iter().filter_map(|h| Some(h.to? - h.from)).sum::<i64>();
    let held_ms = u64::try_from(held_ms).unwrap_or_default();
    Ok(Row {
        id: case.incident.to_string(),
        service: case.service.to_string(),
        fingerprint: case.fingerprint.to_string(),
        kind: case.kind.as_str().to_owned(),
        outcome: incident.phase.name().to_owned(),
        stages: stages.into_iter().map(|(p, ms)| StageTime { name: p.name(), ms }).collect(),
        confidence: proof.map(|p| p.confidence().ratio()),
        branch: last.map(|s| s.branch.clone()),
        merge_commit: last.and_then(|s| s.merge_commit.clone()),
        tests: Tests {
            before: proof.and_then(|p| counts(p.tests.before)),
            after: proof.and_then(|p| counts(p.tests.after)),
        },
        reverted_by: last.map_or(history.taken_back, |s| s.reverted_by.clone()),
        scenario: None,
        release: history.release,
        opened_at: case.opened_at.as_ms(),
        closed_at: incident.phase.is_terminal().then(|| incident.since.as_ms()),
        why: incident.why.as_ref().map(ToString::to_string),
        submissions: history.submissions,
        held: history.held,
        turns: history.turns,
        beside: beside(&incident, entries, held_ms),
    })
}

fn beside(incident: &Incident, entries: &[Entry], held_ms: u64) -> Beside {
    let merged_at = incident.spans.iter().find(|s| s.phase == Phase::GoingLive).map(|s| s.from);
    let before_merge = |phase: Phase, at| {
        let spans = incident.spans.iter().filter(|s| s.phase == phase && s.from < at);
        spans.map(|s| ms(s.to.unwrap_or(at).since(s.from))).sum::<u64>()
    };
    let total = merged_at.map(|at| ms(at.since(incident.case.opened_at)));
    let queued = merged_at.map_or(0, |at| before_merge(Phase::Queued, at));
    let verified = entries.iter().map(|e| match &e.record {
        Record::Verified(proof) => proof.test_ms,
        _ => 0,
    });
    Beside {
        title: incident.case.symptoms.first().map(|s| s.title.to_string()).unwrap_or_default(),
        to_merge_ms: total.map(|t| t.saturating_sub(queued).saturating_sub(held_ms)),
        tests_ms: verified.sum::<u64>() + checks_ms(entries),
        closed: incident.phase.is_terminal(),
        reproduced: reproduced(entries),
    }
}

fn reproduced(entries: &[Entry]) -> Option<bool> {
    let tried = entries.iter().filter_map(|entry| match &entry.record {
        Record::Verified(proof) => match proof.reproduction {
            Reproduction::Reproduced(_) => Some(true),
            Reproduction::NotReproduced(_) => Some(false),
            _ => None,
        },
        _ => None,
    });
    tried.reduce(|one, other| one || other)
}

/// Time between the answers that a fix's checks are running and that they ended: they run the
/// service's suite once more.
fn checks_ms(entries: &[Entry]) -> u64 {
    let mut since = None;
    let mut sum = 0;
    for entry in entries {
        if let Record::Answered { rollout: Some(rollout), .. } = &entry.record {
            match (rollout, since) {
                (Rollout::Checking, None) => since = Some(entry.at),
                (Rollout::Checking, Some(_)) => {}
                (_, Some(from)) => {
                    sum += ms(entry.at.since(from));
                    since = None;
                }
                _ => {}
            }
        }
    }
    sum
}

fn ms(d: std::time::Duration) -> u64 {
    u64::try_from(d.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_counts_those_that_were_tried() {
        let row = |reproduced| Row {
            beside: Beside { reproduced, ..Beside::default() },
            ..Row::default()
        };
        let of = |all: &[Option<bool>]| {
            Report { incidents: all.iter().copied().map(row).collect() }.reproduced()
        };
        assert_eq!(of(&[None]), None);
        assert_eq!(
            of(&[Some(true), None, Some(false), Some(true)]).as_deref(),
            Some("2 of 3 failures could be reproduced (67%)")
        );
    }
}
