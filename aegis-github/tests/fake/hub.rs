//! What GitHub keeps beside Git: pull requests, checks, deployments; and the writes of Git's objects.

use std::collections::HashMap;

use axum::Json;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post, put};
use git2::{FileMode, IndexEntry, ObjectType, Oid, Repository, Signature};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::objects::open;
use super::{Inside, Shared, refused};

/// A pull request.
#[derive(Debug, Clone)]
pub(crate) struct Pull {
    pub(crate) number: u64,
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) head: String,
    pub(crate) base: String,
    /// The head's commit, as far as it was known when it was last open.
    pub(crate) sha: String,
    pub(crate) open: bool,
    pub(crate) merged: Option<String>,
    pub(crate) labels: Vec<String>,
}

/// A check of a commit, or of every one.
#[derive(Debug, Clone)]
pub(crate) struct Check {
    pub(crate) of: Option<String>,
    pub(crate) name: &'static str,
    /// `None` while it runs.
    pub(crate) conclusion: Option<&'static str>,
    /// Whether it is the job of a workflow, with this log.
    pub(crate) log: Option<&'static str>,
}

#[derive(Debug, Default)]
pub(crate) struct Hub {
    pub(crate) pulls: Vec<Pull>,
    pub(crate) checks: Vec<Check>,
    pub(crate) statuses: Vec<(&'static str, &'static str)>,
    pub(crate) required: Vec<&'static str>,
    /// Revision and state, the oldest first.
    pub(crate) deployments: Vec<(String, &'static str)>,
    pub(crate) read_only: bool,
    pub(crate) methods: HashMap<&'static str, bool>,
    /// Questions whether it merges that are answered with "not known yet".
    pub(crate) unknown_mergeable: usize,
}

pub(super) fn routes() -> Router<Shared> {
    let at = |path: &str| format!("/repos/acme/shop/{path}");
    Router::new()
        .route(&at("git/trees"), post(make_tree))
        .route(&at("git/commits"), post(make_commit))
        .route(&at("git/refs"), post(make_ref))
        .route(&at("git/refs/heads/{*branch}"), delete(delete_ref))
        .route(&at("compare/{range}"), get(compare))
        .route(&at("pulls"), get(list).post(create))
        .route(&at("pulls/{number}"), get(one).patch(amend))
        .route(&at("pulls/{number}/merge"), put(merge))
        .route(&at("issues/{number}/labels"), post(label))
        .route(&at("commits/{sha}/check-runs"), get(check_runs))
        .route(&at("commits/{sha}/status"), get(status))
        .route(&at("rules/branches/{*branch}"), get(rules))
        .route(&at("branches/{*branch}"), get(branch))
        .route(&at("deployments"), get(deployments))
        .route(&at("deployments/{id}/statuses"), get(deployment_statuses))
        .route(&at("actions/jobs/{id}/logs"), get(log))
}

fn now() -> String {
    OffsetDateTime::now_utc().replace_nanosecond(0).unwrap().format(&Rfc3339).unwrap()
}

fn sign() -> Signature<'static> {
    Signature::now("aegis[bot]", "aegis[bot]@users.noreply.github.com").unwrap()
}

fn tip(repository: &Repository, branch: &str) -> Option<Oid> {
    repository.refname_to_id(&format!("refs/heads/{branch}")).ok()
}

fn oid(value: &Value) -> Oid {
    Oid::from_str(value.as_str().unwrap()).unwrap()
}

