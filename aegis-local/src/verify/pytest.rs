//! Running a service's suite, and what its report proves.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use aegis_core::model::TestCounts;
use serde::Deserialize;

use super::isolation::{End, Outcome};
use super::junit::{Report, TestOutcome};

pub(super) const COVER: &str = include_str!("harness/cover.py");
pub(super) const JUNIT: &str = "junit.xml";
pub(super) const COVERAGE: &str = "coverage.json";

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
        /// Ids of the tests that failed, sorted.
        failing: Vec<String>,
    },
    /// It holds no test: a fix may be proposed and never merged.
    Empty,
    /// It broke off or reached a limit, and why: no fix passes.
    Broken(String),
}

impl BaseSuite {
    pub(super) fn of(suite: &Suite) -> Self {
        match &suite.report {
            Ok(report) => {
                let failed = report.tests.iter().filter(|(_, end)| **end == TestOutcome::Failed);
                let failing = failed.map(|(id, _)| id.clone()).collect();
                Self::Ran { counts: report.counts(), failing }
            }
            Err(_) if suite.empty => Self::Empty,
            Err(why) => Self::Broken(why.clone()),
        }
    }
}

/// A suite's run.
#[derive(Debug, Clone)]
pub(super) struct Suite {
    /// The report, or why there is none that counts.
    pub(super) report: Result<Report, String>,
    /// Whether the suite holds no test at all.
    pub(super) empty: bool,
    /// Coverage of the measured files; `None` where it could not be measured.
    pub(super) coverage: Option<BTreeMap<String, FileCoverage>>,
    /// When it ran.
    pub(super) ran: (Instant, Duration),
}

impl Suite {
    /// Reads what a run left behind. Anything partial or contradictory is no report.
    pub(super) fn read(outcome: &Outcome) -> Self {
        let coverage = outcome.reports.get(COVERAGE).and_then(|c| serde_json::from_slice(c).ok());
        let report = Self::judge(outcome);
        let empty = outcome.end == End::Exited(5);
        Self { report, empty, coverage, ran: outcome.ran }
    }

    fn judge(outcome: &Outcome) -> Result<Report, String> {
        let code = match &outcome.end {
            End::Exited(code @ (0 | 1)) => *code,
            End::Exited(5) => return Err("the suite holds no tests".into()),
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
        match (&self.report, self.empty) {
            (Ok(report), _) => Some(report.counts()),
            (Err(_), true) => Some(TestCounts::default()),
            (Err(_), false) => None,
        }
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
    pub(super) fn between(before: &Report, after: &Report) -> Self {
        let mut found = Self::default();
        for (id, now) in &after.tests {
            let then = before.tests.get(id);
            if *now == TestOutcome::Failed && then != Some(now) {
                found.failing.push(id.clone());
            } else if *now == TestOutcome::Skipped && then == Some(&TestOutcome::Passed) {
                found.skipped.push(id.clone());
            }
        }
        let gone = before.tests.keys().filter(|id| !after.tests.contains_key(*id));
        found.gone.extend(gone.cloned());
        found
    }
}

/// The suite's command with the coverage of `files`, where it is one that can be rewritten:
/// `pytest …` or `python -m pytest …`, with assignments before it.
pub(super) fn with_coverage(command: &str, files: &[&str]) -> Option<String> {
    let mut at = 0;
    let mut words = command.split_inclusive(' ').map(|word| {
        let start = at;
        at += word.len();
        (start, at, word.trim())
    });
    let is_assignment =
        |w: &str| w.split_once('=').is_some_and(|(n, _)| !n.is_empty() && is_name(n));
    let (start, end, first) = words.find(|(_, _, w)| !w.is_empty() && !is_assignment(w))?;
    let name = first.rsplit('/').next()?;
    let (python, form, rest) = if matches!(name, "pytest" | "py.test") {
        let python = first.rsplit_once('/').map(|(folder, _)| format!("{folder}/python"));
        (python.unwrap_or_else(|| "python".into()), "script", &command[end..])
    } else if name.starts_with("python") {
        let mut words = words.filter(|(_, _, w)| !w.is_empty());
        let (_, _, flag) = words.next()?;
        let (_, end, module) = words.next()?;
        if flag != "-m" || module != "pytest" {
            return None;
        }
        (first.to_owned(), "module", &command[end..])
    } else {
        return None;
    };
    let before = &command[..start];
    let list = files.join(",");
    if list.contains('\'') {
        return None;
    }
    Some(format!("{before}{python} -B /aegis/cover.py {form} /out/{COVERAGE} '{list}' {rest}"))
}

fn is_name(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn both_forms_of_a_pytest_command_are_measured_and_others_are_left_alone() {
        let of = |command| with_coverage(command, &["a.py", "b.py"]);
        assert_eq!(
            of("pytest -q tests").as_deref(),
            Some("python -B /aegis/cover.py script /out/coverage.json 'a.py,b.py' -q tests")
        );
        assert_eq!(
            of("A=1 /v/bin/python3 -m pytest").as_deref(),
            Some("A=1 /v/bin/python3 -B /aegis/cover.py module /out/coverage.json 'a.py,b.py' ")
        );
        assert_eq!(
            of("/v/bin/pytest").as_deref(),
            Some("/v/bin/python -B /aegis/cover.py script /out/coverage.json 'a.py,b.py' ")
        );
        assert_eq!(of("make test"), None);
        assert_eq!(of("python run.py"), None);
        assert_eq!(with_coverage("pytest", &["it's.py"]), None);
    }

    #[test]
    fn a_red_suite_names_what_fails_and_one_without_tests_is_told_from_one_that_broke_off() {
        let of = |code: i32, xml: &str| {
            let suite = Suite::read(&Outcome {
                end: End::Exited(code),
                stdout: Default::default(),
                stderr: Default::default(),
                reports: BTreeMap::from([(JUNIT.to_owned(), xml.as_bytes().to_vec())]),
                ran: (Instant::now(), Duration::ZERO),
            });
            BaseSuite::of(&suite)
        };
        let red = "<testsuites><testsuite tests=\"2\"><testcase classname=\"a\" name=\"b\">\
                   <failure/></testcase><testcase classname=\"a\" name=\"c\"/></testsuite></testsuites>";
        let failing = vec![String::from("a::b")];
        assert_eq!(of(1, red), BaseSuite::Ran { counts: TestCounts::new(1, 1), failing });
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
        ]);
        let found = Regressions::between(&before, &after);
        assert_eq!(found.failing, ["f", "g", "h"]);
        assert_eq!((found.skipped, found.gone), (vec!["b".into()], vec!["d".into()]));
    }
}
