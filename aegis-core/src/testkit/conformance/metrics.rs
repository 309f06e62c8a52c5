//! The suite of a [`MetricSource`].

use std::time::Duration;

use super::{answered, dropped, holds};
use crate::model::{Metric, Point, Query, Readings, Samples, Unit};
use crate::stage::MetricSource;

/// How far before the window a point may lie: time stamps of whole seconds are cut off.
pub const EARLY: Duration = Duration::from_secs(1);

/// How far behind the window a point may lie: a source that measures when it is asked, as a probe
/// does, is a little later than the question.
pub const LATE: Duration = Duration::from_secs(5);

/// Asks `source` in every way that the planner may, around `query`.
///
/// The source must be reachable, and `query` should name the metrics that it knows. Points may lie
/// [`EARLY`] before and [`LATE`] behind the window.
///
/// # Panics
///
/// Where the source breaks its contract, with the sentence that is broken.
pub async fn test_all(source: &impl MetricSource, query: &Query) {
    one_entry_a_metric(source, query).await;
    nothing_asked(source, query).await;
    unknown_metric(source, query).await;
    any_order(source, query).await;
    asked_again(source, query).await;
}

async fn ask(source: &impl MetricSource, query: &Query) -> Samples {
    answered(source.sample(query).await, "`Err` means that nothing at all could be read")
}

async fn one_entry_a_metric(source: &impl MetricSource, query: &Query) {
    check(query, &ask(source, query).await);
}

async fn nothing_asked(source: &impl MetricSource, query: &Query) {
    let query = asking(query, Vec::new());
    let samples = ask(source, &query).await;
    holds(samples.series.is_empty(), "an empty list of metrics gets an empty answer", &samples);
}

async fn unknown_metric(source: &impl MetricSource, query: &Query) {
    for unit in [Unit::Ratio, Unit::Seconds, Unit::PerSecond, Unit::Bytes, Unit::Count] {
        let unknown = Metric::Custom("aegis_conformance_nobody_has_this".into(), unit);
        let mut metrics = query.metrics.clone();
        metrics.insert(metrics.len() / 2, unknown.clone());
        let query = asking(query, metrics);
        let samples = ask(source, &query).await;
        check(&query, &samples);
        let readings = samples.get(&unknown);
        holds(
            matches!(readings, Some(Readings::Missing(_))),
            "a source never makes up a zero: an unknown metric is missing",
            &readings,
        );
    }
}

/// The order is the question's, not the source's.
async fn any_order(source: &impl MetricSource, query: &Query) {
    let turned = asking(query, query.metrics.iter().rev().cloned().collect());
    check(&turned, &ask(source, &turned).await);
    for metric in &query.metrics {
        let alone = asking(query, vec![metric.clone()]);
        check(&alone, &ask(source, &alone).await);
    }
}

async fn asked_again(source: &impl MetricSource, query: &Query) {
    check(query, &ask(source, query).await);
    let (a, b, c, d) = tokio::join!(
        ask(source, query),
        ask(source, query),
        ask(source, query),
        ask(source, query),
    );
    for samples in [a, b, c, d] {
        check(query, &samples);
    }
    dropped(source.sample(query), Duration::ZERO).await;
    check(query, &ask(source, query).await);
}

fn asking(query: &Query, metrics: Vec<Metric>) -> Query {
    Query { metrics, ..query.clone() }
}

fn check(query: &Query, samples: &Samples) {
    let answered: Vec<&Metric> = samples.series.iter().map(|(metric, _)| metric).collect();
    holds(
        answered.iter().copied().eq(&query.metrics),
        "one entry for each metric asked, in the order of the query",
        &answered,
    );
    for (metric, readings) in &samples.series {
        let Readings::Values(points) = readings else { continue };
        let seen = (metric, points);
        holds(!points.is_empty(), "a series is either values or missing", &seen);
        let finite = points.iter().all(|p| p.value.is_finite());
        holds(finite, "values are finite", &seen);
        let fits = points.iter().all(|p| in_unit(metric, p));
        holds(fits, "values are in the metric's unit", &seen);
        holds(points.is_sorted_by_key(|p| p.at), "points come oldest first", &seen);
        let (from, to) = (query.since().minus(EARLY), query.now.plus(LATE));
        let inside = points.iter().all(|p| p.at >= from && p.at <= to);
        holds(inside, "points lie inside the window", &(query.since(), query.now, seen));
    }
}

/// Rounding may lift a share a little above 1.
const ROUNDING: f64 = 1e-6;

fn in_unit(metric: &Metric, point: &Point) -> bool {
    let value = point.value;
    match (metric, metric.unit()) {
        (Metric::Health, _) => value == 0.0 || value == 1.0,
        (_, Unit::Ratio) => (-ROUNDING..=1.0 + ROUNDING).contains(&value),
        // A host's own metric in seconds or bytes may be a difference.
        (Metric::Custom(..), _) => true,
        _ => value >= 0.0,
    }
}
