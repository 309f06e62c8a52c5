//! Small honest stages for tests: a service with one bug, and who can tell and mend it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::{Remote, World};
use crate::error::Result;
use crate::id::{Confidence, Revision};
use crate::judge::Statistical;
use crate::model::{
    Case, Cause, Diagnosis, Fix, FixKind, Hypothesis, Location, Metric, Missing, Point, Query,
    Readings, Samples, Trigger, Verification,
};
use crate::patch::{Edit, Patch};
use crate::planner::{Builder, Planner};
use crate::policy::PolicyConfig;
use crate::stage::{Diagnoser, FixGenerator, MetricSource, Verifier};

/// A planner of these stages; setting one again replaces it.
pub type Honest = Builder<Shop, KnowsTheLine, Offers, Passes, World, Statistical>;

/// A planner of these stages over the world of `shop`, with two fixes to offer, each proven by 95%.
pub fn honest(shop: &Shop, policy: PolicyConfig) -> Honest {
    let world = &shop.world;
    Planner::builder(policy)
        .metrics(shop.clone())
        .diagnoser(KnowsTheLine(world.clone()))
        .fixes(Offers(2))
        .verifier(Passes(95))
        .deployer(world.clone())
        .judge(Statistical::default())
}

/// The route that the bug of [`Shop`] is on.
pub const ROUTE: &str = "GET /mean";

/// Numbers of a service whose errors end with the first merge that is rolled out.
#[derive(Debug, Clone)]
pub struct Shop {
    world: World,
    /// Whether merges make things worse.
    pub cursed: Arc<AtomicBool>,
    /// Whether merges change nothing.
    pub futile: Arc<AtomicBool>,
    slow: Arc<Mutex<BTreeMap<Revision, f64>>>,
}

impl Shop {
    /// A service that runs in `world`.
    pub fn new(world: World) -> Self {
        Self { world, cursed: Arc::default(), futile: Arc::default(), slow: Arc::default() }
    }

    /// Whether the bug is in what runs.
    pub fn broken(&self) -> bool {
        let kept = |(commit, _): &(Revision, _), r: &Remote| {
            r.running >= *commit && !r.reverts.contains(commit)
        };
        let mended = self.world.with(|r| r.merges.iter().any(|merge| kept(merge, r)));
        !mended || self.futile.load(Ordering::SeqCst)
    }

    /// Multiplies every latency by `factor` while `revision` runs.
    pub fn slows(&self, revision: Revision, factor: f64) {
        self.slow.lock().unwrap_or_else(PoisonError::into_inner).insert(revision, factor);
    }

    /// The 95th and 99th percentile of latency, in seconds.
    fn latency(&self) -> f64 {
        let running = self.world.with(|r| r.running.clone());
        let slow = self.slow.lock().unwrap_or_else(PoisonError::into_inner);
        0.1 * slow.get(&running).copied().unwrap_or(1.0)
    }

    fn value(&self, metric: &Metric) -> f64 {
        let merged = self.world.with(|r| !r.merges.is_empty() && r.reverts.is_empty());
        let cursed = merged && self.cursed.load(Ordering::SeqCst);
        match metric {
            Metric::Health => 1.0,
            Metric::ErrorRate if cursed => 0.5,
            Metric::ErrorRate if self.broken() => 0.05,
            Metric::ErrorRate => 0.0,
            Metric::LatencyP95 | Metric::LatencyP99 => self.latency(),
            Metric::RequestRate => 40.0,
            Metric::RouteRequests(_) => 10.0,
            _ => 0.2,
        }
    }
}

#[async_trait]
impl MetricSource for Shop {
    async fn sample(&self, query: &Query) -> Result<Samples> {
        let read = |metric: &Metric| {
            if let Metric::Custom(..) = metric {
                return (metric.clone(), Readings::Missing(Missing::Unsupported));
            }
            let point = Point::new(query.now, self.value(metric)).with_weight(100);
            (metric.clone(), Readings::Values(vec![point]))
        };
        Ok(Samples::new(query.metrics.iter().map(read).collect()))
    }
}

/// Blames one line of the revision at the head of the world, whatever was seen.
#[derive(Debug, Clone)]
pub struct KnowsTheLine(pub World);

#[async_trait]
impl Diagnoser for KnowsTheLine {
    async fn diagnose(&self, case: &Case) -> Result<Diagnosis> {
        let base = self.0.with(|remote| remote.head.clone());
        let seen = case.symptoms.first().map(|s| s.title.to_string()).unwrap_or_default();
        let location = Location::new("mean.py", 2).with_function("mean");
        let sure = Confidence::from_percent(90);
        let blame = Hypothesis::new(Cause::Code(location), "the list may be empty", sure)
            .with_evidence(vec![seen]);
        let trigger = Trigger::new("GET", "/mean?of=", ROUTE);
        Ok(Diagnosis::new(base, "test", vec![blame]).with_triggers(vec![trigger]))
    }
}

/// Offers so many candidates, numbered.
#[derive(Debug, Clone, Copy)]
pub struct Offers(pub usize);

#[async_trait]
impl FixGenerator for Offers {
    async fn generate(&self, case: &Case, diagnosis: &Diagnosis) -> Result<Vec<Fix>> {
        if !matches!(diagnosis.likely().map(|h| &h.cause), Some(Cause::Code(_))) {
            return Ok(Vec::new());
        }
        let all = (0..self.0).map(|n| numbered(n, diagnosis.base.clone()));
        Ok(all.filter(|fix| !case.tried(&fix.digest())).collect())
    }
}

/// The candidate of this number.
pub fn numbered(n: usize, base: Revision) -> Fix {
    let edit = Edit::Replace {
        path: "mean.py".into(),
        search: "    return sum(xs) / len(xs)\n".into(),
        replace: format!("    return sum(xs) / len(xs) if xs else {n}.0\n"),
    };
    let kind = FixKind::Patch(Patch::new(base, vec![edit]));
    Fix::new(kind, format!("Answer {n} for an empty list"), "test")
        .with_claimed(Confidence::from_percent(80))
}

/// Passes everything, with this score in percent.
#[derive(Debug, Clone, Copy)]
pub struct Passes(pub u8);

#[async_trait]
impl Verifier for Passes {
    async fn verify(&self, _case: &Case, fix: &Fix) -> Result<Verification> {
        let base = fix.patch().map(|p| p.base.clone()).unwrap_or_else(|| Revision::new("none"));
        let share = Confidence::from_percent(self.0);
        let score = crate::model::Score::new(share, share, share);
        Ok(super::mint::verified(fix, &base).with_score(score))
    }
}
