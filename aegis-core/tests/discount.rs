//! Errors of another open incident don't condemn a release.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aegis_core::machine::Phase;
use aegis_core::model::{Metric, Point, Query, Readings, Samples};
use aegis_core::policy::{Autonomy, AutonomyRules, PolicyConfig};
use aegis_core::port::{Clock, Intake, Receipt};
use aegis_core::stage::MetricSource;
use aegis_core::testkit::settle;
use aegis_core::testkit::stages::{ROUTE, Shop};

use crate::bed::{Bed, TRACE};

/// Of a hundred requests a look as many fail as the test says; none of it is told by route.
#[derive(Debug)]
struct Fails(Shop, Arc<AtomicU64>);

#[async_trait::async_trait]
impl MetricSource for Fails {
    async fn sample(&self, query: &Query) -> aegis_core::Result<Samples> {
        // Only looks ask for the route that failed; the observer must not take their errors.
        let look = query.metrics.contains(&Metric::RouteRequests(ROUTE.into()));
        let failed = if look { self.1.swap(0, Ordering::SeqCst) } else { 0 };
        let mut samples = self.0.sample(query).await?;
        for (metric, readings) in &mut samples.series {
            if *metric == Metric::ErrorRate {
                let point = Point::new(query.now, failed as f64 / 100.0).with_weight(100);
                *readings = Readings::Values(vec![point]);
            }
        }
        Ok(samples)
    }
}

#[tokio::test]
async fn errors_that_belong_to_another_open_incident_are_discounted() {
    // The other one is left to a person, so that it stays open and releases nothing.
    let other = TRACE.replace("mean", "median").replace("ZeroDivisionError", "ValueError");
    let rules = AutonomyRules::new(Autonomy::Auto).with_error("ValueError", Autonomy::Observe);
    let policy = PolicyConfig::new(Autonomy::Auto).with_autonomy(rules);
    // Where another incident explains the errors the fix is kept, else it is taken back.
    for (explained, outcome) in [(true, Phase::Healed), (false, Phase::RolledBack)] {
        let bed = Bed::new();
        let failed = Arc::new(AtomicU64::new(0));
        let source = Fails(bed.shop.clone(), Arc::clone(&failed));
        let builder = bed.builder(policy.clone()).metrics(source);
        let handle = builder.build().unwrap().start().unwrap();
        let calm = bed.clock.now().plus(Duration::from_secs(120));
        let passed = async || bed.clock.now() >= calm;
        assert!(settle(&bed.clock, &handle, Duration::from_secs(130), passed).await);
        if explained {
            handle.report(bed.signal(&other)).await.unwrap();
        }
        let id = bed.crash(&handle).await;
        let mut told = bed.clock.now();
        let ended = settle(&bed.clock, &handle, Duration::from_secs(600), async || {
            let now = bed.clock.now();
            let incident = handle.incident(&id).await.unwrap();
            if incident.phase != Phase::Watching || now <= incident.since {
                told = now;
                return incident.phase == outcome;
            }
            // Two a second, each seen in the log and then counted as a failed request; between two
            // looks, or one of the two would miss it at this very moment.
            let due = now.since(told).as_millis() / 500;
            let between = handle.in_flight() == 0 && bed.clock.next_wake().is_some_and(|t| t > now);
            if due > 0 && between {
                told = now;
                for _ in 0..due {
                    if explained {
                        let receipt = handle.report(bed.signal(&other)).await.unwrap();
                        assert!(matches!(receipt, Receipt::Joined(_)), "{receipt:?}");
                    }
                    failed.fetch_add(1, Ordering::SeqCst);
                }
            }
            false
        });
        let ended = ended.await;
        let incident = handle.incident(&id).await.unwrap();
        let evidence = incident.watch.as_ref().and_then(|w| w.evidence.clone());
        assert!(
            ended,
            "explained: {explained}: {} {:?} {evidence:?}",
            incident.phase, incident.why
        );
    }
}
