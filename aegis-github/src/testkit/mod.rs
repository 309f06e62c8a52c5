//! A stand-in for GitHub: its API over a real bare repository, with faults as state.
//!
//! It has one repository, [`NAME`], merges and compares for real, and remembers every call. What it
//! does not have, it answers with 404; of GraphQL it has what is asked here. It is for tests: what it is asked wrongly may panic its task.
#![allow(clippy::unwrap_used)]

mod actions;
mod apps;
mod checks;
mod commits;
mod graphql;
mod hub;
mod objects;
mod pulls;
mod waiting;
mod writes;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, ETAG, HOST, IF_NONE_MATCH};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use http_body_util::{Full, Limited};
use serde_json::{Value, json};

pub use self::actions::{Job, Run};
pub use self::hub::{Check, Hub, Pull, Workflows, text};
pub use self::pulls::land;
pub use self::writes::{remove, rename};
use crate::{Credentials, GitHub, GitHubConfig};

/// The repository that it has.
pub const NAME: &str = "acme/shop";
/// The token that is taken.
pub const TOKEN: &str = "github_pat_of_the_tests";

/// What goes wrong, once.
#[derive(Debug, Clone)]
pub enum Fault {
    /// An answer of this status, with these headers and this message; nothing is done.
    Status(u16, Vec<(&'static str, String)>, &'static str),
    /// What GraphQL answers with a status of 200: an error of this type, with this message; nothing is
    /// done.
    Refuse(&'static str, &'static str),
    /// Nothing comes, and nothing is done.
    Hang,
    /// It is done, and the connection breaks before the answer.
    Drop,
    /// It is done, and no answer comes.
    Stall,
}

/// A call that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// As `GET`.
    pub method: String,
    /// With its query.
    pub path: String,
    /// Whether it said who asks.
    pub signed: bool,
    /// Of the answer.
    pub status: u16,
    /// The host that was asked, with its port.
    pub host: String,
    /// The body, where it was JSON.
    pub asked: Option<Value>,
    /// What was answered, where that was JSON.
    pub answer: Option<Value>,
}

/// Everything that it knows, for tests to read and to change.
#[derive(Debug)]
pub struct Inside {
    /// The bare repository.
    pub git: PathBuf,
    /// Where it is served.
    pub address: SocketAddr,
    /// Whether the repository is archived.
    pub archived: bool,
    /// Tokens that are taken.
    pub tokens: Vec<String>,
    /// Parts of calls, as `GET /a?b`, and what goes wrong with the next one that has it.
    pub faults: Vec<(String, Fault)>,
    /// What goes wrong with a write, after so many others.
    pub lose_write: Option<(usize, Fault)>,
    /// The calls so far.
    pub calls: Vec<Call>,
    /// How many of them were told.
    told: usize,
    /// The App's public key, and how long a token lasts that it is given.
    pub app: Option<(Vec<u8>, Duration)>,
    /// What the App was granted where it is installed, by the permission's name.
    pub granted: BTreeMap<&'static str, &'static str>,
    /// Scopes of a classic token, as they are told with each answer; a fine-grained one has none.
    pub scopes: Option<&'static str>,
    /// Tokens that were given to the App.
    pub minted: usize,
    /// Files that one answer about a tree holds.
    pub tree_limit: usize,
    /// Runs of workflows.
    pub runs: Vec<Run>,
    /// Answers that never came, of what was done.
    pub stalled: usize,
    /// What is there beside Git.
    pub hub: Hub,
}

/// [`Inside`], shared with the server.
pub type Shared = Arc<Mutex<Inside>>;