async fn make_tree(State(shared): State<Shared>, Json(asked): Json<Value>) -> Response {
    let repository = open(&shared);
    let mut index = git2::Index::new().unwrap();
    index.read_tree(&repository.find_tree(oid(&asked["base_tree"])).unwrap()).unwrap();
    for entry in asked["tree"].as_array().unwrap() {
        let path = entry["path"].as_str().unwrap();
        if entry["sha"].is_null() && entry.get("content").is_none() {
            index.remove(std::path::Path::new(path), 0).unwrap();
            continue;
        }
        let id = match entry["content"].as_str() {
            Some(text) => repository.blob(text.as_bytes()).unwrap(),
            None => oid(&entry["sha"]),
        };
        let mode = u32::from_str_radix(entry["mode"].as_str().unwrap(), 8).unwrap();
        let (zero, path) = (git2::IndexTime::new(0, 0), path.as_bytes().to_vec());
        index
            .add(&IndexEntry {
                ctime: zero,
                mtime: zero,
                dev: 0,
                ino: 0,
                mode,
                uid: 0,
                gid: 0,
                file_size: 0,
                id,
                flags: 0,
                flags_extended: 0,
                path,
            })
            .unwrap();
    }
    let id = index.write_tree_to(&repository).unwrap().to_string();
    (StatusCode::CREATED, Json(json!({ "sha": id }))).into_response()
}

async fn make_commit(State(shared): State<Shared>, Json(asked): Json<Value>) -> Response {
    let repository = open(&shared);
    let tree = repository.find_tree(oid(&asked["tree"])).unwrap();
    let parents: Vec<_> = asked["parents"].as_array().unwrap().iter().map(oid).collect();
    let parents: Vec<_> = parents.iter().map(|id| repository.find_commit(*id).unwrap()).collect();
    let parents: Vec<_> = parents.iter().collect();
    let message = asked["message"].as_str().unwrap();
    let id = repository.commit(None, &sign(), &sign(), message, &tree, &parents).unwrap();
    (StatusCode::CREATED, Json(json!({ "sha": id.to_string() }))).into_response()
}

async fn make_ref(State(shared): State<Shared>, Json(asked): Json<Value>) -> Response {
    let (repository, name) = (open(&shared), asked["ref"].as_str().unwrap());
    if repository.refname_to_id(name).is_ok() {
        return refused(422, "Reference already exists");
    }
    repository.reference(name, oid(&asked["sha"]), false, "made").unwrap();
    let object = json!({ "type": "commit", "sha": asked["sha"] });
    (StatusCode::CREATED, Json(json!({ "ref": name, "object": object }))).into_response()
}

async fn delete_ref(State(shared): State<Shared>, Path(branch): Path<String>) -> Response {
    if remove(&mut shared.lock().unwrap(), &branch) {
        StatusCode::NO_CONTENT.into_response()
    } else {
        refused(422, "Reference does not exist")
    }
}

/// Deletes a branch, which closes its pull requests.
pub(crate) fn remove(inside: &mut Inside, branch: &str) -> bool {
    let repository = Repository::open_bare(&inside.git).unwrap();
    let Ok(mut found) = repository.find_reference(&format!("refs/heads/{branch}")) else {
        return false;
    };
    let sha = found.target().unwrap().to_string();
    found.delete().unwrap();
    for pull in inside.hub.pulls.iter_mut().filter(|pull| pull.head == branch && pull.open) {
        (pull.open, pull.sha) = (false, sha.clone());
    }
    true
}

async fn compare(State(shared): State<Shared>, Path(range): Path<String>) -> Response {
    let repository = open(&shared);
    let (base, head) = range.split_once("...").unwrap();
    let id = |name: &str| repository.revparse_single(name).map(|object| object.id());
    let (Ok(base), Ok(head)) = (id(base), id(head)) else { return refused(404, "Not Found") };
    let (ahead, behind) = repository.graph_ahead_behind(head, base).unwrap();
    let status = match (ahead, behind) {
        (0, 0) => "identical",
        (_, 0) => "ahead",
        (0, _) => "behind",
        _ => "diverged",
    };
    Json(json!({ "status": status, "ahead_by": ahead, "behind_by": behind })).into_response()
}

