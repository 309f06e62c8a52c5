//! Sampling each service and telling anomalies from noise.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use super::crew::Late;
use super::engine::Engine;
use super::{ServiceConfig, intake, pulse, storm};
use crate::detect::{Change, Detector};
use crate::error::Retry;
use crate::id::Timestamp;
use crate::model::{Event, Metric, Observation, Query, Signal};
use crate::port::TelemetryEvent;

/// Anomalies kept while the journal is away.
const UNTOLD: usize = 64;

/// Samples one service until the planner stops.
pub(super) async fn run(engine: Arc<Engine>, service: ServiceConfig) {
    let mut stopping = engine.stopping.subscribe();
    let detectors = |service: &ServiceConfig| -> Vec<Detector> {
        let new = |metric| Detector::new(metric, service.detect.clone());
        service.metrics.iter().cloned().map(new).collect()
    };
    let mut watching = detectors(&service);
    let mut release = engine.deployed(&service.name);
    let began = engine.now();
    let mut last = began;
    let mut untold = Vec::new();
    engine.telemetry.record(TelemetryEvent::Observing { service: &service.name, at: began });
    loop {
        let next = last.plus(jittered(engine.config.observe_every));
        tokio::select! {
            () = engine.clock.sleep_until(next) => {}
            _ = stopping.wait_for(|stop| *stop) => return,
        }
        let _busy = engine.busy();
        let now = engine.now();
        let running = engine.deployed(&service.name);
        if running != release {
            // What is normal is learned anew for each release; judging the change is the watch's.
            watching = detectors(&service);
            release = running;
        }
        untold.extend(look(&engine, &service, &mut watching, last, now).await);
        untold = tell(&engine, untold).await;
        if let Err(e) = storm::look(&engine, &service.name, began).await {
            tracing::warn!(target: "aegis", service = %service.name, error = %e, "no look at storms");
        }
        if let Err(e) = pulse::tell(&engine, &service.name).await {
            tracing::warn!(target: "aegis", service = %service.name, error = %e, "not told how it stands");
        }
        last = now;
    }
}

async fn look(
    engine: &Engine,
    service: &ServiceConfig,
    detectors: &mut [Detector],
    since: Timestamp,
    now: Timestamp,
) -> Vec<Signal> {
    let query = Query::new(service.name.clone(), now, now.since(since), service.metrics.clone());
    let source = Arc::clone(&engine.stages.metrics);
    let deadline = engine.config.read_deadline;
    let call = async move { source.sample(&query).await };
    let samples = match engine.crew.call("metrics", deadline, Late::Drop, call).await {
        Ok(samples) => samples,
        Err(e) => {
            engine.telemetry.record(TelemetryEvent::SourceFailed { source: "metrics" });
            tracing::warn!(target: "aegis", service = %service.name, error = %e, "not sampled");
            for detector in detectors {
                detector.observe(None);
            }
            return Vec::new();
        }
    };
    let valued = |metric: &&Metric| samples.get(metric).is_some_and(|r| r.last().is_some());
    let values = service.metrics.iter().filter(valued).count();
    let (name, missing) = (&service.name, service.metrics.len() - values);
    engine.telemetry.record(TelemetryEvent::Sampled { service: name, at: now, values, missing });
    engine.remember_samples(&service.name, &samples);
    let mut opened = Vec::new();
    for detector in detectors {
        let point = samples.get(detector.metric()).and_then(|readings| readings.last());
        if let Some(Change::Opened(anomaly)) = detector.observe(point) {
            let observation = Observation::Anomaly(anomaly);
            let signal = Signal::new(service.name.clone(), now, observation).with_source("metrics");
            opened.push(signal);
        }
    }
    opened
}

/// Reports anomalies; returns those that the journal could not take, to be told again: a detector
/// says it once.
async fn tell(engine: &Engine, anomalies: Vec<Signal>) -> Vec<Signal> {
    let mut untold = Vec::new();
    for signal in anomalies {
        if let Err(e) = intake::take(engine, Event::Signal(signal.clone())).await {
            tracing::warn!(target: "aegis", error = %e, "an anomaly was not taken");
            if e.retry() != Retry::Never && untold.len() < UNTOLD {
                untold.push(signal);
            }
        }
    }
    untold
}

/// `every` plus or minus a tenth, so that replicas and services don't sample in step.
pub(super) fn jittered(every: Duration) -> Duration {
    let chance = RandomState::new().hash_one(every);
    // A share in -0.1..0.1 of the interval.
    let share = (chance % 2_001) as f64 / 10_000.0 - 0.1;
    every.mul_f64(1.0 + share)
}
