//! Services that nothing here was written for: other servers, other logs, other habits. Each has bugs
//! that its own source says the meaning of, and errors that are a person's.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::healing::program;
use crate::service;

/// How long one whole heal may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(240);

/// A service below `tests/services`.
struct Service {
    name: &'static str,
    /// Starts it; the port follows.
    start: &'static str,
    /// What visitors ask for, over and over.
    pages: &'static [&'static str],
    healed: usize,
    handed_over: usize,
}

/// The service in a repository of its own.
struct Stage {
    folder: tempfile::TempDir,
    service: Service,
    port: u16,
}

/// What was there once every incident had ended.
struct Ended {
    screen: String,
    rows: Vec<Value>,
    answers: Vec<(u16, Value)>,
}

impl Stage {
    fn new(service: Service) -> Self {
        let under = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let folder = tempfile::Builder::new().prefix("unseen-").tempdir_in(under).unwrap();
        let stage = Self { folder, service, port: service::free_port() };
        commit(&service::source(stage.service.name), &stage.repository());
        stage
    }

    fn repository(&self) -> PathBuf {
        self.folder.path().join(self.service.name)
    }

    fn screen(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("screen.txt")).unwrap()
    }

    fn start(&self) -> Child {
        let health = format!("http://127.0.0.1:{}/health", self.port);
        let screen = std::fs::File::create(self.folder.path().join("screen.txt")).unwrap();
        Command::new(program())
            .arg("--repo")
            .arg(self.repository())
            .args(["--start", &format!("{} {}", self.service.start, self.port)])
            .args(["--health", &health, "--test", "python -m pytest -q"])
            .args(["--watch", "8", "--autonomy", "auto"])
            .arg("--state")
            .arg(self.folder.path().join("state"))
            .arg("--json")
            .arg(self.folder.path().join("report.json"))
            .stdin(Stdio::null())
            .stdout(screen.try_clone().unwrap())
            .stderr(screen)
            .spawn()
            .unwrap()
    }

    fn get(&self, path: &str) -> Option<(u16, Value)> {
        let (status, body) = service::get(self.port, path)?;
        Some((status, serde_json::from_str(&body).unwrap_or_default()))
    }

    /// Waits until `done`, or fails with what was on the screen.
    fn until(&self, child: &mut Child, done: impl Fn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !done() {
            let ended = child.try_wait().unwrap();
            let in_time = Instant::now() < deadline && ended.is_none();
            assert!(in_time, "{ended:?}: {}", self.screen());
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }

    /// Looks after the service under traffic until as many incidents as there should be have ended;
    /// `asked` are the pages whose answers then count.
    fn heal(self, asked: &[&str]) -> Ended {
        let stage = Arc::new(self);
        let mut child = stage.start();
        stage.until(&mut child, || stage.get("/health").is_some());
        let stop = Arc::new(AtomicBool::new(false));
        let visitors = std::thread::spawn({
            let (stage, stop) = (Arc::clone(&stage), Arc::clone(&stop));
            move || {
                while !stop.load(Ordering::SeqCst) {
                    for path in stage.service.pages {
                        stage.get(path);
                    }
                    std::thread::park_timeout(Duration::from_millis(200));
                }
            }
        });
        let (healed, handed_over) = (stage.service.healed, stage.service.handed_over);
        stage.until(&mut child, || {
            let screen = stage.screen();
            let ended = |how: &str| screen.matches(&format!("  {how}  ")).count();
            ended("Healed") >= healed && ended("AwaitingHuman") >= handed_over
        });
        let answers = asked.iter().map(|path| stage.get(path).unwrap()).collect();
        stop.store(true, Ordering::SeqCst);
        visitors.join().unwrap();
        let killed = Command::new("kill").arg(child.id().to_string()).status().unwrap();
        assert!(killed.success());
        let status = child.wait().unwrap();
        assert_eq!(status.success(), handed_over == 0, "{}", stage.screen());
        let text = std::fs::read_to_string(stage.folder.path().join("report.json")).unwrap();
        let report: Value = serde_json::from_str(&text).unwrap();
        let rows = report["incidents"].as_array().unwrap().clone();
        Ended { screen: stage.screen(), rows, answers }
    }
}

