//! `make heal` as a whole: run as a process, and judged by the independent checker.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::example;

/// A state folder with what a run leaves.
struct Run {
    folder: tempfile::TempDir,
}

impl Run {
    fn new() -> Self {
        let under = Path::new(env!("CARGO_TARGET_TMPDIR"));
        Self { folder: tempfile::Builder::new().prefix("heal-").tempdir_in(under).unwrap() }
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn report(&self) -> PathBuf {
        self.folder.path().join("report.json")
    }

    fn start(&self, arguments: &[&str]) -> Child {
        Command::new(program())
            .arg("--state")
            .arg(self.state())
            .arg("--json")
            .arg(self.report())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(std::fs::File::create(self.folder.path().join("screen.txt")).unwrap())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap()
    }

    fn screen(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("screen.txt")).unwrap()
    }

    fn rows(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.report()).unwrap();
        let report: Value = serde_json::from_str(&text).unwrap();
        report["incidents"].as_array().unwrap().clone()
    }

    /// The shop's repository: bare, where it is on what stands in for GitHub.
    fn repository(&self) -> PathBuf {
        let bare = self.state().join("shop.git");
        if bare.exists() { bare } else { self.state().join("shop") }
    }

    /// What the independent checker finds; empty where everything holds.
    fn check(&self, more: &[&str]) -> String {
        let run: Value =
            serde_json::from_slice(&std::fs::read(self.state().join("run.json")).unwrap()).unwrap();
        let checker = Path::new(env!("CARGO_MANIFEST_DIR")).join("check/heal_check.py");
        let checked = Command::new("python3")
            .arg(checker)
            .arg("--repo")
            .arg(self.repository())
            .arg("--access-log")
            .arg(self.state().join("access.log"))
            .arg("--transcript")
            .arg(self.state().join("transcript.jsonl"))
            .args(["--base", run["base"].as_str().unwrap()])
            .args(more)
            .output()
            .expect("python3: install it, on Debian with apt-get install python3");
        if checked.status.success() {
            return String::new();
        }
        String::from_utf8_lossy(&checked.stdout).into_owned()
    }

    fn all_healed(&self, bugs: usize) {
        let rows = self.rows();
        let outcomes: Vec<&str> = rows.iter().map(|r| r["outcome"].as_str().unwrap()).collect();
        assert_eq!(outcomes, vec!["Healed"; bugs], "{}", self.screen());
        let report = self.report().display().to_string();
        assert_eq!(self.check(&["--report", &report]), "", "{}", self.screen());
    }
}

pub(crate) fn program() -> PathBuf {
    example("heal")
}

/// The scenario of three crash bugs alone.
const CRASHES: [&str; 2] = ["--scenarios", "crash-bugs"];

#[test]
fn every_scenario_ends_as_it_should_and_an_independent_checker_agrees() {
    let run = Run::new();
    let status = run.start(&[]).wait().unwrap();
    assert!(status.success(), "{}", run.screen());
    let report = run.report().display().to_string();
    let arguments = ["--report", &report, "--window", "8", "--scenarios"];
    assert_eq!(run.check(&arguments), "", "{}", run.screen());
    let rows = run.rows();
    let crashes: Vec<&Value> = rows.iter().filter(|row| row["scenario"] == "crash-bugs").collect();
    assert_eq!(crashes.len(), 3, "{}", run.screen());
    for row in crashes {
        assert!(row["confidence"].as_f64().unwrap() >= 0.8, "{row}");
        assert_eq!(row["outcome"], "Healed", "{row}");
        assert_eq!(row["kind"], "crash");
        assert_eq!(row["tests"]["before"], row["tests"]["after"], "{row}");
        assert_eq!(row["tests"]["after"]["failed"], 0);
        assert!(row["branch"].as_str().unwrap().starts_with("aegis/fix-"));
        assert_eq!(row["merge_commit"].as_str().unwrap().len(), 40);
        assert!(row["reverted_by"].is_null());
    }
    let screen = run.screen();
    assert!(!screen.contains('\u{1b}'), "no colour where it is not a terminal");
    assert!(screen.contains("detection to merge"), "{screen}");
    assert!(screen.contains("failures could be reproduced ("), "{screen}");
    assert!(screen.contains("watched for 8 s; the default is 300 s"), "{screen}");
}

