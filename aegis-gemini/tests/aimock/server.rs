//! aimock as a process.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// The key that is taken.
pub(crate) const KEY: &str = "the-key-of-aimock";
/// How long it may take to start, on a machine that does much else.
const START: Duration = Duration::from_secs(60);

/// The server; it ends with this.
pub(crate) struct Aimock {
    pub(crate) url: String,
    _node: Child,
}

impl Aimock {
    /// Serves the answers in this folder of a crate's own, on a port that the system chooses.
    pub(crate) async fn start(fixtures: &str) -> Self {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let program = here.join("../target/npm-gemini/node_modules/@copilotkit/aimock/dist/cli.js");
        assert!(program.is_file(), "aimock is missing: run `make test-packages`");
        let mut node = Command::new("node")
            .arg(program)
            .args(["-p", "0", "--validate-on-load", "--strict", "--log-level", "info", "-f"])
            .arg(here.join(fixtures))
            .env("AIMOCK_API_KEYS", KEY)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("node runs: run `make test-packages`");
        let mut lines = BufReader::new(node.stdout.take().unwrap()).lines();
        let listens = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if let Some((_, url)) = line.split_once("listening on ") {
                    return url.to_owned();
                }
            }
            panic!("aimock ended; what it said is above");
        };
        let url = tokio::time::timeout(START, listens).await.expect("aimock starts");
        // It may go on to say what nobody reads.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { url, _node: node }
    }

    /// What it was asked so far: its own reading of each request, and its answer.
    pub(crate) async fn journal(&self) -> Vec<Value> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let url = format!("{}/__aimock/journal", self.url);
        let journal = reqwest::Client::new().get(url).bearer_auth(KEY).send().await.unwrap();
        journal.json().await.unwrap()
    }
}
