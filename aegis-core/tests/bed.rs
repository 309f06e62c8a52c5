//! A planner over fakes, on a manual clock.

use std::sync::Arc;
use std::time::Duration;

use aegis_core::machine::{Incident, Phase, Settings};
use aegis_core::model::{Event, Signal};
use aegis_core::planner::{Handle, PlannerConfig, ServiceConfig};
use aegis_core::policy::{Autonomy, PolicyConfig};
use aegis_core::port::{Filter, Intake, Journal, MemoryJournal, Receipt};
use aegis_core::redact::Untrusted;
use aegis_core::testkit::stages::{Honest, Shop, honest};
use aegis_core::testkit::{ManualClock, World, settle};
use aegis_core::{IncidentId, Revision, Timestamp};

pub(crate) const TRACE: &str = "Traceback (most recent call last):
  File \"/srv/app/mean.py\", line 2, in mean
    return sum(xs) / len(xs)
ZeroDivisionError: division by zero
";

pub(crate) struct Bed {
    pub(crate) clock: ManualClock,
    pub(crate) world: World,
    pub(crate) shop: Shop,
    pub(crate) journal: Arc<MemoryJournal>,
}

impl Bed {
    pub(crate) fn new() -> Self {
        let clock = ManualClock::new(Timestamp::from_ms(1_700_000_000_000));
        let base = Revision::new("0".repeat(40));
        let world = World::new(Arc::new(clock.clone()), base);
        let shop = Shop::new(world.clone());
        Self { clock, world, shop, journal: Arc::default() }
    }

    /// Honest stages; a test replaces what it is about.
    pub(crate) fn builder(&self, policy: PolicyConfig) -> Honest {
        let settings =
            Settings::default().with_watch(Duration::from_secs(60), Duration::from_secs(5));
        honest(&self.shop, policy)
            .service(ServiceConfig::new("shop").with_settings(settings))
            .config(PlannerConfig::new().with_observe_every(Duration::from_secs(5)))
            .journal(Arc::clone(&self.journal) as Arc<dyn Journal>)
            .clock(Arc::new(self.clock.clone()))
    }

    pub(crate) fn auto(&self) -> Handle {
        self.builder(PolicyConfig::new(Autonomy::Auto)).build().unwrap().start().unwrap()
    }

    pub(crate) fn signal(&self, text: &str) -> Event {
        let now = aegis_core::port::Clock::now(&self.clock);
        let running = self.world.with(|remote| remote.running.clone());
        let signal = Signal::error("shop".into(), now, Untrusted::new(text));
        Event::Signal(signal.with_revision(running))
    }

    pub(crate) async fn crash(&self, handle: &Handle) -> IncidentId {
        match handle.report(self.signal(TRACE)).await.unwrap() {
            Receipt::Opened(id) | Receipt::Joined(id) | Receipt::Reopened(id) => id,
            other => panic!("{other:?}"),
        }
    }

    /// Lets time pass until the incident is in `phase`; the error goes on while the bug runs.
    pub(crate) async fn until(&self, handle: &Handle, id: &IncidentId, phase: Phase) -> Incident {
        let mut last = None;
        let limit = Duration::from_secs(3_600);
        let reached = settle(&self.clock, handle, limit, async || {
            let now = aegis_core::port::Clock::now(&self.clock);
            let at = handle.incident(id).await.unwrap().phase;
            // A revert that ends reopens the incident with the next error; tests want to see its end.
            let goes_on = at != Phase::Reverting && at != phase;
            let error = self.signal(TRACE);
            if goes_on && self.shop.broken() && last.is_none_or(|t| now > t) {
                last = Some(now);
                handle.report(error).await.unwrap();
            }
            at == phase
        })
        .await;
        let incident = handle.incident(id).await.unwrap();
        assert!(reached, "never {phase}, but {} {:?}", incident.phase, incident.why);
        incident
    }

    /// What a person reads about the fix.
    pub(crate) fn shown(&self, id: &IncidentId) -> String {
        self.world.with(|remote| remote.branches[&format!("aegis/fix-{id}")].body.clone())
    }

    pub(crate) async fn count(&self) -> usize {
        self.journal.list(&Filter::new()).await.unwrap().len()
    }
}
