//! Making the failure happen: by the request that failed, else by a small call of the function.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aegis_core::model::{Reproduction, Trigger};
use aegis_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::gates::{Provoked, Returned};
use super::isolation::{End, Outcome};
use super::runner::Runner;
use super::score::Ran;
use super::wanted::{Target, Wanted};
use super::workspace::Tree;

const REPLAY: &str = include_str!("harness/replay.py");
const SEARCH: &str = include_str!("harness/search.py");
const INPUTS: &str = include_str!("harness/inputs.py");
const SHAPES: &str = include_str!("harness/shapes.py");
const LINES: &str = include_str!("harness/lines.py");
const ANNOTATION: &str = include_str!("harness/annotation.py");
const SITE: &str = include_str!("harness/sitecustomize.py");

/// Requests that are replayed at most.
const MAX_REQUESTS: usize = 10;

/// Bounds of the reproduction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) start_ms: u64,
    pub(super) request_ms: u64,
    pub(super) calls: u32,
    pub(super) search_ms: u64,
}

/// How the failure is made to happen.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Recipe {
    /// By these requests to the running service.
    Requests(Vec<Trigger>),
    /// By this call, found by the search.
    Call(Found),
}

/// A call that the search found; an empty expression is the import of the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Found {
    path: String,
    expression: String,
    #[serde(default)]
    function: String,
    names: BTreeMap<String, (String, String)>,
}

/// When isolated commands ran.
pub(super) type Runs = Vec<(Instant, Duration)>;

/// What came of it on the base.
#[derive(Debug, Clone)]
pub(super) struct OnBase {
    /// How it is made to happen; `None` where it did not.
    pub(super) recipe: Option<Recipe>,
    /// How, or what was tried.
    pub(super) how: String,
    pub(super) runs: Runs,
}

impl OnBase {
    /// The answer, as a verification holds it.
    pub(super) fn reproduction(&self) -> Reproduction {
        match self.recipe {
            Some(_) => Reproduction::Reproduced(self.how.clone()),
            None => Reproduction::NotReproduced(self.how.clone()),
        }
    }
}

/// What came of one go on the patched tree.
#[derive(Debug, Clone)]
pub(super) struct OnPatched {
    pub(super) provoked: Provoked,
    pub(super) returned: Returned,
    pub(super) lines: Ran,
    pub(super) runs: Runs,
}

#[derive(Serialize)]
struct ReplayCase<'a> {
    start: &'a str,
    env: BTreeMap<&'a str, &'a str>,
    host: String,
    port: u16,
    health: String,
    start_ms: u64,
    request_ms: u64,
    requests: &'a [Trigger],
    logs: Vec<String>,
    files: &'a [&'a str],
    function: &'a str,
}

#[derive(Deserialize)]
struct ReplayReport {
    healthy: bool,
    answers: Vec<Answer>,
    start: String,
}

#[derive(Deserialize)]
struct Answer {
    status: Option<u16>,
    body: String,
    error: String,
    log: String,
}

#[derive(Serialize)]
struct SearchCase<'a> {
    mode: &'a str,
    wanted: &'a Wanted,
    targets: &'a [Target],
    calls: u32,
    seconds: f64,
    call: Option<&'a Found>,
    files: &'a [&'a str],
}

#[derive(Deserialize)]
struct SearchReport {
    found: Option<Found>,
    tried: u32,
    why: String,
}

#[derive(Deserialize)]
struct CallReport {
    raised: Option<Raised>,
    value: String,
}

#[derive(Deserialize)]
struct Raised {
    kind: String,
    message: String,
    same: bool,
    explicit: bool,
}

/// Makes one failure happen.
#[derive(Debug)]
pub(super) struct Reproducer<'a> {
    pub(super) runner: &'a Runner,
    pub(super) bounds: &'a Bounds,
    pub(super) wanted: &'a Wanted,
}