/// Every scenario by pull requests where `AEGIS_ALL_SCENARIOS` is set, else one of each kind, and the
/// bug that no template can mend, with a model.
#[test]
fn scenarios_end_as_they_should_by_pull_requests_on_what_stands_in_for_github() {
    let all = std::env::var_os("AEGIS_ALL_SCENARIOS").is_some();
    let kinds = ["trap", "propose", "model", "release-raises-none"];
    let (run, list) = (Run::new(), kinds.join(","));
    let mut arguments = vec!["--github"];
    if !all {
        arguments.extend(["--model", "stand-in", "--scenarios", list.as_str()]);
    }
    let status = run.start(&arguments).wait().unwrap();
    assert!(status.success(), "{}", run.screen());
    let report = run.report().display().to_string();
    let mut arguments = vec!["--report", &report, "--window", "8", "--scenarios"];
    if !all {
        arguments.extend(kinds);
        arguments.push("trap-again");
    }
    assert_eq!(run.check(&arguments), "", "{}", run.screen());
    let pages = std::fs::read_dir(run.state().join("pulls")).unwrap();
    let pages = pages.map(|page| std::fs::read_to_string(page.unwrap().path()).unwrap());
    let pages: Vec<String> = pages.collect();
    let parts = ["## What broke", "## What was proven", "```mermaid", "It is kept."];
    let whole = |page: &String| parts.iter().all(|part| page.contains(part));
    assert!(pages.iter().any(whole), "{pages:#?}");
    if !all {
        // It answered in no form, for the wrong file, and with a fix that failed, before it was right.
        let screen = run.screen();
        let (failing, right) =
            ("Verifying      Read a list of one", "Verifying      Refuse a compa");
        let found = |part| screen.find(part).unwrap_or_else(|| panic!("{part}: {screen}"));
        assert!(found(failing) < found(right), "{screen}");
        assert!(screen.contains("models: "), "{screen}");
    }
}

/// Every scenario on numbers of a real Prometheus where `AEGIS_ALL_SCENARIOS` is set, else a fix that is
/// merged late, and a release that is taken back.
#[test]
fn scenarios_end_as_they_should_on_the_numbers_of_a_prometheus() {
    let all = std::env::var_os("AEGIS_ALL_SCENARIOS").is_some();
    let kinds = ["kill-switch", "release-latency-x2"];
    let (run, list) = (Run::new(), kinds.join(","));
    let mut arguments = vec!["--prometheus"];
    if !all {
        arguments.extend(["--scenarios", list.as_str()]);
    }
    let status = run.start(&arguments).wait().unwrap();
    assert!(status.success(), "{}", run.screen());
    assert!(run.screen().contains("Prometheus scrapes it each second"), "{}", run.screen());
    let report = run.report().display().to_string();
    let mut arguments = vec!["--report", &report, "--window", "20", "--scenarios"];
    if !all {
        arguments.extend(kinds);
    }
    assert_eq!(run.check(&arguments), "", "{}", run.screen());
}

#[test]
fn observe_mode_changes_nothing_and_the_errors_go_on() {
    let run = Run::new();
    let status = run.start(&["--autonomy", "observe"]).wait().unwrap();
    assert!(status.success(), "{}", run.screen());
    assert_eq!(run.check(&["--observe"]), "", "{}", run.screen());
    for row in run.rows() {
        assert_eq!(row["outcome"], "AwaitingHuman", "{row}");
        assert!(row["branch"].is_null() && row["merge_commit"].is_null(), "{row}");
    }
}

/// Kills a run at `kills` random moments, each time starting the same command again.
fn killed(kills: u32, seed: u64) {
    let run = Run::new();
    let mut chance = seed;
    let mut survived = 0;
    for _ in 0..kills {
        chance =
            chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let after = Duration::from_millis(500 + (chance >> 33) % 24_000);
        let mut child = run.start(&CRASHES);
        let kill_at = Instant::now() + after;
        let ended = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break Some(status);
            }
            if Instant::now() >= kill_at {
                child.kill().unwrap();
                child.wait().unwrap();
                break None;
            }
            std::thread::park_timeout(Duration::from_millis(5));
        };
        if let Some(status) = ended {
            assert!(status.success(), "seed {seed}: {}", run.screen());
            break;
        }
        survived += 1;
        println!("seed {seed}: killed after {after:?}");
    }
    let unfinished = std::fs::read_to_string(run.state().join("run.json"))
        .is_ok_and(|text| text.contains("\"finished\":false"));
    if unfinished {
        let status = run.start(&CRASHES).wait().unwrap();
        assert!(status.success(), "seed {seed}: {}", run.screen());
    }
    run.all_healed(3);
    println!("seed {seed}: killed {survived} times, one branch and one merge each");
}

#[test]
fn a_run_killed_at_random_moments_ends_the_same() {
    let (kills, seeds) = match std::env::var("AEGIS_KILLS").ok().and_then(|n| n.parse().ok()) {
        // The soak: so many kills, five a run.
        Some(n) => (5, 1..=u64::div_ceil(n, 5)),
        None => (3, 7..=7),
    };
    for seed in seeds {
        killed(kills, seed);
    }
}
