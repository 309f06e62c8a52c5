//! Looking at a release: sample, add to the evidence, ask the judge.

use std::collections::BTreeSet;
use std::time::Duration;

use super::ServiceConfig;
use super::blame::Routes;
use super::driver::Driver;
use super::engine::reverted_counter;
use super::steps::case;
use crate::error::Result;
use crate::id::Timestamp;
use crate::machine::{Incident, Record, Watch};
use crate::model::{
    Baseline, Case, Evidence, Exercise, IncidentKind, Metric, MetricEvidence, Query, Readings,
    Samples, SignalKind, Verdict,
};
use crate::port::TelemetryEvent;

/// The shortest window that is asked of a metric source.
const SHORTEST: Duration = Duration::from_millis(100);

impl Driver {
    /// Measures what is normal before anything is submitted.
    pub(super) async fn measure(&mut self, incident: &mut Incident) -> Result<()> {
        let service = self.engine.service(&incident.case.service)?.clone();
        let mut baseline = self.engine.baseline(&service);
        if baseline.metrics.is_empty() {
            // A planner that just started has seen nothing: the source may remember more.
            let looks = Duration::from_millis(incident.settings.look_every_ms);
            let query = Query::new(
                service.name.clone(),
                self.engine.now(),
                looks.saturating_mul(30),
                service.metrics.clone(),
            );
            let query = query.with_step(looks);
            if let Some(Ok(samples)) = self.sample(incident, query).await? {
                self.engine.remember_samples(&service.name, &samples);
                baseline = self.engine.baseline(&service);
            }
        }
        baseline.recurrence = self.recurrence(incident).or(incident.recurrence);
        self.commit(incident, vec![Record::Baselined(Box::new(baseline))]).await
    }

    /// How often the incident's own error was seen, per second, as far as this process remembers.
    pub(super) fn recurrence(&self, incident: &Incident) -> Option<f64> {
        let (case, now) = (&incident.case, self.engine.now());
        let sightings = self.engine.lock(&self.engine.sightings);
        sightings.rate(&case.service, &case.fingerprint, now)
    }

    pub(super) async fn sample(
        &mut self,
        incident: &mut Incident,
        query: Query,
    ) -> Result<Option<Result<Samples>>> {
        let source = self.engine.stages.metrics.clone();
        let deadline = self.engine.config.read_deadline;
        self.read(incident, "metrics", deadline, async move { source.sample(&query).await }).await
    }

    pub(super) async fn look(&mut self, incident: &mut Incident) -> Result<()> {
        let Some(watch) = incident.watch.clone() else {
            return self.commit(incident, vec![Record::Parked(crate::machine::Why::Blind)]).await;
        };
        let known = self.engine.known_everywhere(&incident.case.service).await;
        let case = case(incident, &known);
        let service = self.engine.service(&case.service)?.clone();
        let mut evidence = begin(incident, &watch);
        let (from, now) = (evidence.now, self.engine.now());
        let Some(blamed) = self.blame(incident, &mut evidence, &known, now).await? else {
            return Ok(());
        };
        let routes = Routes::of(&case, &known, watch.live_at, &evidence.blamed);
        let mut metrics = service.metrics.clone();
        metrics.extend(routes.metrics());
        let window = now.since(from).max(SHORTEST);
        let query = Query::new(service.name.clone(), now, window, metrics);
        let samples = match self.sample(incident, query).await? {
            None => return Ok(()),
            Some(Ok(samples)) => samples,
            Some(Err(e)) => {
                tracing::warn!(target: "aegis", service = %service.name, error = %e, "a blind look");
                Samples::default()
            }
        };
        let foreign = self.foreign(&routes, &samples, &watch, &service, (from, now));
        let counted = add(&mut evidence, &service, &routes, &samples, foreign);
        if incident.case.kind == IncidentKind::Pipeline {
            evidence.exercise.requests = Some(incident.green.into());
        } else if !counted {
            due(&mut evidence, now);
        }
        self.add_sightings(&mut evidence, &case, &watch, from, now);
        self.add_blamed(&mut evidence, &known, &blamed, (from, now));
        evidence.now = now;
        evidence.ends_at = watch.ends_at;
        evidence.looks += 1;
        let (judge, asked) = (self.engine.stages.judge.clone(), evidence.clone());
        let deadline = self.engine.config.read_deadline;
        let call = async move { judge.judge(&case, &asked).await };
        let done = self.read(incident, "judge", deadline, call).await?;
        if let Some(Ok(verdict)) = &done {
            let service = &incident.case.service;
            self.engine.telemetry.record(TelemetryEvent::Judged { service, verdict });
        }
        if let Some(Ok(Verdict::Rollback(_))) = &done {
            self.enter_in_ledger(incident, evidence.exercise.recurrences > 0).await?;
        }
        if let Some(Ok(verdict)) = &done
            && !matches!(verdict, Verdict::Watch(_))
        {
            self.amend(incident, &evidence, verdict).await;
        }
        let looked = |verdict| Record::Looked { evidence: Box::new(evidence), verdict };
        self.record(incident, "judge", done.map(|r| r.map(looked))).await
    }

