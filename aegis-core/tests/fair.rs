//! A service with hundreds of open incidents leaves room for those of others.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aegis_core::machine::Phase;
use aegis_core::model::{Case, Diagnosis, Event, Signal};
use aegis_core::planner::{Handle, PlannerConfig, ServiceConfig, StormConfig};
use aegis_core::policy::{Autonomy, PolicyConfig};
use aegis_core::port::{
    Clock, Filter, Intake, Journal, JournalLayer, Lease, MemoryJournal, Receipt, Stored,
};
use aegis_core::redact::Untrusted;
use aegis_core::stage::Diagnoser;
use aegis_core::testkit::stages::honest;
use aegis_core::testkit::{settle, soon};
use aegis_core::{IncidentId, Result, ServiceName};
use async_trait::async_trait;
use tokio::sync::Semaphore;

use crate::bed::{Bed, TRACE};

/// A diagnoser that finds nothing, as slowly as a test wants.
#[derive(Debug, Clone)]
struct Slow {
    /// One is needed for each diagnosis of a service that is in trouble.
    permits: Arc<Semaphore>,
    /// The service that is not, and is diagnosed at once.
    spared: &'static str,
    calls: Arc<Mutex<Calls>>,
}

#[derive(Debug, Default)]
struct Calls {
    at_once: BTreeMap<ServiceName, usize>,
    most: BTreeMap<ServiceName, usize>,
    done: Vec<ServiceName>,
}

impl Slow {
    fn sparing(spared: &'static str) -> Self {
        Self { permits: Arc::new(Semaphore::new(0)), spared, calls: Arc::default() }
    }

    fn with<T>(&self, read: impl FnOnce(&mut Calls) -> T) -> T {
        read(&mut self.calls.lock().unwrap())
    }
}

#[async_trait]
impl Diagnoser for Slow {
    async fn diagnose(&self, case: &Case) -> Result<Diagnosis> {
        self.with(|calls| {
            let at_once = calls.at_once.entry(case.service.clone()).or_default();
            *at_once += 1;
            let most = calls.most.entry(case.service.clone()).or_default();
            *most = (*most).max(*at_once);
        });
        if case.service.as_str() != self.spared {
            self.permits.acquire().await.unwrap().forget();
        }
        self.with(|calls| {
            *calls.at_once.entry(case.service.clone()).or_default() -= 1;
            calls.done.push(case.service.clone());
        });
        Ok(Diagnosis::new("0".repeat(40).into(), "slow", Vec::new()))
    }
}

fn start(bed: &Bed, services: &[&str], diagnoser: &Slow, config: PlannerConfig) -> Handle {
    let journal = Arc::clone(&bed.journal) as Arc<dyn Journal>;
    start_on(bed, journal, services, diagnoser, config)
}

fn start_on(
    bed: &Bed,
    journal: Arc<dyn Journal>,
    services: &[&str],
    diagnoser: &Slow,
    config: PlannerConfig,
) -> Handle {
    let mut builder = honest(&bed.shop, PolicyConfig::new(Autonomy::Observe))
        .diagnoser(diagnoser.clone())
        .config(config.with_storm(StormConfig::new().with_threshold(0, Duration::from_secs(1))))
        .journal(journal)
        .clock(Arc::new(bed.clock.clone()));
    for service in services {
        builder = builder.service(ServiceConfig::new(*service));
    }
    builder.build().unwrap().start().unwrap()
}

/// Opens `count` incidents of a service.
async fn trouble(bed: &Bed, handle: &Handle, service: &str, count: usize) {
    for n in 0..count {
        let digit = |d: u8| char::from(b'a' + d - b'0');
        let name: String = n.to_string().bytes().map(digit).collect();
        let text = TRACE.replace("in mean", &format!("in mean_{name}"));
        let signal = Signal::error(service.into(), bed.clock.now(), Untrusted::new(text));
        let receipt = handle.report(Event::Signal(signal)).await.unwrap();
        assert!(matches!(receipt, Receipt::Opened(_)), "{receipt:?}");
    }
}

