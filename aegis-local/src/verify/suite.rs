//! Running a service's suite, and what its report proves.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use aegis_core::Result;
use aegis_core::model::TestCounts;
use serde::Deserialize;

use super::canary::{Canaries, Hatched};
use super::isolation::{End, Outcome};
use super::junit::Report;
use super::tool::{COVERAGE, JUNIT};
use super::workspace::Tree;

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

/// The report of a run, or why there is none that counts.
pub(super) type Judged = std::result::Result<Report, String>;

/// Lines of one file that ran and that did not, of those that can.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(super) struct FileCoverage {
    /// Lines that ran.
    pub(super) executed: BTreeSet<u32>,
    /// Lines that can run and did not.
    pub(super) missing: BTreeSet<u32>,
}

/// A suite's run.
#[derive(Debug, Clone)]
pub(super) struct Suite {
    /// The report without the canaries, or why there is none that counts.
    pub(super) report: Judged,
    /// Whether the suite holds no test at all.
    pub(super) empty: bool,
    /// What became of the canaries, where some were planted.
    pub(super) hatched: Option<Hatched>,
    /// Coverage of the measured files; `None` where it could not be measured.
    pub(super) coverage: Option<BTreeMap<String, FileCoverage>>,
    /// When it ran.
    pub(super) ran: (Instant, Duration),
}

/// What runs a service's suite on a tree: one for each kind of service.
pub(super) trait Suites: Sync {
    /// Runs it once.
    fn run(&self, tree: &Tree, ask: &Ask<'_>) -> impl Future<Output = Result<Suite>> + Send;
}

/// What is asked of one run beside its report.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ask<'a> {
    /// Files whose coverage is wanted, where it can be had.
    pub(super) measured: Option<&'a [&'a str]>,
    /// Whether canaries are planted.
    pub(super) plant: bool,
    /// Seed of what may be ordered in one way or another.
    pub(super) seed: u32,
}

impl Suite {
    /// Takes the canaries out of what a run reported.
    pub(super) fn new(
        outcome: &Outcome,
        mut report: Judged,
        canaries: Option<&Canaries>,
        coverage: Option<BTreeMap<String, FileCoverage>>,
    ) -> Self {
        let hatched = report.as_mut().ok().zip(canaries).map(|(r, canaries)| canaries.take(r));
        let empty = report.as_ref().map_or_else(|e| e == NO_TESTS, |r| r.tests.is_empty());
        if empty {
            report = Err(NO_TESTS.into());
        }
        Self { report, empty, hatched, coverage, ran: outcome.ran }
    }

    /// Reads what a run with a junit report left behind. Anything partial or contradictory is no report.
    pub(super) fn read(outcome: &Outcome, canaries: Option<&Canaries>) -> Self {
        let coverage = outcome.reports.get(COVERAGE).and_then(|c| serde_json::from_slice(c).ok());
        Self::new(outcome, Self::judge(outcome), canaries, coverage)
    }

    fn judge(outcome: &Outcome) -> Judged {
        let code = match exit(outcome)? {
            code @ (0 | 1) => code,
            5 => return Err(NO_TESTS.into()),
            code => {
                return Err(format!("the run broke off with code {code}: {}", last_words(outcome)));
            }
        };
        let Some(xml) = outcome.reports.get(JUNIT) else {
            return Err(format!("the run left no report: {}", last_words(outcome)));
        };
        let report = Report::parse(&String::from_utf8_lossy(xml))
            .ok_or_else(|| String::from("the run left a partial report"))?;
        agrees(report, code, 1)
    }

    pub(super) fn counts(&self) -> Option<TestCounts> {
        counts(&self.report, self.empty)
    }
}

pub(super) const NO_TESTS: &str = "the suite holds no tests";

/// The code that a run ended with, or why it has none that counts.
pub(super) fn exit(outcome: &Outcome) -> std::result::Result<i32, String> {
    match &outcome.end {
        End::Exited(code) => Ok(*code),
        End::TimedOut => Err("the run reached its time limit".into()),
        End::Exceeded(limit) => Err(format!("the run reached its limit of {limit}")),
    }
}

/// A report that is whole, and says what the code says: `failing` is the one for failed tests.
pub(super) fn agrees(report: Report, code: i32, failing: i32) -> Judged {
    if report.declared != Some(report.entries) {
        let declared = report.declared.unwrap_or(0);
        return Err(format!("the report holds {} of {declared} tests", report.entries));
    }
    let failed = report.counts().failed > 0;
    if failed != (code == failing) {
        return Err(format!("code {code} contradicts the report"));
    }
    Ok(report)
}

pub(super) fn counts(report: &Judged, empty: bool) -> Option<TestCounts> {
    match (report, empty) {
        (Ok(report), _) => Some(report.counts()),
        (Err(_), true) => Some(TestCounts::default()),
        (Err(_), false) => None,
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::base::{Base, BaseSuite};
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

    fn judged(code: i32, declared: u32, failure: &str) -> Judged {
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
    fn tests_and_what_configures_them_are_told_from_code() {
        for path in ["tests/data.json", "a/test_b.py", "b_test.py", "conftest.py", "setup.cfg"] {
            assert!(belongs(path), "{path}");
        }
        for path in ["shop/attest.py", "latest.py", "contest.py", "testdata.json"] {
            assert!(!belongs(path), "{path}");
        }
    }
}
