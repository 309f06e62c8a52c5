//! A stand-in for GitHub: its REST API over a real bare repository, with faults as state.

pub(crate) mod actions;
mod objects;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aegis_github::{Credentials, GitHub, GitHubConfig, GitHubRepository};
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, ETAG, HOST, IF_NONE_MATCH};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http_body_util::{Full, Limited};
use serde_json::json;
use tempfile::TempDir;

/// The token that is taken.
pub(crate) const TOKEN: &str = "github_pat_of_the_tests";

/// What goes wrong, once.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// An answer of this status, with these headers and this message.
    Status(u16, Vec<(&'static str, String)>, &'static str),
    /// Nothing comes.
    Hang,
    /// It is done, and the connection breaks before the answer.
    Drop,
}

/// A call that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) method: String,
    /// With its query.
    pub(crate) path: String,
    /// Whether it said who asks.
    pub(crate) signed: bool,
    pub(crate) status: u16,
    pub(crate) host: String,
}

#[derive(Debug)]
pub(crate) struct Inside {
    pub(crate) git: PathBuf,
    pub(crate) address: SocketAddr,
    pub(crate) archived: bool,
    pub(crate) tokens: Vec<String>,
    pub(crate) faults: Vec<(String, Fault)>,
    pub(crate) calls: Vec<Call>,
    /// The App's public key, and how long a token lasts that it is given.
    pub(crate) app: Option<(Vec<u8>, Duration)>,
    pub(crate) minted: usize,
    /// Files that one answer about a tree holds.
    pub(crate) tree_limit: usize,
    pub(crate) runs: Vec<actions::Run>,
}

pub(crate) type Shared = Arc<Mutex<Inside>>;

/// The server and its repository; both end with it.
#[derive(Debug)]
pub(crate) struct Fake {
    pub(crate) inside: Shared,
    address: SocketAddr,
    server: tokio::task::JoinHandle<()>,
    folder: TempDir,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Fake {
    /// With one repository, `acme/shop`, whose branch `main` has one commit.
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (work, bare) = (folder.path().join("work"), folder.path().join("shop.git"));
        std::fs::create_dir(&work).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let inside = Inside {
            git: bare,
            address,
            archived: false,
            tokens: vec![TOKEN.to_owned()],
            faults: Vec::new(),
            calls: Vec::new(),
            app: None,
            minted: 0,
            tree_limit: usize::MAX,
            runs: Vec::new(),
        };
        let inside: Shared = Arc::new(Mutex::new(inside));
        let app = Router::new()
            .route("/repos/acme/shop", get(objects::about))
            .route("/repos/acme/shop/git/ref/heads/{*branch}", get(objects::branch))
            .route("/repos/acme/shop/commits", get(objects::commits))
            .route("/repos/acme/shop/commits/{sha}", get(objects::commit))
            .route("/repos/acme/shop/git/commits/{sha}", get(objects::bare))
            .route("/repos/acme/shop/git/trees/{sha}", get(objects::tree))
            .route("/repos/acme/shop/git/blobs/{sha}", get(objects::blob))
            .route("/repos/acme/shop/tarball/{sha}", get(objects::tarball))
            .route("/codeload/{sha}", get(objects::archive))
            .route(
                "/app/installations/7/access_tokens",
                axum::routing::post(crate::sign_in::access_tokens),
            )
            .merge(actions::routes())
            .fallback(|| async { refused(404, "Not Found") })
            .layer(from_fn_with_state(Arc::clone(&inside), gate))
            .with_state(Arc::clone(&inside));
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let fake = Self { inside, address, server, folder };
        fake.git(&["init", "-q", "-b", "main", "."]);
        fake.commit("First", &[("app.py", "print('shop')\n"), ("docs/read me.md", "# Shop\n")]);
        fake.git(&["clone", "-q", "--bare", ".", "../shop.git"]);
        fake.git(&["remote", "add", "origin", "../shop.git"]);
        fake
    }

    /// Ends it; from here on nobody is there.
    pub(crate) async fn stop(mut self) {
        self.server.abort();
        // It was ended, which is what its task says.
        let _ = (&mut self.server).await;
    }

    /// Runs git in the working copy; what it prints.
    pub(crate) fn git(&self, words: &[&str]) -> String {
        let mut git = Command::new("git");
        git.current_dir(self.work()).args(words);
        git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
        for who in ["AUTHOR", "COMMITTER"] {
            git.env(format!("GIT_{who}_NAME"), "Kim")
                .env(format!("GIT_{who}_EMAIL"), "kim@localhost");
            git.env(format!("GIT_{who}_DATE"), "2026-01-02T03:04:05Z");
        }
        let output = git.output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// The working copy.
    pub(crate) fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    pub(crate) fn write(&self, path: &str, content: &[u8]) {
        let path = self.work().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Commits files to the working copy; the commit's id.
    pub(crate) fn commit(&self, title: &str, files: &[(&str, &str)]) -> String {
        for (path, text) in files {
            self.write(path, text.as_bytes());
        }
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", title]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// The same, pushed.
    pub(crate) fn push(&self, title: &str, files: &[(&str, &str)]) -> String {
        let id = self.commit(title, files);
        self.git(&["push", "-q", "-f", "origin", "main"]);
        id
    }

    /// Its address, by a name that is not the one that archives come from.
    pub(crate) fn config(&self) -> GitHubConfig {
        let config = GitHubConfig::new().with_api(&format!("http://{}", self.address)).unwrap();
        let config = config.with_write_gap(Duration::ZERO);
        let timeouts = (Duration::from_millis(500), Duration::from_secs(5));
        config.with_timeouts(timeouts.0, timeouts.1).with_repeats(2, Duration::from_millis(1))
    }

    pub(crate) fn github(&self) -> GitHub {
        GitHub::new(Credentials::token(TOKEN), self.config()).unwrap()
    }

    pub(crate) async fn repository(&self) -> GitHubRepository {
        GitHubRepository::open(self.github(), "acme/shop").await.unwrap()
    }

    /// The next call whose path holds `part` goes wrong.
    pub(crate) fn fault(&self, part: &str, fault: Fault) {
        self.inside.lock().unwrap().faults.push((part.to_owned(), fault));
    }

    /// The calls since the last time.
    pub(crate) fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.inside.lock().unwrap().calls)
    }
}

pub(crate) fn refused(status: u16, message: &str) -> Response {
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
    let (fault, open) = {
        let mut inside = shared.lock().unwrap();
        let at = inside.faults.iter().position(|(part, _)| path.contains(part.as_str()));
        let fault = at.map(|at| inside.faults.remove(at).1);
        let bearer = signed.as_deref().and_then(|signed| signed.strip_prefix("Bearer "));
        let known = bearer.is_some_and(|token| inside.tokens.iter().any(|own| own == token));
        (fault, known || path.starts_with("/app/") || path.starts_with("/codeload/"))
    };
    let response = match fault.clone() {
        Some(Fault::Status(status, headers, message)) => {
            let mut response = refused(status, message);
            for (name, value) in headers {
                response.headers_mut().insert(name, value.parse().unwrap());
            }
            response
        }
        Some(Fault::Hang) => std::future::pending().await,
        _ if !open => refused(401, "Bad credentials"),
        _ => next.run(request).await,
    };
    // What is not there can't break off.
    let asked = asked.filter(|_| !matches!(fault, Some(Fault::Drop)));
    let mut response = conditional(response, asked.as_deref()).await;
    let status = response.status().as_u16();
    let call = Call { method, path, signed: signed.is_some(), status, host };
    shared.lock().unwrap().calls.push(call);
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
