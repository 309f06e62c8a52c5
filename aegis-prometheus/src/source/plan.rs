//! What is asked for a sample: each query once, many services in one where the query allows it.

use std::collections::HashMap;
use std::time::Duration;

use aegis_core::model::{Metric, Query};
use aegis_core::{ServiceName, Timestamp};

use super::questions::Questions;
use super::template::{Filling, Template};

/// Services in one query: some hundred kilobytes of names at most.
const TOGETHER: usize = 1_000;

/// One query.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Ask {
    pub(super) promql: String,
    /// Whether it is about one service alone, so that no label has to say which.
    pub(super) alone: bool,
    /// Whether it is about the end of the window only.
    pub(super) instant: bool,
}

/// Where the answers to a metric of a service are, by the number of their queries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) value: usize,
    pub(super) events: Option<usize>,
}

/// All queries of a sample, and where each answer goes.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) asks: Vec<Ask>,
    known: HashMap<Ask, usize>,
    /// For each metric, one place a service; nothing where no query answers the metric.
    pub(super) places: Vec<Option<Vec<Place>>>,
    /// For each service, where the time of its newest sample is.
    pub(super) newest: Vec<usize>,
}

/// The times of a sample.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    /// The first sample, and the last, which is the end of the window.
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    pub(super) step: Duration,
    /// How far back a rate reaches.
    pub(super) window: Duration,
}

impl Times {
    /// Those of `query`, where a target is scraped every `scrape`. A scrape that is under way is not yet
    /// to be seen: half an interval more reaches the one before.
    pub(super) fn of(query: &Query, scrape: Duration) -> Self {
        let shortest = Duration::from_millis(1);
        let window = query.window.max(shortest);
        let step = query.step.clamp(shortest, window);
        let steps = window.as_millis() / step.as_millis().max(1);
        let back = step.saturating_mul(u32::try_from(steps.saturating_sub(1)).unwrap_or(u32::MAX));
        Self {
            first: query.now.minus(back),
            last: query.now,
            step,
            window: step + scrape + scrape / 2,
        }
    }

    pub(super) fn single(&self) -> bool {
        self.first == self.last
    }
}

impl Plan {
    pub(super) fn of(
        questions: &Questions,
        label: &str,
        services: &[ServiceName],
        metrics: &[Metric],
        times: &Times,
    ) -> Self {
        let mut plan = Self::default();
        let filling =
            Filling { label, services, route: "", window: times.window, step: times.step };
        if !metrics.is_empty() {
            plan.newest = plan.ask(&questions.newest, &filling, true);
        }
        for metric in metrics {
            let places = questions.of(metric).map(|(question, route)| {
                let filling = Filling { route, ..filling };
                let instant = times.single();
                let values = plan.ask(&question.value, &filling, instant);
                let events = question.events.as_ref();
                let events = events.map(|events| plan.ask(events, &filling, instant));
                let place = |(n, value)| Place { value, events: events.as_ref().map(|all| all[n]) };
                values.into_iter().enumerate().map(place).collect()
            });
            plan.places.push(places);
        }
        plan
    }

    /// Adds the queries of a template; the number of that of each service.
    fn ask(&mut self, template: &Template, with: &Filling<'_>, instant: bool) -> Vec<usize> {
        let together = if template.batches() { TOGETHER } else { 1 };
        let mut numbers = Vec::with_capacity(with.services.len());
        for services in with.services.chunks(together) {
            let promql = template.fill(&Filling { services, ..*with });
            let ask = Ask { promql, alone: services.len() == 1, instant };
            let next = self.asks.len();
            let number = *self.known.entry(ask.clone()).or_insert(next);
            if number == next {
                self.asks.push(ask);
            }
            numbers.extend(std::iter::repeat_n(number, services.len()));
        }
        numbers
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::source::{PrometheusConfig, QueryConfig};

    const NOW: Timestamp = Timestamp::from_ms(100_000);

    fn times(window: u64, step: u64) -> Times {
        let window = Duration::from_millis(window);
        let query = Query::new("shop".into(), NOW, window, Vec::new());
        Times::of(&query.with_step(Duration::from_millis(step)), Duration::from_millis(400))
    }

    #[test]
    fn a_rate_reaches_to_the_scrape_before_its_step_and_samples_end_at_the_window() {
        let spans =
            |times: Times| (times.first.as_ms(), times.last.as_ms(), times.window.as_millis());
        assert_eq!(spans(times(1_000, 1_000)), (100_000, 100_000, 1_600));
        assert_eq!(spans(times(4_000, 1_000)), (97_000, 100_000, 1_600));
        assert_eq!(spans(times(4_500, 1_000)), (97_000, 100_000, 1_600));
        assert_eq!(spans(times(1_000, 9_000)), (100_000, 100_000, 1_600));
        assert_eq!(spans(times(0, 0)), (100_000, 100_000, 601));
    }

    #[test]
    fn each_query_is_asked_once_and_for_many_services_together() {
        let services: Vec<ServiceName> = (0..2_500).map(|n| format!("s{n}").into()).collect();
        let own = Metric::Custom("own".into(), aegis_core::model::Unit::Count);
        let endpoint = crate::EndpointConfig::new("http://localhost");
        let config = PrometheusConfig::new(endpoint)
            .with_query(QueryConfig::new(own.clone(), "x{a=\"{service}\"}"));
        let questions = Questions::new(&config).unwrap();
        let metrics = [Metric::RequestRate, Metric::LatencyP95, Metric::LatencyP99];
        let plan = Plan::of(&questions, "service", &services, &metrics, &times(1_000, 1_000));
        // The newest sample, three values, and the events of a rate and of both percentiles.
        assert_eq!(plan.asks.len(), 3 * 6);
        assert!(plan.asks.iter().all(|ask| !ask.alone && ask.instant));
        let place = |metric: usize, service: usize| plan.places[metric].as_ref().unwrap()[service];
        assert_eq!(place(1, 7).events, place(2, 7).events);
        assert_ne!(place(1, 7).events, place(1, 1_007).events);
        assert!(plan.asks[place(0, 2_400).value].promql.contains("|s2400|"));
        // One that names its service asks for each alone.
        let plan = Plan::of(&questions, "service", &services[..3], &[own], &times(1_000, 1_000));
        let alone: Vec<&str> =
            plan.asks.iter().filter(|ask| ask.alone).map(|ask| ask.promql.as_str()).collect();
        assert_eq!(alone, ["x{a=\"s0\"}", "x{a=\"s1\"}", "x{a=\"s2\"}"]);
    }
}
