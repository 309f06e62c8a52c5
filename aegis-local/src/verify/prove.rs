//! One verification as it is put together: gates in their order, then the score.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aegis_core::model::{
    Case, Fix, GateAnswer, GateReport, Isolation as Held, Reproduction, Tests, Verification,
};
use aegis_core::patch::FileChange;
use aegis_core::policy::{Guardrail, Touched, inspect_all};
use aegis_core::{Error, Revision};

use super::gates::{self, Provoked, Returned};
use super::isolation::Outcome;
use super::pytest::Suite;
use super::reproduce::{OnBase, OnPatched, Runs};
use super::revert;
use super::score::{Evidence, Ran};

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
    gates: Vec<GateReport>,
    runs: Runs,
    verification: Verification,
}

/// What the failure did on the base, and each time on the patched tree.
pub(super) type Failure = Option<(Arc<OnBase>, Vec<OnPatched>)>;

impl<'a> Proof<'a> {
    pub(super) fn new(fix: &'a Fix, base: Revision) -> Self {
        Self {
            fix,
            subject: Subject::Patch,
            started: Instant::now(),
            gates: Vec::new(),
            runs: Vec::new(),
            verification: Verification::new(fix.digest(), base, Held::Strong),
        }
    }

    pub(super) fn isolated(&mut self) {
        let reason = "a world of its own: namespaces, Landlock, a list of system calls";
        self.gates.push(GateReport::new("isolation", GateAnswer::Pass, reason));
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

    /// Asks the guardrails, all of them, so that an author hears everything at once; whether there is
    /// a point in going on.
    pub(super) fn inspect(
        &mut self,
        case: &Case,
        touched: &Touched<'_>,
        guardrails: &[Arc<dyn Guardrail>],
        version: &str,
    ) -> bool {
        self.gates.extend(inspect_all(guardrails, case, self.fix, touched));
        self.parses(touched.changes, version);
        self.gates.iter().all(|g| g.answer != GateAnswer::Deny)
    }

    /// Asks the parser; whether there is a point in going on.
    pub(super) fn parses(&mut self, changes: &[FileChange], version: &str) -> bool {
        let refused = gates::refused_syntax(changes, version);
        let parses = refused.is_none();
        self.gates.extend(refused);
        parses
    }

    /// Takes in what the runs showed.
    pub(super) fn conclude(
        &mut self,
        changes: &[FileChange],
        (compile, compiled): (Outcome, Result<(), String>),
        base: &Suite,
        after: &Suite,
        failure: Failure,
    ) {
        self.runs.extend([compile.ran, base.ran, after.ran]);
        // Its place is before the imports, which only mean something in a file that compiles.
        let at = self.gates.iter().position(|g| g.gate == "new-imports");
        self.gates.insert(at.unwrap_or(self.gates.len()), gates::syntax(compiled));
        match self.subject {
            Subject::Patch => {
                self.gates.push(gates::claim(self.fix.claimed));
                self.gates.extend([gates::base_tests(base), gates::tests(base, after)]);
            }
            Subject::Revert { .. } => self.gates.push(revert::tests(base, after)),
        }

        let (again, reproduction) = match failure {
            None => (Vec::new(), Reproduction::NotReproduced(String::from(NO_TRACE))),
            Some((on_base, again)) => {
                self.runs.extend(on_base.runs.iter().copied());
                self.runs.extend(again.iter().flat_map(|a| a.runs.iter().copied()));
                (again, on_base.reproduction())
            }
        };
        let how = match &reproduction {
            Reproduction::NotReproduced(tried) => Err(tried.as_str()),
            Reproduction::Reproduced(how) => Ok(how.as_str()),
            _ => Ok("does not apply"),
        };
        let (provoked, returned) = worst(&again);
        match self.subject {
            Subject::Patch => {
                self.gates.push(gates::reproduction(how));
                if let Some(provoked) = &provoked {
                    self.gates.push(gates::reproduction_fixed(provoked));
                    self.gates.push(gates::types(returned));
                }
            }
            Subject::Revert { .. } => {
                self.gates.push(revert::reproduction(how));
                self.gates.extend(provoked.as_ref().map(revert::reproduction_fixed));
            }
        }

        let mut ran = Ran::new();
        for (path, lines) in again.into_iter().flat_map(|a| a.lines) {
            ran.entry(path).or_default().extend(lines);
        }
        let tests = Tests::new(base.counts(), after.counts());
        let evidence = Evidence {
            fix: self.fix,
            changes,
            after: tests.after,
            suite: after.coverage.as_ref(),
            reproduction: &ran,
            reproduced: matches!(
                provoked,
                Some(Provoked::Gone(_) | Provoked::Missing(_) | Provoked::Raised(_))
            ),
            raises: matches!(provoked, Some(Provoked::Raised(_))),
            returned,
        };
        let (score, mut notes) = match self.subject {
            Subject::Patch => evidence.score(),
            Subject::Revert { known, others } => revert::score(&evidence, known, others),
        };
        if after.coverage.is_none() {
            notes.push("the suite's coverage could not be measured: install coverage".into());
        }
        if let Some(Provoked::Gone(seen)) = provoked {
            notes.push(format!("after the fix: {seen}"));
        }
        let verification = self.verification.clone();
        self.verification = verification
            .with_reproduction(reproduction)
            .with_tests(tests)
            .with_score(score)
            .with_notes(notes);
    }

    /// The verification, with the time that the service's own processes took in this call.
    pub(super) fn finish(mut self) -> Verification {
        self.runs.retain(|(started, _)| *started >= self.started);
        let took = union(&mut self.runs);
        self.verification
            .with_gates(self.gates)
            .with_test_ms(u64::try_from(took.as_millis()).unwrap_or(u64::MAX))
    }
}

/// The worst of several goes.
fn worst(again: &[OnPatched]) -> (Option<Provoked>, Returned) {
    let rank = |p: &Provoked| match p {
        Provoked::Gone(_) => 0,
        Provoked::Raised(_) => 1,
        Provoked::Missing(_) => 2,
        Provoked::Other(_) => 3,
        Provoked::Broken(_) => 4,
    };
    let provoked = again.iter().map(|a| &a.provoked).max_by_key(|p| rank(p)).cloned();
    let returned = again.iter().map(|a| a.returned).max().unwrap_or(Returned::Unknown);
    (provoked, returned)
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