    /// Failed requests that belong to other open incidents: as their sources count them by route, or
    /// as their errors were seen, whichever is more.
    fn foreign(
        &self,
        routes: &Routes,
        samples: &Samples,
        watch: &Watch,
        service: &ServiceConfig,
        window: (Timestamp, Timestamp),
    ) -> u64 {
        let counted = routes.others.iter().cloned().map(Metric::RouteErrors);
        let counted = Routes::sum(samples, counted).unwrap_or(0);
        let sightings = self.engine.lock(&self.engine.sightings);
        let seen = routes.prints.iter().map(|print| {
            sightings.count(&service.name, print, watch.live_at, window, &watch.revision)
        });
        counted.max(seen.sum())
    }

    fn add_sightings(
        &self,
        evidence: &mut Evidence,
        case: &Case,
        watch: &Watch,
        from: Timestamp,
        now: Timestamp,
    ) {
        let sightings = self.engine.lock(&self.engine.sightings);
        let count = |print| {
            sightings.count(&case.service, print, watch.live_at, (from, now), &watch.revision)
        };
        evidence.exercise.recurrences += count(&case.fingerprint);
        // Other errors of the same incident: those that joined it since the release went live.
        let errors = case.symptoms.iter().filter(|s| matches!(s.kind, SignalKind::Error(_)));
        let joined: BTreeSet<_> = errors.map(|s| &s.fingerprint).collect();
        for print in joined.into_iter().filter(|p| **p != case.fingerprint) {
            if sightings.is_new_with(&case.service, print, watch.live_at, &watch.revision) {
                evidence.new_errors += count(print);
            }
        }
    }

    /// What is taken back is never shipped again; what changed nothing counts as futile.
    pub(super) async fn enter_in_ledger(&self, incident: &Incident, futile: bool) -> Result<()> {
        let (Some(fix), Some(_)) = (incident.fix(), &incident.merged) else { return Ok(()) };
        let case = &incident.case;
        let key = format!("{}/{}", case.incident, incident.submission);
        let reverted = reverted_counter(&case.service, &fix.digest());
        self.engine.journal.reserve(&reverted, &key, 1, u64::MAX).await?;
        if futile {
            self.engine.enter_futile(incident).await?;
        }
        Ok(())
    }

    /// Whether the signal is back at its baseline after a revert.
    pub(super) async fn recheck(&mut self, incident: &mut Incident) -> Result<()> {
        let service = self.engine.service(&incident.case.service)?.clone();
        let now = self.engine.now();
        let look = Duration::from_millis(incident.settings.look_every_ms);
        let query = Query::new(service.name.clone(), now, look, service.metrics.clone());
        let samples = match self.sample(incident, query).await? {
            None => return Ok(()),
            Some(Ok(samples)) => samples,
            Some(Err(_)) => Samples::default(),
        };
        let (back, why) = back_to_baseline(&samples, incident.baseline.as_ref());
        if back {
            self.take_along(incident).await;
        }
        self.commit_news(incident, Record::Rechecked { back, why }).await
    }
}

/// The evidence so far, or none.
fn begin(incident: &Incident, watch: &Watch) -> Evidence {
    let baseline = incident.baseline.clone();
    let baseline = baseline.unwrap_or_else(|| Baseline::new(watch.live_at, Vec::new()));
    watch.evidence.clone().unwrap_or_else(|| {
        let revision = watch.revision.clone();
        let mut evidence = Evidence::new(revision, watch.live_at, watch.ends_at, baseline);
        let somebody_elses = incident.watched_release().is_some();
        let needed = match incident.case.kind {
            _ if somebody_elses => 0,
            // One run that succeeds.
            IncidentKind::Pipeline => 1,
            _ => incident.settings.exercise,
        };
        evidence.exercise = Exercise::new(needed);
        evidence.strict = incident.decision.as_ref().is_some_and(|d| d.strict);
        evidence
    })
}

