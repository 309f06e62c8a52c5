//! A suite on the base, over several runs, and what became of its tests on another tree.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use aegis_core::Result;
use aegis_core::model::TestCounts;

use super::canary::Hatched;
use super::junit::{Report, TestOutcome};
use super::suite::{Ask, Judged, NO_TESTS, Suite, Suites, counts};
use super::workspace::Tree;

/// How a service's suite ran before any change.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BaseSuite {
    /// To its end. What fails in it may fail on a patched tree too: a fix is compared with it.
    Ran {
        /// How many tests passed and failed.
        counts: TestCounts,
        /// Ids of the tests that failed each time, sorted.
        failing: Vec<String>,
        /// Ids of the tests that did not end the same way each time, sorted.
        flaky: Vec<String>,
    },
    /// It holds no test: a fix may be proposed and never merged.
    Empty,
    /// It broke off or reached a limit, and why: no fix passes.
    Broken(String),
}

impl BaseSuite {
    pub(super) fn of(base: &Base) -> Self {
        match &base.report {
            Ok(report) => {
                let failed = report.tests.iter().filter(|(_, end)| **end == TestOutcome::Failed);
                let failing = failed.map(|(id, _)| id.clone()).collect();
                let flaky = base.flaky.iter().cloned().collect();
                Self::Ran { counts: report.counts(), failing, flaky }
            }
            Err(_) if base.empty => Self::Empty,
            Err(why) => Self::Broken(why.clone()),
        }
    }
}

/// What the suite does on the base, over several runs.
#[derive(Debug, Clone)]
pub(super) struct Base {
    /// Tests that ended the same way each time, or why there is no report that counts.
    pub(super) report: Judged,
    /// Whether the suite holds no test at all.
    pub(super) empty: bool,
    /// Tests that did not end the same way each time. They have to be there, and say nothing.
    pub(super) flaky: BTreeSet<String>,
    /// Whether canaries can be planted, as far as is known: a run that broke off does not say.
    pub(super) planted: bool,
    /// When it ran.
    pub(super) runs: Vec<(Instant, Duration)>,
}

impl Base {
    /// Runs the suite `times`, with another seed each time, so that what hangs on an order shows.
    /// Canaries are left out where the suite does not run with them.
    pub(super) async fn measure(suites: &impl Suites, tree: &Tree, times: u32) -> Result<Self> {
        let mut plant = true;
        let mut ran = Vec::new();
        for seed in 0..times.max(1) {
            let mut suite = suites.run(tree, &Ask { measured: None, plant, seed }).await?;
            if seed == 0 && suite.report.is_err() && !suite.empty {
                let without = suites.run(tree, &Ask { seed, ..Ask::default() }).await?;
                if without.report.is_ok() {
                    (plant, suite) = (false, without);
                }
            }
            let broken = suite.report.is_err();
            ran.push(suite);
            if broken {
                break;
            }
        }
        Ok(Self::of(&ran))
    }

    /// What several runs have in common.
    pub(super) fn of(suites: &[Suite]) -> Self {
        let broken = suites.iter().find_map(|s| s.report.as_ref().err());
        let mut base = Self {
            report: Err(broken.cloned().unwrap_or_else(|| NO_TESTS.into())),
            empty: suites.iter().all(|s| s.empty),
            flaky: BTreeSet::new(),
            planted: suites.iter().all(|s| s.hatched.map_or(s.report.is_err(), Hatched::held)),
            runs: suites.iter().map(|s| s.ran).collect(),
        };
        let reports: Vec<&Report> = suites.iter().filter_map(|s| s.report.as_ref().ok()).collect();
        if let (None, [first, others @ ..]) = (broken, &reports[..]) {
            let mut stable = Report::clone(first);
            for id in reports.iter().flat_map(|r| r.tests.keys()) {
                if others.iter().any(|other| other.tests.get(id) != first.tests.get(id)) {
                    stable.tests.remove(id);
                    base.flaky.insert(id.clone());
                }
            }
            base.report = Ok(stable);
        }
        base
    }

    pub(super) fn counts(&self) -> Option<TestCounts> {
        counts(&self.report, self.empty)
    }

    /// How long one run took, the longest of them.
    pub(super) fn longest(&self) -> Duration {
        self.runs.iter().map(|(_, took)| *took).max().unwrap_or_default()
    }
}

