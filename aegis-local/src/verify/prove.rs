//! One verification as it is put together: gates in their order, then the score.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aegis_core::model::{
    Case, Fix, GateAnswer, GateReport, Isolation as Held, Reproduction, Score, Tests, Verification,
};
use aegis_core::patch::{FileChange, Patch};
use aegis_core::policy::{Guardrail, Touched, inspect_all};
use aegis_core::{Error, Revision};

use super::base::Base;
use super::deep::Depth;
use super::gates::{self, Answers, Provoked, Returned};
use super::isolation::Tier;
use super::reproduce::{OnBase, OnPatched, Runs};
use super::revert;
use super::score::{Evidence, Ran};
use super::suite::Suite;

/// Why nothing was tried.
pub(super) const NO_TRACE: &str = "no stack trace with a frame in the repository";

/// What is proven; it says which gates are asked and what is scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    /// A change that nobody ran before.
    Patch,
    /// A release is taken back.
    Revert {
        /// Whether what is left is what ran before the release.
        known: bool,
        /// Files that change and are no text.
        others: usize,
    },
}

/// A verification in the making.
#[derive(Debug)]
pub(super) struct Proof<'a> {
    fix: &'a Fix,
    subject: Subject,
    started: Instant,
    gates: Answers,
    seen: Seen,
    depth: Option<Depth>,
    runs: Runs,
    verification: Verification,
}

/// What the failure did on the base, and each time on the patched tree.
pub(super) type Failure = (Arc<OnBase>, Vec<OnPatched>);

impl<'a> Proof<'a> {
    pub(super) fn new(fix: &'a Fix, base: Revision, without: BTreeSet<String>) -> Self {
        Self {
            fix,
            subject: Subject::Patch,
            started: Instant::now(),
            gates: Answers::without(without),
            seen: Seen::of(&[]),
            depth: None,
            runs: Vec::new(),
            verification: Verification::new(fix.digest(), base, Held::Strong),
        }
    }

    pub(super) fn isolated(&mut self, tier: Tier) {
        self.verification.isolation = tier.into();
        let (answer, reason) = match tier {
            Tier::Strong => (
                GateAnswer::Pass,
                "a world of its own: namespaces, Landlock, a list of system calls",
            ),
            Tier::Reduced => (
                GateAnswer::Cap,
                "no world of its own: Landlock and a list of system calls alone, and no sockets",
            ),
        };
        self.gates.push(GateReport::new("isolation", answer, reason));
    }

    pub(super) fn does_not_apply(&mut self, why: &Error) {
        self.gates.push(GateReport::new("applies", GateAnswer::Deny, why.to_string()));
    }

    pub(super) fn comes_out(&mut self, changes: &[FileChange], known: bool, others: usize) {
        self.subject = Subject::Revert { known, others };
        self.gates.push(revert::clean(changes.len() + others));
    }

    pub(super) fn does_not_come_out(&mut self, why: impl Into<String>) {
        self.gates.push(revert::not_clean(why));
    }

    /// Asks the guardrails, all of them, so that an author hears everything at once.
    pub(super) fn inspect(
        &mut self,
        case: &Case,
        touched: &Touched<'_>,
        guardrails: &[Arc<dyn Guardrail>],
    ) {
        self.gates.extend(inspect_all(guardrails, case, self.fix, touched));
    }

    /// Takes in what a parser refused.
    pub(super) fn refuse(&mut self, refused: Option<GateReport>) {
        self.gates.extend(refused);
    }

    /// Whether something was denied: there is no point in going on.
    pub(super) fn is_denied(&self) -> bool {
        self.gates.denied()
    }

