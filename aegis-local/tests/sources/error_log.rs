use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aegis_core::model::{Event, Observation, Signal};
use aegis_core::port::{Ack, EventSource};
use aegis_core::{Revision, Timestamp};
use aegis_local::sources::{ErrorLog, StartAt};

const TRACE: &str = "Traceback (most recent call last):
  File \"/srv/shop/shop/catalogue.py\", line 12, in rating
    return total / count
ZeroDivisionError: division by zero
";

struct Logs {
    folder: tempfile::TempDir,
}

impl Logs {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn source(&self) -> ErrorLog {
        ErrorLog::new("shop")
            .with_file(self.path("app.log"))
            .with_state(self.path("state.json"))
            .with_start(StartAt::Beginning)
            .with_interval(Duration::from_millis(5))
            .with_quiet(Duration::from_millis(20))
    }
}

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

async fn next(source: &mut ErrorLog) -> (Signal, Ack) {
    let next = tokio::time::timeout(Duration::from_secs(10), source.next());
    let delivery = next.await.expect("an error within 10 s").unwrap().unwrap();
    let Event::Signal(signal) = delivery.event else { panic!("{:?}", delivery.event) };
    (signal, delivery.ack.unwrap())
}

/// Whether the source stays silent for a moment; it also shows that a dropped call loses nothing.
async fn silent(source: &mut ErrorLog) -> bool {
    tokio::time::timeout(Duration::from_millis(150), source.next()).await.is_err()
}

