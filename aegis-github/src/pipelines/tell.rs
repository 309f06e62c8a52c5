//! What is told of a run that failed.

use std::fmt::Write as _;

use aegis_core::ci::{self, Failed, JobFailure};
use aegis_core::redact::Untrusted;
use aegis_core::{Error, Fingerprint, Result};

use super::runs::{Job, Run};
use super::{Cause, Conclusion, Pipelines, cause_of};
use crate::client::{Failure, unless_missing};

/// Jobs of a run that are read.
const JOBS: usize = 300;
/// Failed jobs, failed tests, and bytes of one line that are told.
const NAMED: usize = 10;
const TESTS: usize = 20;
const LINE: usize = 300;

/// A run that failed.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) fingerprint: Fingerprint,
    pub(super) text: Untrusted,
}

/// What the log of a job says, or why it says nothing.
type Log = Result<JobFailure, String>;

impl Pipelines {
    /// Reads what failed in `run`; `None` where GitHub has it no more. Where `without`, a log that
    /// can't be read is left out instead of being an error.
    pub(super) async fn tell(&self, run: &Run, without: bool) -> Result<Option<Told>> {
        let Some(jobs) = self.jobs(run).await? else { return Ok(None) };
        // The same one of several in each run, whatever order they came in.
        let mut failed: Vec<&Job> = jobs.iter().filter(|job| job.failed()).collect();
        failed.sort_by(|a, b| a.name.cmp(&b.name));
        let log = match failed.first() {
            Some(job) => self.log(job, without).await?,
            None => Err(String::from("no job of it failed")),
        };
        let first = failed.first().copied();
        let step = first.and_then(Job::step);
        let cause = cause_of(run.conclusion(), step, log.as_ref().ok(), jobs.len());
        Ok(Some(Told {
            fingerprint: fingerprint(run, first, log.as_ref().ok()),
            text: Untrusted::new(text(run, &failed, &log, cause)),
        }))
    }

    async fn jobs(&self, run: &Run) -> Result<Option<Vec<Job>>> {
        // By its attempt: a later one may be under way.
        let which = match run.attempted() {
            Some(attempt) => format!("attempts/{attempt}/jobs?per_page=100"),
            None => String::from("jobs?filter=latest&per_page=100"),
        };
        let path = self.repository.at(&format!("actions/runs/{}/{which}", run.id));
        unless_missing(self.repository.github().pages_of("jobs", &path, JOBS).await)
    }

    async fn log(&self, job: &Job, without: bool) -> Result<Log> {
        let path = self.repository.at(&format!("actions/jobs/{}/logs", job.id));
        Ok(match self.repository.github().download(&path).await {
            Ok(log) => Ok(ci::read(&String::from_utf8_lossy(&log))),
            Err(Failure::Refused(refused)) if refused.is_missing() => {
                Err(String::from("GitHub has it no more"))
            }
            Err(Failure::Refused(refused)) if refused.is_large() => Err(refused.message),
            Err(failure) if without => Err(Error::from(failure).to_string()),
            Err(failure) => return Err(failure.into()),
        })
    }
}

/// The workflow with the test that failed, or with the file that does not compile, or with the job's
/// step. Numbers of lines, messages and the order of tests are left out.
fn fingerprint(run: &Run, job: Option<&Job>, failure: Option<&JobFailure>) -> Fingerprint {
    let place = |failed: &Failed| match is_code(&failed.name) {
        true => failed.at.as_ref().map(|at| at.path.clone()).unwrap_or_default(),
        false => String::new(),
    };
    let tests = failure.map(|failure| &failure.tests[..]).unwrap_or_default();
    let first = tests.iter().map(|failed| (&failed.name, place(failed))).min();
    let workflow = run.workflow();
    match (first, job) {
        (Some((name, place)), _) => Fingerprint::of(["pipeline", workflow, "test", name, &place]),
        (None, Some(job)) => {
            let step = failure.and_then(|failure| failure.step.as_deref());
            let step = job.step().or(step).unwrap_or_default();
            Fingerprint::of(["pipeline", workflow, "step", &job.name, step])
        }
        (None, None) => Fingerprint::of(["pipeline", workflow, "start"]),
    }
}

/// Whether a failure's name is a compiler's and not a test's.
fn is_code(name: &str) -> bool {
    let code = name.strip_prefix('E').unwrap_or_default();
    name == "error" || (code.len() == 4 && code.bytes().all(|b| b.is_ascii_digit()))
}

/// A title, the cause, and what a person or a stage wants to know, the log last.
fn text(run: &Run, failed: &[&Job], log: &Log, cause: Cause) -> String {
    let workflow = line(run.workflow());
    let what = match (failed.first(), log) {
        (Some(job), Ok(failure)) => format!("{workflow}, job {}: {failure}", line(&job.name)),
        (Some(job), Err(_)) => {
            let step = job.step().unwrap_or("a step");
            format!("{workflow}, job {}: {} failed", line(&job.name), line(step))
        }
        (None, _) if run.conclusion() == Conclusion::StartupFailure => {
            format!("{workflow} could not start")
        }
        (None, _) => format!("{workflow} failed without a job that failed"),
    };
    let mut text = format!("{}\n{cause}\n", line(&what));
    // Writing to a string can't fail.
    let _ = writeln!(text, "run: {}, attempt {}", line(&run.html_url), run.attempt());
    let _ = writeln!(text, "commit: {}", line(&run.head_sha));
    for job in failed.iter().take(NAMED) {
        let step = job.step().map_or_else(String::new, |step| format!(", step {}", line(step)));
        let _ = writeln!(text, "failed job: {}{step}", line(&job.name));
    }
    if failed.len() > NAMED {
        let _ = writeln!(text, "failed jobs that are not named: {}", failed.len() - NAMED);
    }
    match log {
        Ok(failure) => {
            if let Some(command) = &failure.command {
                let _ = writeln!(text, "command: {command}");
            }
            for test in failure.tests.iter().take(TESTS) {
                let at = test.at.as_ref();
                let at = at.map_or_else(String::new, |at| format!(" ({}:{})", at.path, at.line));
                let _ = writeln!(text, "failed: {}{at} {}", test.name, test.message);
            }
            let _ = write!(text, "log of {}:\n{}", line(&failed[0].name), failure.excerpt);
        }
        Err(why) => {
            let _ = write!(text, "no log: {}", line(why));
        }
    }
    text
}

/// One line of bounded length.
fn line(text: &str) -> String {
    let seen: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    seen.trim()[..seen.trim().floor_char_boundary(LINE)].to_owned()
}
