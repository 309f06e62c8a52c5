//! The releases that a person makes on top of the shop.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use aegis_core::trace;
use aegis_examples::staging::release::{Change, release};
use aegis_examples::traffic::Request;
use git2::{Oid, Repository, Signature};
use std::collections::BTreeSet;

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
    built.edit("shop/stock.py", "    ask()\n    with", "    with");
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

/// How long `/stock/<id>` takes, one request after the other.
async fn seconds(built: &Built, products: impl Iterator<Item = u32>) -> Vec<f64> {
    let shop = built.start_with(0, "0.04");
    let mut all = Vec::new();
    for product in products {
        let started = Instant::now();
        let url = format!("GET /stock/{product} HTTP/1.0\r\n\r\n");
        assert!(shop.raw(&url).await.contains(" 200 "));
        all.push(started.elapsed().as_secs_f64());
    }
    all
}

fn least(of: &[f64]) -> f64 {
    of.iter().copied().fold(f64::INFINITY, f64::min)
}

#[tokio::test]
async fn the_stock_takes_as_long_as_each_says() {
    let plain = least(&seconds(&built(), 1..=4).await);
    let after = |change| {
        let built = built();
        release(&built.shop.repo, change).unwrap();
        built
    };
    let twice = least(&seconds(&after(Change::LatencyTwice), 1..=4).await) / plain;
    assert!((1.7..2.3).contains(&twice), "{twice}");
    let third = least(&seconds(&after(Change::LatencyThird), 1..=4).await) / plain;
    assert!((1.15..1.5).contains(&third), "{third}");
    let slow = seconds(&after(Change::SlowRamp), (0..64).map(|_| 1)).await;
    let (first, last) = (least(&slow[..2]) / plain, least(&slow[60..]) / plain);
    assert!(first < 1.3 && last > 2.2, "{first} to {last}");
    let cold = seconds(&after(Change::ColdCache), [1, 2, 1, 2, 1, 2].into_iter()).await;
    let (first, later) = (least(&cold[..2]) / plain, least(&cold[2..]) / plain);
    assert!(first > 2.0 && later < 1.2, "{first}, then {later}");
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
