//! The state of one incident; only `apply` changes it.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;

use super::{AfterWithdraw, Entry, Opened, Phase, Record, Settings, SwitchBack, Tries, Why};
use crate::error::{Error, Result};
use crate::id::{Digest, EffectKey, EffectKind, IncidentId, Revision, Timestamp};
use crate::model::{Baseline, Case, Evidence, Fix, FixKind, IncidentKind, Release, Verification};
use crate::policy::{Autonomy, Decision};

/// Symptoms kept in a case; later ones only count.
pub(super) const SYMPTOMS: usize = 16;
/// Spans kept for the timeline.
const SPANS: usize = 256;

/// Time spent in one phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Span {
    /// The phase.
    pub phase: Phase,
    /// When it was entered.
    pub from: Timestamp,
    /// When it was left; `None` for the one that lasts.
    pub to: Option<Timestamp>,
}

/// A write whose answer is not known yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpenEffect {
    /// Its key.
    pub key: EffectKey,
    /// When it was intended.
    pub since: Timestamp,
}

/// A release under watch.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Watch {
    /// What is watched.
    pub revision: Revision,
    /// When it was first reported running.
    pub live_at: Timestamp,
    /// When the window ends.
    pub ends_at: Timestamp,
    /// How often it was extended.
    pub extended: u32,
    /// When to look next.
    pub next_look: Timestamp,
    /// Everything seen so far.
    pub evidence: Option<Evidence>,
}

/// One incident: its case, where it stands, and what it has written to the outside world.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Incident {
    /// What the stages are told.
    pub case: Case,
    /// Times and limits.
    pub settings: Settings,
    /// Where it stands.
    pub phase: Phase,
    /// When it got there.
    pub since: Timestamp,
    /// The last record applied.
    pub seq: u64,
    /// The timeline.
    pub spans: VecDeque<Span>,
    /// Candidates left to try, best first; the first one is being worked on.
    pub candidates: VecDeque<Fix>,
    /// Rounds of drafting so far.
    pub drafts: u32,
    /// The submission that is under way or last, from 1; 0 before the first.
    pub submission: u32,
    /// What was proven about the first candidate.
    pub verification: Option<Verification>,
    /// What policy decided about it.
    pub decision: Option<Decision>,
    /// What a person approved: a fix, or a revert.
    pub approved: Option<Digest>,
    /// Whether it is this incident's turn to release.
    pub slot: bool,
    /// What was normal before the release.
    pub baseline: Option<Baseline>,
    /// How often its error was seen until a fix was proven, per second; `None` where too rarely to tell.
    pub recurrence: Option<f64>,
    /// A write whose answer is not known.
    pub open_effect: Option<OpenEffect>,
    /// Whether something of this submission is out there, not merged and not withdrawn.
    pub submitted: bool,
    /// Whether what is out there was offered to a person only, so that it has to be cleared before it
    /// may be merged from here.
    pub proposed: bool,
    /// The head whose checks passed.
    pub head: Option<Revision>,
    /// The commit that was merged for this incident.
    pub merged: Option<Revision>,
    /// Whether the remote named that commit itself. Else it was only reported running, and may be a
    /// later one of somebody else's: nothing that is taken back without asking.
    pub merge_named: bool,
    /// The commit that took it back.
    pub reverted: Option<Revision>,
    /// Whether the revert is offered, and its checks or a person are waited for.
    pub revert_pending: bool,
    /// Whether the revert is reported running.
    pub revert_live: bool,
    /// The release under watch.
    pub watch: Option<Watch>,
    /// Why the judge condemned it.
    pub condemned: Vec<String>,
    /// Where the host was asked to go back to at once, before the revert.
    pub switched: Option<SwitchBack>,
    /// Whether its pipeline succeeded since its fix was merged.
    pub green: bool,
    /// Failures in a row in this phase.
    pub failures: u32,
    /// The last write that was intended, and how often.
    pub tries: Option<Tries>,
    /// Not before this: a backoff, a poll, a hold.
    pub not_before: Timestamp,
    /// Why a step is held at this moment.
    pub held: Option<String>,
    /// Why a person is needed.
    pub why: Option<Why>,
    /// Where a withdrawal leads.
    pub after_withdraw: Option<AfterWithdraw>,
    /// How often it was reopened.
    pub reopened: u32,
    /// The umbrella incident that stands for it.
    pub folded: Option<IncidentId>,
}