fn shown(inside: &mut Inside, number: u64, alone: bool) -> Value {
    let repository = Repository::open_bare(&inside.git).unwrap();
    let unknown = alone && inside.hub.unknown_mergeable > 0;
    inside.hub.unknown_mergeable -= usize::from(unknown);
    let pull = inside.hub.pulls.iter_mut().find(|pull| pull.number == number).unwrap();
    if let Some(tip) = tip(&repository, &pull.head).filter(|_| pull.open) {
        pull.sha = tip.to_string();
    }
    let repo = json!({ "full_name": "acme/shop" });
    let base = tip(&repository, &pull.base).unwrap().to_string();
    let mut shown = json!({
        "number": pull.number,
        "state": if pull.open { "open" } else { "closed" },
        "title": pull.title, "body": pull.body, "created_at": now(),
        "merged_at": pull.merged.as_ref().map(|_| now()),
        "merge_commit_sha": pull.merged,
        "head": { "sha": pull.sha, "ref": pull.head, "repo": repo },
        "base": { "sha": base, "ref": pull.base, "repo": repo },
        "labels": pull.labels.iter().map(|name| json!({ "name": name })).collect::<Vec<_>>(),
    });
    if alone && !unknown {
        shown["mergeable"] = merged_tree(&repository, &base, &pull.sha).is_some().into();
    }
    shown
}

fn merged_tree(repository: &Repository, base: &str, head: &str) -> Option<Oid> {
    let [base, head] =
        [base, head].map(|id| repository.find_commit(Oid::from_str(id).unwrap()).unwrap());
    let mut index = repository.merge_commits(&base, &head, None).unwrap();
    (!index.has_conflicts()).then(|| index.write_tree_to(repository).unwrap())
}

async fn list(
    State(shared): State<Shared>,
    Query(words): Query<HashMap<String, String>>,
) -> Json<Value> {
    let mut inside = shared.lock().unwrap();
    let wanted = |pull: &&Pull| {
        let head = words.get("head").is_none_or(|head| *head == format!("acme:{}", pull.head));
        head && (words.get("state").is_some_and(|state| state == "all") || pull.open)
    };
    let numbers: Vec<u64> =
        inside.hub.pulls.iter().filter(wanted).map(|pull| pull.number).collect();
    numbers
        .into_iter()
        .rev()
        .map(|number| shown(&mut inside, number, false))
        .collect::<Value>()
        .into()
}

async fn create(State(shared): State<Shared>, Json(asked): Json<Value>) -> Response {
    let mut inside = shared.lock().unwrap();
    let text = |name: &str| asked[name].as_str().unwrap().to_owned();
    let repository = Repository::open_bare(&inside.git).unwrap();
    let head = text("head");
    if inside.hub.pulls.iter().any(|pull| pull.head == head && pull.open) {
        let says = json!({
            "message": "Validation Failed",
            "errors": [{ "message": format!("A pull request already exists for acme:{head}.") }],
        });
        return (StatusCode::UNPROCESSABLE_ENTITY, Json(says)).into_response();
    }
    let Some(sha) = tip(&repository, &head) else { return refused(422, "Validation Failed") };
    let number = 1 + inside.hub.pulls.len() as u64;
    inside.hub.pulls.push(Pull {
        number,
        title: text("title"),
        body: text("body"),
        head,
        base: text("base"),
        sha: sha.to_string(),
        open: true,
        merged: None,
        labels: Vec::new(),
    });
    (StatusCode::CREATED, Json(shown(&mut inside, number, true))).into_response()
}

async fn one(State(shared): State<Shared>, Path(number): Path<u64>) -> Response {
    let mut inside = shared.lock().unwrap();
    if !inside.hub.pulls.iter().any(|pull| pull.number == number) {
        return refused(404, "Not Found");
    }
    Json(shown(&mut inside, number, true)).into_response()
}

async fn amend(
    State(shared): State<Shared>,
    Path(number): Path<u64>,
    Json(asked): Json<Value>,
) -> Response {
    let mut inside = shared.lock().unwrap();
    // So that its head is known when it is closed.
    shown(&mut inside, number, false);
    let pull = inside.hub.pulls.iter_mut().find(|pull| pull.number == number).unwrap();
    if let Some(body) = asked["body"].as_str() {
        pull.body = body.to_owned();
    }
    match asked["state"].as_str() {
        Some("closed") => pull.open = false,
        Some(_) => pull.open = pull.merged.is_none(),
        None => {}
    }
    Json(shown(&mut inside, number, true)).into_response()
}

