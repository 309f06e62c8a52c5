//! A service that is not the shop: no access log, no version, its errors among its other lines.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::healing::program;

/// The service in a repository of its own, and a run that looks after it.
struct Theirs {
    folder: tempfile::TempDir,
    port: u16,
}

impl Theirs {
    fn new() -> Self {
        let under = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let folder = tempfile::Builder::new().prefix("theirs-").tempdir_in(under).unwrap();
        let port =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let theirs = Self { folder, port };
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/services/inventory_service");
        copy(&source, &theirs.repository());
        commit_all(&theirs.repository());
        theirs
    }

    fn repository(&self) -> PathBuf {
        self.folder.path().join("inventory")
    }

    fn screen(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("screen.txt")).unwrap()
    }

    /// Starts the example on it; `change` replaces or adds arguments.
    fn start(&self, more: &[&str]) -> Child {
        let health = format!("http://127.0.0.1:{}/health", self.port);
        let screen = std::fs::File::create(self.folder.path().join("screen.txt")).unwrap();
        Command::new(program())
            .arg("--repo")
            .arg(self.repository())
            .args(["--start", &format!("exec python -m inventory {}", self.port)])
            .args(["--health", &health, "--test", "python -m pytest -q", "--watch", "8"])
            .arg("--state")
            .arg(self.folder.path().join("state"))
            .arg("--json")
            .arg(self.folder.path().join("report.json"))
            .args(more)
            .stdin(Stdio::null())
            .stdout(screen.try_clone().unwrap())
            .stderr(screen)
            .spawn()
            .unwrap()
    }

    fn get(&self, path: &str) -> Option<(u16, Value)> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let status = answer.split(' ').nth(1)?.parse().ok()?;
        let body = answer.split("\r\n\r\n").nth(1)?;
        Some((status, serde_json::from_str(body).ok()?))
    }

    /// Head of the release branch.
    fn head(&self) -> git2::Oid {
        let repository = git2::Repository::open(self.repository()).unwrap();
        repository.head().unwrap().target().unwrap()
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (path, into) = (entry.path(), to.join(entry.file_name()));
        if entry.file_name() == "__pycache__" {
            continue;
        }
        if path.is_dir() {
            copy(&path, &into);
        } else {
            std::fs::copy(path, into).unwrap();
        }
    }
}

fn commit_all(repository: &Path) {
    let mut options = git2::RepositoryInitOptions::new();
    let repository = git2::Repository::init_opts(repository, options.initial_head("main")).unwrap();
    let mut index = repository.index().unwrap();
    index.add_all(["*"], git2::IndexAddOption::DEFAULT, None).unwrap();
    index.write().unwrap();
    let tree = repository.find_tree(index.write_tree().unwrap()).unwrap();
    let kim = git2::Signature::now("Kim", "kim@example.com").unwrap();
    repository.commit(Some("HEAD"), &kim, &kim, "Keep an inventory", &tree, &[]).unwrap();
}

/// Waits until `done`, or fails with what was on the screen.
fn until(theirs: &Theirs, child: &mut Child, done: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(150);
    while !done() {
        let ended = child.try_wait().unwrap();
        let in_time = Instant::now() < deadline && ended.is_none();
        assert!(in_time, "{ended:?}: {}", theirs.screen());
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

fn terminate(child: &Child) {
    let killed = Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(killed.success());
}

#[test]
fn a_service_nobody_has_seen_is_healed_without_an_access_log() {
    let theirs = Arc::new(Theirs::new());
    let mut child = theirs.start(&[]);
    until(&theirs, &mut child, || theirs.get("/health").is_some());
    let stop = Arc::new(AtomicBool::new(false));
    let visitors = std::thread::spawn({
        let (theirs, stop) = (Arc::clone(&theirs), Arc::clone(&stop));
        move || {
            while !stop.load(Ordering::SeqCst) {
                for path in
                    ["/level?item=bolt", "/level?item=pin", "/average", "/word?t=hi", "/word"]
                {
                    theirs.get(path);
                }
                std::thread::park_timeout(Duration::from_millis(200));
            }
        }
    });
    until(&theirs, &mut child, || theirs.screen().matches("  Healed  ").count() == 3);
    let answers = ["/level?item=pin", "/average", "/word"].map(|path| theirs.get(path));
    stop.store(true, Ordering::SeqCst);
    visitors.join().unwrap();
    terminate(&child);
    let status = child.wait().unwrap();
    assert!(status.success(), "{}", theirs.screen());
    // As a stranger reads it: the constant beside the table, the docstrings.
    let right = [json!({"level": 0}), json!({"average": 0.0}), json!({"word": "none"})];
    assert_eq!(answers.map(|a| a.unwrap()), right.map(|body| (200, body)));
    assert!(theirs.get("/health").is_none(), "the service ends with the run that started it");
    let text = std::fs::read_to_string(theirs.folder.path().join("report.json")).unwrap();
    let report: Value = serde_json::from_str(&text).unwrap();
    let rows = report["incidents"].as_array().unwrap();
    assert!(rows.iter().all(|row| row["outcome"] == "Healed" && row["service"] == "inventory"));
    assert_eq!(rows.len(), 3, "{}", theirs.screen());
}

#[test]
fn what_is_missing_is_said_before_anything_is_changed() {
    let theirs = Theirs::new();
    let before = theirs.head();
    let nowhere = theirs.folder.path().join("nowhere");
    let nowhere = nowhere.to_str().unwrap();
    let cases: [(&[&str], &str); 4] = [
        (&["--repo", nowhere], "nowhere"),
        (&["--start", "exit 3"], "inventory"),
        (&["--health", "http://192.0.2.1/health"], "192.0.2.1"),
        (&["--python", nowhere], "nowhere"),
    ];
    for (arguments, says) in cases {
        let status = theirs.start(arguments).wait().unwrap();
        let screen = theirs.screen();
        assert_eq!(status.code(), Some(2), "{arguments:?}: {screen}");
        assert!(screen.contains(says), "{arguments:?}: {screen}");
    }
    std::fs::write(theirs.repository().join("inventory/store.py"), "LEVELS = {}\n").unwrap();
    let status = theirs.start(&[]).wait().unwrap();
    assert_eq!(status.code(), Some(2), "{}", theirs.screen());
    assert!(theirs.screen().contains("has changes (inventory/store.py)"), "{}", theirs.screen());
    assert_eq!(theirs.head(), before);
    assert!(theirs.get("/health").is_none(), "nothing was left running");
}
