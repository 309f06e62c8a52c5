//! Workflow runs, as GitHub tells them.

mod failures;
mod handing;
mod mending;
mod rates;
mod reading;
mod told;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use aegis_core::model::{Event, Metric, Missing, Observation, Query, Readings, Signal, Unit};
use aegis_core::policy::{Autonomy, PolicyConfig};
use aegis_core::port::{EventSource, Intake as _, Receipt};
use aegis_core::stage::MetricSource as _;
use aegis_core::testkit::conformance;
use aegis_core::testkit::stages::{Shop, honest};
use aegis_core::testkit::{ManualClock, World, soon};
use aegis_core::{ErrorKind, Fingerprint, Revision, Timestamp};
use aegis_github::testkit::{Fault, Run};
use aegis_github::{Cause, Conclusion, GitHubRepository, PipelineEvents, Pipelines, cause_of};

use crate::fake::Fake;

const PYTEST: &str = include_str!("../../../aegis-core/src/ci/fixtures/pytest.log");
const CARGO: &str = include_str!("../../../aegis-core/src/ci/fixtures/cargo.log");
const COMPILE: &str = include_str!("../../../aegis-core/src/ci/fixtures/compile.log");
/// 2026-11-26T11:00:00Z.
const NOW: Timestamp = Timestamp::from_ms(1_795_690_800_000);
const MINUTE: Duration = Duration::from_secs(60);

/// A stand-in, and a source of its failures whose time a test moves.
struct Bed {
    fake: Fake,
    clock: ManualClock,
    pipelines: Pipelines,
}

impl Bed {
    async fn new() -> Self {
        let fake = Fake::start().await;
        let clock = ManualClock::new(NOW);
        let pipelines = Pipelines::new(fake.repository().await).with_clock(Arc::new(clock.clone()));
        fake.calls();
        Self { fake, clock, pipelines }
    }

    fn events(&self) -> PipelineEvents {
        self.pipelines.events("shop")
    }

    fn run(&self, run: Run) {
        let mut inside = self.fake.inside();
        inside.runs.retain(|known| known.id != run.id);
        inside.runs.push(run);
    }

    /// Lets the source look until it has nothing more to tell and waits for the next look.
    async fn quiet(&self, events: &mut PipelineEvents) {
        tokio::select! {
            told = events.next() => panic!("{told:?}"),
            () = self.asleep() => {}
        }
    }

    async fn asleep(&self) {
        soon("a source that waits", async || self.clock.next_wake().is_some()).await;
    }

    /// What the next look finds.
    async fn all(&self, events: &mut PipelineEvents) -> Vec<Event> {
        let mut all = Vec::new();
        self.clock.advance(MINUTE);
        loop {
            tokio::select! {
                told = events.next() => all.push(told.unwrap().unwrap().event),
                () = self.asleep() => return all,
            }
        }
    }

    async fn rate(&self, query: &Query) -> Readings {
        let samples = self.pipelines.sample(query).await.unwrap();
        samples.get(&Pipelines::success_rate()).unwrap().clone()
    }
}

async fn signal(events: &mut PipelineEvents) -> Signal {
    match events.next().await.unwrap().unwrap().event {
        Event::Signal(signal) => signal,
        other => panic!("{other:?}"),
    }
}

fn told(signal: &Signal) -> (&Fingerprint, &str) {
    match &signal.observation {
        Observation::Pipeline(print, text) => (print, text.expose()),
        other => panic!("{other:?}"),
    }
}

/// The fingerprints of failures, and of what is over with a `-` before them.
fn prints(events: &[Event]) -> Vec<String> {
    let print = |event: &Event| match event {
        Event::Signal(signal) => told(signal).0.to_string(),
        Event::Resolved(service, print) => {
            assert_eq!(service.as_str(), "shop");
            format!("-{print}")
        }
        other => panic!("{other:?}"),
    };
    events.iter().map(print).collect()
}

fn asked(window: Duration) -> Query {
    let metrics = vec![Pipelines::success_rate(), Metric::Cpu, Pipelines::duration()];
    Query::new("shop".into(), NOW, window, metrics)
}

fn at(id: u64, conclusion: &'static str, started: &str, updated: &str) -> Run {
    let moment = |time: &str| format!("2026-11-26T{time}Z");
    Run { started: Some(moment(started)), updated: moment(updated), ..Run::ended(id, conclusion) }
}
