//! Which errors of other open incidents are the doing of the release under watch.

use std::collections::BTreeSet;
use std::time::Duration;

use super::driver::Driver;
use super::engine::Known;
use crate::error::Result;
use crate::id::{Fingerprint, IncidentId, Timestamp};
use crate::machine::Incident;
use crate::model::{Case, Cause, Evidence, Location, Metric, Query, Readings, Samples};
use crate::port::Message;

/// How long before a release its routes are looked at, at most.
const BEFORE: Duration = Duration::from_secs(600);
/// Requests before the release from which a route is known to have worked.
const WORKED: u64 = 5;
/// Requests since the release from which a route is known to be broken.
const BROKEN: u64 = 3;
/// Incidents whose routes are asked about in one look.
const SUSPECTS: usize = 16;

impl Driver {
    /// Blames the release for incidents that opened since, on a route that worked before and mostly
    /// fails since, though the error comes through other code: a fix may poison what another page then
    /// trips over. What was never used before, or mostly goes on working, says nothing.
    ///
    /// Returns the incidents that were not blamed before; `None` where the incident has moved on.
    pub(super) async fn blame(
        &mut self,
        incident: &mut Incident,
        evidence: &mut Evidence,
        known: &[(IncidentId, Known)],
        now: Timestamp,
    ) -> Result<Option<BTreeSet<IncidentId>>> {
        let (live_at, own) = (evidence.live_at, incident.case.incident.clone());
        let suspect = |(id, known): &&(IncidentId, Known)| {
            *id != own
                && known.open_since >= live_at
                && !known.triggers.is_empty()
                && !evidence.blamed.contains(id)
        };
        let mut suspects: Vec<(IncidentId, BTreeSet<String>)> = known
            .iter()
            .filter(suspect)
            .take(SUSPECTS)
            .map(|(id, known)| {
                (id.clone(), known.triggers.iter().map(|t| t.route.clone()).collect())
            })
            .collect();
        // What happened since comes first: most suspects are cleared by it, without a second query.
        let since: (_, _, Holds) = (now, now.since(live_at), broken);
        let before: (_, _, Holds) = (live_at, BEFORE, worked);
        for (end, window, holds) in [since, before] {
            if suspects.is_empty() || window.is_zero() {
                return Ok(Some(BTreeSet::new()));
            }
            let routes: BTreeSet<&String> =
                suspects.iter().flat_map(|(_, routes)| routes).collect();
            let metrics = routes.into_iter().flat_map(|route| {
                [Metric::RouteRequests(route.clone()), Metric::RouteErrors(route.clone())]
            });
            let service = incident.case.service.clone();
            let query = Query::new(service, end, window, metrics.collect());
            let samples = match self.sample(incident, query).await? {
                None => return Ok(None),
                Some(Ok(samples)) => samples,
                Some(Err(_)) => return Ok(Some(BTreeSet::new())),
            };
            suspects.retain(|(_, routes)| {
                used(&samples, routes).is_some_and(|(requests, failed)| holds(requests, failed))
            });
        }
        let blamed: BTreeSet<IncidentId> = suspects.into_iter().map(|(id, _)| id).collect();
        evidence.blamed.extend(blamed.iter().cloned());
        Ok(Some(blamed))
    }

    /// Counts the errors of blamed incidents as errors that the release brought: those of `fresh` ones
    /// since it went live, those of others since the last look.
    pub(super) fn add_blamed(
        &self,
        evidence: &mut Evidence,
        known: &[(IncidentId, Known)],
        fresh: &BTreeSet<IncidentId>,
        (from, now): (Timestamp, Timestamp),
    ) {
        let live_at = evidence.live_at;
        let sightings = self.engine.lock(&self.engine.sightings);
        for (id, known) in known.iter().filter(|(id, _)| evidence.blamed.contains(id)) {
            let from = if fresh.contains(id) { live_at } else { from };
            let (print, window) = (&known.fingerprint, (from, now));
            evidence.new_errors +=
                sightings.count(&known.service, print, live_at, window, &evidence.revision);
        }
    }

    /// What a release was blamed for goes with it. Told before the release's incident ends: a crash in
    /// between only has it told again.
    pub(super) async fn take_along(&self, incident: &Incident) {
        let evidence = incident.watch.as_ref().and_then(|watch| watch.evidence.as_ref());
        let Some(evidence) = evidence else { return };
        for (id, known) in self.engine.known_everywhere(&incident.case.service).await {
            let gone = evidence.blamed.contains(&id)
                && known.merged.is_none()
                && known.open_since >= evidence.live_at;
            if gone && let Err(e) = self.engine.send_anywhere(&id, Message::Resolved).await {
                tracing::warn!(target: "aegis", incident_id = %id, error = %e, "not resolved");
            }
        }
    }
}

/// What requests and failed ones among them say about a route.
type Holds = fn(u64, u64) -> bool;

fn broken(requests: u64, failed: u64) -> bool {
    requests >= BROKEN && failed.saturating_mul(2) >= requests
}

fn worked(requests: u64, failed: u64) -> bool {
    requests >= WORKED && failed.saturating_mul(10) < requests
}

