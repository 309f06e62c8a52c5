//! What an incident went through, by replaying its records one by one.

use aegis_core::machine::{Entry, Incident, Phase, Why};
use aegis_core::{EffectKind, Result};

use super::{Held, Submission, Turn};

/// What the last state of an incident no longer tells.
#[derive(Debug, Default)]
pub(super) struct History {
    pub(super) release: Option<String>,
    /// What took back the release that was watched.
    pub(super) taken_back: Option<String>,
    pub(super) submissions: Vec<Submission>,
    pub(super) held: Vec<Held>,
    pub(super) turns: Vec<Turn>,
}

/// The history that `entries` tell.
pub(super) fn of(entries: &[Entry]) -> Result<History> {
    let mut history = History::default();
    let Some((first, rest)) = entries.split_first() else { return Ok(history) };
    let mut incident = Incident::begin(first)?;
    history.note(&incident, first);
    for entry in rest {
        incident.apply(entry);
        history.note(&incident, entry);
    }
    Ok(history)
}

impl History {
    fn note(&mut self, incident: &Incident, entry: &Entry) {
        if let Some(release) = incident.watched_release() {
            self.release = Some(release.revision.to_string());
        }
        if incident.submitted || incident.merged.is_some() {
            self.submission(incident);
        }
        if let Some(by) = incident.reverted.as_ref().map(ToString::to_string) {
            match self.submissions.last_mut().filter(|_| incident.merged.is_some()) {
                Some(last) => last.reverted_by = Some(by),
                None => self.taken_back = Some(by),
            }
        }
        self.hold(incident, entry.at.as_ms());
        self.turn(incident, entry.at.as_ms());
    }

    fn submission(&mut self, incident: &Incident) {
        let attempt = incident.submission.max(1);
        let merged = incident.merged.as_ref().map(ToString::to_string);
        match self.submissions.iter_mut().find(|s| s.attempt == attempt) {
            Some(known) => known.merge_commit = merged.or(known.merge_commit.take()),
            None => self.submissions.push(Submission {
                attempt,
                branch: incident.key(EffectKind::Submit).branch(),
                merge_commit: merged,
                reverted_by: None,
            }),
        }
    }

    fn turn(&mut self, incident: &Incident, at: i64) {
        let open = self.turns.last_mut().filter(|t| t.to.is_none());
        match (open, incident.slot) {
            (None, true) => self.turns.push(Turn { from: at, to: None }),
            (Some(open), false) => open.to = Some(at),
            _ => {}
        }
    }

    /// Held is what policy holds on its way out, and what waits for a person's word.
    fn hold(&mut self, incident: &Incident, at: i64) {
        let why = match (incident.phase, &incident.why) {
            (Phase::Submitting | Phase::Merging | Phase::Reverting, _) => incident.held.clone(),
            (Phase::AwaitingHuman, Some(why @ (Why::Approval { .. } | Why::Proposed))) => {
                Some(why.to_string())
            }
            _ => None,
        };
        let open = self.held.last_mut().filter(|h| h.to.is_none());
        match (open, why) {
            (Some(open), Some(why)) if open.why == why => {}
            (open, why) => {
                if let Some(open) = open {
                    open.to = Some(at);
                }
                self.held.extend(why.map(|why| Held { why, from: at, to: None }));
            }
        }
    }
}
