//! Running a service's suite, and what its report proves.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use aegis_core::model::TestCounts;
use serde::Deserialize;

use super::canary::{Canaries, Hatched};
use super::isolation::{End, Outcome};
use super::junit::{Report, TestOutcome};
use super::tool::{COVERAGE, JUNIT};

/// Whether a file is part of the tests or configures them.
pub(super) fn belongs(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let (folder, name) = lower.rsplit_once('/').unwrap_or(("", &lower));
    let stem = name.strip_suffix(".py").unwrap_or(name);
    let configures = ["pytest.ini", ".pytest.ini", "pytest.toml", "tox.ini", "setup.cfg"];
    folder.split('/').any(|f| matches!(f, "tests" | "test" | "testing"))
        || (name.ends_with(".py") && (stem.starts_with("test_") || stem.ends_with("_test")))
        || matches!(name, "conftest.py" | "pyproject.toml" | ".coveragerc")
        || configures.contains(&name)
}

/// Lines of one file that ran and that did not, of those that can.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(super) struct FileCoverage {
    /// Lines that ran.
    pub(super) executed: BTreeSet<u32>,
    /// Lines that can run and did not.
    pub(super) missing: BTreeSet<u32>,
}

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

/// A suite's run.
#[derive(Debug, Clone)]
pub(super) struct Suite {
    /// The report without the canaries, or why there is none that counts.
    pub(super) report: Result<Report, String>,
    /// Whether the suite holds no test at all.
    pub(super) empty: bool,
    /// What became of the canaries, where some were planted.
    pub(super) hatched: Option<Hatched>,
    /// Coverage of the measured files; `None` where it could not be measured.
    pub(super) coverage: Option<BTreeMap<String, FileCoverage>>,
    /// When it ran.
    pub(super) ran: (Instant, Duration),
}

impl Suite {
    /// Reads what a run left behind. Anything partial or contradictory is no report.
    pub(super) fn read(outcome: &Outcome, canaries: Option<&Canaries>) -> Self {
        let coverage = outcome.reports.get(COVERAGE).and_then(|c| serde_json::from_slice(c).ok());
        let mut report = Self::judge(outcome);
        let mut empty = outcome.end == End::Exited(5);
        let hatched = report.as_mut().ok().zip(canaries).map(|(r, canaries)| canaries.take(r));
        if report.as_ref().is_ok_and(|r| r.tests.is_empty()) {
            (report, empty) = (Err(NO_TESTS.into()), true);
        }
        Self { report, empty, hatched, coverage, ran: outcome.ran }
    }

    fn judge(outcome: &Outcome) -> Result<Report, String> {
        let code = match &outcome.end {
            End::Exited(code @ (0 | 1)) => *code,
            End::Exited(5) => return Err(NO_TESTS.into()),
            End::Exited(code) => {
                return Err(format!("the run broke off with code {code}: {}", last_words(outcome)));
            }
            End::TimedOut => return Err("the run reached its time limit".into()),
            End::Exceeded(limit) => return Err(format!("the run reached its limit of {limit}")),
        };
        let Some(xml) = outcome.reports.get(JUNIT) else {
            return Err(format!("the run left no report: {}", last_words(outcome)));
        };
        let report = Report::parse(&String::from_utf8_lossy(xml))
            .ok_or_else(|| String::from("the run left a partial report"))?;
        if report.declared != Some(report.entries) {
            let declared = report.declared.unwrap_or(0);
            return Err(format!("the report holds {} of {declared} tests", report.entries));
        }
        let failed = report.counts().failed > 0;
        if failed != (code == 1) {
            return Err(format!("code {code} contradicts the report"));
        }
        Ok(report)
    }

    pub(super) fn counts(&self) -> Option<TestCounts> {
        counts(&self.report, self.empty)
    }
}

const NO_TESTS: &str = "the suite holds no tests";

fn counts(report: &Result<Report, String>, empty: bool) -> Option<TestCounts> {
    match (report, empty) {
        (Ok(report), _) => Some(report.counts()),
        (Err(_), true) => Some(TestCounts::default()),
        (Err(_), false) => None,
    }
}

/// What the suite does on the base, over several runs.
#[derive(Debug, Clone)]
pub(super) struct Base {
    /// Tests that ended the same way each time, or why there is no report that counts.
    pub(super) report: Result<Report, String>,
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

/// The last line that says something, for people.
fn last_words(outcome: &Outcome) -> String {
    let (out, err) = (outcome.stdout.text(), outcome.stderr.text());
    let said = |text: &str| text.lines().rev().find(|l| !l.trim().is_empty()).map(str::to_owned);
    let mut words = said(&err).or_else(|| said(&out)).unwrap_or_else(|| "no output".into());
    words.truncate(words.char_indices().nth(200).map_or(words.len(), |(at, _)| at));
    words
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
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_red_suite_names_what_fails_and_one_without_tests_is_told_from_one_that_broke_off() {
        let of = |code: i32, xml: &str| {
            let suite = Suite::read(
                &Outcome {
                    end: End::Exited(code),
                    stdout: Default::default(),
                    stderr: Default::default(),
                    reports: BTreeMap::from([(JUNIT.to_owned(), xml.as_bytes().to_vec())]),
                    ran: (Instant::now(), Duration::ZERO),
                },
                None,
            );
            BaseSuite::of(&Base::of(&[suite]))
        };
        let red = "<testsuites><testsuite tests=\"2\"><testcase classname=\"a\" name=\"b\">\
                   <failure/></testcase><testcase classname=\"a\" name=\"c\"/></testsuite></testsuites>";
        let failing = vec![String::from("a::b")];
        assert_eq!(
            of(1, red),
            BaseSuite::Ran { counts: TestCounts::new(1, 1), failing, flaky: Vec::new() }
        );
        assert_eq!(of(5, red), BaseSuite::Empty);
        assert!(matches!(of(127, red), BaseSuite::Broken(why) if why.contains("127")));
    }

    fn judged(code: i32, declared: u32, failure: &str) -> Result<Report, String> {
        let xml = format!(
            "<testsuites><testsuite tests=\"{declared}\"><testcase classname=\"a\" name=\"b\">\
             {failure}</testcase></testsuite></testsuites>"
        );
        Suite::judge(&Outcome {
            end: End::Exited(code),
            stdout: Default::default(),
            stderr: Default::default(),
            reports: BTreeMap::from([(JUNIT.to_owned(), xml.into_bytes())]),
            ran: (Instant::now(), Duration::ZERO),
        })
    }

    #[test]
    fn a_report_counts_only_where_it_is_whole_and_agrees_with_the_code() {
        assert!(judged(0, 1, "").is_ok());
        assert!(judged(1, 1, "<failure/>").is_ok());
        assert!(judged(0, 2, "").unwrap_err().contains("1 of 2"));
        assert!(judged(0, 1, "<failure/>").unwrap_err().contains("contradicts"));
        assert!(judged(1, 1, "").unwrap_err().contains("contradicts"));
        assert!(judged(3, 1, "").unwrap_err().contains("broke off"));
    }

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
    fn tests_and_what_configures_them_are_told_from_code() {
        for path in ["tests/data.json", "a/test_b.py", "b_test.py", "conftest.py", "setup.cfg"] {
            assert!(belongs(path), "{path}");
        }
        for path in ["shop/attest.py", "latest.py", "contest.py", "testdata.json"] {
            assert!(!belongs(path), "{path}");
        }
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
