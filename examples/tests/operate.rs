//! A person's commands, by a process of their own, on the journal of a planner that runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use aegis_core::machine::{Entry, Opened, Phase, Record, Settings};
use aegis_core::model::{Event, IncidentKind, Signal, SignalKind, Similar, Symptom};
use aegis_core::planner::{Handle, PlannerConfig, ServiceConfig};
use aegis_core::policy::{Autonomy, PolicyConfig};
use aegis_core::port::{
    Batch, Clock, Intake, Journal, NewIncident, Receipt, SlotChange, SystemClock,
};
use aegis_core::redact::Untrusted;
use aegis_core::testkit::World;
use aegis_core::testkit::mint::redacted;
use aegis_core::testkit::stages::{Shop, honest};
use aegis_core::{Fingerprint, IncidentId, Revision, ServiceName, Timestamp};
use aegis_sql::testkit::Cluster;
use aegis_sql::{PostgresJournal, SqliteJournal, check_export, owner};
use serde_json::Value;

use crate::support::example;

const TRACE: &str = "Traceback (most recent call last):
  File \"/srv/app/mean.py\", line 2, in mean
    return sum(xs) / len(xs)
ZeroDivisionError: division by zero
";

/// A planner that proposes, with an incident that waits for a person.
async fn waiting(journal: Arc<dyn Journal>) -> (Handle, IncidentId) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let shop = Shop::new(World::new(Arc::clone(&clock), Revision::new("0".repeat(40))));
    let settings = Settings::default().with_watch(Duration::from_secs(2), Duration::from_secs(1));
    let handle = honest(&shop, PolicyConfig::new(Autonomy::Approve))
        .service(ServiceConfig::new("shop").with_settings(settings))
        .config(PlannerConfig::new().with_observe_every(Duration::from_secs(1)))
        .journal(journal)
        .owner(owner())
        .clock(Arc::clone(&clock))
        .build()
        .unwrap()
        .start()
        .unwrap();
    let signal = Signal::error("shop".into(), clock.now(), Untrusted::new(TRACE));
    let Receipt::Opened(id) = handle.report(Event::Signal(signal)).await.unwrap() else {
        panic!("nothing was opened")
    };
    for _ in 0..300 {
        if handle.incident(&id).await.unwrap().phase == Phase::AwaitingHuman {
            return (handle, id);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("it never waits for a person: {:?}", handle.incident(&id).await.unwrap().phase);
}

/// The program `operate` on one journal.
struct Operate<'a>(PathBuf, &'a str);