/// Requests on `routes`, and how many of them failed; `None` where nobody counted.
fn used(samples: &Samples, routes: &BTreeSet<String>) -> Option<(u64, u64)> {
    let count = |metric| Routes::sum(samples, std::iter::once(metric));
    let mut all = (0, 0);
    for route in routes {
        let requests = count(Metric::RouteRequests(route.clone()))?;
        // A source may say nothing about failures where there was no request.
        if requests > 0 {
            all.0 += requests;
            all.1 += count(Metric::RouteErrors(route.clone()))?;
        }
    }
    Some(all)
}

/// The routes that matter to a look.
pub(super) struct Routes {
    /// Those that failed for this incident.
    pub(super) own: BTreeSet<String>,
    /// Those that fail for other open incidents: their errors are not this release's.
    pub(super) others: BTreeSet<String>,
    /// What identifies those errors.
    pub(super) prints: Vec<Fingerprint>,
}

impl Routes {
    pub(super) fn of(
        case: &Case,
        known: &[(IncidentId, Known)],
        live_at: Timestamp,
        broken: &BTreeSet<IncidentId>,
    ) -> Self {
        let triggers = case.diagnosis.iter().flat_map(|d| &d.triggers);
        let own: BTreeSet<String> = triggers.map(|t| t.route.clone()).collect();
        let others: Vec<&Known> = known
            .iter()
            .filter(|(id, known)| {
                *id != case.incident && !broken.contains(id) && !blamed(case, known, live_at)
            })
            .map(|(_, known)| known)
            .collect();
        let prints = others.iter().map(|known| known.fingerprint.clone()).collect();
        let others = others
            .into_iter()
            .flat_map(|known| &known.triggers)
            .map(|t| t.route.clone())
            .filter(|route| !own.contains(route))
            .collect();
        Self { own, others, prints }
    }

    pub(super) fn metrics(&self) -> Vec<Metric> {
        let own = self.own.iter().map(|r| Metric::RouteRequests(r.clone()));
        own.chain(self.others.iter().map(|r| Metric::RouteErrors(r.clone()))).collect()
    }

    pub(super) fn sum(samples: &Samples, metrics: impl Iterator<Item = Metric>) -> Option<u64> {
        let mut sum = None;
        for metric in metrics {
            if let Some(Readings::Values(points)) = samples.get(&metric) {
                let events: f64 = points.iter().map(|p| p.value.max(0.0)).sum();
                // A count of events, far below 2^53.
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                let events = events.round() as u64;
                *sum.get_or_insert(0) += events;
            }
        }
        sum
    }
}

/// Whether another incident's errors count against the release under watch: it broke since, and came
/// through the function that was mended. Of a release that changed more than one function, everything
/// that broke since may be its doing.
fn blamed(case: &Case, other: &Known, live_at: Timestamp) -> bool {
    if other.open_since < live_at {
        return false;
    }
    let likely = case.diagnosis.as_ref().and_then(|d| d.likely()).map(|h| &h.cause);
    let Some(Cause::Code(Location { path, function: Some(mended), .. })) = likely else {
        return true;
    };
    other.frames.is_empty()
        || other.frames.iter().any(|(file, function)| {
            function == mended && (file.ends_with(path.as_str()) || path.ends_with(file.as_str()))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Phase;
    use crate::model::Trigger;
    use crate::testkit::mint;

    fn open(id: &str, since: i64, function: &str) -> (IncidentId, Known) {
        let route = format!("GET /{id}");
        let known = Known {
            service: "shop".into(),
            fingerprint: id.into(),
            phase: Phase::Drafting,
            watches: None,
            brought_by: None,
            triggers: vec![Trigger::new("GET", route.clone(), route)],
            open_since: Timestamp::from_ms(since),
            umbrella: false,
            may_be_folded: true,
            frames: vec![("shop/pricing.py".into(), function.into())],
            merged: None,
        };
        (IncidentId::new(id), known)
    }

    #[test]
    fn of_somebody_s_release_only_what_was_broken_before_is_discounted() {
        let known = vec![open("old", 10, "tax"), open("new", 30, "tax")];
        let none = BTreeSet::new();
        let routes = Routes::of(&mint::case("shop", "i1"), &known, Timestamp::from_ms(20), &none);
        assert_eq!(routes.others, BTreeSet::from([String::from("GET /old")]));
    }

    #[test]
    fn of_a_mended_function_only_what_came_through_it_counts() {
        let mut case = mint::case("shop", "i1");
        let at = Location::new("shop/pricing.py", 18).with_function("savings");
        let sure = crate::id::Confidence::FULL;
        let blame = crate::model::Hypothesis::new(Cause::Code(at), "zero", sure);
        let base = crate::id::Revision::new("b");
        case.diagnosis = Some(crate::model::Diagnosis::new(base, "test", vec![blame]));
        let known = vec![open("other", 30, "tax"), open("same", 30, "savings")];
        let none = BTreeSet::new();
        let routes = Routes::of(&case, &known, Timestamp::from_ms(20), &none);
        assert_eq!(routes.others, BTreeSet::from([String::from("GET /other")]));
    }
}