impl Reproducer<'_> {
    /// Tries the requests, then the search; what the search finds has to happen again from a clean
    /// start.
    pub(super) async fn on_base(
        &self,
        tree: &Tree,
        triggers: &[Trigger],
        targets: &[Target],
    ) -> Result<OnBase> {
        let mut tried = Vec::new();
        let mut runs = Runs::new();
        let requests = &triggers[..triggers.len().min(MAX_REQUESTS)];
        if requests.is_empty() {
            tried.push(String::from("no request is known"));
        } else {
            let (outcome, report) = self.replay(tree, requests, &[]).await?;
            runs.push(outcome.ran);
            match report {
                Ok(report) if report.healthy => {
                    let hit = |(a, _): &(&Answer, &Trigger)| self.wanted.is_in(&a.log);
                    let hits: Vec<Trigger> = report
                        .answers
                        .iter()
                        .zip(requests)
                        .filter(hit)
                        .map(|(_, t)| t.clone())
                        .collect();
                    if let Some(first) = hits.first() {
                        let how = format!("{} {} raises it", first.method, first.target);
                        return Ok(OnBase { recipe: Some(Recipe::Requests(hits)), how, runs });
                    }
                    tried.push(format!("{} requests did not raise it", requests.len()));
                }
                Ok(report) => tried.push(format!(
                    "the service did not get healthy: {}",
                    report.start.lines().last().unwrap_or("it said nothing")
                )),
                Err(why) => tried.push(why),
            }
        }
        let (outcome, report) = self.search(tree, targets).await?;
        runs.push(outcome.ran);
        match report {
            Err(why) => tried.push(why),
            Ok(SearchReport { found: None, tried: calls, why }) => {
                tried.push(format!("{calls} calls did not raise it, {why}"));
            }
            Ok(SearchReport { found: Some(found), tried: calls, .. }) => {
                let (outcome, report) = self.call(tree, &found, &[]).await?;
                runs.push(outcome.ran);
                if report.is_ok_and(|r| r.raised.is_some_and(|raised| raised.same)) {
                    let how = found.describe();
                    return Ok(OnBase { recipe: Some(Recipe::Call(found)), how, runs });
                }
                tried.push(format!("call {calls} raised it once, and not from a clean start"));
            }
        }
        Ok(OnBase { recipe: None, how: tried.join("; "), runs })
    }

    /// Does on the patched tree what made it happen on the base; notes the lines of `files` that run.
    pub(super) async fn on_patched(
        &self,
        tree: &Tree,
        recipe: &Recipe,
        files: &[&str],
    ) -> Result<OnPatched> {
        match recipe {
            Recipe::Requests(requests) => {
                let (outcome, report) = self.replay(tree, requests, files).await?;
                let provoked = match report {
                    Ok(report) => self.after_requests(&report, requests),
                    Err(why) => Provoked::Broken(why),
                };
                Ok(on_patched(&outcome, provoked))
            }
            Recipe::Call(found) => {
                let (outcome, report) = self.call(tree, found, files).await?;
                let provoked = match report {
                    Err(why) => Provoked::Broken(why),
                    Ok(CallReport { raised: None, value }) => {
                        Provoked::Gone(format!("{} gives {value}", found.describe()))
                    }
                    Ok(CallReport { raised: Some(raised), .. }) => raised.judge(found),
                };
                Ok(on_patched(&outcome, provoked))
            }
        }
    }

    fn after_requests(&self, report: &ReplayReport, requests: &[Trigger]) -> Provoked {
        if !report.healthy {
            let said = report.start.lines().last().unwrap_or("it said nothing");
            return Provoked::Broken(format!("the patched service does not get healthy: {said}"));
        }
        let mut seen = Vec::new();
        for (answer, request) in report.answers.iter().zip(requests) {
            let asked = format!("{} {}", request.method, request.target);
            if self.wanted.is_in(&answer.log) {
                return Provoked::Broken(format!("{asked} still raises {}", self.wanted.kind));
            }
            match answer.status {
                Some(status) if status < 500 => {
                    let body: String = answer.body.chars().take(300).collect();
                    seen.push(format!("{asked} answers {status}: {body}"));
                }
                Some(status) => return Provoked::Broken(format!("{asked} answers {status}")),
                None => return Provoked::Broken(format!("{asked}: {}", answer.error)),
            }
        }
        Provoked::Gone(seen.join("; "))
    }

    async fn replay(
        &self,
        tree: &Tree,
        requests: &[Trigger],
        files: &[&str],
    ) -> Result<(Outcome, Result<ReplayReport, String>)> {
        let spec = self.runner.spec();
        let (host, port, health) = address(&spec.health)?;
        let env = if files.is_empty() {
            BTreeMap::new()
        } else {
            BTreeMap::from([("PYTHONPATH", "/aegis")])
        };
        let case = ReplayCase {
            start: &spec.start,
            env,
            host,
            port,
            health,
            start_ms: self.bounds.start_ms,
            request_ms: self.bounds.request_ms,
            requests,
            logs: spec
                .logs
                .iter()
                .chain(&spec.access_log)
                .map(|p| p.display().to_string())
                .collect(),
            files,
            function: &self.wanted.function,
        };
        let wall = self.bounds.start_ms + self.bounds.request_ms * requests.len() as u64 + 10_000;
        let outcome = self.run(tree, REPLAY, "replay.json", &case, wall).await?;
        let report = read(&outcome, "replay.json", "the replay");
        Ok((outcome, report))
    }

    async fn search(
        &self,
        tree: &Tree,
        targets: &[Target],
    ) -> Result<(Outcome, Result<SearchReport, String>)> {
        let case = self.case("search", targets, None, &[]);
        let wall = self.bounds.search_ms + 10_000;
        let outcome = self.run(tree, SEARCH, "search.json", &case, wall).await?;
        let report = read(&outcome, "search.json", "the search");
        Ok((outcome, report))
    }

    async fn call(
        &self,
        tree: &Tree,
        found: &Found,
        files: &[&str],
    ) -> Result<(Outcome, Result<CallReport, String>)> {
        let case = self.case("call", &[], Some(found), files);
        let outcome = self.run(tree, SEARCH, "search.json", &case, 15_000).await?;
        let report = read(&outcome, "search.json", "the call");
        Ok((outcome, report))
    }

    fn case<'c>(
        &'c self,
        mode: &'c str,
        targets: &'c [Target],
        call: Option<&'c Found>,
        files: &'c [&'c str],
    ) -> SearchCase<'c> {
        let seconds = Duration::from_millis(self.bounds.search_ms).as_secs_f64();
        let calls = self.bounds.calls;
        SearchCase { mode, wanted: self.wanted, targets, calls, seconds, call, files }
    }

    async fn run(
        &self,
        tree: &Tree,
        script: &str,
        report: &str,
        case: &impl Serialize,
        wall_ms: u64,
    ) -> Result<Outcome> {
        let mut job = self.runner.python(tree, "/aegis/harness.py");
        let case = serde_json::to_string(case).map_err(|e| Error::internal(e.to_string()))?;
        for (name, text) in [
            ("harness.py", script),
            ("case.json", &case),
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
        self.runner.run(&job).await
    }
}

