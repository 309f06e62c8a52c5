//! What runs a suite: how its command is known, and how it is rewritten.

use std::collections::BTreeMap;

use super::canary::Canaries;
use super::{pytest, unittest};

pub(super) const JUNIT: &str = "junit.xml";
pub(super) const COVERAGE: &str = "coverage.json";

/// What measures the lines that run, for every kind of suite.
const MEASURE: &str = include_str!("harness/aegis_coverage.py");

/// What says where canaries come, for every kind of suite.
const PLANT: &str = include_str!("harness/aegis_planting.py");

/// What runs a suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tool {
    /// pytest, also where another program starts it: it is told by its environment.
    Pytest,
    /// `python -m unittest`.
    Unittest,
}

impl Tool {
    /// What a service's command runs.
    pub(super) fn of(command: &str) -> Self {
        if unittest::is(command) { Self::Unittest } else { Self::Pytest }
    }

    /// The command for one file and the tests whose names hold a word, where it can be rewritten.
    pub(super) fn one(self, command: &str, file: &str, word: &str) -> Option<String> {
        if file.contains('\'') {
            return None;
        }
        match self {
            Self::Pytest => pytest::one(command, file, word),
            Self::Unittest => unittest::one(command, file, word),
        }
    }
}

/// What is added to a job that runs a suite.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) command: String,
    pub(super) env: BTreeMap<String, String>,
    pub(super) files: BTreeMap<String, String>,
}

impl Plan {
    /// The service's own command; `measured` are the files whose coverage is wanted, where it can be
    /// had, `env` the service's own variables.
    pub(super) fn new(
        command: &str,
        measured: Option<&[&str]>,
        canaries: Option<&Canaries>,
        env: &BTreeMap<String, String>,
    ) -> Self {
        let list = measured.map(|files| files.join(",")).filter(|list| !list.contains('\''));
        let mut plan = match Tool::of(command) {
            Tool::Pytest => pytest::plan(command, list.as_deref(), canaries, env),
            Tool::Unittest => unittest::plan(command, list.as_deref(), canaries),
        };
        plan.add("aegis_coverage.py", MEASURE);
        plan.add("aegis_planting.py", PLANT);
        plan
    }

    pub(super) fn add(&mut self, name: &str, text: &str) {
        self.files.insert(name.to_owned(), text.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_says_what_runs_it_and_what_nobody_knows_is_told_as_pytest_is() {
        for command in ["python -m unittest", "A=1 /v/bin/python3.12 -m unittest discover -s tests"]
        {
            assert_eq!(Tool::of(command), Tool::Unittest, "{command}");
        }
        for command in ["pytest", "python -m pytest tests", "make test", "python unittest.py", ""] {
            assert_eq!(Tool::of(command), Tool::Pytest, "{command}");
        }
    }

    #[test]
    fn a_file_that_would_leave_its_quotes_is_not_named() {
        for command in ["pytest", "python -m unittest"] {
            let env = BTreeMap::new();
            let plan = Plan::new(command, Some(&["it's.py"]), None, &env);
            assert!(!plan.command.contains("it's"), "{}", plan.command);
            assert_eq!(Tool::of(command).one(command, "it's.py", "w"), None);
        }
    }
}
