//! Writing Git's objects and branches, and comparing them.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use git2::{IndexEntry, Oid, Repository};
use serde_json::{Value, json};

use super::hub::{oid, sign};
use super::objects::open;
use super::pulls::settle;
use super::{Inside, NAME, Shared, refused};

pub(super) fn routes() -> Router<Shared> {
    let at = |path: &str| format!("/repos/{NAME}/{path}");
    Router::new()
        .route(&at("git/trees"), post(make_tree))
        .route(&at("git/commits"), post(make_commit))
        .route(&at("git/refs"), post(make_ref))
        .route(&at("git/refs/heads/{*branch}"), delete(delete_ref))
        .route(&at("compare/{range}"), get(compare))
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
        index.add(&file(path, id, mode)).unwrap();
    }
    let id = index.write_tree_to(&repository).unwrap().to_string();
    (StatusCode::CREATED, Json(json!({ "sha": id }))).into_response()
}

/// A file in an index.
pub(super) fn file(path: &str, id: Oid, mode: u32) -> IndexEntry {
    let zero = git2::IndexTime::new(0, 0);
    IndexEntry {
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
        path: path.as_bytes().to_vec(),
    }
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
    let mut inside = shared.lock().unwrap();
    let says = repository.find_commit(oid(&asked["sha"])).unwrap().message().unwrap().to_owned();
    if let Some(workflows) = inside.hub.on_push.filter(|_| !says.contains("[skip ci]")) {
        let branch = name.trim_start_matches("refs/heads/");
        let checks = workflows(&repository, branch, asked["sha"].as_str().unwrap());
        inside.hub.checks.extend(checks);
    }
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

/// Deletes a branch, which closes its pull requests; false where there is none.
pub fn remove(inside: &mut Inside, branch: &str) -> bool {
    let repository = Repository::open_bare(&inside.git).unwrap();
    let Ok(mut found) = repository.find_reference(&format!("refs/heads/{branch}")) else {
        return false;
    };
    // Its pull requests keep the head that they had.
    settle(inside);
    found.delete().unwrap();
    settle(inside);
    true
}

/// Renames a branch, which points its pull requests at the new name.
///
/// # Panics
///
/// Where there is none.
pub fn rename(inside: &mut Inside, from: &str, to: &str) {
    let repository = Repository::open_bare(&inside.git).unwrap();
    let mut found = repository.find_reference(&format!("refs/heads/{from}")).unwrap();
    found.rename(&format!("refs/heads/{to}"), false, "renamed").unwrap();
    for pull in inside.hub.pulls.iter_mut().filter(|pull| pull.base == from) {
        pull.base = to.to_owned();
    }
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