impl Incident {
    /// Begins an incident with its first record.
    pub fn begin(entry: &Entry) -> Result<Self> {
        let Record::Opened(opened) = &entry.record else {
            return Err(Error::internal("a journal must begin with how the incident was opened"));
        };
        Ok(Self::opened(opened, entry))
    }

    /// Replays a journal.
    pub fn replay(entries: &[Entry]) -> Result<Self> {
        let (first, rest) = entries
            .split_first()
            .ok_or_else(|| Error::not_found("the journal of this incident is empty"))?;
        let mut incident = Self::begin(first)?;
        for entry in rest {
            if entry.seq != incident.seq + 1 {
                let (id, seq) = (&incident.case.incident, incident.seq);
                let gap = format!("the journal of {id} jumps from {seq} to {}", entry.seq);
                return Err(Error::internal(gap));
            }
            incident.apply(entry);
        }
        Ok(incident)
    }

    fn opened(opened: &Opened, entry: &Entry) -> Self {
        let at = entry.at;
        let mut case = Case::new(
            opened.incident.clone(),
            opened.service.clone(),
            opened.kind,
            at,
            opened.first.clone(),
        );
        case.releases.clone_from(&opened.releases);
        case.similar.clone_from(&opened.similar);
        let watched = opened.releases.first().filter(|_| opened.kind == IncidentKind::Release);
        let settings = opened.settings;
        // A release can't have gone live later than it was told, whatever its source's clock says.
        let watch = watched.map(|r| Watch::new(r.revision.clone(), r.at.min(at), &settings));
        let phase = match (&watch, &opened.parked) {
            (Some(_), _) => Phase::Watching,
            (None, Some(_)) => Phase::AwaitingHuman,
            (None, None) => Phase::Diagnosing,
        };
        Self {
            case,
            settings,
            phase,
            since: at,
            seq: entry.seq,
            spans: VecDeque::from([Span { phase, from: at, to: None }]),
            candidates: VecDeque::new(),
            drafts: 0,
            submission: 0,
            verification: None,
            decision: None,
            approved: None,
            slot: false,
            baseline: opened.baseline.clone(),
            recurrence: None,
            open_effect: None,
            submitted: false,
            proposed: false,
            head: None,
            merged: None,
            merge_named: false,
            reverted: None,
            revert_pending: false,
            revert_live: false,
            watch,
            condemned: Vec::new(),
            switched: None,
            green: false,
            failures: 0,
            tries: None,
            not_before: at,
            held: None,
            why: opened.parked.clone().filter(|_| phase == Phase::AwaitingHuman),
            after_withdraw: None,
            reopened: 0,
            folded: None,
        }
    }

    /// The fix that is being worked on.
    pub fn fix(&self) -> Option<&Fix> {
        self.candidates.front()
    }

    /// The release that is watched on its own account: one that somebody else made.
    pub fn watched_release(&self) -> Option<&Release> {
        (self.case.kind == IncidentKind::Release && self.merged.is_none())
            .then(|| self.case.releases.first())
            .flatten()
    }

    /// What a revert would take back: the incident's own merge, else the release under watch.
    pub fn condemnable(&self) -> Option<&Revision> {
        self.merged.as_ref().or_else(|| self.watched_release().map(|r| &r.revision))
    }

    /// Whether the fix that is being worked on takes back a release.
    pub fn is_revert(&self) -> bool {
        self.fix().is_some_and(|f| matches!(f.kind, FixKind::Revert(_)))
    }

