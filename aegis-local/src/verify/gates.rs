//! The gates: each looks at one thing and may deny, whatever the score would be.

use std::collections::BTreeSet;

use aegis_core::Confidence;
use aegis_core::model::{GateAnswer, GateReport};
use aegis_core::patch::FileChange;
pub(super) use aegis_core::patch::count_changed as changed;

use super::base::{Base, Regressions};
use super::canary::Hatched;
use super::suite::Suite;
use crate::python::check_for;

/// Names of the gates that a patch meets, in the order in which they are asked.
pub const GATES: [&str; 23] = [
    "isolation",
    "applies",
    "protected-paths",
    "size",
    "unicode",
    "secrets",
    "new-imports",
    "dangerous-code",
    "magic-values",
    "fails-open",
    "syntax",
    "claim",
    "base-tests",
    "canaries",
    "tests",
    "reproduction",
    "reproduction-fixed",
    "type",
    "renamed-test",
    "siblings",
    "unchanged",
    "conduct",
    "superfluous",
];

/// What the gates answered, those that are left out as a cap.
#[derive(Debug, Default)]
pub(super) struct Answers {
    reports: Vec<GateReport>,
    without: BTreeSet<String>,
}

impl Answers {
    pub(super) fn without(without: BTreeSet<String>) -> Self {
        Self { reports: Vec::new(), without }
    }

    pub(super) fn push(&mut self, report: GateReport) {
        let report = match self.without.contains(&report.gate) {
            true => cap(&report.gate, "left out, to measure what it is good for"),
            false => report,
        };
        self.reports.push(report);
    }

    pub(super) fn extend(&mut self, reports: impl IntoIterator<Item = GateReport>) {
        reports.into_iter().for_each(|report| self.push(report));
    }

    pub(super) fn denied(&self) -> bool {
        self.reports.iter().any(|g| g.answer == GateAnswer::Deny)
    }

    pub(super) fn into_reports(self) -> Vec<GateReport> {
        self.reports
    }
}

pub(super) fn pass(gate: &str, reason: impl Into<String>) -> GateReport {
    GateReport::new(gate, GateAnswer::Pass, reason)
}

pub(super) fn deny(gate: &str, reason: impl Into<String>) -> GateReport {
    GateReport::new(gate, GateAnswer::Deny, reason)
}

pub(super) fn cap(gate: &str, reason: impl Into<String>) -> GateReport {
    GateReport::new(gate, GateAnswer::Cap, reason)
}

/// Name of the gate that two are asked for: the parser here, the service's interpreter in a run.
pub(super) const SYNTAX: &str = "syntax";

/// What this parser refuses, no interpreter of that version has to be asked about.
pub(super) fn refused_syntax(changes: &[FileChange], version: &str) -> Option<GateReport> {
    let python = changes.iter().filter(|c| c.path.ends_with(".py"));
    let refused = |c: &FileChange| check_for(&c.path, c.after.as_deref()?, version).err();
    python.filter_map(refused).map(|e| deny(SYNTAX, e.to_string())).next()
}

/// What the service's own interpreter says.
pub(super) fn syntax(compiled: Result<(), String>) -> GateReport {
    match compiled {
        Ok(()) => pass(SYNTAX, "compiles"),
        Err(why) => deny(SYNTAX, why),
    }
}

/// The base has tests that pass, so that there is something to break.
pub(super) fn base_tests(base: &Base) -> GateReport {
    const GATE: &str = "base-tests";
    match &base.report {
        Err(why) if base.empty => cap(GATE, format!("on the base {why}")),
        Err(why) => deny(GATE, format!("on the base {why}")),
        Ok(report) => match report.counts().passed {
            0 => cap(GATE, "no test passes on the base"),
            n => pass(GATE, format!("{n} tests pass on the base{}", flaky(base))),
        },
    }
}

/// Every test of the base is still there, and what passed still passes.
pub(super) fn tests(base: &Base, after: &Suite) -> GateReport {
    const GATE: &str = "tests";
    let (before, after) = match (&base.report, &after.report) {
        (Err(_), Err(why)) if base.empty && after.empty => return pass(GATE, why.clone()),
        (_, Err(why)) => return deny(GATE, why.clone()),
        (Err(why), Ok(_)) if !base.empty => return deny(GATE, format!("on the base {why}")),
        (Err(_), Ok(_)) => return pass(GATE, "no test on the base to compare with"),
        (Ok(before), Ok(after)) => (before, after),
    };
    let found = Regressions::between(before, &base.flaky, after);
    let Regressions { failing, skipped, gone } = found;
    if !failing.is_empty() {
        deny(GATE, format!("fails and did not before: {}", first_of(&failing)))
    } else if !skipped.is_empty() {
        deny(GATE, format!("passed before and is skipped: {}", first_of(&skipped)))
    } else if !gone.is_empty() {
        deny(GATE, format!("no longer there: {}", first_of(&gone)))
    } else {
        let counts = after.counts();
        pass(GATE, format!("{} pass, {} fail as before", counts.passed, counts.failed))
    }
}

