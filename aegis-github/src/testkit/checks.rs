//! What is said of commits: checks, statuses, rules, deployments.

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::hub::{Check, tip};
use super::objects::open;
use super::{NAME, Shared, refused};

pub(super) fn routes() -> Router<Shared> {
    let at = |path: &str| format!("/repos/{NAME}/{path}");
    Router::new()
        .route(&at("commits/{sha}/check-runs"), get(check_runs))
        .route(&at("commits/{sha}/status"), get(status))
        .route(&at("rules/branches/{*branch}"), get(rules))
        .route(&at("branches/{*branch}"), get(branch))
        .route(&at("deployments"), get(deployments))
        .route(&at("deployments/{id}/statuses"), get(deployment_statuses))
}

async fn check_runs(State(shared): State<Shared>, Path(sha): Path<String>) -> Json<Value> {
    let inside = shared.lock().unwrap();
    let of = |check: &Check| check.of.as_ref().is_none_or(|of| *of == sha);
    let runs = inside.hub.checks.iter().enumerate().filter(|(_, check)| of(check));
    let run = |(n, check): (usize, &Check)| {
        json!({
            "id": n, "name": check.name,
            "status": if check.conclusion.is_some() { "completed" } else { "in_progress" },
            "conclusion": check.conclusion,
            "output": { "title": null, "summary": "What the check says." },
            "app": { "slug": if check.log.is_some() { "github-actions" } else { "other" } },
        })
    };
    let runs: Vec<Value> = runs.map(run).collect();
    Json(json!({ "total_count": runs.len(), "check_runs": runs }))
}

async fn status(State(shared): State<Shared>, Path(_): Path<String>) -> Json<Value> {
    let inside = shared.lock().unwrap();
    let status = |(context, state): &(&str, &str)| json!({ "context": context, "state": state, "description": null });
    let statuses: Vec<Value> = inside.hub.statuses.iter().map(status).collect();
    // Without any, GitHub says `pending`.
    Json(json!({ "state": "pending", "statuses": statuses }))
}

async fn rules(State(shared): State<Shared>, Path(_): Path<String>) -> Json<Value> {
    let inside = shared.lock().unwrap();
    let contexts: Vec<Value> =
        inside.hub.required.iter().map(|name| json!({ "context": name })).collect();
    Json(json!([
        { "type": "deletion" },
        { "type": "required_status_checks", "parameters": { "required_status_checks": contexts } },
    ]))
}

async fn branch(State(shared): State<Shared>, Path(name): Path<String>) -> Response {
    match tip(&open(&shared), &name) {
        Some(id) => {
            let protection = json!({ "enabled": false });
            let commit = json!({ "sha": id.to_string() });
            Json(json!({ "name": name, "commit": commit, "protection": protection }))
                .into_response()
        }
        None => refused(404, "Branch not found"),
    }
}

async fn deployments(State(shared): State<Shared>) -> Json<Value> {
    let inside = shared.lock().unwrap();
    let all = inside.hub.deployments.iter().enumerate().rev();
    all.map(|(id, (sha, _))| json!({ "id": id, "sha": sha })).collect::<Value>().into()
}

async fn deployment_statuses(State(shared): State<Shared>, Path(id): Path<usize>) -> Json<Value> {
    let state = shared.lock().unwrap().hub.deployments[id].1;
    let at = "2026-01-02T03:04:05Z";
    let mut all = vec![json!({ "state": "in_progress", "description": "", "created_at": at })];
    if !state.is_empty() {
        all.insert(0, json!({ "state": state, "description": "said", "created_at": at }));
    }
    Json(all.into())
}
