//! A shop to test: built, edited, started and asked.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

use aegis_examples::staging::shop::{self, Shop};
use aegis_examples::staging::venv::{self, Venv};
use aegis_examples::traffic::{Request, Traffic, TrafficConfig};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const PATIENCE: Duration = Duration::from_secs(30);

/// The prepared environment; a machine without Python fails here, with what to install.
pub(crate) fn python() -> Venv {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    venv::prepare(&target.join("venv")).unwrap_or_else(|error| panic!("{error}"))
}

/// The shop's repository in a folder of its own.
pub(crate) struct Built {
    pub(crate) dir: TempDir,
    pub(crate) shop: Shop,
}

pub(crate) fn built() -> Built {
    let dir = tempfile::tempdir().unwrap();
    let shop = shop::build(&dir.path().join("shop")).unwrap();
    Built { dir, shop }
}

impl Built {
    /// Replaces text that must be there once.
    pub(crate) fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.shop.repo.join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.matches(from).count(), 1, "{from:?} in {file}");
        fs::write(&path, text.replace(from, to)).unwrap();
    }

    /// Runs the shop's own tests.
    pub(crate) fn test(&self) -> Output {
        let mut tests = Command::new(python().python);
        tests.args(["-m", "pytest", "-q", "-p", "no:cacheprovider"]).current_dir(&self.shop.repo);
        tests.env("PYTHONDONTWRITEBYTECODE", "1").output().unwrap()
    }

    /// What a program in the shop's tree prints.
    pub(crate) fn python(&self, program: &str) -> String {
        let mut run = Command::new(python().python);
        run.args(["-c", program]).current_dir(&self.shop.repo);
        let output = run.env("PYTHONDONTWRITEBYTECODE", "1").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Starts the shop on a port that the system chooses.
    pub(crate) fn start(&self) -> Running {
        self.start_on(0)
    }

    pub(crate) fn start_on(&self, port: u16) -> Running {
        let stderr = self.dir.path().join("stderr.log");
        let access_log = self.dir.path().join("access.log");
        let child = Command::new(python().python)
            .args(["-m", "shop"])
            .current_dir(&self.shop.repo)
            .env(shop::PORT, port.to_string())
            .env(shop::ACCESS_LOG, &access_log)
            .env("AEGIS_REVISION", &self.shop.head)
            .env(shop::WAREHOUSE_SECONDS, "0.01")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stderr(File::create(&stderr).unwrap())
            .spawn()
            .unwrap();
        let mut running = Running { child, port: 0, stderr, access_log };
        running.port = running.await_port();
        running
    }
}

/// A shop process, killed when dropped.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) port: u16,
    stderr: PathBuf,
    pub(crate) access_log: PathBuf,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A line of the transcript.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) path: String,
    pub(crate) status: u64,
    pub(crate) body: String,
}

impl Answered {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

impl Running {
    /// What comes back for the text of one request.
    pub(crate) async fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    pub(crate) fn stderr(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap()
    }

    fn await_port(&mut self) -> u16 {
        until("the shop listens", || {
            assert!(self.child.try_wait().unwrap().is_none(), "it ended: {}", self.stderr());
            let stderr = self.stderr();
            let (_, rest) = stderr.split_once("http://127.0.0.1:")?;
            rest.split_once('\n')?.0.parse().ok()
        })
    }

    /// Sends each request at least once, and what was answered first for each, in their order.
    pub(crate) async fn ask(&self, requests: Vec<Request>) -> Vec<Answered> {
        let dir = tempfile::tempdir().unwrap();
        let transcript = dir.path().join("transcript.jsonl");
        let config = TrafficConfig::new(([127, 0, 0, 1], self.port).into(), transcript.clone())
            .with_per_second(500.0)
            .with_timeout(PATIENCE);
        let paths: Vec<_> = requests.iter().map(|request| request.path.clone()).collect();
        let traffic = Traffic::start(config, requests).unwrap();
        let deadline = Instant::now() + PATIENCE;
        while traffic.totals().by_path.len() < paths.len() {
            assert!(Instant::now() < deadline, "{:?}", traffic.totals());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        traffic.stop().await.unwrap();

        let text = fs::read_to_string(&transcript).unwrap();
        let lines: Vec<Value> = text.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
        let first = |path: String| {
            let line = lines.iter().find(|line| line["path"] == path.as_str()).unwrap();
            let status = line["status"].as_u64().unwrap_or_else(|| panic!("no answer: {line}"));
            Answered { path, status, body: line["body"].as_str().unwrap().to_owned() }
        };
        paths.into_iter().map(first).collect()
    }
}

/// Polls until there is something, for half a minute at most.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited too long until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether each field that is expected is there with its value.
pub(crate) fn holds(expected: &Value, actual: &Value) -> bool {
    let Some(fields) = expected.as_object() else { return expected == actual };
    fields.iter().all(|(name, value)| actual.get(name).is_some_and(|it| holds(value, it)))
}

/// An example as a program, which every build of all targets leaves beside the tests.
pub(crate) fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.ancestors().nth(2).unwrap();
    let program = profile.join("examples").join(name);
    assert!(program.exists(), "build it: cargo build -p aegis-examples --example {name}");
    program
}
