//! What broke a run, as far as GitHub and the log tell.

use std::fmt;

use aegis_core::ci::JobFailure;

/// How a run, a job or a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Conclusion {
    /// It succeeded.
    Success,
    /// It failed, or took too long.
    Failure,
    /// It could not even start.
    StartupFailure,
    /// It says nothing about the code: cancelled, skipped, neutral, stale, waiting for somebody, or
    /// what is not known here.
    Silent,
}

impl Conclusion {
    /// As GitHub words it; it may word none.
    pub fn of(word: Option<&str>) -> Self {
        match word {
            Some("success") => Self::Success,
            Some("failure" | "timed_out") => Self::Failure,
            Some("startup_failure") => Self::StartupFailure,
            _ => Self::Silent,
        }
    }

    /// Whether it counts as failed.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Failure | Self::StartupFailure)
    }
}

/// What has to change for a run to pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// The code: a test failed, or it does not compile.
    Code,
    /// The workflow or its surroundings: its file, a tool, an action or a secret.
    Configuration,
    /// Neither can be told.
    Unknown,
}

const CODE: &str = "cause: code";
const CONFIGURATION: &str = "cause: configuration";
const UNKNOWN: &str = "cause: unknown";

impl Cause {
    /// The cause that the detail of a symptom tells, in its second line; `None` for what is no
    /// pipeline's. What a log says itself comes later and is not read.
    ///
    /// ```
    /// use aegis_github::Cause;
    /// let detail = "ci.yml failed in test\ncause: code\nlog:\ncause: unknown\n";
    /// assert_eq!(Cause::told(detail), Some(Cause::Code));
    /// ```
    pub fn told(detail: &str) -> Option<Self> {
        match detail.lines().nth(1)? {
            CODE => Some(Self::Code),
            CONFIGURATION => Some(Self::Configuration),
            UNKNOWN => Some(Self::Unknown),
            _ => None,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Code => CODE,
            Self::Configuration => CONFIGURATION,
            Self::Unknown => UNKNOWN,
        })
    }
}

/// What an action, or the runner itself, says where a setting is missing.
const SAID: [&str; 5] = [
    "Input required and not supplied",
    "Unable to resolve action",
    "Can't find 'action.yml'",
    "Unable to locate executable file",
    "uses a deprecated version of",
];

/// Why a run failed: how it ended, the job's step that failed, and what its log says; `None` for what
/// is not there. A run that failed without any job has a file that GitHub can't use.
///
/// A failed test or compilation is the code's. A run that did not start, one without a job, a command
/// that does not exist (exit code 126 or 127) and an action that says what it misses are the
/// configuration's. All else is unknown: a network that was away looks like many things.
pub fn cause_of(
    conclusion: Conclusion,
    step: Option<&str>,
    failure: Option<&JobFailure>,
    jobs: usize,
) -> Cause {
    if conclusion == Conclusion::StartupFailure || jobs == 0 {
        return Cause::Configuration;
    }
    let Some(failure) = failure else { return Cause::Unknown };
    if !failure.tests.is_empty() {
        return Cause::Code;
    }
    let missing = matches!(failure.exit, Some(126 | 127));
    // What a program of the service's own prints is no action's word.
    let title = failure.step.as_deref().or(step).unwrap_or_default();
    let action = failure.exit.is_none() || title.starts_with("Set up job");
    let says = SAID.iter().any(|words| failure.excerpt.contains(words));
    if missing || (action && says) { Cause::Configuration } else { Cause::Unknown }
}