/// The server; it ends with this.
#[derive(Debug)]
pub struct Stand {
    inside: Shared,
    address: SocketAddr,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Stand {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Stand {
    /// Serves this bare repository, whose release branch is `main`, on a port that the system chooses.
    ///
    /// # Errors
    ///
    /// Where no port can be had.
    pub async fn start(git: impl Into<PathBuf>) -> std::io::Result<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let inside = Inside {
            git: git.into(),
            address,
            archived: false,
            tokens: vec![TOKEN.to_owned()],
            faults: Vec::new(),
            lose_write: None,
            calls: Vec::new(),
            told: 0,
            app: None,
            granted: apps::all(),
            scopes: None,
            minted: 0,
            tree_limit: usize::MAX,
            runs: Vec::new(),
            stalled: 0,
            hub: Hub::default(),
        };
        let inside: Shared = Arc::new(Mutex::new(inside));
        let app = routes()
            .layer(from_fn_with_state(Arc::clone(&inside), gate))
            .with_state(Arc::clone(&inside));
        let server = tokio::spawn(async move {
            // It ends with its task.
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self { inside, address, server })
    }

    /// What it knows.
    pub fn inside(&self) -> std::sync::MutexGuard<'_, Inside> {
        self.inside.lock().unwrap()
    }

    /// What it knows, for a task that acts on it meanwhile.
    pub fn shared(&self) -> Shared {
        Arc::clone(&self.inside)
    }

    /// Where it is: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A connection to the stand-in at this address, which waits for nothing longer than a test can.
    ///
    /// # Errors
    ///
    /// `Invalid` where that is no address.
    pub fn connect(url: &str) -> aegis_core::Result<GitHub> {
        GitHub::new(Credentials::token(TOKEN), Self::config(url)?)
    }

    /// The settings of [`connect`](Self::connect).
    ///
    /// # Errors
    ///
    /// `Invalid` where that is no address.
    pub fn config(url: &str) -> aegis_core::Result<GitHubConfig> {
        let config = GitHubConfig::new().with_api(url)?.with_write_gap(Duration::ZERO);
        let config = config.with_timeouts(Duration::from_millis(500), Duration::from_secs(5));
        Ok(config.with_repeats(2, Duration::from_millis(1)))
    }

    /// The next call whose method and path, as `GET /a?b`, hold `part` goes wrong.
    pub fn fault(&self, part: &str, fault: Fault) {
        self.inside().faults.push((part.to_owned(), fault));
    }

    /// The calls since the last time.
    pub fn calls(&self) -> Vec<Call> {
        let inside = &mut *self.inside();
        let before = std::mem::replace(&mut inside.told, inside.calls.len());
        inside.calls[before..].to_vec()
    }

    /// Ends it; from here on nobody is there.
    pub async fn stop(&mut self) {
        self.server.abort();
        // It was ended, which is what its task says.
        let _ = (&mut self.server).await;
    }
}

fn routes() -> Router<Shared> {
    Router::new()
        .merge(objects::routes())
        .merge(writes::routes())
        .merge(pulls::routes())
        .merge(checks::routes())
        .merge(actions::routes())
        .merge(apps::routes())
        .merge(graphql::routes())
        .fallback(|| async { refused(404, "Not Found") })
}

fn refused(status: u16, message: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    (status, axum::Json(json!({ "message": message }))).into_response()
}

/// Who may ask, faults, conditional answers, and the record of it all.
async fn gate(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let path = request.uri().path_and_query().unwrap().to_string();
    let method = request.method().to_string();
    let [host, signed, asked] = [HOST, AUTHORIZATION, IF_NONE_MATCH].map(|name| {
        let value: Option<&HeaderValue> = request.headers().get(name);
        value.and_then(|value| value.to_str().ok()).map(str::to_owned)
    });
    let host = host.unwrap_or_default();
    let (head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let asked_json: Option<Value> = serde_json::from_slice(&body).ok();
    let request = Request::from_parts(head, Body::from(body));
    // A query of GraphQL only reads.
    let query = asked_json.as_ref().and_then(|asked| asked["query"].as_str());
    let writes = method != "GET" && !query.is_some_and(|query| query.starts_with("query"));
    let (fault, open, frozen) = {
        let mut inside = shared.lock().unwrap();
        let line = format!("{method} {path}");
        let at = inside.faults.iter().position(|(part, _)| line.contains(part.as_str()));
        let mut fault = at.map(|at| inside.faults.remove(at).1);
        if writes && let Some((left, lost)) = &mut inside.lose_write {
            if *left == 0 {
                fault = Some(lost.clone());
                inside.lose_write = None;
            } else {
                *left -= 1;
            }
        }
        let bearer = signed.as_deref().and_then(|signed| signed.strip_prefix("Bearer "));
        let known = bearer.is_some_and(|token| inside.tokens.iter().any(|own| own == token));
        let open = known || path.starts_with("/app/") || path.starts_with("/codeload/");
        let frozen = inside.archived && method != "GET" && path.starts_with("/repos/");
        (fault, open, frozen)
    };
    let response = match fault.clone() {
        Some(Fault::Status(status, headers, message)) => {
            let mut response = refused(status, message);
            for (name, value) in headers {
                response.headers_mut().insert(name, value.parse().unwrap());
            }
            response
        }
        Some(Fault::Refuse(kind, message)) => {
            let error = json!({ "type": kind, "path": [], "message": message });
            axum::Json(json!({ "data": null, "errors": [error] })).into_response()
        }
        Some(Fault::Hang) => std::future::pending().await,
        _ if !open => refused(401, "Bad credentials"),
        _ if frozen => refused(403, "Repository was archived so is read-only."),
        _ => next.run(request).await,
    };
    // What is not there can't break off.
    let asked = asked.filter(|_| !matches!(fault, Some(Fault::Drop)));
    let (head, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let answer = serde_json::from_slice(&body).ok();
    let response = Response::from_parts(head, Body::from(body));
    let mut response = conditional(response, asked.as_deref()).await;
    let status = response.status().as_u16();
    let (signed, asked) = (signed.is_some(), asked_json);
    let call = Call { method, path, signed, status, host, asked, answer };
    let stalls = matches!(fault, Some(Fault::Stall));
    {
        let mut inside = shared.lock().unwrap();
        if let Some(scopes) = inside.scopes {
            response.headers_mut().insert("x-oauth-scopes", HeaderValue::from_static(scopes));
        }
        inside.calls.push(call);
        inside.stalled += usize::from(stalls);
    }
    if stalls {
        return std::future::pending().await;
    }
    if matches!(fault, Some(Fault::Drop)) {
        // A body that breaks off.
        let long = Full::new(Bytes::from_static(b"{\"unfinished\": "));
        *response.body_mut() = Body::new(Limited::new(long, 4));
    }
    response
}

async fn conditional(response: Response, asked: Option<&str>) -> Response {
    if response.status() != StatusCode::OK {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let etag = git2::Oid::hash_object(git2::ObjectType::Blob, &body).unwrap();
    let etag = format!("\"{etag}\"");
    parts.headers.insert(ETAG, etag.parse().unwrap());
    if asked == Some(etag.as_str()) {
        return (StatusCode::NOT_MODIFIED, parts.headers).into_response();
    }
    Response::from_parts(parts, Body::from(body))
}