async fn merge(
    State(shared): State<Shared>,
    Path(number): Path<u64>,
    Json(asked): Json<Value>,
) -> Response {
    let mut inside = shared.lock().unwrap();
    let pull = shown(&mut inside, number, false);
    if pull["state"] != "open" {
        return refused(405, "Pull Request is not mergeable");
    }
    if asked["sha"].as_str().is_some_and(|sha| pull["head"]["sha"] != sha) {
        return refused(409, "Head branch was modified. Review and try the merge again.");
    }
    let text = |name: &str| asked[name].as_str().unwrap_or_default();
    let message = format!("{}\n\n{}", text("commit_title"), text("commit_message"));
    match land(&mut inside, number, text("merge_method"), &message) {
        Some(sha) => Json(json!({ "sha": sha, "merged": true, "message": "ok" })).into_response(),
        None => refused(405, "Pull Request is not mergeable"),
    }
}

/// Merges a pull request, as a person does by the button.
pub(crate) fn land(
    inside: &mut Inside,
    number: u64,
    method: &str,
    message: &str,
) -> Option<String> {
    let pull = shown(inside, number, false);
    let repository = Repository::open_bare(&inside.git).unwrap();
    let [base, head] = ["base", "head"].map(|end| pull[end]["sha"].as_str().unwrap().to_owned());
    let tree = merged_tree(&repository, &base, &head)?;
    let (tree, sign) = (repository.find_tree(tree).unwrap(), sign());
    let [base, head] =
        [base, head].map(|id| repository.find_commit(Oid::from_str(&id).unwrap()).unwrap());
    let theirs = head.message().unwrap().to_owned();
    let (message, parents) = match method {
        "squash" => (message, vec![&base]),
        "rebase" => (theirs.as_str(), vec![&base]),
        _ => (message, vec![&base, &head]),
    };
    let name = format!("refs/heads/{}", pull["base"]["ref"].as_str().unwrap());
    let id = repository.commit(Some(&name), &sign, &sign, message, &tree, &parents).unwrap();
    let pull = inside.hub.pulls.iter_mut().find(|pull| pull.number == number).unwrap();
    (pull.open, pull.merged) = (false, Some(id.to_string()));
    Some(id.to_string())
}

async fn label(
    State(shared): State<Shared>,
    Path(number): Path<u64>,
    Json(asked): Json<Value>,
) -> Response {
    let mut inside = shared.lock().unwrap();
    let pull = inside.hub.pulls.iter_mut().find(|pull| pull.number == number).unwrap();
    for label in asked["labels"].as_array().unwrap() {
        let label = label.as_str().unwrap().to_owned();
        if !pull.labels.contains(&label) {
            pull.labels.push(label);
        }
    }
    Json(json!([])).into_response()
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

async fn log(State(shared): State<Shared>, Path(id): Path<usize>) -> Response {
    let log = shared.lock().unwrap().hub.checks.get(id).and_then(|check| check.log);
    log.map_or_else(|| refused(404, "Not Found"), |log| log.into_response())
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
    let mut all = vec![json!({ "state": "in_progress", "description": null, "created_at": at })];
    if !state.is_empty() {
        all.insert(0, json!({ "state": state, "description": "said", "created_at": at }));
    }
    Json(all.into())
}

/// The text of a file at the head of a branch.
pub(crate) fn text(inside: &Inside, branch: &str, path: &str) -> Option<(String, u32)> {
    let repository = Repository::open_bare(&inside.git).unwrap();
    let commit = repository.find_commit(tip(&repository, branch)?).unwrap();
    let entry = commit.tree().unwrap().get_path(std::path::Path::new(path)).ok()?;
    assert_eq!(entry.kind(), Some(ObjectType::Blob));
    let blob = repository.find_blob(entry.id()).unwrap();
    let mode = u32::from(entry.filemode() == i32::from(FileMode::BlobExecutable));
    Some((String::from_utf8(blob.content().to_vec()).unwrap(), mode))
}
