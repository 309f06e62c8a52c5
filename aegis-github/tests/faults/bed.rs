//! A planner that ships to the stand-in, on a manual clock.

use std::sync::Arc;
use std::time::Duration;

use aegis_core::machine::{Incident, Phase, Settings};
use aegis_core::model::{Case, Cause, Diagnosis, Event, Fix, Hypothesis, Location, Signal};
use aegis_core::planner::{Handle, PlannerConfig, ServiceConfig};
use aegis_core::policy::{Autonomy, PolicyConfig};
use aegis_core::port::{Clock as _, Intake as _, MemoryJournal, Receipt, Repository as _};
use aegis_core::redact::Untrusted;
use aegis_core::stage::{Diagnoser, FixGenerator};
use aegis_core::testkit::conformance::deploy::Bench as _;
use aegis_core::testkit::stages::{Shop, honest};
use aegis_core::testkit::{ManualClock, World, settle};
use aegis_core::{Confidence, IncidentId, Result, Revision, Timestamp};
use aegis_github::GitHubRepository;
use async_trait::async_trait;

use crate::deployer::Desk;

const TRACE: &str = "Traceback (most recent call last):
  File \"/srv/app/app.py\", line 1, in greet
    print('shop')
ZeroDivisionError: division by zero
";

/// How long checks may take, and a merged revision to run.
const LIMIT: Duration = Duration::from_secs(60);

/// One incident on its way.
pub(super) struct Bed {
    pub(super) desk: Arc<Desk>,
    clock: ManualClock,
    handle: Handle,
    id: IncidentId,
}

impl Drop for Bed {
    fn drop(&mut self) {
        // Its planner keeps what it is held by.
        self.desk.fake.hold();
    }
}

impl Bed {
    /// A crash that one fix is known for.
    pub(super) async fn new() -> Self {
        let desk = Arc::new(Desk::new().await);
        let clock = ManualClock::new(Timestamp::from_ms(1_800_000_000_000));
        let world = World::new(Arc::new(clock.clone()), Revision::new("0".repeat(40)));
        let settings = Settings::default()
            .with_watch(LIMIT, Duration::from_secs(5))
            .with_poll(Duration::from_secs(5))
            .with_deadlines(LIMIT, LIMIT);
        let planner = honest(&Shop::new(world), PolicyConfig::new(Autonomy::Auto))
            .diagnoser(Blames(desk.fake.repository().await))
            .fixes(Offers(Arc::clone(&desk)))
            .deployer(Arc::clone(&desk.deployer))
            .service(ServiceConfig::new("shop").with_settings(settings))
            .config(PlannerConfig::new().with_observe_every(Duration::from_secs(5)))
            .journal(Arc::new(MemoryJournal::default()))
            .clock(Arc::new(clock.clone()));
        let handle = planner.build().unwrap().start().unwrap();
        let signal = Signal::error("shop".into(), clock.now(), Untrusted::new(TRACE));
        let id = match handle.report(Event::Signal(signal)).await.unwrap() {
            Receipt::Opened(id) => id,
            other => panic!("{other:?}"),
        };
        Self { desk, clock, handle, id }
    }

    /// Lets time pass until the incident is in `phase`.
    pub(super) async fn until(&self, phase: Phase) -> Incident {
        let limit = Duration::from_secs(3_600);
        let at = async || self.handle.incident(&self.id).await.unwrap();
        let reached =
            settle(&self.clock, &self.handle, limit, async || at().await.phase == phase).await;
        let incident = at().await;
        assert!(reached, "never {phase}, but {} {:?}", incident.phase, incident.why);
        incident
    }

    /// Why a person is asked in the end.
    pub(super) async fn parked(&self) -> String {
        self.until(Phase::AwaitingHuman).await.why.unwrap().to_string()
    }

    pub(super) async fn branch(&self) -> Option<Revision> {
        let branches = self.desk.branches().await;
        branches.into_iter().find(|(name, _)| name.starts_with("aegis/fix-")).map(|(_, at)| at)
    }
}

#[derive(Debug)]
struct Blames(GitHubRepository);

#[async_trait]
impl Diagnoser for Blames {
    async fn diagnose(&self, _: &Case) -> Result<Diagnosis> {
        let base = self.0.head().await?;
        let sure = Confidence::from_percent(90);
        let blame = Hypothesis::new(Cause::Code(Location::new("app.py", 1)), "it is so", sure);
        Ok(Diagnosis::new(base, "test", vec![blame]))
    }
}

struct Offers(Arc<Desk>);

impl std::fmt::Debug for Offers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Offers")
    }
}

#[async_trait]
impl FixGenerator for Offers {
    async fn generate(&self, case: &Case, diagnosis: &Diagnosis) -> Result<Vec<Fix>> {
        let fix = self.0.fix(0, &diagnosis.base).with_claimed(Confidence::from_percent(80));
        Ok(if case.tried(&fix.digest()) { Vec::new() } else { vec![fix] })
    }
}
