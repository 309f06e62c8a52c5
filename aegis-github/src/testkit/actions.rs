//! What GitHub tells of workflow runs, their jobs and their logs.

use std::collections::HashMap;

use axum::extract::{Path, Query, State};
use axum::http::header::{LINK, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::{Inside, NAME, Shared, refused};

/// A run in its latest attempt.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its number.
    pub id: u64,
    /// From 1; an older server says none.
    pub attempt: Option<u32>,
    /// The file of its workflow, whose number is its length.
    pub workflow: String,
    /// The workflow's name.
    pub name: Option<String>,
    /// The branch that it ran on.
    pub branch: Option<String>,
    /// The repository that the commit is from.
    pub repository: Option<String>,
    /// What it ran for.
    pub event: &'static str,
    /// How it ended.
    pub conclusion: Option<&'static str>,
    /// When this attempt began.
    pub started: Option<String>,
    /// When it ended.
    pub updated: String,
    /// Of this attempt.
    pub jobs: Vec<Job>,
}

/// A job of a run.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its number.
    pub id: u64,
    /// As it is shown.
    pub name: &'static str,
    /// How it ended.
    pub conclusion: Option<&'static str>,
    /// Steps by name, and how they ended.
    pub steps: Vec<(&'static str, &'static str)>,
    /// `None` where it is gone.
    pub log: Option<String>,
}

impl Run {
    /// A push to `main` that `ci.yml` ran for from 10:00:00 to 10:01:30.
    pub fn ended(id: u64, conclusion: &'static str) -> Self {
        Self {
            id,
            attempt: Some(1),
            workflow: String::from("ci.yml"),
            name: Some(String::from("CI")),
            branch: Some(String::from("main")),
            repository: Some(String::from(NAME)),
            event: "push",
            conclusion: Some(conclusion),
            started: Some(String::from("2026-11-26T10:00:00Z")),
            updated: String::from("2026-11-26T10:01:30Z"),
            jobs: Vec::new(),
        }
    }

    /// The same, failed in a job whose log is `log`.
    pub fn failed(id: u64, log: &str) -> Self {
        let lint = Job {
            id: id * 10,
            name: "lint",
            conclusion: Some("success"),
            steps: Vec::new(),
            log: None,
        };
        let steps = vec![("Set up job", "success"), ("Test", "failure"), ("Upload", "skipped")];
        let (log, conclusion) = (Some(log.to_owned()), Some("failure"));
        let test = Job { id: id * 10 + 1, name: "test", conclusion, steps, log };
        Self { jobs: vec![lint, test], ..Self::ended(id, "failure") }
    }

    /// The same, of another workflow.
    #[must_use]
    pub fn of(mut self, workflow: &str, name: &str) -> Self {
        (self.workflow, self.name) = (workflow.to_owned(), Some(name.to_owned()));
        self
    }

    fn shown(&self) -> Value {
        let repository = self.repository.as_ref().map(|name| json!({ "full_name": name }));
        let mut shown = json!({
            "id": self.id, "name": self.name, "head_branch": self.branch,
            "head_sha": format!("{:040x}", self.id), "path": format!(".github/workflows/{}", self.workflow),
            "display_title": "A change", "run_number": self.id, "event": self.event,
            "status": "completed", "conclusion": self.conclusion,
            "workflow_id": self.workflow.len(), "head_commit": null,
            "html_url": format!("https://github.com/acme/shop/actions/runs/{}", self.id),
            "created_at": self.started.as_ref().unwrap_or(&self.updated), "updated_at": self.updated,
            "head_repository": repository,
        });
        for (name, value) in [
            ("run_attempt", self.attempt.map(Value::from)),
            ("run_started_at", self.started.clone().map(Value::from)),
        ] {
            if let Some(value) = value {
                shown[name] = value;
            }
        }
        shown
    }
}

pub(super) fn routes() -> Router<Shared> {
    let base = format!("/repos/{NAME}/actions");
    Router::new()
        .route(&format!("{base}/runs"), get(runs))
        .route(&format!("{base}/runs/{{id}}/jobs"), get(jobs))
        .route(&format!("{base}/runs/{{id}}/attempts/{{n}}/jobs"), get(jobs_of_attempt))
        .route(&format!("{base}/jobs/{{id}}/logs"), get(log))
        .route("/codeload/logs/{id}", get(kept))
}

