//! The process that dies: a planner on a journal and a remote, both with points.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aegis_core::judge::Statistical;
use aegis_core::machine::Settings;
use aegis_core::model::{
    Case, Cause, Diagnosis, Event, Hypothesis, Location, Metric, Observation, Query, Samples,
    Signal, Trigger,
};
use aegis_core::planner::{Planner, PlannerConfig, ServiceConfig};
use aegis_core::policy::{Autonomy, PolicyConfig};
use aegis_core::port::{
    Batch, Clock as _, Filter, Intake as _, Journal, JournalLayer, NewIncident, Opened, SystemClock,
};
use aegis_core::redact::Untrusted;
use aegis_core::stage::{Diagnoser, MetricSource};
use aegis_core::testkit::stages::{Offers, Passes};
use aegis_core::{Confidence, Result};
use aegis_examples::replicas::samples;
use aegis_sql::{SqliteJournal, owner};
use async_trait::async_trait;

use super::points::at;
use super::remote::{Call, Remote};
use super::{BLIND, file, folder};

/// What the process may take.
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
#[ignore = "a process that other tests start"]
fn entry() {
    let folder = folder();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        if tokio::time::timeout(PATIENCE, run(&folder)).await.is_err() {
            std::process::exit(3);
        }
    });
}

async fn run(folder: &Path) {
    let journal = SqliteJournal::create_or_open(file(folder, "journal.db")).await.unwrap();
    let journal: Arc<dyn Journal> = Arc::new(Marked { inner: journal, folder: folder.to_owned() });
    let remote = Remote { folder: folder.to_owned(), blind: std::env::var_os(BLIND).is_some() };
    let service = Service(remote.clone());
    let settings =
        Settings::default().with_watch(Duration::from_millis(600), Duration::from_millis(100));
    let metrics = vec![Metric::ErrorRate, Metric::LatencyP95];
    let config = ServiceConfig::new("shop").with_metrics(metrics).with_settings(settings);
    let planner = Planner::builder(PolicyConfig::new(Autonomy::Auto))
        .metrics(service.clone())
        .diagnoser(service.clone())
        .fixes(Offers(1))
        .verifier(Passes(95))
        .deployer(remote.clone())
        .judge(Statistical::default())
        .service(config)
        .config(PlannerConfig::new().with_observe_every(Duration::from_millis(200)))
        .journal(Arc::clone(&journal))
        .owner(owner())
        .build()
        .unwrap()
        .start()
        .unwrap();
    loop {
        if remote.made(Call::Merge).is_none() {
            let text = Observation::Unhealthy(Untrusted::new("it is broken"));
            let signal = Signal::new("shop".into(), SystemClock.now(), text);
            let _ = planner.report(Event::Signal(signal)).await;
        }
        let all = journal.list(&Filter::new()).await.unwrap();
        if !all.is_empty() && all.iter().all(|summary| summary.phase.is_terminal()) {
            let phases: Vec<&str> = all.iter().map(|summary| summary.phase.name()).collect();
            std::fs::write(file(folder, "incidents"), phases.join("\n")).unwrap();
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let _ = planner.shutdown().await;
}

/// A service that is broken until its fix is merged.
#[derive(Debug, Clone)]
struct Service(Remote);

#[async_trait]
impl MetricSource for Service {
    async fn sample(&self, query: &Query) -> Result<Samples> {
        Ok(samples(query, self.0.made(Call::Merge).is_none()))
    }
}

#[async_trait]
impl Diagnoser for Service {
    async fn diagnose(&self, _: &Case) -> Result<Diagnosis> {
        let cause = Cause::Code(Location::new("shop.py", 1));
        let sure = Hypothesis::new(cause, "it says so", Confidence::FULL);
        // Whether the path that failed is used is counted, whatever the process has seen before it died.
        let request = vec![Trigger::new("GET", "/", "/")];
        let base = "0".repeat(40).as_str().into();
        Ok(Diagnosis::new(base, "crash", vec![sure]).with_triggers(request))
    }
}

/// A journal with points around each write.
#[derive(Debug)]
struct Marked {
    inner: SqliteJournal,
    folder: PathBuf,
}

impl Marked {
    async fn around<T>(&self, name: &str, write: impl Future<Output = Result<T>>) -> Result<T> {
        at(&self.folder, &format!("{name} before"));
        let done = write.await;
        at(&self.folder, &format!("{name} after"));
        done
    }
}

/// What a commit says, by its records: `commit answered submit`.
fn name(batch: &Batch) -> String {
    let kind = |entry: &aegis_core::machine::Entry| {
        let json = serde_json::to_value(&entry.record).unwrap();
        let tag = match &json {
            serde_json::Value::String(tag) => tag.clone(),
            other => other.as_object().unwrap().keys().next().unwrap().clone(),
        };
        let effect = json[&tag]["key"]["kind"].as_str().map(|kind| format!(" {kind}"));
        tag + &effect.unwrap_or_default()
    };
    let kinds: Vec<String> = batch.entries.iter().map(kind).collect();
    format!("commit {}", kinds.join(" and "))
}

#[async_trait]
impl JournalLayer for Marked {
    fn inner(&self) -> &dyn Journal {
        &self.inner
    }

    async fn open(&self, new: NewIncident) -> Result<Opened> {
        self.around("open", self.inner.open(new)).await
    }

    async fn commit(&self, batch: Batch) -> Result<u64> {
        self.around(&name(&batch), self.inner.commit(batch)).await
    }

    async fn reserve(&self, counter: &str, key: &str, amount: u64, limit: u64) -> Result<()> {
        let kind = counter.split('/').take(2).collect::<Vec<_>>().join(" ");
        self.around(&format!("reserve {kind}"), self.inner.reserve(counter, key, amount, limit))
            .await
    }
}
