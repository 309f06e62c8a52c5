//! What GitHub tells of a repository's objects.

use std::collections::HashMap;

use axum::extract::{Path, Query, State};
use axum::http::header::{ACCEPT, LINK, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use git2::{Commit, ObjectType, Oid, Repository, Sort, TreeWalkMode};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{NAME, Shared, refused};

pub(super) fn routes() -> Router<Shared> {
    let at = |path: &str| format!("/repos/{NAME}{path}");
    Router::new()
        .route(&at(""), get(about))
        .route(&at("/git/ref/heads/{*branch}"), get(branch))
        .route(&at("/git/matching-refs/heads/{*prefix}"), get(branches))
        .route(&at("/commits"), get(commits))
        .route(&at("/commits/{sha}"), get(commit))
        .route(&at("/git/commits/{sha}"), get(bare))
        .route(&at("/git/trees/{sha}"), get(tree))
        .route(&at("/git/blobs/{sha}"), get(blob))
        .route(&at("/tarball/{sha}"), get(tarball))
        .route("/codeload/{sha}", get(archive))
}

type Words = Query<HashMap<String, String>>;

pub(super) fn open(shared: &Shared) -> Repository {
    Repository::open_bare(&shared.lock().unwrap().git).unwrap()
}

async fn about(State(shared): State<Shared>) -> Json<Value> {
    let inside = shared.lock().unwrap();
    let allows = |method: &str| *inside.hub.methods.get(method).unwrap_or(&true);
    Json(json!({
        "full_name": NAME, "default_branch": "main", "archived": inside.archived,
        "permissions": { "pull": true, "push": !inside.hub.read_only },
        "allow_merge_commit": allows("merge"),
        "allow_squash_merge": allows("squash"),
        "allow_rebase_merge": allows("rebase"),
        "allow_auto_merge": inside.hub.auto_merge,
    }))
}

async fn branch(State(shared): State<Shared>, Path(name): Path<String>) -> Response {
    let name = format!("refs/heads/{name}");
    match open(&shared).refname_to_id(&name) {
        Ok(id) => {
            let object = json!({ "type": "commit", "sha": id.to_string() });
            Json(json!({ "ref": name, "object": object })).into_response()
        }
        Err(_) => refused(404, "Not Found"),
    }
}

/// Those whose names begin so.
async fn branches(State(shared): State<Shared>, Path(prefix): Path<String>) -> Json<Value> {
    let repository = open(&shared);
    let found = repository.references_glob(&format!("refs/heads/{prefix}*")).unwrap();
    let shown = found.map(|found| {
        let found = found.unwrap();
        let object = json!({ "type": "commit", "sha": found.target().unwrap().to_string() });
        json!({ "ref": found.name().unwrap(), "object": object })
    });
    Json(shown.collect())
}

fn date(commit: &Commit<'_>) -> String {
    let at = OffsetDateTime::from_unix_timestamp(commit.time().seconds()).unwrap();
    at.format(&Rfc3339).unwrap()
}

fn touched(repository: &Repository, commit: &Commit<'_>) -> Vec<String> {
    let before = commit.parent(0).ok().map(|parent| parent.tree().unwrap());
    let after = commit.tree().unwrap();
    let diff = repository.diff_tree_to_tree(before.as_ref(), Some(&after), None).unwrap();
    let path =
        |delta: git2::DiffDelta<'_>| delta.new_file().path().unwrap().to_str().unwrap().to_owned();
    diff.deltas().map(path).collect()
}

fn shown(repository: &Repository, commit: &Commit<'_>, files: bool) -> Value {
    let name = commit.author().name().unwrap().to_owned();
    let who = json!({ "name": name, "email": "kim@localhost", "date": date(commit) });
    let parents: Vec<Value> =
        commit.parent_ids().map(|id| json!({ "sha": id.to_string() })).collect();
    let mut shown = json!({
        "sha": commit.id().to_string(),
        "commit": {
            "message": commit.message().unwrap(),
            "author": who, "committer": who,
        },
        "parents": parents,
    });
    if files {
        let files = touched(repository, commit);
        shown["files"] = files.into_iter().map(|path| json!({ "filename": path })).collect();
    }
    shown
}

async fn commit(State(shared): State<Shared>, Path(sha): Path<String>) -> Response {
    let repository = open(&shared);
    match Oid::from_str(&sha).and_then(|id| repository.find_commit(id)) {
        Ok(commit) => Json(shown(&repository, &commit, true)).into_response(),
        Err(_) => refused(422, &format!("No commit found for SHA: {sha}")),
    }
}

async fn bare(State(shared): State<Shared>, Path(sha): Path<String>) -> Response {
    let repository = open(&shared);
    match Oid::from_str(&sha).and_then(|id| repository.find_commit(id)) {
        Ok(commit) => {
            let tree = json!({ "sha": commit.tree_id().to_string() });
            let parents: Vec<Value> =
                commit.parent_ids().map(|id| json!({ "sha": id.to_string() })).collect();
            let message = commit.message().unwrap();
            Json(json!({ "sha": sha, "tree": tree, "message": message, "parents": parents }))
                .into_response()
        }
        Err(_) => refused(404, "Not Found"),
    }
}

async fn commits(State(shared): State<Shared>, Query(words): Words) -> Response {
    let (repository, address) = (open(&shared), shared.lock().unwrap().address);
    let number = |name: &str, unless| words.get(name).map_or(unless, |n| n.parse().unwrap());
    let (page, size): (usize, usize) = (number("page", 1), number("per_page", 30));
    let mut walk = repository.revwalk().unwrap();
    walk.set_sorting(Sort::TOPOLOGICAL).unwrap();
    let Ok(()) = Oid::from_str(&words["sha"]).and_then(|id| walk.push(id)) else {
        return refused(404, "Not Found");
    };
    let all: Vec<Value> = walk
        .map(|id| repository.find_commit(id.unwrap()).unwrap())
        .filter(|commit| {
            words.get("path").is_none_or(|path| touched(&repository, commit).contains(path))
        })
        .map(|commit| shown(&repository, &commit, false))
        .collect();
    let part: Vec<Value> = all.iter().skip((page - 1) * size).take(size).cloned().collect();
    let mut headers = HeaderMap::new();
    if page * size < all.len() {
        let next = format!(
            "<http://{address}/repos/{NAME}/commits?sha={}&per_page={size}&page={}>; rel=\"next\"",
            words["sha"],
            page + 1
        );
        headers.insert(LINK, next.parse().unwrap());
    }
    (headers, Json(part)).into_response()
}

async fn tree(
    State(shared): State<Shared>,
    Path(sha): Path<String>,
    Query(words): Words,
) -> Response {
    let (repository, limit) = (open(&shared), shared.lock().unwrap().tree_limit);
    let Ok(tree) = Oid::from_str(&sha).and_then(|id| repository.find_tree(id)) else {
        return refused(404, "Not Found");
    };
    let mut nodes = Vec::new();
    tree.walk(TreeWalkMode::PreOrder, |above, entry| {
        let kind = match entry.kind() {
            Some(ObjectType::Tree) => "tree",
            Some(ObjectType::Commit) => "commit",
            _ => "blob",
        };
        let mut node = json!({
            "path": format!("{above}{}", entry.name().unwrap()),
            "mode": format!("{:06o}", entry.filemode()),
            "type": kind, "sha": entry.id().to_string(),
        });
        if kind == "blob" {
            node["size"] = repository.find_blob(entry.id()).unwrap().size().into();
        }
        nodes.push(node);
        // Without `recursive` a folder stays closed.
        i32::from(kind == "tree" && !words.contains_key("recursive"))
    })
    .unwrap();
    let truncated = words.contains_key("recursive") && nodes.len() > limit;
    nodes.truncate(if truncated { limit } else { usize::MAX });
    Json(json!({ "sha": sha, "tree": nodes, "truncated": truncated })).into_response()
}

async fn blob(
    State(shared): State<Shared>,
    Path(sha): Path<String>,
    headers: HeaderMap,
) -> Response {
    let repository = open(&shared);
    let Ok(blob) = Oid::from_str(&sha).and_then(|id| repository.find_blob(id)) else {
        return refused(404, "Not Found");
    };
    let accept = headers.get(ACCEPT).map(|v| v.to_str().unwrap()).unwrap_or_default();
    if accept.contains(".raw") {
        return blob.content().to_vec().into_response();
    }
    let content = BASE64_STANDARD.encode(blob.content());
    Json(json!({ "sha": sha, "encoding": "base64", "content": content })).into_response()
}

/// Leads to another host, as GitHub does.
async fn tarball(State(shared): State<Shared>, Path(sha): Path<String>) -> Response {
    let port = shared.lock().unwrap().address.port();
    let there = format!("http://localhost:{port}/codeload/{sha}");
    (StatusCode::FOUND, [(LOCATION, there)]).into_response()
}

async fn archive(State(shared): State<Shared>, Path(sha): Path<String>) -> Response {
    let git = shared.lock().unwrap().git.clone();
    let mut archive = std::process::Command::new("git");
    archive.arg("-C").arg(git).args(["archive", "--format=tar.gz"]);
    let output = archive.arg(format!("--prefix=acme-shop-{sha}/")).arg(&sha).output().unwrap();
    match output.status.success() {
        true => output.stdout.into_response(),
        false => refused(404, "Not Found"),
    }
}
