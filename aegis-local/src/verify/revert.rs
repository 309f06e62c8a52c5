//! Taking a release back: its gates, and its score.

use aegis_core::model::{GateReport, Score};

use super::base::{Base, Regressions};
use super::gates::{Provoked, cap, deny, first_of, pass};
use super::score::Evidence;
use super::suite::Suite;

/// Terms of the quality of a revert: name, weight in basis points.
///
/// They add up to 10,000. `known`: what is left is, file by file, what ran before the release.
/// `reproduction`: the failure happened before and is gone. `meaning`: it says why.
const WEIGHTS: [(&str, u32); 3] = [("known", 5000), ("reproduction", 3500), ("meaning", 1500)];

const MERGE: &str = "clean-merge";

/// The release comes out of what came after it without a conflict.
pub(super) fn clean(files: usize) -> GateReport {
    pass(MERGE, format!("comes out of what came later; {files} files change"))
}

pub(super) fn not_clean(why: impl Into<String>) -> GateReport {
    deny(MERGE, why)
}

/// Nothing fails on the reverted tree that did not fail before. Tests that came with the release may
/// go with it.
pub(super) fn tests(base: &Base, after: &Suite) -> GateReport {
    const GATE: &str = "tests";
    let none = Default::default();
    let after = match &after.report {
        Err(why) if after.empty => return cap(GATE, why.clone()),
        Err(why) => return deny(GATE, why.clone()),
        Ok(after) => after,
    };
    // A release that broke its own suite has nothing to compare with: then all of it has to pass.
    let found = Regressions::between(base.report.as_ref().unwrap_or(&none), &base.flaky, after);
    let counts = after.counts();
    if !found.failing.is_empty() {
        deny(GATE, format!("fails and did not before: {}", first_of(&found.failing)))
    } else if counts.passed == 0 {
        cap(GATE, "no test passes on the reverted tree")
    } else {
        let (passed, failed, gone) = (counts.passed, counts.failed, found.gone.len());
        pass(GATE, format!("{passed} pass, {failed} fail as before, {gone} go with the release"))
    }
}

/// A release may be at fault for what no request and no call shows.
pub(super) fn reproduction(how: Result<&str, &str>) -> GateReport {
    const GATE: &str = "reproduction";
    match how {
        Ok(how) => pass(GATE, how),
        Err(tried) => pass(GATE, format!("not reproduced, which a revert does not need: {tried}")),
    }
}

/// The failure is gone; what came with the release may be gone as well.
pub(super) fn reproduction_fixed(provoked: &Provoked) -> GateReport {
    const GATE: &str = "reproduction-fixed";
    match provoked {
        Provoked::Gone(how) => pass(GATE, how.clone()),
        Provoked::Missing(what) => pass(GATE, format!("can no longer be called: {what}")),
        Provoked::Raised(what) | Provoked::Other(what) => {
            cap(GATE, format!("fails in another way: {what}"))
        }
        Provoked::Broken(what) => deny(GATE, what.clone()),
    }
}

/// How a revert is scored.
///
/// Lines of a tree that ran before the release count as run, as do those of a revert that only
/// deletes whole files: there are none. Any other mixture was never run and is measured.
pub(super) fn score(evidence: &Evidence<'_>, known: bool, others: usize) -> (Score, Vec<String>) {
    let only_deletes = others == 0 && evidence.changes.iter().all(|c| c.after.is_none());
    let run = match (known, only_deletes) {
        (true, _) => Some("what is left is what ran before the release"),
        (false, true) => Some("only whole files go"),
        (false, false) => None,
    };
    let meaning = !evidence.fix.meaning.trim().is_empty();
    let shares = [known, evidence.reproduced, meaning].map(|yes| if yes { 1.0 } else { 0.0 });
    evidence.weigh(run, WEIGHTS.into_iter().zip(shares))
}

#[cfg(test)]
mod tests {
    use aegis_core::Confidence;
    use aegis_core::model::{Fix, FixKind, GateAnswer, TestCounts};
    use aegis_core::patch::{FileChange, Patch, Tier};

    use super::super::gates::Returned;
    use super::super::score::Ran;
    use super::*;

    #[test]
    fn the_weights_add_up() {
        assert_eq!(WEIGHTS.iter().map(|(_, w)| w).sum::<u32>(), 10_000);
    }

    #[test]
    fn what_never_ran_before_has_to_be_run_to_count() {
        let fix = Fix::new(FixKind::Patch(Patch::new("r".into(), Vec::new())), "t", "a");
        let change = |after: Option<&str>| FileChange {
            path: "m.py".into(),
            before: Some("x = 1\n".into()),
            after: after.map(Into::into),
            tier: Tier::Exact,
        };
        let of = |after, known, others| {
            let evidence = Evidence {
                fix: &fix,
                changes: &[change(after)],
                after: Some(TestCounts::new(1, 0)),
                suite: None,
                reproduction: &Ran::new(),
                reproduced: false,
                raises: false,
                returned: Returned::Unknown,
                depth: None,
            };
            score(&evidence, known, others).0
        };
        let full = Confidence::FULL;
        let half = Confidence::from_percent(50);
        assert_eq!(of(Some("x = 2\n"), true, 0), Score::new(full, full, half));
        assert_eq!(of(Some("x = 2\n"), false, 0).coverage, Confidence::NONE);
        assert_eq!(of(None, false, 0), Score::new(full, full, Confidence::NONE));
        assert_eq!(of(None, false, 1).coverage, Confidence::NONE);
    }

    #[test]
    fn only_the_same_failure_or_a_broken_service_denies() {
        let answer = |provoked| reproduction_fixed(&provoked).answer;
        let text = String::new;
        assert_eq!(answer(Provoked::Gone(text())), GateAnswer::Pass);
        assert_eq!(answer(Provoked::Missing(text())), GateAnswer::Pass);
        assert_eq!(answer(Provoked::Raised(text())), GateAnswer::Cap);
        assert_eq!(answer(Provoked::Other(text())), GateAnswer::Cap);
        assert_eq!(answer(Provoked::Broken(text())), GateAnswer::Deny);
    }
}
