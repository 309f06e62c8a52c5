//! The same deployer against an emulator of GitHub that others wrote: npm's `emulate`.
//!
//! What it lacks, as far as one heal meets it:
//!
//! - It has no commit statuses: `GET commits/{ref}/status` is 404, where GitHub answers with none. The
//!   test puts a server before it that answers so, and hands on everything else.
//! - It gives blobs as JSON alone, whatever is accepted. That server gives their bytes.
//! - It has no rules and no deployments. The deployer takes branches to have no rules where there are
//!   none, as on an older Enterprise Server; what runs is told by the service.
//! - It runs no workflows. The test reports the check, as a workflow would.
//! - It merges no files: a merge takes the head's tree. The base does not move here.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aegis_core::model::{Fix, FixKind};
use aegis_core::patch::{Edit, Patch};
use aegis_core::port::{Repository as _, Running, RunningRevision};
use aegis_core::stage::{Deployer as _, Rollout};
use aegis_core::testkit::{mint, soon};
use aegis_core::{EffectKind, Result, Timestamp};
use aegis_github::testkit::{NAME, Stand, TOKEN};
use aegis_github::{GitHubChecks, GitHubDeployer, GitHubRepository, Live};
use async_trait::async_trait;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::{Client, Method};
use rustls::crypto::ring;
use serde_json::{Value, json};
use tempfile::TempDir;

const SEED: &str = "
tokens:
  github_pat_of_the_tests: { login: acme, scopes: [repo] }
github:
  users: [{ login: acme, name: Acme, email: acme@localhost }]
  repos: [{ owner: acme, name: shop, auto_init: true }]
";

/// The emulator, and what stands before it; both end with this.
struct Emulator {
    node: Child,
    front: tokio::task::JoinHandle<()>,
    /// Where it is.
    behind: String,
    /// Where it is with what it lacks.
    url: String,
    client: Client,
    _seed: TempDir,
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.front.abort();
        // It may have ended by itself.
        let _ = self.node.kill();
        let _ = self.node.wait();
    }
}

impl Emulator {
    async fn start() -> Self {
        let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/npm/node_modules");
        let program = modules.join("emulate/dist/index.js");
        assert!(program.is_file(), "emulate is missing: run `make test-packages`");
        let folder = tempfile::tempdir().unwrap();
        let seed = folder.path().join("seed.yaml");
        std::fs::write(&seed, SEED).unwrap();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let node = Command::new("node")
            .arg(program)
            .args(["start", "--service", "github", "--port", &port.to_string(), "--seed"])
            .arg(&seed)
            .stdout(Stdio::null())
            .spawn()
            .expect("node runs: run `make test-packages`");
        // Nothing here is encrypted, and it asks for one all the same.
        let _ = ring::default_provider().install_default();
        let (behind, client) = (format!("http://127.0.0.1:{port}"), Client::new());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let path = format!("/repos/{NAME}/commits/{{sha}}/status");
        let front = Router::new()
            .route(&path, get(async || axum::Json(json!({ "state": "pending", "statuses": [] }))))
            .fallback(on)
            .with_state((behind.clone(), client.clone()));
        let front = tokio::spawn(async move {
            // It ends with its task.
            let _ = axum::serve(listener, front).await;
        });
        let emulator = Self { node, front, behind, url, client, _seed: folder };
        soon("started", async || emulator.client.get(&emulator.behind).send().await.is_ok()).await;
        emulator
    }

    /// What somebody else does there.
    async fn does(&self, method: Method, path: &str, body: Value) -> Value {
        let url = format!("{}/repos/{NAME}/{path}", self.behind);
        let call = self.client.request(method, url).bearer_auth(TOKEN).body(body.to_string());
        let answer = call.header("content-type", "application/json").send().await.unwrap();
        let (status, body) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{path}: {status} {body}");
        serde_json::from_str(&body).unwrap()
    }
}

/// Hands a call on as it is, and unwraps blobs.
async fn on(State((behind, client)): State<(String, Client)>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let mut headers = head.headers;
    headers.remove("host");
    let (url, is_blob) = (format!("{behind}{}", head.uri), head.uri.path().contains("/git/blobs/"));
    let answer = client.request(head.method, url).headers(headers).body(body).send().await.unwrap();
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    headers.remove("transfer-encoding");
    let body = answer.bytes().await.unwrap();
    if is_blob && status.is_success() {
        let blob: Value = serde_json::from_slice(&body).unwrap();
        return BASE64_STANDARD.decode(blob["content"].as_str().unwrap()).unwrap().into_response();
    }
    (status, headers, body).into_response()
}

/// A service that says what runs.
#[derive(Debug, Clone, Default)]
struct Service(Arc<Mutex<Option<Running>>>);

#[async_trait]
impl RunningRevision for Service {
    async fn running(&self) -> Result<Option<Running>> {
        Ok(self.0.lock().unwrap().clone())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fix_goes_live_on_an_emulator_that_others_wrote() {
    let emulator = Emulator::start().await;
    let content = BASE64_STANDARD.encode("print('shop')\n");
    let file = json!({ "message": "First", "content": content, "branch": "main" });
    emulator.does(Method::PUT, "contents/app.py", file).await;

    let github = Stand::connect(&emulator.url).unwrap();
    let repository = GitHubRepository::open(github, NAME).await.unwrap();
    let service = Service::default();
    let deployer = GitHubDeployer::builder(repository.clone())
        .checks(GitHubChecks::required(["test"]).with_settle(Duration::ZERO))
        .live(Live::running(service.clone()))
        .open()
        .await
        .unwrap();
    let base = repository.head().await.unwrap();
    let (search, replace) = ("print('shop')\n".to_owned(), "print('the shop')\n".to_owned());
    let edit = Edit::Replace { path: "app.py".into(), search, replace: replace.clone() };
    let fix = Fix::new(FixKind::Patch(Patch::new(base.clone(), vec![edit])), "Mend it", "test");
    let case = mint::case("shop", "i1");

    let order = mint::order(&case, 1, &fix, &base, false).unwrap();
    assert_eq!(deployer.submit(&order).await.unwrap(), Rollout::Checking);
    let pull = emulator.does(Method::GET, "pulls/1", Value::Null).await;
    let sha = pull["head"]["sha"].clone();
    let check = json!({
        "name": "test", "head_sha": sha, "status": "completed", "conclusion": "success",
    });
    emulator.does(Method::POST, "check-runs", check).await;
    let key = mint::key(&case, 1, EffectKind::Submit);
    let Some(Rollout::Ready { head }) = deployer.lookup(&key).await.unwrap() else {
        panic!("its check passed")
    };
    assert_eq!(head.as_str(), sha);

    let order = mint::merge_order(&case, 1, &fix, &base, head).unwrap();
    let Rollout::Merged { commit } = deployer.merge(&order).await.unwrap() else {
        panic!("it was ready")
    };
    assert_eq!(repository.head().await.unwrap(), commit);
    let text = repository.read(&commit, "app.py").await.unwrap();
    assert_eq!(text, Some(replace.into_bytes()));

    let at = Timestamp::from_ms(1_800_000_000_000);
    *service.0.lock().unwrap() = Some(Running::new(commit.clone(), at));
    let seen = deployer.lookup(&key).await.unwrap();
    let live = Rollout::Live { release: commit.clone(), at, commit: Some(commit) };
    assert_eq!(seen, Some(live));
}
