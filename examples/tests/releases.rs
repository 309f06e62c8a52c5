//! The releases that a person makes on top of the shop.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use aegis_core::trace;
use aegis_examples::staging::release::{Change, release};
use aegis_examples::traffic::Request;
use git2::{Oid, Repository, Signature};

use crate::support::{Built, built, python};

/// Commits what the tree holds, as a merge of a fix would.
fn commit(built: &Built, file: &str) -> Oid {
    let repo = Repository::open(&built.shop.repo).unwrap();
    let mut index = repo.index().unwrap();
    index.add_path(Path::new(file)).unwrap();
    index.write().unwrap();
    let tree = repo.find_tree(index.write_tree().unwrap()).unwrap();
    let main = repo.head().unwrap().peel_to_commit().unwrap();
    let who = Signature::now("A person", "person@shop.example").unwrap();
    repo.commit(Some("HEAD"), &who, &who, "Fix", &tree, &[&main]).unwrap()
}

#[test]
fn each_is_committed_on_what_was_merged_and_passes_the_tests() {
    for change in Change::ALL {
        let built = built();
        built.edit("shop/vouchers.py", "VALUES[code]", "VALUES.get(code, 0)");
        let merged = commit(&built, "shop/vouchers.py");
        let before = time::OffsetDateTime::now_utc().unix_timestamp();

        let id = release(&built.shop.repo, change).unwrap();
        let repo = Repository::open(&built.shop.repo).unwrap();
        let head = repo.head().unwrap().peel_to_commit().unwrap();
        assert_eq!(head.id().to_string(), id);
        assert_eq!(head.parent_id(0).unwrap(), merged);
        assert!(head.author().email().unwrap().ends_with("@shop.example"));
        assert!(head.committer().when().seconds() >= before);
        assert!(repo.statuses(None).unwrap().iter().all(|it| it.status().is_ignored()));
        let vouchers = fs::read_to_string(built.shop.repo.join("shop/vouchers.py")).unwrap();
        assert!(vouchers.contains("VALUES.get(code, 0)"), "{change:?}");
        let suite = built.test();
        let said = String::from_utf8_lossy(&suite.stdout);
        assert!(suite.status.success(), "{change:?}: {said}");
    }
}

#[test]
fn what_is_in_the_way_of_a_release_is_said() {
    let built = built();
    built.edit("shop/stock.py", "1: 140", "1: 141");
    let error = release(&built.shop.repo, Change::LatencyTwice).unwrap_err().to_string();
    assert!(error.contains("changes that are not committed"), "{error}");
    built.edit("shop/stock.py", "return LEVELS[found.id]", "return max(LEVELS[found.id], 0)");
    commit(&built, "shop/stock.py");
    let head = || Repository::open(&built.shop.repo).unwrap().head().unwrap().target();
    let before = head();
    let error = release(&built.shop.repo, Change::LatencyTwice).unwrap_err().to_string();
    assert!(error.contains("latency-x2") && error.contains("conflicts"), "{error}");
    assert_eq!(head(), before);

    release(&built.shop.repo, Change::RaisesNone).unwrap();
    let error = release(&built.shop.repo, Change::RaisesNone).unwrap_err().to_string();
    assert!(error.contains("raises-none"), "{error}");
}

/// What each `/stock/<id>` waits in all, in shares of what the warehouse takes.
fn waits(change: Option<Change>, products: &str) -> Vec<f64> {
    let built = built();
    if let Some(change) = change {
        release(&built.shop.repo, change).unwrap();
    }
    let program = format!(
        "import time; from shop import stock; from shop.router import dispatch\n\
         stock.WAREHOUSE_SECONDS = 1.0\n\
         for product in {products}:\n    \
             waited = []; time.sleep = waited.append\n    \
             assert dispatch('GET', f'/stock/{{product}}')[0] == 200\n    \
             print(sum(waited))"
    );
    built.python(&program).lines().map(|line| line.parse().unwrap()).collect()
}

#[test]
fn the_stock_waits_as_long_as_each_says() {
    assert_eq!(waits(None, "(1, 2, 1)"), [1.0, 1.0, 1.0]);
    assert_eq!(waits(Some(Change::LatencyTwice), "(1, 2, 1)"), [2.0, 2.0, 2.0]);
    assert_eq!(waits(Some(Change::LatencyThird), "(1, 2, 1)"), [1.3, 1.3, 1.3]);
    assert_eq!(waits(Some(Change::ColdCache), "(1, 2, 1)"), [2.45, 2.45, 0.95]);
    let slow = waits(Some(Change::SlowRamp), "[1] * 70");
    assert!(slow.windows(2).all(|two| two[0] <= two[1]), "{slow:?}");
    for (at, wanted) in [(0, 1.0), (60, 2.5), (69, 2.5)] {
        assert!((slow[at] - wanted).abs() < 1e-6, "{slow:?}");
    }
}

#[tokio::test]
async fn most_pages_of_the_stock_raise_on_none() {
    let built = built();
    release(&built.shop.repo, Change::RaisesNone).unwrap();
    let shop = built.start();
    let pages = (1..=9).map(|product| Request::get(format!("/stock/{product}"), 1)).collect();
    let failed = shop.ask(pages).await.iter().filter(|it| it.status == 500).count();
    assert_eq!(failed, 7);
    let said = shop.stderr();
    assert!(said.contains("AttributeError: 'NoneType' object has no attribute 'aisle'"), "{said}");
}

/// The fingerprints of what the nightly job logs, and how long it took.
fn nightly(built: &Built, traces: usize, kinds: usize) -> (Vec<String>, Duration) {
    let started = Instant::now();
    let output = Command::new(python().python)
        .args(["-m", "shop.nightly", "--traces", &traces.to_string()])
        .args(["--kinds", &kinds.to_string()])
        .current_dir(&built.shop.repo)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let took = started.elapsed();
    assert!(output.status.success());
    let traces = trace::parse(&String::from_utf8_lossy(&output.stderr));
    (traces.iter().map(|trace| trace.fingerprint().to_string()).collect(), took)
}

#[test]
fn the_nightly_job_logs_so_many_errors_of_so_many_kinds() {
    let built = built();
    let (same, took) = nightly(&built, 10_000, 1);
    assert_eq!(same.len(), 10_000);
    assert_eq!(same.iter().collect::<BTreeSet<_>>().len(), 1);
    assert!(took < Duration::from_secs(20), "{took:?}");
    let (different, _) = nightly(&built, 1_000, 500);
    assert_eq!(different.len(), 1_000);
    assert_eq!(different.iter().collect::<BTreeSet<_>>().len(), 500);
}