/// What became of the tests from one run to the next.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Regressions {
    /// Tests that fail and did not before, those that were not there among them.
    pub(super) failing: Vec<String>,
    /// Tests that passed and are skipped.
    pub(super) skipped: Vec<String>,
    /// Tests that are gone.
    pub(super) gone: Vec<String>,
}

impl Regressions {
    pub(super) fn between(before: &Report, flaky: &BTreeSet<String>, after: &Report) -> Self {
        let mut found = Self::default();
        for (id, now) in after.tests.iter().filter(|(id, _)| !flaky.contains(*id)) {
            let then = before.tests.get(id);
            if *now == TestOutcome::Failed && then != Some(now) {
                found.failing.push(id.clone());
            } else if *now == TestOutcome::Skipped && then == Some(&TestOutcome::Passed) {
                found.skipped.push(id.clone());
            }
        }
        let gone = before.tests.keys().chain(flaky).filter(|id| !after.tests.contains_key(*id));
        found.gone.extend(gone.filter(|id| !loads(id, after)).cloned());
        found
    }
}

/// Whether `id` is what unittest had in place of a module that could not be loaded, and can be now.
fn loads(id: &str, after: &Report) -> bool {
    id.strip_prefix("unittest.loader._FailedTest::").is_some_and(|module| {
        let owner = format!("{module}.");
        let of = |id: &String| id.starts_with(&owner) || id.contains(&format!(".{owner}"));
        after.tests.keys().any(of)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_new_failure_a_lost_test_and_a_pass_turned_to_skip_are_regressions() {
        let report = |tests: &[(&str, TestOutcome)]| Report {
            tests: tests.iter().map(|(id, o)| ((*id).to_owned(), *o)).collect(),
            ..Report::default()
        };
        use TestOutcome::{Failed, Passed, Skipped};
        let before = report(&[
            ("a", Passed),
            ("b", Passed),
            ("c", Failed),
            ("d", Passed),
            ("f", Passed),
            ("g", Skipped),
        ]);
        let after = report(&[
            ("a", Passed),
            ("b", Skipped),
            ("c", Failed),
            ("e", Passed),
            ("f", Failed),
            ("g", Failed),
            ("h", Failed),
            ("i", Failed),
        ]);
        let flaky = BTreeSet::from([String::from("i"), String::from("j")]);
        let found = Regressions::between(&before, &flaky, &after);
        assert_eq!(found.failing, ["f", "g", "h"]);
        assert_eq!((found.skipped, found.gone), (vec!["b".into()], vec!["d".into(), "j".into()]));
    }

    #[test]
    fn a_module_that_can_be_loaded_again_is_not_gone() {
        let of = |ids: &[&str]| Report {
            tests: ids.iter().map(|id| ((*id).to_owned(), TestOutcome::Passed)).collect(),
            ..Report::default()
        };
        let before = of(&["unittest.loader._FailedTest::test_a"]);
        let gone =
            |after: &[&str]| Regressions::between(&before, &BTreeSet::new(), &of(after)).gone.len();
        assert_eq!(gone(&["tests.test_a.Case::test_x"]), 0);
        assert_eq!(gone(&["test_a.Case::test_x"]), 0);
        assert_eq!(gone(&["test_ab.Case::test_x"]), 1);
    }

    #[test]
    fn a_test_that_does_not_always_end_the_same_way_is_flaky_and_does_not_count() {
        use TestOutcome::{Failed, Passed};
        let run = |a, b| Suite {
            report: Ok(Report {
                tests: BTreeMap::from([("a".to_owned(), a), ("b".to_owned(), b)]),
                ..Report::default()
            }),
            empty: false,
            hatched: None,
            coverage: None,
            ran: (Instant::now(), Duration::ZERO),
        };
        let base = Base::of(&[run(Passed, Passed), run(Passed, Failed), run(Passed, Passed)]);
        assert_eq!(base.flaky, BTreeSet::from(["b".to_owned()]));
        assert_eq!(base.counts(), Some(TestCounts::new(1, 0)));
        let mut broken = run(Passed, Passed);
        broken.report = Err("the run reached its time limit".into());
        assert!(Base::of(&[run(Passed, Passed), broken]).report.is_err());
    }
}
