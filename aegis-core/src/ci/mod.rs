//! The log of a job in, what failed in it out. Pure.
//!
//! A job's log is thousands of lines, of which a few say why it failed: the step, its command, the
//! tests and the places in the code. Each test runner is read by a file of its own; what none of them
//! knows still gives the step, the command and the end of its output.
//!
//! ```
//! use aegis_core::ci;
//!
//! let log = [
//!     "##[group]Run pytest -q",
//!     "pytest -q",
//!     "shell: /usr/bin/bash -e {0}",
//!     "##[endgroup]",
//!     "F                                                        [100%]",
//!     "=================================== FAILURES ===================================",
//!     "__________________________________ test_total __________________________________",
//!     "",
//!     "    def test_total():",
//!     ">       assert total([]) == 0",
//!     "E       ZeroDivisionError: division by zero",
//!     "",
//!     "tests/test_cart.py:4: ZeroDivisionError",
//!     "=========================== short test summary info ============================",
//!     "FAILED tests/test_cart.py::test_total - ZeroDivisionError: division by zero",
//!     "1 failed in 0.02s",
//!     "##[error]Process completed with exit code 1.",
//! ];
//! let failure = ci::read(&log.join("\n"));
//! assert_eq!(failure.command.as_deref(), Some("pytest -q"));
//! assert_eq!(failure.exit, Some(1));
//! assert_eq!(failure.tests[0].name, "tests/test_cart.py::test_total");
//! assert_eq!(failure.tests[0].message, "ZeroDivisionError: division by zero");
//! assert_eq!(failure.tests[0].at.as_ref().map(|at| at.line), Some(4));
//! ```

mod cargo;
mod excerpt;
mod pytest;
mod raised;
mod step;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::raised::raised;
use crate::model::Location;

/// Bytes of a log that are read: its end, where what failed is.
const READ: usize = 16 * 1_024 * 1_024;
/// Tests and errors that are kept of one job.
const MOST: usize = 100;
/// Bytes of one name or message.
const TEXT: usize = 500;

/// What ran the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Runner {
    /// pytest.
    Pytest,
    /// `cargo test`, `cargo nextest`, or what compiles before them.
    Cargo,
}

/// A test that failed, or a place that would not compile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Failed {
    /// The test as its runner names it, or the error's code: `tests/test_a.py::test_b`, `E0308`.
    pub name: String,
    /// Why, in one line; empty where that is not said.
    pub message: String,
    /// Where, in the repository, where that is said.
    pub at: Option<Location>,
}

/// What failed in a job.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct JobFailure {
    /// The step, as the log titles it: `Run pytest -q`.
    pub step: Option<String>,
    /// What that step ran, all its lines.
    pub command: Option<String>,
    /// What that ended with.
    pub exit: Option<i32>,
    /// What ran the tests, where it is one that is known.
    pub runner: Option<Runner>,
    /// What failed, in the order of the log; at most 100.
    pub tests: Vec<Failed>,
    /// The part of the log that says so; at most 16 KiB, its middle left out where it is longer.
    pub excerpt: String,
}

impl fmt::Display for JobFailure {
    /// One line: `Run pytest -q failed (exit code 1): 2 tests, tests/test_a.py::test_b and more`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed", self.step.as_deref().unwrap_or("a step"))?;
        if let Some(exit) = self.exit {
            write!(f, " (exit code {exit})")?;
        }
        match &self.tests[..] {
            [] => Ok(()),
            [one] => write!(f, ": {}", one.name),
            [first, rest @ ..] => write!(f, ": {} and {} more", first.name, rest.len()),
        }
    }
}

/// Reads the log of a job that failed, as GitHub Actions and others write it, with or without times
/// and colours. What can't be told stays empty; nothing is ever refused.
pub fn read(log: &str) -> JobFailure {
    let text = step::plain(tail(log));
    let step = step::failed(&text);
    let output = step.output;
    let found = pytest::read(output).or_else(|| cargo::read(output));
    let (runner, mut tests, part) = match found {
        Some(Found { runner, tests, part }) => (Some(runner), tests, part),
        None => (None, Vec::new(), output),
    };
    tests.truncate(MOST);
    JobFailure {
        step: step.title.map(line),
        command: step.command.map(|command| excerpt::cut(&command, TEXT * 4)),
        exit: step.exit,
        runner,
        tests,
        excerpt: excerpt::of(part),
    }
}

/// What a reader makes of a step's output.
struct Found<'a> {
    runner: Runner,
    tests: Vec<Failed>,
    /// The part of the output that is about them.
    part: &'a str,
}

impl Failed {
    fn new(name: &str, message: &str, at: Option<Location>) -> Self {
        Self { name: line(name), message: line(message), at }
    }
}

/// One line of bounded length.
fn line(text: &str) -> String {
    excerpt::cut(text.trim().lines().next().unwrap_or_default(), TEXT)
}

/// The end of a log that is too long to be read.
fn tail(log: &str) -> &str {
    &log[log.ceil_char_boundary(log.len().saturating_sub(READ))..]
}

/// A path of the repository: runners print those relative to where they run.
fn place(path: &str, line: &str) -> Option<Location> {
    let path = path.trim().trim_start_matches("./").replace('\\', "/");
    let outside = path.is_empty() || path.starts_with('/') || path.contains("..");
    let line = line.trim().parse().ok().filter(|line| *line > 0)?;
    (!outside && path.len() <= TEXT).then(|| Location::new(path, line))
}
