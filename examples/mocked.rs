//! A host tests its own composition: every stage is a mock, and time moves only when told.
//!
//! What is under test is [`planner`]: which stages the host puts where, what policy and which times
//! it gives them. The mocks answer for metrics, models and Git, and count how often they were asked.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aegis_core::machine::{Incident, Phase, Settings};
use aegis_core::model::{
    Cause, Diagnosis, Event, Fix, FixKind, Grounds, Hypothesis, Location, Metric, Observation,
    Point, Readings, Samples, Signal, Trigger, Verdict,
};
use aegis_core::patch::{Edit, Patch};
use aegis_core::planner::{Planner, PlannerConfig, ServiceConfig};
use aegis_core::policy::{Autonomy, PolicyConfig};
use aegis_core::port::{Clock, Intake, Receipt};
use aegis_core::redact::Untrusted;
use aegis_core::stage::{
    Deployer, Diagnoser, FixGenerator, MetricSource, MockDeployer, MockDiagnoser, MockFixGenerator,
    MockMetricSource, MockRollbackJudge, MockVerifier, RollbackJudge, Rollout, Verifier,
};
use aegis_core::testkit::{ManualClock, mint, settle};
use aegis_core::{Confidence, Revision, Timestamp};

/// The host's own composition; `main` of the real service calls it with real stages.
fn planner<M, D, F, V, P, J>(
    (metrics, diagnoser, fixes, verifier, deployer, judge): (M, D, F, V, P, J),
    autonomy: Autonomy,
    clock: Arc<dyn Clock>,
) -> aegis_core::Result<Planner<M, D, F, V, P, J>>
where
    M: MetricSource,
    D: Diagnoser,
    F: FixGenerator,
    V: Verifier,
    P: Deployer,
    J: RollbackJudge,
{
    let settings = Settings::default().with_watch(Duration::from_secs(60), Duration::from_secs(10));
    Planner::builder(PolicyConfig::new(autonomy))
        .metrics(metrics)
        .diagnoser(diagnoser)
        .fixes(fixes)
        .verifier(verifier)
        .deployer(deployer)
        .judge(judge)
        .service(ServiceConfig::new("checkout").with_settings(settings))
        .config(PlannerConfig::new().with_observe_every(Duration::from_secs(15)))
        .clock(clock)
        .build()
}

type Mocks = (
    MockMetricSource,
    MockDiagnoser,
    MockFixGenerator,
    MockVerifier,
    MockDeployer,
    MockRollbackJudge,
);

fn base() -> Revision {
    Revision::new("1".repeat(40))
}

fn head() -> Revision {
    Revision::new("2".repeat(40))
}

fn merged() -> Revision {
    Revision::new("3".repeat(40))
}

/// How often the outside world was written to.
#[derive(Debug, Clone, Default)]
struct Writes {
    submits: Arc<AtomicU32>,
    merges: Arc<AtomicU32>,
}

impl Writes {
    fn counted(&self) -> (u32, u32) {
        (self.submits.load(Ordering::SeqCst), self.merges.load(Ordering::SeqCst))
    }
}