#[tokio::test]
async fn a_service_with_hundreds_of_incidents_leaves_room_for_another_s() {
    let bed = Bed::new();
    let slow = Slow::sparing("rates");
    let handle = start(&bed, &["shop", "rates"], &slow, PlannerConfig::new());
    trouble(&bed, &handle, "shop", 200).await;
    let in_trouble = |calls: &mut Calls| calls.at_once.get(&"shop".into()) == Some(&16);
    soon("at work", async || slow.with(in_trouble)).await;
    trouble(&bed, &handle, "rates", 1).await;
    soon("diagnosed", async || slow.with(|calls| calls.done == ["rates".into()])).await;
    slow.permits.add_permits(200);
    let all = async || {
        let rows = handle.list(&Filter::new()).await.unwrap();
        rows.iter().all(|row| row.phase == Phase::AwaitingHuman)
    };
    assert!(settle(&bed.clock, &handle, Duration::from_secs(600), all).await);
    assert_eq!(slow.with(|calls| calls.most[&ServiceName::from("shop")]), 16);
}

#[tokio::test]
async fn services_that_are_all_in_trouble_take_turns() {
    let bed = Bed::new();
    let slow = Slow::sparing("none");
    let mut config = PlannerConfig::new().with_drivers_per_service(2);
    config.drivers = 2;
    let names = ["shop", "rates", "mail"];
    let handle = start(&bed, &names, &slow, config);
    for name in names {
        // The oldest come first: without turns, those of the first service.
        bed.clock.advance(Duration::from_secs(1));
        trouble(&bed, &handle, name, 12).await;
    }
    for n in 1..=12 {
        slow.permits.add_permits(1);
        soon("diagnosed", async || slow.with(|calls| calls.done.len() == n)).await;
    }
    let had =
        |name: &str| slow.with(|calls| calls.done.iter().filter(|s| s.as_str() == name).count());
    let turns = names.map(had);
    assert!(turns.iter().all(|turns| *turns >= 2), "{turns:?}");
}

/// The journal of a test, which counts.
#[derive(Debug, Default)]
struct Counted {
    inner: Arc<MemoryJournal>,
    claims: AtomicUsize,
    loads: AtomicUsize,
}

#[async_trait]
impl JournalLayer for Counted {
    fn inner(&self) -> &dyn Journal {
        &*self.inner
    }

    async fn claim(
        &self,
        owner: &str,
        services: &[ServiceName],
        ttl: Duration,
        limit: usize,
    ) -> Result<Vec<Lease>> {
        self.claims.fetch_add(1, Ordering::SeqCst);
        self.inner.claim(owner, services, ttl, limit).await
    }

    async fn claim_waiting(
        &self,
        owner: &str,
        services: &[ServiceName],
        ttl: Duration,
        limit: usize,
    ) -> Result<Vec<Lease>> {
        self.claims.fetch_add(1, Ordering::SeqCst);
        self.inner.claim_waiting(owner, services, ttl, limit).await
    }

    async fn load(&self, id: &IncidentId) -> Result<Option<Stored>> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        self.inner.load(id).await
    }
}

#[tokio::test]
async fn what_waits_for_a_person_is_taken_over_at_once_and_takes_no_room() {
    let bed = Bed::new();
    let slow = Slow::sparing("shop");
    let first = start(&bed, &["shop", "rates"], &slow, PlannerConfig::new());
    trouble(&bed, &first, "shop", 300).await;
    let waiting = async || {
        let rows = first.list(&Filter::new()).await.unwrap();
        rows.iter().filter(|row| row.phase == Phase::AwaitingHuman).count() == 300
    };
    assert!(settle(&bed.clock, &first, Duration::from_secs(600), waiting).await);
    first.shutdown().await.unwrap();

    let mut config = PlannerConfig::new().with_drivers_per_service(1);
    config.drivers = 1;
    let journal = Arc::new(Counted { inner: Arc::clone(&bed.journal), ..Counted::default() });
    let counted = Arc::clone(&journal) as Arc<dyn Journal>;
    let handle = start_on(&bed, counted, &["shop", "rates"], &slow, config);
    soon("loaded", async || journal.loads.load(Ordering::SeqCst) == 300).await;
    let claims = journal.claims.load(Ordering::SeqCst);
    assert!(claims <= 10, "{claims} claims for 300 incidents");
    trouble(&bed, &handle, "rates", 1).await;
    slow.permits.add_permits(1);
    soon("diagnosed", async || slow.with(|calls| calls.done.ends_with(&["rates".into()]))).await;
}

#[test]
fn a_planner_that_may_drive_nothing_of_a_service_is_refused() {
    let bed = Bed::new();
    let none = PlannerConfig::new().with_drivers_per_service(0);
    let refused = bed.builder(PolicyConfig::new(Autonomy::Observe)).config(none).build();
    assert!(refused.unwrap_err().to_string().contains("one of each service"));
}