    /// Takes in when commands ran.
    pub(super) fn ran<'r>(&mut self, runs: impl IntoIterator<Item = &'r (Instant, Duration)>) {
        self.runs.extend(runs);
    }

    /// Adds a note for people.
    pub(super) fn note(&mut self, note: impl Into<String>) {
        self.verification.notes.push(note.into());
    }

    /// Takes in what the suite showed.
    pub(super) fn compare(&mut self, compiled: Result<(), String>, base: &Base, after: &Suite) {
        self.ran(base.runs.iter().chain([&after.ran]));
        self.gates.push(gates::syntax(compiled));
        match self.subject {
            Subject::Patch => {
                self.gates.push(gates::claim(self.fix.claimed));
                self.gates.extend([gates::base_tests(base), gates::canaries(base, after)]);
                self.gates.push(gates::tests(base, after));
            }
            Subject::Revert { .. } => {
                self.gates.extend([gates::canaries(base, after), revert::tests(base, after)]);
            }
        }
    }

    /// Takes in what the failure did, or why it was not tried.
    pub(super) fn provoke(&mut self, failure: Result<&Failure, &str>) {
        let reproduction = match failure {
            Err(why) => Reproduction::NotReproduced(String::from(why)),
            Ok((on_base, again)) => {
                self.runs.extend(on_base.runs.iter().chain(again.iter().flat_map(|a| &a.runs)));
                self.seen = Seen::of(again);
                on_base.reproduction()
            }
        };
        let how = match &reproduction {
            Reproduction::NotReproduced(tried) => Err(tried.as_str()),
            Reproduction::Reproduced(how) => Ok(how.as_str()),
            _ => Ok("does not apply"),
        };
        let provoked = self.seen.provoked.as_ref();
        match self.subject {
            Subject::Patch => {
                self.gates.push(gates::reproduction(how));
                if let Some(provoked) = provoked {
                    self.gates.push(gates::reproduction_fixed(provoked));
                    self.gates.push(gates::types(self.seen.returned));
                }
            }
            Subject::Revert { .. } => {
                self.gates.push(revert::reproduction(how));
                self.gates.extend(provoked.map(revert::reproduction_fixed));
            }
        }
        self.verification.reproduction = reproduction;
    }

    /// Whether there is a point in asking more: of a patch that nothing denied.
    pub(super) fn goes_deeper(&self) -> bool {
        self.subject == Subject::Patch && !self.gates.denied()
    }

    /// Takes in what more was asked.
    pub(super) fn deepen(&mut self, depth: Depth) {
        self.runs.extend(&depth.runs);
        self.gates.extend(depth.gates());
        let base = self.verification.base.clone();
        self.verification.smaller = depth.smaller().map(|edits| Patch::new(base, edits));
        self.depth = Some(depth);
    }

    /// Scores it.
    pub(super) fn score(&mut self, changes: &[FileChange], base: &Base, after: &Suite) {
        self.weigh(changes, base, after, |e| e.score());
    }

    /// Scores what nothing but its suite says anything about.
    pub(super) fn score_by_suite(&mut self, changes: &[FileChange], base: &Base, after: &Suite) {
        self.weigh(changes, base, after, |e| e.score_by_suite());
    }

    fn weigh(
        &mut self,
        changes: &[FileChange],
        base: &Base,
        after: &Suite,
        patch: fn(&Evidence<'_>) -> (Score, Vec<String>),
    ) {
        let tests = Tests::new(base.counts(), after.counts());
        let provoked = self.seen.provoked.as_ref();
        let evidence = Evidence {
            fix: self.fix,
            changes,
            after: tests.after,
            suite: after.coverage.as_ref(),
            reproduction: &self.seen.ran,
            reproduced: matches!(
                provoked,
                Some(Provoked::Gone(_) | Provoked::Missing(_) | Provoked::Raised(_))
            ),
            raises: matches!(provoked, Some(Provoked::Raised(_))),
            returned: self.seen.returned,
            depth: self.depth.as_ref(),
        };
        let (score, mut notes) = match self.subject {
            Subject::Patch => patch(&evidence),
            Subject::Revert { known, others } => revert::score(&evidence, known, others),
        };
        if let Some(Provoked::Gone(seen)) = provoked {
            notes.push(format!("after the fix: {seen}"));
        }
        notes.extend(self.depth.iter().flat_map(Depth::notes));
        (self.verification.tests, self.verification.score) = (tests, score);
        self.verification.notes.extend(notes);
    }

    /// The verification, with the time that the service's own processes took in this call.
    pub(super) fn finish(mut self) -> Verification {
        self.runs.retain(|(started, _)| *started >= self.started);
        let took = union(&mut self.runs);
        self.verification
            .with_gates(self.gates.into_reports())
            .with_test_ms(u64::try_from(took.as_millis()).unwrap_or(u64::MAX))
    }
}

/// What was seen over several goes on the patched tree.
#[derive(Debug)]
struct Seen {
    /// The worst of them.
    provoked: Option<Provoked>,
    /// The worst that was returned.
    returned: Returned,
    /// Lines that ran in any of them.
    ran: Ran,
}

impl Seen {
    fn of(again: &[OnPatched]) -> Self {
        let rank = |p: &Provoked| match p {
            Provoked::Gone(_) => 0,
            Provoked::Raised(_) => 1,
            Provoked::Missing(_) => 2,
            Provoked::Other(_) => 3,
            Provoked::Broken(_) => 4,
        };
        let mut ran = Ran::new();
        for (path, lines) in again.iter().flat_map(|a| &a.lines) {
            ran.entry(path.clone()).or_default().extend(lines);
        }
        Self {
            provoked: again.iter().map(|a| &a.provoked).max_by_key(|p| rank(p)).cloned(),
            returned: again.iter().map(|a| a.returned).max().unwrap_or(Returned::Unknown),
            ran,
        }
    }
}

/// How long at least one of the runs was going on.
fn union(runs: &mut Runs) -> Duration {
    runs.sort();
    let mut total = Duration::ZERO;
    let mut until: Option<Instant> = None;
    for (start, length) in runs.iter() {
        let end = *start + *length;
        let from = until.map_or(*start, |u| u.max(*start));
        total += end.saturating_duration_since(from);
        until = Some(until.map_or(end, |u| u.max(end)));
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_in_which_two_run_counts_once() {
        let start = Instant::now();
        let ms = Duration::from_millis;
        let mut runs = vec![(start + ms(50), ms(100)), (start, ms(100)), (start + ms(300), ms(10))];
        assert_eq!(union(&mut runs), ms(160));
    }
}
