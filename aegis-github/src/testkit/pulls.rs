//! Pull requests, merged for real.

use std::collections::HashMap;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use git2::{Oid, Repository};
use serde_json::{Value, json};

use super::hub::{Pull, now, sign, tip};
use super::{Inside, NAME, Shared, refused, waiting};

pub(super) fn routes() -> Router<Shared> {
    let at = |path: &str| format!("/repos/{NAME}/{path}");
    Router::new()
        .route(&at("pulls"), get(list).post(create))
        .route(&at("pulls/{number}"), get(one).patch(amend))
        .route(&at("pulls/{number}/merge"), put(merge))
        .route(&at("issues/{number}/labels"), post(label))
}

/// What people did by Git alone: a branch that is gone closes its pull requests, a head that came onto
/// the base by itself is merged.
pub(super) fn settle(inside: &mut Inside) {
    let repository = Repository::open_bare(&inside.git).unwrap();
    for pull in inside.hub.pulls.iter_mut().filter(|pull| pull.open) {
        let Some(head) = tip(&repository, &pull.head) else {
            pull.open = false;
            continue;
        };
        pull.sha = head.to_string();
        let mut at = tip(&repository, &pull.base).unwrap();
        let holds = |at: Oid| at == head || repository.graph_descendant_of(at, head).unwrap();
        if !holds(at) {
            continue;
        }
        while let Ok(parent) = repository.find_commit(at).unwrap().parent_id(0) {
            if at == head || !holds(parent) {
                break;
            }
            at = parent;
        }
        (pull.open, pull.merged) = (false, Some(at.to_string()));
    }
    waiting::settle(inside);
}

fn shown(inside: &mut Inside, number: u64, alone: bool) -> Value {
    settle(inside);
    let repository = Repository::open_bare(&inside.git).unwrap();
    let unknown = alone && inside.hub.unknown_mergeable > 0;
    inside.hub.unknown_mergeable -= usize::from(unknown);
    let pull = inside.hub.pulls.iter_mut().find(|pull| pull.number == number).unwrap();
    let repo = json!({ "full_name": NAME });
    let base = tip(&repository, &pull.base).unwrap().to_string();
    let mut shown = json!({
        "number": pull.number, "node_id": waiting::node(pull.number),
        "state": if pull.open { "open" } else { "closed" },
        "title": pull.title, "body": pull.body, "created_at": pull.created_at,
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
    settle(&mut inside);
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
    settle(&mut inside);
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
        created_at: now(),
        labels: Vec::new(),
        auto: None,
        queued: false,
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
    settle(&mut inside);
    let pull = inside.hub.pulls.iter_mut().find(|pull| pull.number == number).unwrap();
    if let Some(body) = asked["body"].as_str() {
        pull.body = body.to_owned();
    }
    match asked["state"].as_str() {
        Some("closed") => {
            (pull.open, pull.auto, pull.queued) = (false, None, false);
        }
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
    if inside.hub.queue.is_some() {
        return refused(405, "Changes must be made through the merge queue");
    }
    if let Some(name) = waiting::unmet(&inside, pull["head"]["sha"].as_str().unwrap()) {
        return refused(405, &format!("Required status check \"{name}\" is expected."));
    }
    let text = |name: &str| asked[name].as_str().unwrap_or_default();
    let message = format!("{}\n\n{}", text("commit_title"), text("commit_message"));
    match land(&mut inside, number, text("merge_method"), &message) {
        Some(sha) => Json(json!({ "sha": sha, "merged": true, "message": "ok" })).into_response(),
        None => refused(405, "Pull Request is not mergeable"),
    }
}

/// Merges a pull request, as a person does by the button; nothing where that is not clean.
///
/// # Panics
///
/// Where there is no such pull request.
pub fn land(inside: &mut Inside, number: u64, method: &str, message: &str) -> Option<String> {
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