/// Mocks of everything outside the host; a call that they don't expect panics in the planner, which
/// then ends in another phase than the test waits for.
fn mocks(writes: &Writes) -> Mocks {
    let Writes { submits, merges } = writes.clone();
    let mut metrics = MockMetricSource::new();
    metrics.expect_sample().returning(|query| {
        let value = |m: &Metric| if *m == Metric::ErrorRate { 0.0 } else { 10.0 };
        let read = |m: &Metric| Readings::Values(vec![Point::new(query.now, value(m))]);
        Ok(Samples::new(query.metrics.iter().map(|m| (m.clone(), read(m))).collect()))
    });

    let mut diagnoser = MockDiagnoser::new();
    diagnoser.expect_diagnose().times(1).returning(|_| {
        let cause = Cause::Code(Location::new("checkout/total.py", 2));
        let likely = Hypothesis::new(cause, "a cart may be empty", Confidence::from_percent(90));
        let trigger = Trigger::new("GET", "/total?cart=", "GET /total");
        Ok(Diagnosis::new(base(), "mock", vec![likely]).with_triggers(vec![trigger]))
    });

    let mut fixes = MockFixGenerator::new();
    fixes.expect_generate().times(1).returning(|_, diagnosis| {
        let edit = Edit::Replace {
            path: "checkout/total.py".into(),
            search: "    return total / items\n".into(),
            replace: "    return total / items if items else 0\n".into(),
        };
        let patch = Patch::new(diagnosis.base.clone(), vec![edit]);
        Ok(vec![Fix::new(FixKind::Patch(patch), "Answer 0 for an empty cart", "mock")])
    });

    let mut verifier = MockVerifier::new();
    verifier.expect_verify().times(1).returning(|_, fix| Ok(mint::verified(fix, &base())));

    let mut deployer = MockDeployer::new();
    deployer
        .expect_submit()
        .withf(|order| *order.base() == base() && order.body().contains("a cart may be empty"))
        .returning(move |_| {
            submits.fetch_add(1, Ordering::SeqCst);
            Ok(Rollout::Ready { head: head() })
        });
    deployer.expect_merge().withf(|order| *order.head() == head()).returning(move |_| {
        merges.fetch_add(1, Ordering::SeqCst);
        Ok(Rollout::Merged { commit: merged() })
    });
    deployer.expect_lookup().returning(|_| {
        Ok(Some(Rollout::Live {
            release: merged(),
            at: Timestamp::from_ms(1_700_000_000_000),
            commit: None,
        }))
    });
    deployer.expect_withdraw().never();
    deployer.expect_revert().never();

    let mut judge = MockRollbackJudge::new();
    judge.expect_judge().returning(|_, evidence| {
        let grounds = Grounds::new(Confidence::from_percent(95), vec!["as before".into()]);
        Ok(if evidence.over() { Verdict::Keep(grounds) } else { Verdict::Watch(grounds) })
    });
    (metrics, diagnoser, fixes, verifier, deployer, judge)
}

/// Reports one crash to the host's planner over `mocks` and lets time pass until it is in `phase`.
async fn crash(mocks: Mocks, autonomy: Autonomy, phase: Phase) -> Result<Incident, Box<dyn Error>> {
    let clock = ManualClock::new(Timestamp::from_ms(1_700_000_000_000));
    let handle = planner(mocks, autonomy, Arc::new(clock.clone()))?.start()?;
    let error = Observation::Unhealthy(Untrusted::new("division by zero in total"));
    let signal = Signal::new("checkout".into(), clock.now(), error);
    let Receipt::Opened(id) = handle.report(Event::Signal(signal)).await? else {
        return Err("the signal opened no incident".into());
    };
    let there = async || handle.incident(&id).await.is_ok_and(|i| i.phase == phase);
    let reached = settle(&clock, &handle, Duration::from_secs(600), there).await;
    let incident = handle.incident(&id).await?;
    handle.shutdown().await?;
    if reached {
        Ok(incident)
    } else {
        Err(format!("{} {:?}", incident.phase, incident.why).into())
    }
}

pub(crate) async fn a_crash_is_healed_by_one_merge() -> Result<(), Box<dyn Error>> {
    let writes = Writes::default();
    let incident = crash(mocks(&writes), Autonomy::Auto, Phase::Healed).await?;
    assert_eq!(incident.merged, Some(merged()));
    assert_eq!(writes.counted(), (1, 1), "one submit, one merge");
    println!("Auto: healed; submitted once, merged once, the head that was verified");
    Ok(())
}

pub(crate) async fn observing_writes_nothing() -> Result<(), Box<dyn Error>> {
    let writes = Writes::default();
    let incident = crash(mocks(&writes), Autonomy::Observe, Phase::AwaitingHuman).await?;
    assert_eq!(incident.merged, None);
    assert_eq!(writes.counted(), (0, 0), "no submit, no merge");
    println!("Observe: proven; nothing submitted, nothing merged, a person is told");
    Ok(())
}

#[tokio::main]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    a_crash_is_healed_by_one_merge().await?;
    observing_writes_nothing().await
}
