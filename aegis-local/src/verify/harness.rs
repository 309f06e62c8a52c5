//! What is told to the harness's scripts inside, and what they write.

use std::collections::BTreeMap;

use aegis_core::model::Trigger;
use aegis_core::trace::Argument;
use aegis_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::isolation::{End, Outcome};
use super::runner::Runner;
use super::wanted::{Target, Wanted};
use super::workspace::Tree;

pub(super) const REPLAY: &str = include_str!("harness/replay.py");
pub(super) const SEARCH: &str = include_str!("harness/search.py");
pub(super) const PROBE: &str = include_str!("harness/probe.py");
const CALLS: &str = include_str!("harness/calls.py");
const CANON: &str = include_str!("harness/canon.py");
const CONDUCT: &str = include_str!("harness/conduct.py");
const INPUTS: &str = include_str!("harness/inputs.py");
const SHAPES: &str = include_str!("harness/shapes.py");
const LINES: &str = include_str!("harness/lines.py");
const ANNOTATION: &str = include_str!("harness/annotation.py");
const SITE: &str = include_str!("harness/sitecustomize.py");

/// A call that the search found; an empty expression is the import of the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Found {
    pub(super) path: String,
    pub(super) expression: String,
    #[serde(default)]
    pub(super) function: String,
    pub(super) names: BTreeMap<String, (String, String)>,
}

impl Found {
    /// The call, for people.
    pub(super) fn describe(&self) -> String {
        match self.expression.as_str() {
            "" => format!("importing {}", self.path),
            call => call.chars().take(300).collect(),
        }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct ReplayCase<'a> {
    pub(super) start: &'a str,
    pub(super) env: BTreeMap<&'a str, &'a str>,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) health: String,
    pub(super) start_ms: u64,
    pub(super) request_ms: u64,
    pub(super) requests: &'a [Trigger],
    pub(super) logs: Vec<String>,
    pub(super) files: &'a [&'a str],
    pub(super) function: &'a str,
}

#[derive(Debug, Deserialize)]
pub(super) struct ReplayReport {
    pub(super) healthy: bool,
    pub(super) answers: Vec<Answer>,
    pub(super) start: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    pub(super) status: Option<u16>,
    pub(super) body: String,
    pub(super) error: String,
    pub(super) log: String,
}

#[derive(Debug, Serialize)]
pub(super) struct SearchCase<'a> {
    pub(super) mode: &'a str,
    pub(super) wanted: &'a Wanted,
    pub(super) targets: &'a [Target],
    /// What the target is called with, where that was recorded.
    pub(super) arguments: &'a [Argument],
    pub(super) calls: u32,
    pub(super) seconds: f64,
    pub(super) call: Option<&'a Found>,
    pub(super) files: &'a [&'a str],
}

#[derive(Debug, Deserialize)]
pub(super) struct SearchReport {
    pub(super) found: Option<Found>,
    pub(super) tried: u32,
    pub(super) why: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct CallReport {
    pub(super) raised: Option<Raised>,
    pub(super) value: String,
}

/// What a call raised.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Raised {
    pub(super) kind: String,
    pub(super) message: String,
    pub(super) same: bool,
    pub(super) explicit: bool,
    /// Whether the call reached the service's code.
    pub(super) inside: bool,
}

impl Raised {
    /// Whether the harness gave the call up for the time that it took.
    pub(super) fn is_late(&self) -> bool {
        self.kind == "TooSlow"
    }

    /// Type and message, for people.
    pub(super) fn describe(&self) -> String {
        format!("{}: {}", self.kind, self.message)
    }
}

/// Runs one of the scripts with its case; `report` is what it writes.
pub(super) async fn run(
    runner: &Runner,
    tree: &Tree,
    script: &str,
    report: &str,
    case: &impl Serialize,
    wall_ms: u64,
) -> Result<Outcome> {
    let mut job = runner.python(tree, "/aegis/harness.py");
    let case = serde_json::to_string(case).map_err(|e| Error::internal(e.to_string()))?;
    for (name, text) in [
        ("harness.py", script),
        ("case.json", &case),
        ("calls.py", CALLS),
        ("canon.py", CANON),
        ("conduct.py", CONDUCT),
        ("inputs.py", INPUTS),
        ("shapes.py", SHAPES),
        ("lines.py", LINES),
        ("annotation.py", ANNOTATION),
        ("sitecustomize.py", SITE),
    ] {
        job.files.insert(name.to_owned(), text.to_owned());
    }
    job.collect = vec![report.to_owned(), "lines.tsv".to_owned()];
    job.limits.wall_ms = wall_ms;
    runner.start(&job).await
}

/// The report of a script, or why there is none.
pub(super) fn read<T: for<'de> Deserialize<'de>>(
    outcome: &Outcome,
    name: &str,
    what: &str,
) -> Result<T, String> {
    let parsed = outcome.reports.get(name).map(|text| serde_json::from_slice(text));
    match (parsed, &outcome.end) {
        (Some(Ok(report)), _) => Ok(report),
        (_, End::TimedOut) => Err(format!("{what} reached its time limit")),
        (_, End::Exceeded(limit)) => Err(format!("{what} reached its limit of {limit}")),
        (_, end) => {
            let said = outcome.stderr.text();
            let last = said.lines().last().unwrap_or("no output").to_owned();
            Err(format!("{what} broke off ({end:?}): {last}"))
        }
    }
}

/// Host, port and path of a plain `http` URL.
pub(super) fn address(url: &str) -> Result<(String, u16, String)> {
    let invalid =
        || Error::invalid(format!("{url:?}: the health URL must be http://host:port/path"));
    let rest = url.strip_prefix("http://").ok_or_else(invalid)?;
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().map_err(|_| invalid())?),
        None => (authority, 80),
    };
    Ok((host.trim_matches(['[', ']']).to_owned(), port, path.to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_health_url_is_taken_apart() {
        let of = |url| address(url).unwrap();
        assert_eq!(of("http://127.0.0.1:8000/h?x"), ("127.0.0.1".into(), 8000, "/h?x".into()));
        assert_eq!(of("http://localhost"), ("localhost".into(), 80, "/".into()));
        assert_eq!(of("http://[::1]:9/"), ("::1".into(), 9, "/".into()));
        assert!(address("https://x/").is_err());
    }
}
