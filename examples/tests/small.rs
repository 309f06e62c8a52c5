//! The small examples end as they should.

#[path = "../embed.rs"]
#[allow(dead_code)]
mod embed;
#[path = "../mocked.rs"]
mod mocked;
#[path = "../quickstart.rs"]
mod quickstart;

use std::sync::mpsc;
use std::time::Duration;

use aegis_core::machine::Phase;

/// Runs `example` on a thread of its own, so that one that never ends fails instead of hanging.
fn ends(example: impl FnOnce() -> Result<(), String> + Send + 'static) {
    let (done, ended) = mpsc::channel();
    std::thread::spawn(move || done.send(example()));
    ended.recv_timeout(Duration::from_secs(60)).unwrap().unwrap();
}

#[test]
fn the_quickstart_ends_healed() {
    // It returns once its incident is healed, and not before.
    ends(|| quickstart::main().map_err(|e| e.to_string()));
}

#[test]
fn the_quickstart_is_at_most_60_lines() {
    assert!(include_str!("../quickstart.rs").lines().count() <= 60);
}

#[tokio::test]
async fn a_crash_is_healed_by_one_merge() {
    mocked::a_crash_is_healed_by_one_merge().await.unwrap();
}

#[tokio::test]
async fn observing_writes_nothing() {
    mocked::observing_writes_nothing().await.unwrap();
}

#[test]
fn the_mocked_example_ends() {
    ends(|| mocked::main().map_err(|e| e.to_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn stages_that_panic_block_and_hang_cost_their_own_incidents_only() {
    let seen = embed::run().await.unwrap();
    let mut ends: Vec<(&str, Phase)> =
        seen.incidents.iter().map(|i| (i.case.service.as_str(), i.phase)).collect();
    ends.sort_unstable();
    let expected = [
        ("mail", Phase::AwaitingHuman),
        ("orders", Phase::Healed),
        ("search", Phase::AwaitingHuman),
        ("stock", Phase::AwaitingHuman),
    ];
    assert_eq!(ends, expected);
    // The visitors' connections were kept: each request was answered.
    assert!(!seen.without.0.is_empty() && !seen.with.0.is_empty());
}
