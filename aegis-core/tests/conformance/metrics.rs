//! The suite of metric sources.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aegis_core::model::{Metric, Missing, Point, Query, Readings, Samples};
use aegis_core::stage::MetricSource;
use aegis_core::testkit::stages::Shop;
use aegis_core::testkit::{Chaos, Mischief, conformance};

use super::{NOW, breaks, metrics, world};

fn query() -> Query {
    let metrics = vec![Metric::ErrorRate, Metric::LatencyP95, Metric::RequestRate];
    let query = Query::new("shop".into(), NOW, Duration::from_secs(60), metrics);
    query.with_step(Duration::from_secs(10))
}

fn shop() -> impl MetricSource {
    metrics(Shop::new(world()), |_, samples| {
        each(samples, |metric, readings| match metric {
            Metric::Custom(..) => Readings::Missing(Missing::Unsupported),
            _ => readings,
        })
    })
}

fn each(samples: Samples, change: impl Fn(&Metric, Readings) -> Readings) -> Samples {
    let changed = samples.series.into_iter().map(|(metric, readings)| {
        let readings = change(&metric, readings);
        (metric, readings)
    });
    Samples::new(changed.collect())
}

/// Answers these points for every metric that has any.
fn answers(points: Vec<Point>) -> impl MetricSource {
    metrics(shop(), move |_, samples| {
        each(samples, |_, readings| match readings {
            Readings::Values(_) => Readings::Values(points.clone()),
            missing => missing,
        })
    })
}

async fn caught(sentence: &str, source: impl MetricSource) {
    breaks(sentence, async move { conformance::metrics::test_all(&source, &query()).await }).await;
}

#[tokio::test]
async fn an_honest_source_passes() {
    conformance::metrics::test_all(&shop(), &query()).await;
}

#[tokio::test]
async fn a_metric_left_out_added_or_out_of_order_is_caught() {
    let sentence = "one entry for each metric asked";
    caught(
        sentence,
        metrics(shop(), |_, mut s| {
            s.series.pop();
            s
        }),
    )
    .await;
    caught(
        sentence,
        metrics(shop(), |_, mut s| {
            s.series.sort_by_key(|(metric, _)| metric.to_string());
            s
        }),
    )
    .await;
    let health = (Metric::Health, Readings::Missing(Missing::NoData));
    let added = move |_: &Query, mut samples: Samples| {
        samples.series.push(health.clone());
        samples
    };
    caught(sentence, metrics(shop(), added)).await;
}

#[tokio::test]
async fn a_zero_made_up_for_an_unknown_metric_is_caught() {
    let zero = |_: &Query, samples| {
        each(samples, |_, readings| match readings {
            Readings::Missing(_) => Readings::Values(vec![Point::new(NOW, 0.0)]),
            values => values,
        })
    };
    caught("never makes up a zero", metrics(shop(), zero)).await;
}

#[tokio::test]
async fn values_that_are_no_values_are_caught() {
    let at = |s: u64| NOW.minus(Duration::from_secs(s));
    caught("either values or missing", answers(vec![])).await;
    caught("values are finite", answers(vec![Point::new(NOW, f64::NAN)])).await;
    caught("in the metric's unit", answers(vec![Point::new(NOW, 5.0)])).await;
    let turned = vec![Point::new(at(1), 0.1), Point::new(at(9), 0.1)];
    caught("oldest first", answers(turned)).await;
    caught("inside the window", answers(vec![Point::new(at(75), 0.1)])).await;
    let later = NOW.plus(Duration::from_secs(60));
    caught("inside the window", answers(vec![Point::new(later, 0.1)])).await;
}

#[tokio::test]
async fn a_source_that_fails_as_a_whole_is_caught() {
    caught("nothing at all could be read", Chaos::new(shop(), Mischief::Fail, 1)).await;
    let calls = AtomicUsize::new(0);
    let tired = metrics(shop(), move |_, mut samples| {
        if calls.fetch_add(1, Ordering::SeqCst) > 12 {
            samples.series.clear();
        }
        samples
    });
    caught("one entry for each metric asked", tired).await;
}

#[tokio::test]
async fn an_answer_to_no_question_is_caught() {
    let chatty = |query: &Query, mut samples: Samples| {
        if query.metrics.is_empty() {
            samples.series.push((Metric::Health, Readings::Missing(Missing::NoData)));
        }
        samples
    };
    caught("an empty list of metrics", metrics(shop(), chatty)).await;
}
