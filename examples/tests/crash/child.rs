//! The process to which it happens: a planner on a journal and a remote, both with points.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aegis_core::judge::Statistical;
use aegis_core::machine::{Phase, Settings};
use aegis_core::model::{
    Case, Cause, Diagnosis, Hypothesis, Location, Metric, Query, Samples, Trigger,
};
use aegis_core::planner::{Handle, Planner, PlannerConfig, ServiceConfig};
use aegis_core::policy::{Autonomy, PolicyConfig};
use aegis_core::port::{Clock as _, Filter, Journal, SystemClock};
use aegis_core::stage::{Deployer, Diagnoser, MetricSource};
use aegis_core::testkit::stages::{Offers, Passes};
use aegis_core::{Confidence, Result};
use aegis_examples::replicas::{World, samples, unhealthy};
use aegis_sql::{SqliteJournal, owner};
use async_trait::async_trait;

use super::marked::Marked;
use super::plain::{Call, Remote};
use super::site::{self, Pointed};
use super::{LIFE, Plot, folder, hub, journal};

/// What the process may take.
const PATIENCE: Duration = Duration::from_secs(40);

/// The service that is broken.
const SERVICE: &str = "cart";

#[test]
#[ignore = "a process that other tests start"]
fn entry() {
    let plot = Plot::by_name(&std::env::var(LIFE).unwrap()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        if tokio::time::timeout(PATIENCE, run(plot, &folder())).await.is_err() {
            std::process::exit(3);
        }
    });
}

async fn run(plot: Plot, folder: &Path) {
    let inner = SqliteJournal::create_or_open(journal(folder)).await.unwrap();
    let journal: Arc<dyn Journal> = Arc::new(Marked { inner, folder: folder.to_owned() });
    let mut settings =
        Settings::default().with_watch(Duration::from_millis(600), Duration::from_millis(100));
    settings.backoff_cap_ms = 1_000;
    let planner = match plot.is_git() {
        true => on_git(plot, folder, Arc::clone(&journal), settings).await,
        false => on_plain(plot, folder, Arc::clone(&journal), settings),
    };
    loop {
        let at = SystemClock.now();
        let shipped = match plot.is_git() {
            true => site::tally(folder).fixes > 0,
            false => plain(plot, folder).made(Call::Merge).is_some(),
        };
        if !shipped {
            unhealthy(&planner, SERVICE, at).await;
        }
        // On a full disk even a list may fail.
        let all = journal.list(&Filter::new()).await.unwrap_or_default();
        let ended = |phase: Phase| phase.is_terminal() || phase == Phase::AwaitingHuman;
        if !all.is_empty() && all.iter().all(|summary| ended(summary.phase)) {
            let mut ends = String::new();
            for summary in all {
                let incident = planner.incident(&summary.id).await.unwrap();
                let why = incident.why.map(|why| format!(": {why}")).unwrap_or_default();
                ends += &format!("{}{why}\n", summary.phase.name());
            }
            std::fs::write(folder.join("incidents"), ends).unwrap();
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let _ = planner.shutdown().await;
}

async fn on_git(
    plot: Plot,
    folder: &Path,
    journal: Arc<dyn Journal>,
    settings: Settings,
) -> Handle {
    let mut world = World::open(site::path(folder)).await.unwrap();
    if plot.harms() {
        world = world.with_harm();
    }
    let inner: Box<dyn Deployer> = match std::env::var(hub::ADDRESS) {
        Ok(address) => Box::new(hub::deployer(&address, world.clone()).await),
        Err(_) => Box::new(world.deployer(site::state(folder)).await.unwrap()),
    };
    let deployer = Pointed { inner, folder: folder.to_owned() };
    let planner = world.planner(journal, deployer, &owner(), &[SERVICE], settings);
    planner.unwrap().start().unwrap()
}

fn plain(plot: Plot, folder: &Path) -> Remote {
    Remote { folder: folder.to_owned(), blind: plot == Plot::Blind }
}

fn on_plain(plot: Plot, folder: &Path, journal: Arc<dyn Journal>, settings: Settings) -> Handle {
    let remote = plain(plot, folder);
    let service = Service { remote: remote.clone(), harm: plot.harms() };
    let metrics = vec![Metric::ErrorRate, Metric::LatencyP95];
    let config = ServiceConfig::new(SERVICE).with_metrics(metrics).with_settings(settings);
    let planner = Planner::builder(PolicyConfig::new(Autonomy::Auto))
        .metrics(service.clone())
        .diagnoser(service)
        .fixes(Offers(1))
        .verifier(Passes(95))
        .deployer(remote)
        .judge(Statistical::default())
        .service(config)
        .config(PlannerConfig::new().with_observe_every(Duration::from_millis(200)))
        .journal(journal)
        .owner(owner());
    planner.build().unwrap().start().unwrap()
}

/// A service that is broken until its fix is merged, and slow by that fix where it does harm.
#[derive(Debug, Clone)]
struct Service {
    remote: Remote,
    harm: bool,
}

#[async_trait]
impl MetricSource for Service {
    async fn sample(&self, query: &Query) -> Result<Samples> {
        let made = |call| self.remote.made(call).is_some();
        let mended = made(Call::Merge) && !made(Call::Revert);
        Ok(samples(query, !mended, mended && self.harm))
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
