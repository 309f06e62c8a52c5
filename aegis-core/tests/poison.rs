//! A fix that breaks another route goes, with the incident that it caused; one that visitors meet
//! anyhow stays.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aegis_core::machine::{Incident, Phase};
use aegis_core::model::{
    Case, Diagnosis, Metric, Missing, Point, Query, Readings, Samples, Trigger,
};
use aegis_core::planner::Handle;
use aegis_core::policy::{Autonomy, AutonomyRules, PolicyConfig};
use aegis_core::port::{Clock, Intake, Receipt};
use aegis_core::stage::{Diagnoser, MetricSource};
use aegis_core::testkit::settle;
use aegis_core::testkit::stages::{KnowsTheLine, Shop};
use aegis_core::{IncidentId, Timestamp};

use crate::bed::{Bed, TRACE};

const PAGE: &str = "GET /median";

/// The requests on another page: when, and whether it failed.
type Page = Arc<Mutex<Vec<(Timestamp, bool)>>>;

#[derive(Debug)]
struct Counts(Shop, Page);

#[async_trait::async_trait]
impl MetricSource for Counts {
    async fn sample(&self, query: &Query) -> aegis_core::Result<Samples> {
        let mut samples = self.0.sample(query).await?;
        let page = self.1.lock().unwrap();
        let within = |(at, _): &&(Timestamp, bool)| query.since() <= *at && *at < query.now;
        let all = page.iter().filter(within).count();
        let failed = page.iter().filter(within).filter(|(_, failed)| *failed).count();
        for (metric, readings) in &mut samples.series {
            let count = match metric {
                Metric::RouteRequests(route) if route == PAGE => all,
                Metric::RouteErrors(route) if route == PAGE && all == 0 => {
                    *readings = Readings::Missing(Missing::NoData);
                    continue;
                }
                Metric::RouteErrors(route) if route == PAGE => failed,
                _ => continue,
            };
            *readings = Readings::Values(vec![Point::new(query.now, count as f64)]);
        }
        Ok(samples)
    }
}

/// Knows which page an error is on.
#[derive(Debug)]
struct KnowsThePage(KnowsTheLine);

#[async_trait::async_trait]
impl Diagnoser for KnowsThePage {
    async fn diagnose(&self, case: &Case) -> aegis_core::Result<Diagnosis> {
        let diagnosis = self.0.diagnose(case).await?;
        if !case.symptoms[0].title.to_string().contains("ValueError") {
            return Ok(diagnosis);
        }
        Ok(diagnosis.with_triggers(vec![Trigger::new("GET", "/median?of=", PAGE)]))
    }
}

struct Story {
    bed: Bed,
    page: Page,
    handle: Handle,
}

impl Story {
    fn begin() -> Self {
        // The other one is left to a person, so that it stays open and releases nothing.
        let rules = AutonomyRules::new(Autonomy::Auto).with_error("ValueError", Autonomy::Observe);
        let policy = PolicyConfig::new(Autonomy::Auto).with_autonomy(rules);
        let (bed, page) = (Bed::new(), Page::default());
        let source = Counts(bed.shop.clone(), Arc::clone(&page));
        let stage = KnowsThePage(KnowsTheLine(bed.world.clone()));
        let builder = bed.builder(policy).metrics(source).diagnoser(stage);
        let handle = builder.build().unwrap().start().unwrap();
        Self { bed, page, handle }
    }

    fn visit(&self, failed: bool) {
        self.page.lock().unwrap().push((self.bed.clock.now(), failed));
    }

    /// Two minutes with a visit of the page at each moment that something happens.
    async fn calm(&self, visited: bool) {
        let end = self.bed.clock.now().plus(Duration::from_secs(120));
        let mut last = self.bed.clock.now();
        let passed = async || {
            let now = self.bed.clock.now();
            if visited && now > last {
                last = now;
                self.visit(false);
            }
            now >= end
        };
        assert!(settle(&self.bed.clock, &self.handle, Duration::from_secs(130), passed).await);
    }

    /// While the fix is watched the page is visited twice a second, and each `nth` visit fails.
    async fn watched(&self, nth: usize, outcome: Phase) -> (Incident, Incident) {
        let id = self.bed.crash(&self.handle).await;
        let text = TRACE.replace("mean", "median").replace("ZeroDivisionError", "ValueError");
        let (mut last, mut visits, mut other) = (self.bed.clock.now(), 0, None::<IncidentId>);
        let ended = settle(&self.bed.clock, &self.handle, Duration::from_secs(600), async || {
            let now = self.bed.clock.now();
            let incident = self.handle.incident(&id).await.unwrap();
            if incident.phase != Phase::Watching || now <= incident.since {
                return incident.phase == outcome;
            }
            let moved = now > last && self.handle.in_flight() == 0;
            if moved && self.bed.clock.next_wake().is_some_and(|t| t > now) {
                last = now;
                for _ in 0..4 {
                    visits += 1;
                    let failed = visits % nth == 0;
                    self.visit(failed);
                    if failed {
                        let receipt = self.handle.report(self.bed.signal(&text)).await.unwrap();
                        match receipt {
                            Receipt::Opened(id) | Receipt::Joined(id) => other = Some(id),
                            other => panic!("{other:?}"),
                        }
                    }
                }
            }
            false
        });
        let ended = ended.await;
        let incident = self.handle.incident(&id).await.unwrap();
        let evidence = incident.watch.as_ref().and_then(|w| w.evidence.clone());
        assert!(ended, "{} {:?} {evidence:?}", incident.phase, incident.why);
        let other = other.expect("a visit failed");
        // What it is told as the first one ends may still be under way.
        let goes = outcome == Phase::RolledBack;
        let settled = settle(&self.bed.clock, &self.handle, Duration::from_secs(60), async || {
            goes && self.handle.incident(&other).await.unwrap().phase.is_terminal()
        });
        assert_eq!(settled.await, goes);
        (incident, self.handle.incident(&other).await.unwrap())
    }
}

#[tokio::test]
async fn a_fix_that_breaks_a_page_that_worked_is_taken_back_with_the_incident_it_caused() {
    let story = Story::begin();
    story.calm(true).await;
    let (fix, caused) = story.watched(1, Phase::RolledBack).await;
    let evidence = fix.watch.unwrap().evidence.unwrap();
    assert!(evidence.blamed.contains(&caused.case.incident) && evidence.new_errors >= 3);
    assert_eq!(caused.phase, Phase::SelfResolved);
}

#[tokio::test]
async fn a_bug_on_a_page_that_nobody_visited_before_is_not_the_fix_s() {
    let story = Story::begin();
    story.calm(false).await;
    let (fix, found) = story.watched(1, Phase::Healed).await;
    assert!(fix.watch.unwrap().evidence.unwrap().blamed.is_empty());
    assert_eq!(found.phase, Phase::AwaitingHuman);
}

#[tokio::test]
async fn a_bug_on_a_page_that_mostly_goes_on_working_is_not_the_fix_s() {
    let story = Story::begin();
    story.calm(true).await;
    let (fix, found) = story.watched(3, Phase::Healed).await;
    assert!(fix.watch.unwrap().evidence.unwrap().blamed.is_empty());
    assert_eq!(found.phase, Phase::AwaitingHuman);
}
