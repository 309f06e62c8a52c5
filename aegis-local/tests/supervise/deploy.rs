use std::net::TcpListener;
use std::time::Duration;

use aegis_core::stage::{Deployer as _, Rollout};
use aegis_core::{EffectKind, ErrorKind};
use aegis_local::git::RunningRevision as _;
use aegis_local::supervise::State;

use super::service::{Stage, running, runs};
use crate::git::workshop::{key, ship, until};

#[tokio::test]
async fn the_service_runs_from_objects_with_a_small_environment() {
    let mut stage = Stage::new();
    let venv = stage.shop.dir.path().join("venv");
    stage.spec = stage.spec.clone().with_python(&venv);
    // A shim of Python's own may alter PATH before the service sees it.
    stage.spec.start = format!("echo $PATH > path; {}", stage.spec.start);
    std::fs::write(stage.shop.path().join("service.py"), "raise SystemExit\n").unwrap();
    let supervisor = stage.supervisor().await;
    let status = supervisor.status();
    let head = stage.shop.head();
    assert_eq!((&status.state, status.healthy), (&State::Running, true));
    assert_eq!(status.revision.as_ref(), Some(&head));
    assert_eq!(stage.version().as_deref(), Some(head.as_str()));

    let env = stage.env();
    let release = stage.shop.state().canonicalize().unwrap().join("releases").join(head.as_str());
    assert_eq!(env["CWD"], release.display().to_string());
    let path = std::fs::read_to_string(release.join("path")).unwrap();
    assert!(path.starts_with(&format!("{}/bin:", venv.display())), "{path}");
    assert_eq!(env["PORT"], stage.port.to_string());
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    assert!(!env.contains_key("CARGO_MANIFEST_DIR"), "the host's environment stays its own");
    supervisor.shutdown(true).await.unwrap();
}

#[tokio::test]
async fn a_moved_branch_is_deployed_and_the_old_process_ended() {
    let stage = Stage::new();
    let supervisor = stage.supervisor().await;
    let old = supervisor.status();
    let next = stage.shop.commit(&[("new.txt", Some("x\n"))], "Go on");
    let status = runs(&supervisor, &next).await;
    assert_eq!(stage.version().as_deref(), Some(next.as_str()), "on the same port");
    assert!(!running(old.pid.unwrap()));
    assert!(status.since > old.since);
    let name = |log: &Option<std::path::PathBuf>| {
        log.as_ref().unwrap().file_name().unwrap().to_str().unwrap().to_owned()
    };
    assert_eq!(name(&status.log), format!("000002-{next}.log"));
    assert!(name(&old.log).starts_with("000001-"));
    supervisor.shutdown(true).await.unwrap();
    assert!(!running(status.pid.unwrap()));
    assert_eq!(supervisor.status().state, State::Stopped);
    supervisor.shutdown(true).await.unwrap();
}

#[tokio::test]
async fn a_merge_is_live_once_the_service_reports_it() {
    let stage = Stage::new();
    let supervisor = std::sync::Arc::new(stage.supervisor().await);
    let deployer = stage.shop.deployer_beside(supervisor.clone()).await;
    let commit = ship(&stage.shop, &deployer, "i1", &stage.shop.guard()).await;
    let key = key("i1", EffectKind::Merge);
    let (release, at) =
        until("it is live", async || match deployer.lookup(&key).await.unwrap().unwrap() {
            Rollout::Live { release, at, .. } => Some((release, at)),
            Rollout::Merged { .. } => None,
            other => panic!("{other:?}"),
        })
        .await;
    assert_eq!(release, commit);
    assert_eq!(stage.version().as_deref(), Some(commit.as_str()));
    let known = supervisor.running().await.unwrap().unwrap();
    assert_eq!((known.revision, known.since), (commit, at));
    supervisor.shutdown(true).await.unwrap();
}

