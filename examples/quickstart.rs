//! A shop that divides by a rate of zero, and a planner of small stages that heals it.
use aegis_core::{judge::*, machine::*, model::*, planner::*, policy::*, port::*, stage::*, *};
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

const SECOND: std::time::Duration = std::time::Duration::from_secs(1);
static RATE: AtomicU32 = AtomicU32::new(0); // the bug: prices are divided by it
#[rustfmt::skip] #[derive(Debug, Clone, Copy)] struct Shop;

#[rustfmt::skip] #[async_trait::async_trait] impl MetricSource for Shop {
    async fn sample(&self, query: &Query) -> Result<Samples> {
        let value = |m: &Metric| if *m == Metric::ErrorRate { f64::from(RATE.load(SeqCst) == 0) } else { 20.0 };
        let read = |m: &Metric| Readings::Values(vec![Point::new(query.now, value(m))]);
        Ok(Samples::new(query.metrics.iter().map(|m| (m.clone(), read(m))).collect()))
}}
#[rustfmt::skip] #[async_trait::async_trait] impl Diagnoser for Shop {
    async fn diagnose(&self, _: &Case) -> Result<Diagnosis> {
        let cause = Cause::Code(Location::new("quickstart.rs", 6));
        let sure = vec![Hypothesis::new(cause, "the rate is zero", Confidence::FULL)];
        Ok(Diagnosis::new("v0".into(), "me", sure).with_triggers(vec![Trigger::new("GET", "/", "/")]))
}}
#[rustfmt::skip] #[async_trait::async_trait] impl FixGenerator for Shop {
    async fn generate(&self, _: &Case, _: &Diagnosis) -> Result<Vec<Fix>> {
        Ok(vec![Fix::new(FixKind::Action(Action::new("set-rate")), "Divide by 2", "quickstart")])
}}
#[rustfmt::skip] #[async_trait::async_trait] impl Verifier for Shop {
    async fn verify(&self, _: &Case, fix: &Fix) -> Result<Verification> {
        let gates = vec![GateReport::new("tests", GateAnswer::Pass, "100 / 2 is 50")];
        let proof = Verification::new(fix.digest(), "v0".into(), Isolation::External).with_gates(gates);
        Ok(proof.with_score(Score::new(Confidence::FULL, Confidence::FULL, Confidence::FULL)))
}}
#[rustfmt::skip] #[async_trait::async_trait] impl Deployer for Shop {
    async fn submit(&self, _: &Order) -> Result<Rollout> { Ok(Rollout::Ready { head: "v2".into() }) }
    async fn lookup(&self, _: &EffectKey) -> Result<Option<Rollout>> {
        Ok((RATE.load(SeqCst) > 0).then(|| Rollout::Live { release: "v2".into(), at: SystemClock.now(), commit: None }))
    }
    async fn merge(&self, order: &MergeOrder) -> Result<Rollout> {
        RATE.store(2, SeqCst); Ok(Rollout::Merged { commit: order.head().clone() })
    }
    async fn withdraw(&self, _: &EffectKey, _: &str) -> Result<Rollout> { Ok(Rollout::Withdrawn) }
    async fn revert(&self, _: &RevertOrder) -> Result<Rollout> { Ok(Rollout::Conflict) }}

#[tokio::main]
pub(crate) async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let stages = Planner::builder(PolicyConfig::new(Autonomy::Auto)).metrics(Shop).diagnoser(Shop);
    let stages = stages.fixes(Shop).verifier(Shop).deployer(Shop).judge(Statistical::default());
    let times = Settings::default().with_watch(SECOND, SECOND / 5); // not five minutes
    let shop = ServiceConfig::new("shop").with_settings(times);
    let planner = stages.service(shop).build()?.start()?;
    let mut timeline = planner.changes();
    let (now, text) = (SystemClock.now(), redact::Untrusted::new("division by zero"));
    let error = Observation::Unhealthy(text);
    planner.report(Event::Signal(Signal::new("shop".into(), now, error))).await?;
    let mut phase = Phase::Diagnosing;
    while phase != Phase::Healed {
        let change = timeline.recv().await?;
        println!("{:>5} ms  {}", change.at.since(now).as_millis(), change.phase);
        phase = change.phase;
    }
    Ok(planner.shutdown().await?)
}