async fn runs(
    State(shared): State<Shared>,
    Query(words): Query<HashMap<String, String>>,
) -> Response {
    let inside = shared.lock().unwrap();
    let number = |name: &str, unless| words.get(name).map_or(unless, |n| n.parse().unwrap());
    let (page, size): (usize, usize) = (number("page", 1), number("per_page", 30));
    assert!((1..=100).contains(&size) && words["status"] == "completed");
    let from = words.get("created").map(|since| since.strip_prefix(">=").unwrap());
    // The newest come first.
    let mut all: Vec<&Run> = inside
        .runs
        .iter()
        .filter(|run| run.branch.as_ref() == words.get("branch") || run.branch.is_none())
        .filter(|run| from.is_none_or(|from| run.started.as_ref().is_none_or(|at| &**at >= from)))
        .collect();
    all.sort_by_key(|run| std::cmp::Reverse(run.id));
    let part: Vec<Value> =
        all.iter().skip((page - 1) * size).take(size).map(|run| run.shown()).collect();
    let mut headers = HeaderMap::new();
    if page * size < all.len() {
        let (address, next) = (inside.address, page + 1);
        let mut again = format!("branch={}&status=completed&per_page={size}", words["branch"]);
        if let Some(created) = words.get("created") {
            again += &format!("&created={}", created.replace('>', "%3E").replace('=', "%3D"));
        }
        let link = format!(
            "<http://{address}/repos/acme/shop/actions/runs?{again}&page={next}>; rel=\"next\""
        );
        headers.insert(LINK, link.parse().unwrap());
    }
    (headers, Json(json!({ "total_count": all.len(), "workflow_runs": part }))).into_response()
}

async fn jobs(State(shared): State<Shared>, Path(id): Path<u64>) -> Response {
    listed(&shared.lock().unwrap(), id, None)
}

async fn jobs_of_attempt(
    State(shared): State<Shared>,
    Path((id, attempt)): Path<(u64, u32)>,
) -> Response {
    listed(&shared.lock().unwrap(), id, Some(attempt))
}

fn listed(inside: &Inside, id: u64, attempt: Option<u32>) -> Response {
    let of = |run: &&Run| run.id == id && (attempt.is_none() || attempt == run.attempt);
    let Some(run) = inside.runs.iter().find(of) else { return refused(404, "Not Found") };
    let shown = |job: &Job| {
        let steps: Vec<Value> = job
            .steps
            .iter()
            .zip(1..)
            .map(|((name, conclusion), number)| {
                json!({ "name": name, "status": "completed", "conclusion": conclusion, "number": number })
            })
            .collect();
        json!({
            "id": job.id, "run_id": id, "name": job.name, "status": "completed",
            "conclusion": job.conclusion, "head_sha": format!("{id:040x}"), "steps": steps,
        })
    };
    let jobs: Vec<Value> = run.jobs.iter().map(shown).collect();
    Json(json!({ "total_count": jobs.len(), "jobs": jobs })).into_response()
}

/// Of a job, or of a check that is one.
fn log_of(inside: &Inside, id: u64) -> Option<String> {
    let job = inside.runs.iter().flat_map(|run| &run.jobs).find(|job| job.id == id);
    let check = usize::try_from(id).ok().and_then(|id| inside.hub.checks.get(id));
    job.map_or_else(|| check?.log.map(str::to_owned), |job| job.log.clone())
}

/// Leads to another host, as GitHub does.
async fn log(State(shared): State<Shared>, Path(id): Path<u64>) -> Response {
    let inside = shared.lock().unwrap();
    if log_of(&inside, id).is_none() {
        return refused(410, "Gone");
    }
    let there = format!("http://localhost:{}/codeload/logs/{id}", inside.address.port());
    (StatusCode::FOUND, [(LOCATION, there)]).into_response()
}

async fn kept(State(shared): State<Shared>, Path(id): Path<u64>) -> Response {
    let inside = shared.lock().unwrap();
    match log_of(&inside, id) {
        Some(log) => log.into_response(),
        None => refused(404, "The specified blob does not exist."),
    }
}