impl Ended {
    /// Every incident ended as it should, and there is no other.
    fn assert_outcomes(&self, healed: usize, handed_over: usize) {
        let of = |how: &str| self.rows.iter().filter(|row| row["outcome"] == how).count();
        let found = (of("Healed"), of("AwaitingHuman"), self.rows.len());
        assert_eq!(found, (healed, handed_over, healed + handed_over), "{}", self.screen);
    }
}

/// Copies the service into a repository with a history: its tests came last.
fn commit(from: &Path, to: &Path) {
    service::copy(from, to, &["__pycache__", "tests"]);
    service::commit_all(to, "Serve");
    service::copy(from, to, &["__pycache__"]);
    service::commit_all(to, "Test what is served");
}

#[test]
fn a_wsgi_service_whose_only_log_is_its_stderr_is_healed_by_the_requests_in_it() {
    // A database that is filled at the start, so that no call alone meets the bugs; frames of the
    // standard library at the bottom; a wrapper around a refused connection; a missing table.
    let stage = Stage::new(Service {
        name: "stock",
        start: "exec python app.py",
        pages: &[
            "/name?id=1",
            "/name?id=7",
            "/extra?id=1",
            "/extra?id=2",
            "/top?group=tools",
            "/top?group=toys",
            "/old?id=1",
            "/forecast",
        ],
        healed: 3,
        handed_over: 2,
    });
    let asked = ["/name?id=7", "/extra?id=2", "/top?group=toys", "/name?id=1", "/old?id=1"];
    let ended = stage.heal(&asked);
    ended.assert_outcomes(3, 2);
    let right = [
        json!({"name": "unnamed"}),
        json!({"extra": {}}),
        json!({"top": 0.0}),
        json!({"name": "hammer"}),
    ];
    for (answer, right) in ended.answers.iter().zip(right) {
        assert_eq!(*answer, (200, right), "{}", ended.screen);
    }
    assert_eq!(ended.answers[4].0, 500, "nobody knows what is in a table that is not there");
    let look_at = "look at the service on the other end";
    assert!(ended.screen.contains(look_at), "{}", ended.screen);
}

#[test]
fn jobs_that_no_request_asked_for_are_healed_among_the_lines_of_other_workers() {
    // Each line of a record names its thread; a job that can't reach its host is nobody's bug.
    let stage = Stage::new(Service {
        name: "thumbs",
        start: "exec python -m thumbs",
        pages: &["/results"],
        healed: 3,
        handed_over: 1,
    });
    let ended = stage.heal(&["/results"]);
    ended.assert_outcomes(3, 1);
    let (status, results) = &ended.answers[0];
    assert_eq!(*status, 200);
    // As a stranger reads it: the docstrings, and the sibling that charges the same owner.
    assert_eq!(results["progress"], json!("1.00"));
    assert_eq!(results["extension of cat"], json!(""));
    let label = results["label"].as_str().unwrap().split_once(':').unwrap();
    assert!(label.0.parse::<u32>().is_ok() && label.1 == "nobody", "{results}");
    assert!(ended.screen.contains("ConnectionRefusedError"), "{}", ended.screen);
}

#[test]
fn an_asyncio_service_that_logs_json_is_healed_where_its_source_says_what_is_meant() {
    // Coroutines that wait, a thread pool, a task group; text that is no JSON is its sender's
    // mistake; what nothing states the meaning of is proposed, not merged.
    let stage = Stage::new(Service {
        name: "chat",
        start: "exec python -m chat",
        pages: &[
            "/load?room=lobby",
            "/load?room=attic",
            "/topic?room=cellar",
            "/host?room=lobby",
            "/host?room=empty",
            "/nick?room=lobby",
            "/nick?room=cellar",
            "/parse?text=oops",
        ],
        healed: 3,
        handed_over: 2,
    });
    let ended = stage.heal(&[
        "/load?room=attic",
        "/topic?room=cellar",
        "/host?room=empty",
        "/nick?room=cellar",
        "/parse?text=oops",
    ]);
    ended.assert_outcomes(3, 2);
    let right = [json!({"load": 1.0}), json!({"topic": "no topic"}), json!({"host": null})];
    for (answer, right) in ended.answers.iter().zip(right) {
        assert_eq!(*answer, (200, right), "{}", ended.screen);
    }
    assert_eq!([ended.answers[3].0, ended.answers[4].0], [500, 500], "{}", ended.screen);
}