impl Found {
    fn describe(&self) -> String {
        match self.expression.as_str() {
            "" => format!("importing {}", self.path),
            call => call.chars().take(300).collect(),
        }
    }
}

impl Raised {
    fn judge(&self, found: &Found) -> Provoked {
        let what = format!("{} raises {}: {}", found.describe(), self.kind, self.message);
        match (self.same, self.explicit) {
            (true, _) => Provoked::Broken(format!("still {what}")),
            (false, true) => Provoked::Raised(what),
            (false, false) => Provoked::Broken(format!("one crash for another: {what}")),
        }
    }
}

fn read<T: for<'de> Deserialize<'de>>(
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

/// Adds what the watch noted: lines that ran, and the worst of what the function returned.
fn on_patched(outcome: &Outcome, provoked: Provoked) -> OnPatched {
    let mut lines = Ran::new();
    let mut returned: Option<Returned> = None;
    let text = outcome.reports.get("lines.tsv").map(|t| String::from_utf8_lossy(t));
    for line in text.iter().flat_map(|t| t.lines()) {
        let fields: Vec<&str> = line.split('\t').collect();
        match fields[..] {
            ["line", path, number] => {
                if let Ok(number) = number.parse() {
                    lines.entry(path.to_owned()).or_default().insert(number);
                }
            }
            ["return", word] => returned = returned.max(Some(Returned::from_word(word))),
            _ => {}
        }
    }
    let returned = returned.unwrap_or(Returned::Unknown);
    OnPatched { provoked, returned, lines, runs: vec![outcome.ran] }
}

/// Host, port and path of a plain `http` URL.
fn address(url: &str) -> Result<(String, u16, String)> {
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