fn flaky(base: &Base) -> String {
    match base.flaky.len() {
        0 => String::new(),
        n => format!("; {n} do not end the same way each time and do not count"),
    }
}

/// Tests of ours that have to fail did: what the others report can be believed.
pub(super) fn canaries(base: &Base, after: &Suite) -> GateReport {
    const GATE: &str = "canaries";
    match (base.planted, after.hatched) {
        (true, Some(hatched)) if hatched.held() => {
            pass(GATE, format!("{} tests that have to fail do", hatched.failed))
        }
        (true, Some(Hatched { planted, reported, failed })) => deny(
            GATE,
            format!(
                "of {planted} tests that have to fail {reported} are reported and {failed} fail"
            ),
        ),
        (true, None) if base.empty && after.empty => cap(GATE, "no test runs"),
        (true, None) => deny(GATE, "the run reports none of the tests that have to fail"),
        (false, _) => cap(GATE, "the suite does not run with tests of ours that have to fail"),
    }
}

pub(super) fn first_of(ids: &[String]) -> String {
    let shown = ids.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
    if ids.len() > 3 { format!("{shown} and {} more", ids.len() - 3) } else { shown }
}

/// The failure was made to happen on the base; without that a person decides.
pub(super) fn reproduction(how: Result<&str, &str>) -> GateReport {
    const GATE: &str = "reproduction";
    match how {
        Ok(how) => pass(GATE, how),
        Err(tried) => cap(GATE, format!("not reproduced: {tried}")),
    }
}

/// What happened when the failure was provoked on the patched tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Provoked {
    /// It did not happen, each time; what was seen instead.
    Gone(String),
    /// Another exception, raised on purpose by a `raise` statement.
    Raised(String),
    /// What failed is no longer there to be called.
    Missing(String),
    /// Another exception that nobody raised on purpose.
    Other(String),
    /// It happened, or something else broke.
    Broken(String),
}

/// The failure is gone, each time, and no other crash stands in its place.
pub(super) fn reproduction_fixed(provoked: &Provoked) -> GateReport {
    const GATE: &str = "reproduction-fixed";
    match provoked {
        Provoked::Gone(how) => pass(GATE, how.clone()),
        Provoked::Raised(what) => cap(GATE, format!("raises on purpose instead: {what}")),
        Provoked::Missing(what) | Provoked::Other(what) => {
            deny(GATE, format!("one crash for another: {what}"))
        }
        Provoked::Broken(what) => deny(GATE, what.clone()),
    }
}

/// A fix that its own author holds for a guess is a person's to take.
pub(super) fn claim(claimed: Confidence) -> GateReport {
    const GATE: &str = "claim";
    if claimed < Confidence::from_percent(50) {
        return cap(GATE, format!("its author is {claimed} sure: nothing states what is meant"));
    }
    pass(GATE, format!("its author is {claimed} sure"))
}

/// What a function returned, against its annotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Returned {
    /// As annotated.
    AsAnnotated,
    /// No annotation, or none that is simple.
    Unknown,
    /// Another type.
    Otherwise,
    /// `None` where the annotation doesn't allow it.
    Nothing,
}

impl Returned {
    /// From the harness's word for it.
    pub(super) fn from_word(word: &str) -> Self {
        match word {
            "ok" => Self::AsAnnotated,
            "mismatch" => Self::Otherwise,
            "none" => Self::Nothing,
            _ => Self::Unknown,
        }
    }
}

/// A `None` that the annotation doesn't allow moves the crash to the caller.
pub(super) fn types(returned: Returned) -> GateReport {
    const GATE: &str = "type";
    match returned {
        Returned::AsAnnotated => pass(GATE, "returns what its annotation says"),
        Returned::Unknown => pass(GATE, "no simple annotation to compare with"),
        Returned::Otherwise => pass(GATE, "returns another type than its annotation says"),
        Returned::Nothing => deny(GATE, "returns None, which its annotation does not allow"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guess_is_proposed_only() {
        assert_eq!(claim(Confidence::from_percent(49)).answer, GateAnswer::Cap);
        assert_eq!(claim(Confidence::from_percent(50)).answer, GateAnswer::Pass);
    }

    #[test]
    fn a_none_where_the_annotation_has_none_is_denied() {
        assert_eq!(types(Returned::from_word("none")).answer, GateAnswer::Deny);
        assert_eq!(types(Returned::from_word("mismatch")).answer, GateAnswer::Pass);
        assert_eq!(types(Returned::from_word("unknown")).answer, GateAnswer::Pass);
    }
}
