//! The requests of the last minutes, bounded in time and number.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use aegis_core::Timestamp;
use aegis_core::model::{Metric, Missing, Point, Query, Readings};

use super::parse::Entry;
use super::route::{exact_route, route_of};
use crate::requests::ServedRequest;

/// Points that one answer holds at most.
const MAX_POINTS: u32 = 1440;

const SECOND: Duration = Duration::from_secs(1);

/// One request, with its routes shared among all requests on them.
#[derive(Debug)]
struct Kept {
    at: Timestamp,
    status: u16,
    latency: Option<f64>,
    exact: Arc<str>,
    route: Arc<str>,
    /// Method and target, where it failed.
    failed: Option<Box<(String, String)>>,
}

impl Kept {
    fn is_failure(&self) -> bool {
        self.status >= 500
    }

    fn is_on(&self, route: &str) -> bool {
        *self.exact == *route || *self.route == *route
    }
}

/// What is kept of the log.
#[derive(Debug)]
pub(in crate::sources) struct Window {
    keep: Duration,
    limit: usize,
    kept: VecDeque<Kept>,
    routes: HashMap<Box<str>, Arc<str>>,
    newest: Option<Timestamp>,
    /// From when on nothing is missing; later than the window's start where requests were dropped.
    complete: Option<Timestamp>,
    durations: bool,
}

impl Window {
    pub(in crate::sources) fn new(keep: Duration, limit: usize) -> Self {
        Self {
            keep,
            limit: limit.max(1),
            kept: VecDeque::new(),
            routes: HashMap::new(),
            newest: None,
            complete: None,
            durations: false,
        }
    }

    pub(in crate::sources) fn push(&mut self, entry: Entry) {
        let failed = entry.status >= 500;
        self.durations |= entry.latency.is_some();
        self.newest = self.newest.max(Some(entry.at));
        self.complete = self.complete.or(Some(entry.at));
        let exact = self.intern(exact_route(&entry.method, &entry.target));
        let route = self.intern(route_of(&entry.method, &entry.target));
        self.kept.push_back(Kept {
            at: entry.at,
            status: entry.status,
            latency: entry.latency.map(|d| d.as_secs_f64()),
            exact,
            route,
            failed: failed.then(|| Box::new((entry.method, entry.target))),
        });
        self.prune();
    }

    fn intern(&mut self, route: String) -> Arc<str> {
        if let Some(known) = self.routes.get(route.as_str()) {
            return Arc::clone(known);
        }
        if self.routes.len() > 2 * self.limit {
            self.routes.retain(|_, route| Arc::strong_count(route) > 1);
        }
        let shared: Arc<str> = route.as_str().into();
        self.routes.insert(route.into_boxed_str(), Arc::clone(&shared));
        shared
    }

    fn prune(&mut self) {
        let from = self.newest.map(|t| t.minus(self.keep));
        while let Some(oldest) = self.kept.front() {
            let crowded = self.kept.len() > self.limit;
            if !crowded && Some(oldest.at) >= from {
                return;
            }
            // What comes after a request that was dropped is complete, to the resolution of the log.
            self.complete = self.complete.max(Some(oldest.at));
            self.kept.pop_front();
        }
    }

    /// Whether no request was ever read.
    pub(super) fn is_empty(&self) -> bool {
        self.newest.is_none()
    }

    /// Failed requests within `within` of `at`, nearest first.
    pub(in crate::sources) fn failures_near(
        &self,
        at: Timestamp,
        within: Duration,
        limit: usize,
    ) -> Vec<ServedRequest> {
        let distance = |t: Timestamp| t.as_ms().abs_diff(at.as_ms());
        let mut near: Vec<&Kept> = self
            .kept
            .iter()
            .filter(|k| u128::from(distance(k.at)) <= within.as_millis() && k.failed.is_some())
            .collect();
        near.sort_by_key(|k| distance(k.at));
        near.iter()
            .take(limit)
            .filter_map(|k| {
                let (method, target) = k.failed.as_deref()?;
                Some(ServedRequest::new(k.at, method, target, k.status))
            })
            .collect()
    }