#[tokio::test]
async fn a_release_that_does_not_start_is_refused_and_the_one_before_runs_again() {
    let stage = Stage::new();
    let supervisor = std::sync::Arc::new(stage.supervisor().await);
    let deployer = stage.shop.deployer_beside(supervisor.clone()).await;
    let good = stage.shop.head();
    let fix = stage.shop.replace(
        "service.py",
        "import http.server, json, os, sys\n",
        "raise SystemExit(7)\n",
    );
    let bad = ship(&stage.shop, &deployer, "i1", &fix).await;
    let refusal = until("it is refused", async || supervisor.status().refused).await;
    assert_eq!(refusal.revision, bad);
    assert!(refusal.feedback.summary.contains("exit status: 7"), "{refusal:?}");
    runs(&supervisor, &good).await;
    assert_eq!(stage.version().as_deref(), Some(good.as_str()), "production is not left down");
    let found = deployer.lookup(&key("i1", EffectKind::Submit)).await.unwrap();
    assert_eq!(found, Some(Rollout::Failed(refusal.feedback)));

    let better = stage.shop.commit(&[("service.py", Some(super::service::SERVICE))], "Repair");
    runs(&supervisor, &better).await;
    assert_eq!(supervisor.status().refused, None);
    supervisor.shutdown(true).await.unwrap();
}

#[tokio::test]
async fn a_release_that_reports_another_revision_does_not_count_as_running() {
    let stage = Stage::new();
    let builder = stage.builder().await.start_timeout(Duration::from_secs(2));
    let supervisor = builder.start().await.unwrap();
    let good = stage.shop.head();
    let lies = super::service::SERVICE
        .replace("os.environ[\"AEGIS_REVISION\"]", &format!("\"{}\"", "a".repeat(40)));
    stage.shop.commit(&[("service.py", Some(&lies))], "Report something else");
    let refusal = until("it is refused", async || supervisor.status().refused).await;
    assert!(refusal.feedback.summary.contains(&"a".repeat(40)), "{refusal:?}");
    runs(&supervisor, &good).await;
    supervisor.shutdown(true).await.unwrap();
}

#[tokio::test]
async fn a_service_that_reports_nothing_counts_as_what_was_started() {
    let mut stage = Stage::new();
    stage.spec.version = None;
    let supervisor = stage.supervisor().await;
    let known = supervisor.running().await.unwrap().unwrap();
    assert_eq!(known.revision, stage.shop.head());
    supervisor.shutdown(true).await.unwrap();
    assert!(supervisor.running().await.is_err() || supervisor.running().await.unwrap().is_none());
}

#[tokio::test]
async fn a_service_that_dies_at_its_first_start_is_an_error_with_its_last_words() {
    let stage = Stage::new();
    stage.break_it();
    let error = stage.builder().await.start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("no such setting: SHOP"), "{error}");
}

#[tokio::test]
async fn a_port_in_use_is_told_and_nothing_is_started() {
    let stage = Stage::new();
    let _other = TcpListener::bind(("127.0.0.1", stage.port)).unwrap();
    let error = stage.builder().await.start().await.unwrap_err();
    assert!(error.to_string().contains("port is in use"), "{error}");
    let logs = stage.shop.state().join("logs/shop");
    assert_eq!(std::fs::read_dir(logs).unwrap().count(), 0);
}

#[tokio::test]
async fn old_release_folders_are_thrown_away_but_never_what_is_needed() {
    let stage = Stage::new();
    let supervisor = stage.builder().await.keep_releases(1).start().await.unwrap();
    let mut made = vec![stage.shop.head()];
    let record = std::fs::read(stage.shop.state().join("supervisor/shop.json")).unwrap();
    std::fs::write(stage.shop.state().join("supervisor/other.json"), record).unwrap();
    for n in 0..3 {
        made.push(stage.shop.commit(&[("n.txt", Some(&n.to_string()))], "Go on"));
        runs(&supervisor, made.last().unwrap()).await;
    }
    let folders = || {
        let all = std::fs::read_dir(stage.shop.state().join("releases")).unwrap().flatten();
        let mut names: Vec<_> = all.map(|e| e.file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    let mut needed = [made[0].to_string(), made[2].to_string(), made[3].to_string()];
    needed.sort();
    until("pruned", async || (folders() == needed).then_some(())).await;
    supervisor.shutdown(true).await.unwrap();
}
