use aegis_local::supervise::State;

use super::service::{Stage, next, running, runs};
use crate::git::workshop::until;

#[tokio::test]
async fn what_a_dead_supervisor_left_running_is_adopted() {
    let stage = Stage::new();
    let supervisor = stage.supervisor().await;
    let before = supervisor.status();
    drop(supervisor);

    let supervisor = stage.supervisor().await;
    let after = supervisor.status();
    assert_eq!((after.pid, after.since, after.log), (before.pid, before.since, before.log));
    assert_eq!(after.state, State::Running);

    let later = stage.shop.commit(&[("new.txt", Some("x\n"))], "Go on");
    runs(&supervisor, &later).await;
    assert!(!running(before.pid.unwrap()), "an adopted process is ended like our own");
    supervisor.shutdown(true).await.unwrap();
}

#[tokio::test]
async fn an_adopted_service_that_crashes_is_started_again() {
    let stage = Stage::new();
    drop(stage.supervisor().await);
    let supervisor = stage.supervisor().await;
    stage.ask("/crash");
    until("it runs again", async || {
        let status = supervisor.status();
        (status.restarts == 1 && status.state == State::Running).then_some(())
    })
    .await;
    supervisor.shutdown(true).await.unwrap();
}

#[tokio::test]
async fn an_orphan_of_an_older_release_is_replaced() {
    let stage = Stage::new();
    let supervisor = stage.supervisor().await;
    let before = supervisor.status();
    supervisor.shutdown(false).await.unwrap();
    assert!(running(before.pid.unwrap()), "left to be adopted");

    let head = stage.shop.commit(&[("new.txt", Some("x\n"))], "Go on meanwhile");
    let supervisor = stage.supervisor().await;
    assert_eq!(supervisor.status().revision, Some(head));
    assert!(!running(before.pid.unwrap()));
    let delivery = next(&mut supervisor.releases()).await;
    drop(delivery);
    supervisor.shutdown(true).await.unwrap();
}

#[tokio::test]
async fn an_orphan_without_a_pid_file_is_found_by_its_marker() {
    let stage = Stage::new();
    let supervisor = stage.supervisor().await;
    let before = supervisor.status();
    drop(supervisor);
    std::fs::remove_file(stage.shop.state().join("supervisor/shop.json")).unwrap();
    let supervisor = stage.supervisor().await;
    assert_eq!(supervisor.status().pid, before.pid);
    assert_eq!(supervisor.status().log, before.log);
    supervisor.shutdown(true).await.unwrap();
}

#[tokio::test]
async fn a_process_that_only_has_the_same_number_is_never_touched() {
    let stage = Stage::new();
    let mut stranger = tokio::process::Command::new("sleep")
        .arg("600")
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let pid = stranger.id().unwrap();
    let supervisor = stage.supervisor().await;
    supervisor.shutdown(true).await.unwrap();
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let record = serde_json::json!({
        "pid": pid, "started": 1, "boot": boot.trim(), "revision": stage.shop.head(),
        "log": "", "since": null,
    });
    let file = stage.shop.state().join("supervisor/shop.json");
    std::fs::write(&file, record.to_string()).unwrap();

    let supervisor = stage.supervisor().await;
    assert_ne!(supervisor.status().pid, Some(pid));
    supervisor.shutdown(true).await.unwrap();
    assert!(running(pid));
    stranger.kill().await.unwrap();
}

#[tokio::test]
async fn a_refused_release_stays_refused_after_a_crash_of_ours() {
    let stage = Stage::new();
    let good = stage.shop.head();
    let supervisor = stage.supervisor().await;
    let bad = stage.break_it();
    until("it is refused", async || supervisor.status().refused).await;
    let before = runs(&supervisor, &good).await;
    drop(supervisor);

    let supervisor = stage.supervisor().await;
    let after = supervisor.status();
    assert_eq!(after.pid, before.pid, "no second outage");
    assert_eq!(after.refused.unwrap().revision, bad);
    supervisor.shutdown(true).await.unwrap();
}

#[tokio::test]
async fn after_a_reboot_a_head_that_does_not_start_falls_back_to_the_last_release() {
    let stage = Stage::new();
    let good = stage.shop.head();
    stage.supervisor().await.shutdown(true).await.unwrap();
    let bad = stage.break_it();
    let supervisor = stage.supervisor().await;
    let status = supervisor.status();
    assert_eq!((status.state, status.revision), (State::Running, Some(good)));
    assert_eq!(status.refused.unwrap().revision, bad);
    supervisor.shutdown(true).await.unwrap();
}