    /// The answer for one metric.
    pub(in crate::sources) fn read(&self, query: &Query, metric: &Metric) -> Readings {
        let known = matches!(
            metric,
            Metric::ErrorRate
                | Metric::RequestRate
                | Metric::LatencyP50
                | Metric::LatencyP95
                | Metric::LatencyP99
                | Metric::RouteRequests(_)
                | Metric::RouteErrors(_)
        );
        if !known {
            return Readings::Missing(Missing::Unsupported);
        }
        let points = self
            .steps(query)
            .iter()
            .filter_map(|step| self.point(step, metric))
            .collect::<Vec<_>>();
        if !points.is_empty() {
            return Readings::Values(points);
        }
        let latency = matches!(metric.unit(), aegis_core::model::Unit::Seconds);
        if latency && !self.is_empty() && !self.durations {
            return Readings::Missing(Missing::Unsupported);
        }
        Readings::Missing(Missing::NoData)
    }

    /// The steps of a query that the log covers, oldest first.
    fn steps<'a>(&'a self, query: &Query) -> Vec<Step<'a>> {
        let Some(complete) = self.complete else { return Vec::new() };
        // Logs tell seconds; what is finer would be noise.
        let wanted = query.step.max(SECOND).min(query.window);
        let width = wanted.max(query.window / MAX_POINTS);
        let count =
            (query.window.as_millis() / width.as_millis().max(1)).clamp(1, u128::from(MAX_POINTS));
        let mut steps: Vec<Step<'a>> = (0..u32::try_from(count).unwrap_or(1))
            .map(|back| query.now.minus(width * back))
            .map(|end| Step { from: end.minus(width).max(complete), end, requests: Vec::new() })
            .filter(|step| step.from < step.end)
            .collect();
        let (first, width) = (query.now, i64::try_from(width.as_millis()).unwrap_or(i64::MAX));
        for kept in &self.kept {
            // Steps run back from the end, which is exclusive.
            let ago = first.as_ms() - 1 - kept.at.as_ms();
            let index = usize::try_from(ago.div_euclid(width.max(1))).ok();
            if let Some(step) = index.and_then(|i| steps.get_mut(i)) {
                step.requests.push(kept);
            }
        }
        steps.reverse();
        steps
    }

    /// Whether the log was in use around `step`: silence then means that nobody asked.
    fn in_use(&self, step: &Step<'_>) -> bool {
        !step.requests.is_empty() || self.newest.is_some_and(|t| t.plus(self.keep) >= step.end)
    }

    fn point(&self, step: &Step<'_>, metric: &Metric) -> Option<Point> {
        let all = step.requests.len();
        let failures = || step.requests.iter().filter(|k| k.is_failure()).count();
        let (value, weight) = match metric {
            Metric::RequestRate => {
                if !self.in_use(step) {
                    return None;
                }
                let seconds = step.end.since(step.from).max(SECOND).as_secs_f64();
                (all as f64 / seconds, all)
            }
            Metric::ErrorRate if all > 0 => (failures() as f64 / all as f64, all),
            Metric::LatencyP50 => step.percentile(0.50)?,
            Metric::LatencyP95 => step.percentile(0.95)?,
            Metric::LatencyP99 => step.percentile(0.99)?,
            Metric::RouteRequests(route) => {
                if !self.in_use(step) {
                    return None;
                }
                let on = step.requests.iter().filter(|k| k.is_on(route)).count();
                (on as f64, on)
            }
            Metric::RouteErrors(route) => {
                let on = step.requests.iter().filter(|k| k.is_on(route));
                let failed = on.clone().filter(|k| k.is_failure()).count();
                let on = on.count();
                // No request on a route is no evidence that it works.
                if on == 0 {
                    return None;
                }
                (failed as f64, on)
            }
            _ => return None,
        };
        Some(Point::new(step.end, value).with_weight(weight as u64))
    }
}

/// One step of a query, with the requests in it.
struct Step<'a> {
    from: Timestamp,
    end: Timestamp,
    requests: Vec<&'a Kept>,
}

impl Step<'_> {
    /// The nearest-rank percentile of the latencies, and how many there are.
    fn percentile(&self, share: f64) -> Option<(f64, usize)> {
        let mut values: Vec<f64> = self.requests.iter().filter_map(|k| k.latency).collect();
        values.sort_by(f64::total_cmp);
        let n = values.len();
        // Between 1 and n for a share in 0..=1.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let rank = (share * n as f64).ceil() as usize;
        Some((*values.get(rank.clamp(1, n.max(1)) - 1)?, n))
    }
}