    /// What a person may approve to have a proposal merged from here: the fix, where nothing but a gate
    /// or a lack of confidence left its merge to a person.
    pub fn capped(&self) -> Option<&Digest> {
        let decision = self.decision.as_ref().filter(|_| self.why == Some(Why::Proposed))?;
        let allows = matches!(decision.ceiling, Autonomy::Approve | Autonomy::Auto);
        let current = self.fix().is_some_and(|fix| fix.digest() == decision.fix);
        (allows && current && self.merged.is_none()).then_some(&decision.fix)
    }

    /// Whether it came back so often that it waits before it is looked at again.
    pub fn is_damped(&self) -> bool {
        // Nothing else holds a diagnosis.
        self.phase == Phase::Diagnosing && self.held.is_some()
    }

    /// The key of a write of the submission that is under way.
    pub fn key(&self, kind: EffectKind) -> EffectKey {
        EffectKey {
            service: self.case.service.clone(),
            incident: self.case.incident.clone(),
            attempt: self.submission.max(1),
            kind,
        }
    }

    /// Milliseconds spent in each phase until `now`, in the order they were first entered.
    pub fn time_in_phases(&self, now: Timestamp) -> Vec<(Phase, u64)> {
        let mut times: Vec<(Phase, u64)> = Vec::new();
        for span in self.spans.iter().filter(|s| !s.phase.is_terminal()) {
            let took = span.to.unwrap_or(now).since(span.from);
            let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            match times.iter_mut().find(|(phase, _)| *phase == span.phase) {
                Some((_, sum)) => *sum += ms,
                None => times.push((span.phase, ms)),
            }
        }
        times
    }

    /// Moves to `phase`; what belonged to the phase before is forgotten.
    pub(super) fn enter(&mut self, phase: Phase, at: Timestamp) {
        if let Some(last) = self.spans.back_mut() {
            last.to = Some(at);
        }
        if self.spans.len() == SPANS {
            self.spans.pop_front();
        }
        self.spans.push_back(Span { phase, from: at, to: None });
        self.phase = phase;
        self.since = at;
        self.failures = 0;
        self.not_before = at;
        self.held = None;
        self.folded = None;
        if phase != Phase::AwaitingHuman {
            self.why = None;
        }
        // One that is parked goes on with its withdrawal when it is resumed.
        if !matches!(phase, Phase::Withdrawing | Phase::AwaitingHuman) {
            self.after_withdraw = None;
        }
        if phase.is_terminal() {
            self.slot = false;
        }
    }

    /// Waits for a person.
    pub(super) fn park(&mut self, why: Why, at: Timestamp) {
        self.enter(Phase::AwaitingHuman, at);
        self.why = Some(why);
        // Others may release while a person thinks, unless something of ours is live that nobody has
        // watched, or that has to be taken back.
        if self.merged.is_none() || matches!(self.why, Some(Why::Undecided(_))) {
            self.slot = false;
        }
    }

    pub(super) fn wait(&mut self, at: Timestamp, ms: u64) {
        self.not_before = at.plus(Duration::from_millis(ms));
    }
}

impl Watch {
    /// When to look after a look at `at`: every `look`, and less often the older the release is. A
    /// look journals everything seen so far, so that a watch of a day would fill the journal.
    pub(super) fn next_look(&self, at: Timestamp, look: Duration) -> Timestamp {
        let sparse = at.plus(look.max(at.since(self.live_at) / 50));
        sparse.min(self.ends_at.max(at.plus(look)))
    }

    pub(super) fn new(revision: Revision, live_at: Timestamp, settings: &Settings) -> Self {
        Self {
            revision,
            live_at,
            ends_at: live_at.plus(Duration::from_millis(settings.watch_ms)),
            extended: 0,
            next_look: live_at.plus(Duration::from_millis(settings.look_every_ms)),
            evidence: None,
        }
    }
}