fn text(signal: &Signal) -> &str {
    match &signal.observation {
        Observation::Error(text) => text.expose(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_trace_is_reported_once_it_is_over() {
    let logs = Logs::new();
    let mut source = logs.source();
    append(&logs.path("app.log"), "2026-03-01T02:30:00Z ERROR shop: unhandled error\n");
    append(&logs.path("app.log"), TRACE);
    let (signal, _) = next(&mut source).await;
    assert!(text(&signal).ends_with("ZeroDivisionError: division by zero"), "{}", text(&signal));
    assert!(text(&signal).contains("line 12, in rating"));
    assert_eq!(signal.source, "log:app.log");
    assert_eq!(signal.service.as_str(), "shop");
    assert_eq!(signal.at, Timestamp::from_ms(1_772_332_200_000));
    assert!(silent(&mut source).await);
}

#[tokio::test]
async fn a_trace_in_pieces_is_one_error() {
    let logs = Logs::new();
    let mut source = logs.source().with_quiet(Duration::from_secs(60));
    let (head, tail) = TRACE.split_at(70);
    append(&logs.path("app.log"), head);
    assert!(silent(&mut source).await, "a trace that is not over was reported");
    append(&logs.path("app.log"), tail);
    append(&logs.path("app.log"), "2026-03-01T02:30:00Z INFO shop: next\n");
    let (signal, _) = next(&mut source).await;
    assert!(text(&signal).starts_with("Traceback"), "{}", text(&signal));
    assert!(text(&signal).ends_with("ZeroDivisionError: division by zero"));
}

#[tokio::test]
async fn what_was_acknowledged_is_not_reported_after_a_restart() {
    let logs = Logs::new();
    let log = logs.path("app.log");
    let mut source = logs.source();
    append(&log, TRACE);
    append(&log, "INFO between\n");
    append(&log, &TRACE.replace("ZeroDivision", "Key"));
    append(&log, "INFO after\n");
    let (first, ack) = next(&mut source).await;
    assert!(text(&first).contains("ZeroDivisionError"));
    ack();
    let (second, _never) = next(&mut source).await;
    assert!(text(&second).contains("KeyError"));
    assert!(silent(&mut source).await);
    drop(source);

    append(&log, &TRACE.replace("ZeroDivision", "Value"));
    let mut source = logs.source();
    let (again, ack) = next(&mut source).await;
    assert!(text(&again).contains("KeyError"), "not acknowledged, so it comes again");
    ack();
    let (third, ack) = next(&mut source).await;
    assert!(text(&third).contains("ValueError"));
    ack();
    assert!(silent(&mut source).await);
    drop(source);
    assert!(silent(&mut logs.source()).await);
}

#[tokio::test]
async fn errors_that_follow_one_another_are_kept_apart_after_a_restart() {
    let logs = Logs::new();
    let log = logs.path("app.log");
    append(&log, TRACE);
    append(&log, &TRACE.replace("ZeroDivision", "Key"));
    let mut source = logs.source();
    let (_, ack) = next(&mut source).await;
    ack();
    drop(source);
    let (second, _) = next(&mut logs.source()).await;
    assert!(text(&second).contains("KeyError"), "{}", text(&second));
    assert!(text(&second).starts_with("Traceback"), "{}", text(&second));
}

#[tokio::test]
async fn errors_written_while_nobody_looked_are_reported() {
    let logs = Logs::new();
    let log = logs.path("app.log");
    append(&log, "INFO started\n");
    let start_at_end = || logs.source().with_start(StartAt::End);
    let mut source = start_at_end();
    assert!(silent(&mut source).await);
    drop(source);
    append(&log, TRACE);
    fs::rename(&log, logs.path("app.log.1")).unwrap();
    append(&log, &TRACE.replace("ZeroDivision", "Key"));
    let mut source = start_at_end();
    assert!(text(&next(&mut source).await.0).contains("ZeroDivisionError"));
    assert!(text(&next(&mut source).await.0).contains("KeyError"));
}

#[tokio::test]
async fn what_is_written_before_the_first_look_counts() {
    let logs = Logs::new();
    append(&logs.path("old.log"), TRACE);
    let mut source = ErrorLog::new("shop")
        .with_file(logs.path("old.log"))
        .with_file(logs.path("new.log"))
        .with_interval(Duration::from_millis(5))
        .with_quiet(Duration::from_millis(20));
    append(&logs.path("old.log"), &TRACE.replace("ZeroDivision", "Key"));
    append(&logs.path("new.log"), &TRACE.replace("ZeroDivision", "Value"));
    assert!(text(&next(&mut source).await.0).contains("KeyError"));
    assert!(text(&next(&mut source).await.0).contains("ValueError"));
    assert!(silent(&mut source).await);
}

#[tokio::test]
async fn errors_of_a_run_carry_its_revision() {
    let logs = Logs::new();
    let dir = logs.path("runs");
    let mut source = ErrorLog::new("shop")
        .follow_dir(&dir)
        .with_interval(Duration::from_millis(5))
        .with_quiet(Duration::from_millis(20));
    assert!(silent(&mut source).await, "a folder that is not there yet is waited for");
    fs::create_dir(&dir).unwrap();
    append(&dir.join("1-83daa46.log"), TRACE);
    append(&dir.join("notes.log"), TRACE);
    let (signal, _) = next(&mut source).await;
    assert_eq!(signal.revision, Some(Revision::new("83daa46")));
    assert_eq!(signal.source, "log:1-83daa46.log");
    append(&dir.join("2-2bb4098.log"), TRACE);
    let (signal, _) = next(&mut source).await;
    assert_eq!(signal.revision, Some(Revision::new("2bb4098")));
    assert!(silent(&mut source).await);
}

#[tokio::test]
async fn a_file_that_can_not_be_read_costs_the_others_nothing() {
    let logs = Logs::new();
    let folder = logs.path("folder.log");
    fs::create_dir(&folder).unwrap();
    let mut source = logs.source().with_file(&folder);
    assert!(source.next().await.is_err(), "it is reported once");
    append(&logs.path("app.log"), TRACE);
    assert!(text(&next(&mut source).await.0).contains("ZeroDivisionError"));
    assert!(silent(&mut source).await);
}

#[tokio::test]
async fn lines_from_a_container_are_joined() {
    let logs = Logs::new();
    let mut source = logs.source();
    let lines: String =
        TRACE.lines().map(|l| format!("2026-03-01T02:30:00.000000000Z stderr F {l}\n")).collect();
    append(&logs.path("app.log"), &lines);
    let (signal, _) = next(&mut source).await;
    assert_eq!(text(&signal), TRACE.trim_end());
    assert_eq!(signal.at, Timestamp::from_ms(1_772_332_200_000));
}
