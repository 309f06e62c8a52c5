use std::time::{Duration, Instant};

use aegis_core::ErrorKind;
use aegis_local::supervise::State;

use super::service::{Stage, running};
use crate::git::workshop::until;

#[tokio::test]
async fn a_crashed_service_is_started_again_and_says_how_often() {
    let stage = Stage::new();
    let supervisor = stage.supervisor().await;
    let before = supervisor.status();
    stage.ask("/crash");
    let after = until("it runs again", async || {
        let status = supervisor.status();
        (status.restarts == 1 && status.state == State::Running).then_some(status)
    })
    .await;
    assert_ne!(before.pid, after.pid);
    assert_eq!(before.revision, after.revision);
    assert_eq!(before.since, after.since, "the same release, first reported then");
    let log = std::fs::read_to_string(before.log.unwrap()).unwrap();
    assert!(log.contains("about to crash"), "{log}");
    supervisor.shutdown(true).await.unwrap();
}

#[tokio::test]
async fn a_service_that_ignores_sigterm_is_killed_with_its_children() {
    let mut stage = Stage::new();
    stage.spec.start =
        "trap '' TERM; sleep 600 & echo child $!; python3 service.py & wait; wait".into();
    let builder = stage.builder().await.stop_grace(Duration::from_millis(200));
    let supervisor = builder.start().await.unwrap();
    let status = supervisor.status();
    let log = std::fs::read_to_string(status.log.unwrap()).unwrap();
    let child: u32 = log.trim().strip_prefix("child ").unwrap().parse().unwrap();
    assert!(running(child));
    let began = Instant::now();
    supervisor.shutdown(true).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(10));
    assert!(!running(child) && !running(status.pid.unwrap()));
    assert!(!stage.shop.state().join("supervisor/shop.json").exists());
}

#[tokio::test]
async fn a_service_is_supervised_once() {
    let stage = Stage::new();
    let supervisor = stage.supervisor().await;
    let error = stage.builder().await.start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let pid = supervisor.status().pid.unwrap();
    assert!(running(pid), "the first one's service is untouched");
    supervisor.shutdown(true).await.unwrap();
}

#[tokio::test]
async fn an_unhealthy_service_is_reported_and_left_alone() {
    let stage = Stage::new();
    let flag = stage.shop.dir.path().join("ill");
    let ill = super::service::SERVICE.replace(
        "        self.send_response(200)",
        &format!(
            "        self.send_response(500 if os.path.exists('{}') else 200)",
            flag.display()
        ),
    );
    stage.shop.commit(&[("service.py", Some(&ill))], "Fall ill");
    let supervisor = stage.supervisor().await;
    std::fs::write(&flag, "").unwrap();
    until("it is unhealthy", async || (!supervisor.status().healthy).then_some(())).await;
    assert_eq!(supervisor.status().state, State::Running);
    std::fs::remove_file(&flag).unwrap();
    until("it is healthy", async || supervisor.status().healthy.then_some(())).await;
    assert_eq!(supervisor.status().restarts, 0);
    supervisor.shutdown(true).await.unwrap();
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_a_release_that_hangs_at_its_start() {
    let stage = Stage::new();
    let supervisor = stage.supervisor().await;
    let old = supervisor.status().pid.unwrap();
    stage.shop.commit(&[("service.py", Some("import time\ntime.sleep(600)\n"))], "Hang");
    let hung = until("it starts", async || {
        let status = supervisor.status();
        (status.state == State::Starting).then(|| status.pid.unwrap())
    })
    .await;
    supervisor.shutdown(true).await.unwrap();
    assert!(!running(old) && !running(hung));
}

#[tokio::test]
async fn a_url_elsewhere_is_refused() {
    let mut stage = Stage::new();
    stage.spec.health = "http://169.254.169.254/latest".into();
    let error = stage.builder().await.start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    stage.spec.health = format!("http://127.0.0.1:{}/", stage.port);
    stage.spec.name = "../shop".into();
    let error = stage.builder().await.start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
}