impl Operate<'_> {
    async fn run(&self, words: &str) -> Output {
        let mut command = Command::new(&self.0);
        command.args(["--journal", self.1, "--by", "kim"]).args(words.split(' '));
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    async fn says(&self, words: &str) -> String {
        let output = self.run(words).await;
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    async fn json(&self, words: &str) -> Value {
        serde_json::from_str(&self.says(&format!("{words} --json")).await).unwrap()
    }
}

/// What a person does at 3 a.m., from the first look to the last.
async fn a_night(journal: Arc<dyn Journal>, at: &str) {
    let (handle, id) = waiting(journal).await;
    let operate = Operate(example("operate"), at);
    let listed = operate.says("list").await;
    assert!(listed.contains(id.as_str()) && listed.contains("AwaitingHuman"), "{listed}");
    let shown = operate.says(&format!("show {id}")).await;
    for words in ["opened: ZeroDivisionError", "diagnosed", "proven", "approve"] {
        assert!(shown.contains(words), "{words} is not in\n{shown}");
    }
    let shown = operate.json(&format!("show {id}")).await;
    let next = shown["next"].as_array().unwrap().iter().filter_map(Value::as_str);
    let mut words = next.flat_map(|line| line.split([' ', ',', ';']));
    let digest = words.by_ref().skip_while(|word| *word != "approve").nth(1).unwrap();

    operate.says("pause something is odd").await;
    assert!(handle.operator().control().await.unwrap().killed.unwrap().contains("odd (kim)"));
    operate.says("freeze launch day --for 2h").await;
    let status = operate.json("status").await;
    assert_eq!(status["control"]["freezes"][0]["why"], "launch day (kim)");
    assert_eq!(status["open"][0][0], id.as_str());
    operate.says("thaw").await;
    operate.says("unpause").await;
    assert!(operate.says("status").await.contains("not paused"));

    let approved = operate.json(&format!("approve {id} {digest}")).await;
    assert_eq!(approved["incident"], id.as_str());
    for _ in 0..300 {
        if handle.incident(&id).await.unwrap().phase == Phase::Healed {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let healed = operate.says(&format!("show {id}")).await;
    assert!(healed.contains("kim approves") && healed.contains("Healed"), "{healed}");
    let late = operate.run(&format!("cancel {id}")).await;
    assert_eq!(late.status.code(), Some(1));
    handle.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_operates_a_planner_over_its_sqlite_journal() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal.db");
    let journal = SqliteJournal::create_or_open(&file).await.unwrap();
    a_night(Arc::new(journal), file.to_str().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_operates_a_planner_over_its_postgresql_journal() {
    let cluster = Cluster::start_with(&["fsync=off"]).unwrap();
    let journal = PostgresJournal::create_or_open(&cluster.url()).await.unwrap();
    a_night(Arc::new(journal), &cluster.url()).await;
}

/// An incident that closed in 1970, and a later one with its error that is open.
async fn old_and_open(journal: &dyn Journal) -> IncidentId {
    let at = Timestamp::from_ms(1_000);
    let (kind, service) = (IncidentKind::Crash, ServiceName::new("shop"));
    let (old, open) = (IncidentId::new("old"), IncidentId::new("open"));
    let print = Fingerprint::new("f");
    let title = redacted("it broke");
    let symptom = Symptom::new(at, print.clone(), SignalKind::Error(None), title);
    let (settings, similar) = (Settings::default(), Similar::new(old.clone(), print, "Healed"));
    let mut first = Opened::new(old.clone(), service.clone(), kind, symptom, settings);
    let new = |id: &IncidentId, opened: &Opened| NewIncident {
        id: id.clone(),
        service: service.clone(),
        fingerprint: "f".into(),
        kind,
        at,
        opened: Record::Opened(Box::new(opened.clone())),
        reopen: None,
    };
    journal.open(new(&old, &first)).await.unwrap();
    let minute = Duration::from_secs(60);
    let lease = journal.claim("test", &[], minute, 1).await.unwrap().remove(0);
    let closed = Batch {
        incident: old,
        expected_seq: 1,
        fence: lease.fence,
        entries: vec![Entry { seq: 2, at, record: Record::Resolved }],
        effects: Vec::new(),
        letters: Vec::new(),
        phase: Phase::SelfResolved,
        slot: SlotChange::Keep,
    };
    journal.commit(closed).await.unwrap();
    first.similar = vec![similar];
    journal.open(new(&open, &first)).await.unwrap();
    open
}

async fn keeps_history(journal: &dyn Journal, at: &str) {
    let open = old_and_open(journal).await;
    let operate = Operate(example("operate"), at);
    let shown = operate.says(&format!("show {open}")).await;
    assert!(shown.contains("similar  old  Healed"), "{shown}");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("old.jsonl");
    let text = operate.says("export old").await;
    assert_eq!(text.lines().count(), 2);
    fs::write(&file, &text).unwrap();
    let check = format!("check {}", file.display());
    assert_eq!(operate.json(&check).await["seal"], check_export(&text).unwrap());
    fs::write(&file, text.replace("it broke", "it works")).unwrap();
    let changed = operate.run(&check).await;
    assert_eq!(changed.status.code(), Some(1));
    let said = String::from_utf8(changed.stderr).unwrap();
    assert!(said.contains("record 1 of incident old was changed"), "{said}");
    assert_eq!(operate.json("check").await["whole"], 2);

    let asked = operate.run("prune --before 30").await;
    assert_eq!(asked.status.code(), Some(1));
    let said = String::from_utf8(asked.stderr).unwrap();
    assert!(said.contains("1 closed incidents") && said.contains("--yes"), "{said}");
    assert_eq!(operate.json("prune --before 30 --yes").await["removed"], 1);
    assert_eq!(operate.json("check").await["whole"], 1);
    assert_eq!(operate.run("export old").await.status.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_on_sqlite_is_exported_checked_and_thinned_out() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal.db");
    let journal = SqliteJournal::create_or_open(&file).await.unwrap();
    keeps_history(&journal, file.to_str().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_on_postgresql_is_exported_checked_and_thinned_out() {
    let cluster = Cluster::start_with(&["fsync=off"]).unwrap();
    let journal = PostgresJournal::create_or_open(&cluster.url()).await.unwrap();
    keeps_history(&journal, &cluster.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_done_is_said_with_its_reason() {
    let operate = Operate(example("operate"), "/nowhere/journal.db");
    let output = operate.run("status").await;
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("/nowhere"), "{said}");
    let help = operate.run("--help").await;
    assert!(String::from_utf8(help.stdout).unwrap().contains("approve ID DIGEST"));
    let output = operate.run("dance").await;
    assert_eq!(output.status.code(), Some(2));
    assert!(Path::new(&operate.0).exists());
}
