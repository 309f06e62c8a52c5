//! A service that is not the shop: no access log, no version, its errors among its other lines.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

use crate::healing::program;
use crate::inventory::{Inventory, terminate};

/// Visitors who ask for the same pages again and again until they are stopped.
struct Visitors {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Visitors {
    fn of(theirs: &Arc<Inventory>, paths: &'static [&'static str]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (theirs, stopped) = (Arc::clone(theirs), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::SeqCst) {
                for path in paths {
                    theirs.get(path);
                }
                std::thread::park_timeout(Duration::from_millis(200));
            }
        });
        Self { stop, thread }
    }

    fn end(self) {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().unwrap();
    }
}

fn rows(theirs: &Inventory) -> Vec<Value> {
    let text = std::fs::read_to_string(theirs.path("report.json")).unwrap();
    let report: Value = serde_json::from_str(&text).unwrap();
    report["incidents"].as_array().unwrap().clone()
}

#[test]
fn a_service_nobody_has_seen_is_healed_without_an_access_log_and_without_a_git_program() {
    let theirs = Arc::new(Inventory::new());
    let mut run = Command::new(program());
    run.env("PATH", theirs.programs_without("git"));
    let mut child = theirs.by(run, &[]).spawn().unwrap();
    theirs.until(&mut child, || theirs.get("/health").is_some());
    let pages = &["/level?item=bolt", "/level?item=pin", "/average", "/word?t=hi", "/word"];
    let visitors = Visitors::of(&theirs, pages);
    theirs.until(&mut child, || theirs.screen().matches("  Healed  ").count() == 3);
    let answers = ["/level?item=pin", "/average", "/word"].map(|path| theirs.get(path));
    visitors.end();
    terminate(&child);
    let ended = theirs.ended(child);
    assert_eq!(ended.code, Some(0), "{}", ended.screen);
    // As a stranger reads it: the constant beside the table, the docstrings.
    let right = [json!({"level": 0}), json!({"average": 0.0}), json!({"word": "none"})];
    assert_eq!(answers.map(|a| a.unwrap()), right.map(|body| (200, body)));
    assert!(theirs.get("/health").is_none(), "the service ends with the run that started it");
    theirs.nothing_runs();
    let rows = rows(&theirs);
    assert!(rows.iter().all(|row| row["outcome"] == "Healed" && row["service"] == "inventory"));
    assert_eq!(rows.len(), 3, "{}", ended.screen);
}

#[test]
fn a_fix_whose_release_does_not_start_is_taken_back_and_the_release_before_runs_on() {
    let theirs = Arc::new(Inventory::new());
    let (store, known) = (theirs.repository().join("inventory/store.py"), theirs.path("known.py"));
    std::fs::copy(&store, &known).unwrap();
    // Starts with the code that it knows, and with no other.
    let start = format!(
        "cmp -s inventory/store.py {} || {{ echo 'no licence for this code'; exit 3; }}; {}",
        known.display(),
        theirs.start_command()
    );
    let tree = || {
        let repository = git2::Repository::open(theirs.repository()).unwrap();
        repository.head().unwrap().peel_to_tree().unwrap().id()
    };
    let before = tree();
    let mut child = theirs.start(&["--start", &start]);
    theirs.until(&mut child, || theirs.screen().contains("looking after it"));
    let visitors = Visitors::of(&theirs, &["/level?item=bolt", "/word?t=hi"]);
    theirs.until(&mut child, || {
        // Asked for until it is seen, and no more: what was met once is not met again.
        if !theirs.screen().contains("Diagnosing") {
            theirs.get("/average");
        }
        let screen = theirs.screen();
        screen.contains("  RolledBack  ") || screen.contains("  AwaitingHuman  ")
    });
    let answer = theirs.get("/level?item=bolt");
    visitors.end();
    terminate(&child);
    let ended = theirs.ended(child);
    assert_eq!(ended.code, Some(1), "{}", ended.screen);
    assert_eq!(answer, Some((200, json!({"level": 40}))), "{}", ended.screen);
    for says in ["merged as", "before it was healthy", "no licence for this code", "RolledBack"] {
        assert!(ended.screen.contains(says), "{says}: {}", ended.screen);
    }
    assert_eq!(tree(), before, "{}", ended.screen);
    assert_eq!(std::fs::read(&store).unwrap(), std::fs::read(&known).unwrap());
    let rows = rows(&theirs);
    assert_eq!(rows.len(), 1, "{}", ended.screen);
    assert!(rows[0]["merge_commit"].is_string() && rows[0]["reverted_by"].is_string());
    theirs.nothing_runs();
}
