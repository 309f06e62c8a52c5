//! Making the failure happen: by the request that failed, else by the call that the service recorded,
//! else by a small call of the function.

use std::collections::BTreeMap;
use std::slice;
use std::time::{Duration, Instant};

use aegis_core::Result;
use aegis_core::model::{Reproduction, Trigger};
use aegis_core::trace::Argument;

use super::gates::{Provoked, Returned};
use super::harness::{
    Answer, CallReport, Found, REPLAY, Raised, ReplayCase, ReplayReport, SEARCH, SearchCase,
    SearchReport, address, read, run,
};
use super::isolation::Outcome;
use super::probe::Around;
use super::runner::Runner;
use super::score::Ran;
use super::wanted::{Target, Wanted};
use super::workspace::Tree;

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
    /// By this call, recorded or found by the search.
    Call(Found),
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
    /// What other small calls do.
    pub(super) around: Around,
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

/// Makes one failure happen.
#[derive(Debug)]
pub(super) struct Reproducer<'a> {
    pub(super) runner: &'a Runner,
    pub(super) bounds: &'a Bounds,
    pub(super) wanted: &'a Wanted,
}

impl Reproducer<'_> {
    /// Makes it happen, and looks at what the function does around it.
    pub(super) async fn on_base(
        &self,
        tree: &Tree,
        triggers: &[Trigger],
        targets: &[Target],
    ) -> Result<OnBase> {
        let ((recipe, how, mut runs), around) = tokio::try_join!(
            self.made_to_happen(tree, triggers, targets),
            self.explore(tree, targets)
        )?;
        runs.extend(&around.runs);
        let around = match &recipe {
            Some(Recipe::Call(found)) => around.but(&found.expression),
            _ => around,
        };
        Ok(OnBase { recipe, how, around, runs })
    }

    /// Tries the requests, then the recorded call, then the search; a call that raises it has to do so
    /// again from a clean start. What does it, how, or what was tried, and when it ran.
    async fn made_to_happen(
        &self,
        tree: &Tree,
        triggers: &[Trigger],
        targets: &[Target],
    ) -> Result<(Option<Recipe>, String, Runs)> {
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
                        return Ok((Some(Recipe::Requests(hits)), how, runs));
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
        let recorded = self.wanted.recorded.as_ref().map(|r| {
            (slice::from_ref(&r.target), r.arguments.as_slice(), "recorded when it failed: ")
        });
        for (targets, arguments, origin) in recorded.into_iter().chain([(targets, &[][..], "")]) {
            let (outcome, report) = self.search(tree, targets, arguments).await?;
            runs.push(outcome.ran);
            match report {
                Err(why) => tried.push(format!("{origin}{why}")),
                Ok(SearchReport { found: None, tried: calls, why }) => {
                    tried.push(format!("{origin}{calls} calls did not raise it, {why}"));
                }
                Ok(SearchReport { found: Some(found), tried: calls, .. }) => {
                    let (outcome, report) = self.call(tree, &found, &[]).await?;
                    runs.push(outcome.ran);
                    if report.is_ok_and(|r| r.raised.is_some_and(|raised| raised.same)) {
                        let how = format!("{origin}{}", found.describe());
                        return Ok((Some(Recipe::Call(found)), how, runs));
                    }
                    let once = "raised it once, and not from a clean start";
                    tried.push(format!("{origin}call {calls} {once}"));
                }
            }
        }
        Ok((None, tried.join("; "), runs))
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
        let outcome = run(self.runner, tree, REPLAY, "replay.json", &case, wall).await?;
        let report = read(&outcome, "replay.json", "the replay");
        Ok((outcome, report))
    }

    async fn search(
        &self,
        tree: &Tree,
        targets: &[Target],
        arguments: &[Argument],
    ) -> Result<(Outcome, Result<SearchReport, String>)> {
        let case = SearchCase { arguments, ..self.case("search", targets, None, &[]) };
        let wall = self.bounds.search_ms + 10_000;
        let outcome = run(self.runner, tree, SEARCH, "search.json", &case, wall).await?;
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
        let outcome = run(self.runner, tree, SEARCH, "search.json", &case, 15_000).await?;
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
        SearchCase {
            mode,
            wanted: self.wanted,
            targets,
            arguments: &[],
            calls,
            seconds,
            call,
            files,
        }
    }
}

impl Raised {
    fn judge(&self, found: &Found) -> Provoked {
        let what = format!("{} raises {}", found.describe(), self.describe());
        match (self.same, self.explicit, self.inside) {
            (true, _, _) => Provoked::Broken(format!("still {what}")),
            (false, true, _) => Provoked::Raised(what),
            (false, false, false) => Provoked::Missing(what),
            (false, false, true) => Provoked::Other(what),
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
