//! The checker: its own tests, which are Python, and a heal by hand.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use aegis_examples::staging::script::{self, Bug};
use aegis_examples::traffic::{Traffic, TrafficConfig};
use git2::{Repository, Signature};
use serde_json::json;

use crate::shop_bugs::documented;
use crate::support::{Built, built, python};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("check")
}

#[test]
fn the_checker_finds_what_it_is_there_to_find() {
    let output = Command::new(python().python)
        .args(["-m", "pytest", "-q", "-p", "no:cacheprovider"])
        .current_dir(folder())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(said.contains(" passed"), "{said}");
}

/// Fixes a bug on its branch and merges that; gives the report's row.
fn heal(built: &Built, bug: Bug) -> serde_json::Value {
    let (from, to) = documented(bug);
    built.edit(bug.file(), from, to);
    let repo = Repository::open(&built.shop.repo).unwrap();
    let mut index = repo.index().unwrap();
    index.add_path(Path::new(bug.file())).unwrap();
    index.write().unwrap();
    let tree = repo.find_tree(index.write_tree().unwrap()).unwrap();
    let main = repo.head().unwrap().peel_to_commit().unwrap();
    let who = Signature::now("A person", "person@shop.example").unwrap();
    let branch = format!("aegis/fix-{bug:?}");
    let name = format!("refs/heads/{branch}");
    let fix = repo.commit(Some(&name), &who, &who, "Fix", &tree, &[&main]).unwrap();
    let fix = repo.find_commit(fix).unwrap();
    let subject = format!("Merge branch '{branch}'");
    let merge = repo.commit(Some("HEAD"), &who, &who, &subject, &tree, &[&main, &fix]).unwrap();
    json!({"id": format!("{bug:?}"), "outcome": "Healed", "branch": branch, "merge_commit": merge.to_string()})
}

fn check(built: &Built, more: &[&str]) -> Output {
    let at = |name: &str| built.dir.path().join(name);
    let mut check = Command::new(python().python);
    check.arg(folder().join("heal_check.py")).env("PYTHONDONTWRITEBYTECODE", "1");
    check.arg("--repo").arg(&built.shop.repo).arg("--access-log").arg(at("access.log"));
    check.arg("--transcript").arg(at("transcript.jsonl")).args(["--base", &built.shop.head]);
    check.args(more).output().unwrap()
}

/// Waits until each trigger was answered so often, and no longer with errors where it is healed.
async fn exercised(traffic: &Traffic, times: u64, healed: bool) {
    let before = traffic.totals();
    let deadline = Instant::now() + Duration::from_secs(30);
    let triggers: Vec<_> = Bug::CRASHES.iter().flat_map(|bug| bug.triggers()).collect();
    loop {
        let totals = traffic.totals();
        let enough = triggers.iter().all(|trigger| {
            let count = |totals: &aegis_examples::traffic::Totals| {
                totals.by_path.get(&trigger.path).copied().unwrap_or_default()
            };
            let (then, now) = (count(&before), count(&totals));
            let errors = now.errors - then.errors;
            let good = now.requests - now.unanswered - then.requests + then.unanswered - errors;
            if healed { good >= times } else { errors >= times }
        });
        if enough {
            return;
        }
        assert!(Instant::now() < deadline, "still waiting at {totals:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_heal_by_hand_is_told_from_a_service_that_was_only_observed() {
    let built = built();
    let shop = built.start();
    let port = shop.port;
    let transcript = built.dir.path().join("transcript.jsonl");
    let config =
        TrafficConfig::new(([127, 0, 0, 1], port).into(), transcript).with_per_second(200.0);
    let traffic = Traffic::start(config, script::requests(&Bug::CRASHES)).unwrap();
    exercised(&traffic, 5, false).await;
    let observed = check(&built, &["--observe"]);
    assert!(observed.status.success(), "{}", String::from_utf8_lossy(&observed.stdout));
    let unhealed = check(&built, &[]);
    assert_eq!(unhealed.status.code(), Some(1));

    let rows: Vec<_> = Bug::CRASHES.iter().map(|&bug| heal(&built, bug)).collect();
    drop(shop);
    let shop = built.start_on(port);
    exercised(&traffic, 10, true).await;
    traffic.stop().await.unwrap();
    drop(shop);

    let report = built.dir.path().join("report.json");
    std::fs::write(&report, json!({"incidents": rows}).to_string()).unwrap();
    let healed = check(&built, &["--report", report.to_str().unwrap()]);
    assert!(healed.status.success(), "{}", String::from_utf8_lossy(&healed.stdout));
    let observed = check(&built, &["--observe"]);
    let said = String::from_utf8_lossy(&observed.stdout);
    assert_eq!(observed.status.code(), Some(1));
    assert!(said.contains("FINDING main moved"), "{said}");
}