/// Where no source counts the requests of the path that failed: how often the error would have come
/// back by now, at the rate it had. It takes for granted that visitors still come.
fn due(evidence: &mut Evidence, now: Timestamp) {
    if let Some(rate) = evidence.baseline.recurrence {
        let seconds = now.since(evidence.live_at).as_secs_f64();
        // A count of events, far below 2^53 and never negative.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let due = (rate * seconds).floor().max(0.0) as u64;
        evidence.exercise.requests = Some(due);
    }
}

/// Takes errors of other incidents out of the error rate: of the last look first, then of the two
/// before it, since an error and its request are told by different sources at different times. What
/// is left was told before its request.
fn discount(rate: &mut MetricEvidence, mut errors: u64) -> u64 {
    let looks = rate.values.iter_mut().zip(&rate.events).rev().take(3);
    for (value, requests) in looks {
        if errors == 0 {
            break;
        }
        let Some(value) = value.as_mut().filter(|_| *requests > 0) else { continue };
        // A count of requests, far below 2^53 and never negative.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let failed = (*value * *requests as f64).round().max(0.0) as u64;
        let taken = failed.min(errors);
        errors -= taken;
        *value = (failed - taken) as f64 / *requests as f64;
    }
    errors
}

/// Adds one look's samples to the evidence; whether anybody counts the requests of the path that
/// failed.
fn add(
    evidence: &mut Evidence,
    service: &ServiceConfig,
    routes: &Routes,
    samples: &Samples,
    foreign: u64,
) -> bool {
    let requests = Routes::sum(samples, routes.own.iter().cloned().map(Metric::RouteRequests));
    if let Some(n) = requests {
        *evidence.exercise.requests.get_or_insert(0) += n;
    }
    for metric in &service.metrics {
        let point = samples.get(metric).and_then(Readings::last);
        let (value, weight) = (point.map(|p| p.value), point.map_or(0, |p| p.weight));
        let index = evidence.metrics.iter().position(|m| m.metric == *metric);
        let index = index.unwrap_or_else(|| {
            evidence.metrics.push(MetricEvidence::new(metric.clone()));
            evidence.metrics.len() - 1
        });
        evidence.metrics[index].push(value, weight);
        if *metric == Metric::ErrorRate {
            let left = discount(&mut evidence.metrics[index], foreign + evidence.ahead);
            evidence.ahead = left.min(foreign);
        }
    }
    !routes.own.is_empty()
}

/// Every metric for which more is worse, within reach of what it was: 1.25 times its median plus
/// four robust deviations, the effect size of the judge. Nothing measured is not back.
fn back_to_baseline(samples: &Samples, baseline: Option<&Baseline>) -> (bool, String) {
    let Some(baseline) = baseline else { return (false, String::from("no baseline was taken")) };
    let mut measured = 0;
    for (metric, was) in &baseline.metrics {
        let Some(point) = samples.get(metric).and_then(Readings::last) else { continue };
        let worse = match metric.higher_is_worse() {
            Some(true) => point.value > 1.25 * was.median + 4.0 * was.spread + floor(metric),
            Some(false) => point.value < 0.8 * was.median - 4.0 * was.spread,
            None => continue,
        };
        if worse {
            let (is, was) = (point.value, was.median);
            return (false, format!("{metric} is {is:.4}, it was {was:.4}"));
        }
        measured += 1;
    }
    match measured {
        0 => (false, String::from("no metric has values")),
        n => (true, format!("{n} metrics are back at their baseline")),
    }
}

/// What is too little to matter, in the metric's unit.
fn floor(metric: &Metric) -> f64 {
    match metric {
        Metric::ErrorRate => 0.01,
        Metric::LatencyP50 | Metric::LatencyP95 | Metric::LatencyP99 => 0.005,
        Metric::Cpu | Metric::Memory | Metric::Saturation => 0.05,
        _ => 0.0,
    }
}
