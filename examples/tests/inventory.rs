//! A service that is not the shop, in a repository of its own, and runs that look after it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::healing::program;
use crate::service;

/// The service in a repository of its own, and a run that looks after it.
pub(crate) struct Inventory {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) port: u16,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) screen: String,
}

/// Everything that a run must not touch: every ref, the head, and the files of the checkout.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Snapshot(BTreeMap<String, String>);

impl Inventory {
    pub(crate) fn new() -> Self {
        let under = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let folder = tempfile::Builder::new().prefix("theirs-").tempdir_in(under).unwrap();
        let theirs = Self { folder, port: service::free_port() };
        service::copy(&service::source("inventory"), &theirs.repository(), &["__pycache__"]);
        fs::create_dir(theirs.path("scratch")).unwrap();
        theirs.commit_all("Keep an inventory");
        theirs
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn repository(&self) -> PathBuf {
        self.path("inventory")
    }

    pub(crate) fn screen(&self) -> String {
        fs::read_to_string(self.path("screen.txt")).unwrap()
    }

    /// Commits the checkout; the message makes commits of two folders differ.
    pub(crate) fn commit_all(&self, message: &str) {
        let message = format!("{message}\n\nin {}\n", self.folder.path().display());
        service::commit_all(&self.repository(), &message);
    }

    /// Starts it, as the example's option says.
    pub(crate) fn start_command(&self) -> String {
        format!("exec python -m inventory {}", self.port)
    }

    /// The example's arguments for it; what comes later replaces what is here.
    fn arguments(&self) -> Vec<String> {
        let path = |name: &str| self.path(name).display().to_string();
        let health = format!("http://127.0.0.1:{}/health", self.port);
        let (repository, start) = (path("inventory"), self.start_command());
        let (state, report) = (path("state"), path("report.json"));
        let pairs = [
            ("--repo", repository.as_str()),
            ("--start", &start),
            ("--health", &health),
            ("--test", "python -m pytest -q"),
            ("--autonomy", "auto"),
            ("--watch", "8"),
            ("--state", &state),
            ("--json", &report),
        ];
        pairs.iter().flat_map(|(name, value)| [(*name).into(), (*value).into()]).collect()
    }

    /// A command whose last arguments are the example's, with its screen in a file.
    pub(crate) fn by(&self, mut command: Command, more: &[&str]) -> Command {
        let screen = fs::File::create(self.path("screen.txt")).unwrap();
        command
            .args(self.arguments())
            .args(more)
            .env("TMPDIR", self.path("scratch"))
            .stdin(Stdio::null())
            .stdout(screen.try_clone().unwrap())
            .stderr(screen);
        command
    }

    /// Starts the example on it.
    pub(crate) fn start(&self, more: &[&str]) -> Child {
        self.by(Command::new(program()), more).spawn().unwrap()
    }

    /// Runs the example on it to its end.
    pub(crate) fn run(&self, more: &[&str]) -> Ended {
        self.ended(self.start(more))
    }

    /// Waits until a run ends.
    pub(crate) fn ended(&self, mut child: Child) -> Ended {
        let deadline = Instant::now() + Duration::from_secs(150);
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return Ended { code: status.code(), screen: self.screen() };
            }
            if Instant::now() >= deadline {
                child.kill().unwrap();
                panic!("it goes on: {}", self.screen());
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// Waits until `done`, or fails with what was on the screen.
    pub(crate) fn until(&self, child: &mut Child, done: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(150);
        while !done() {
            let ended = child.try_wait().unwrap();
            let in_time = Instant::now() < deadline && ended.is_none();
            if !in_time {
                let _ = child.kill();
            }
            assert!(in_time, "{ended:?}: {}", self.screen());
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }

    /// What is answered to a GET, where anything is.
    pub(crate) fn get(&self, path: &str) -> Option<(u16, Value)> {
        let (status, body) = service::get(self.port, path)?;
        Some((status, serde_json::from_str(&body).ok()?))
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let repository = git2::Repository::open(self.repository()).unwrap();
        let mut all = BTreeMap::new();
        for reference in repository.references().unwrap().map(Result::unwrap) {
            let target = reference.target().map(|id| id.to_string());
            all.insert(reference.name().unwrap().to_owned(), target.unwrap_or_default());
        }
        let head = fs::read_to_string(self.repository().join(".git/HEAD")).unwrap();
        all.insert("HEAD".into(), head);
        files(&self.repository(), &mut all);
        Snapshot(all)
    }

    /// Nothing that belongs to a run of this folder is left.
    pub(crate) fn nothing_runs(&self) {
        let repository = git2::Repository::open(self.repository()).unwrap();
        // The sandbox has no folder of ours in its environment, the commit that it tests it has.
        let head = repository.head().unwrap().target().unwrap().to_string();
        let marks = [self.folder.path().display().to_string(), head];
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let left = running(&marks);
            if left.is_empty() {
                return;
            }
            assert!(Instant::now() < deadline, "left running: {left:?}\n{}", self.screen());
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }

    /// A folder with every program of `PATH` but those whose names begin so.
    pub(crate) fn programs_without(&self, prefix: &str) -> PathBuf {
        let into = self.path("programs");
        fs::create_dir(&into).unwrap();
        let path = std::env::var_os("PATH").unwrap();
        for entry in std::env::split_paths(&path).filter_map(|p| fs::read_dir(p).ok()).flatten() {
            let entry = entry.unwrap();
            if !entry.file_name().to_string_lossy().starts_with(prefix) {
                // The first on the path counts.
                let _ = symlink(entry.path(), into.join(entry.file_name()));
            }
        }
        into
    }
}

/// Processes that have one of `marks` in their arguments or their environment.
fn running(marks: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let own = name == std::process::id().to_string();
        if own || !name.bytes().all(|b| b.is_ascii_digit()) {
            continue;
        }
        let text = |file: &str| fs::read(entry.path().join(file)).unwrap_or_default();
        let arguments = String::from_utf8_lossy(&text("cmdline")).replace('\0', " ");
        let all = format!("{arguments} {}", String::from_utf8_lossy(&text("environ")));
        if marks.iter().any(|mark| all.contains(mark.as_str())) {
            found.push(format!("{name}: {arguments}"));
        }
    }
    found
}

fn files(folder: &Path, into: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() && entry.file_name() != ".git" {
            files(&path, into);
        } else if path.is_file() {
            let content = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
            into.insert(path.display().to_string(), content);
        }
    }
}

pub(crate) fn terminate(child: &Child) {
    let killed = Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(killed.success());
}
