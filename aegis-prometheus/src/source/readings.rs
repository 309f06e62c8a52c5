//! What an answer is worth: values in the metric's unit, or why there are none.

use std::time::Duration;

use aegis_core::Timestamp;
use aegis_core::model::{Metric, Missing, Point, Readings, Unit};

use super::table::Found;
use crate::client::Sample;

/// Rounding may lift a share a little above 1.
const ROUNDING: f64 = 1e-6;

/// The readings of `metric`. NaN is no value: a percentile or a share of nothing.
pub(super) fn readings(metric: &Metric, values: &Found, events: Option<&Found>) -> Readings {
    match values {
        Found::Several => {
            return failed("the query answers several series; sum them up, or take their maximum");
        }
        Found::Histogram => {
            return failed(
                "the query answers a native histogram; take histogram_quantile or histogram_count of it",
            );
        }
        _ => {}
    }
    let mut weights = events.map(Found::samples).unwrap_or_default().iter().peekable();
    let mut points = Vec::with_capacity(values.samples().len());
    for sample in values.samples().iter().filter(|sample| !sample.value.is_nan()) {
        let value = match fit(metric, sample.value) {
            Ok(value) => value,
            Err(why) => return failed(why),
        };
        while weights.next_if(|weight| weight.at < sample.at).is_some() {}
        let weight = weights.peek().filter(|weight| weight.at == sample.at);
        points.push(Point::new(sample.at, value).with_weight(weight.map_or(0, |w| count(w))));
    }
    if points.is_empty() { Readings::Missing(Missing::NoData) } else { Readings::Values(points) }
}

/// Why nothing that is known of a service counts at `now`.
pub(super) fn stale(newest: Option<Timestamp>, now: Timestamp, bound: Duration) -> Option<String> {
    let Some(newest) = newest else {
        return Some(String::from(
            "nothing tells when the service was last scraped: its target is gone, or `newest` asks for \
             what is not there",
        ));
    };
    let age = now.since(newest);
    (age > bound).then(|| {
        let (age, bound) = (age.as_secs_f64(), bound.as_secs_f64());
        format!("the service was last scraped {age:.1} s ago, more than {bound:.1} s")
    })
}

/// The value where it is one of the metric's.
fn fit(metric: &Metric, value: f64) -> Result<f64, String> {
    let wrong = |what: &str| Err(format!("{value} {what}"));
    if !value.is_finite() {
        return wrong("is no value");
    }
    match metric.unit() {
        _ if *metric == Metric::Health && value != 0.0 && value != 1.0 => {
            wrong("is no health, which is 0 or 1; take the minimum or the maximum of the instances")
        }
        Unit::Ratio if (-ROUNDING..=1.0 + ROUNDING).contains(&value) => Ok(value.clamp(0.0, 1.0)),
        Unit::Ratio => wrong("is no share of 0 to 1; divide by what all of it is"),
        _ if matches!(metric, Metric::Custom(..)) || value >= 0.0 => Ok(value),
        _ => wrong("is below zero"),
    }
}

fn count(weight: &Sample) -> u64 {
    // Clamped, and saturating; NaN is 0.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let count = weight.value.round().max(0.0) as u64;
    count
}

fn failed(why: impl Into<String>) -> Readings {
    Readings::Missing(Missing::Failed(why.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(metric: &Metric, value: f64) -> Readings {
        let at = Timestamp::from_ms(1_000);
        readings(metric, &Found::One(sample(at.as_ms(), value)), None)
    }

    fn sample(at: i64, value: f64) -> Sample {
        Sample { at: Timestamp::from_ms(at), value }
    }

    fn why(readings: &Readings) -> &str {
        match readings {
            Readings::Missing(Missing::Failed(why)) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_no_number_is_missing_and_never_zero() {
        let no_data = Readings::Missing(Missing::NoData);
        assert_eq!(one(&Metric::LatencyP95, f64::NAN), no_data);
        assert_eq!(readings(&Metric::LatencyP95, &Found::Nothing, None), no_data);
        assert!(why(&one(&Metric::LatencyP95, f64::INFINITY)).contains("inf is no value"));
        assert!(why(&readings(&Metric::Cpu, &Found::Several, None)).contains("several series"));
        assert!(why(&readings(&Metric::Cpu, &Found::Histogram, None)).contains("native histogram"));
        let some = Found::Many(vec![sample(1, f64::NAN), sample(2, 0.5), sample(3, f64::NAN)]);
        let points = [Point::new(Timestamp::from_ms(2), 0.5)];
        assert_eq!(readings(&Metric::Cpu, &some, None).points(), points);
    }

    #[test]
    fn what_is_not_in_the_metrics_unit_is_missing() {
        assert!(why(&one(&Metric::ErrorRate, 42.0)).contains("no share"));
        assert!(why(&one(&Metric::RequestRate, -1.0)).contains("below zero"));
        assert!(why(&one(&Metric::Health, 0.5)).contains("0 or 1"));
        let bytes = Metric::Custom("drift".into(), Unit::Seconds);
        assert_eq!(one(&bytes, -2.0).last().map(|p| p.value), Some(-2.0));
        assert_eq!(one(&Metric::Cpu, 1.0 + 1e-9).last().map(|p| p.value), Some(1.0));
    }

    #[test]
    fn each_value_has_the_events_of_its_own_moment() {
        let values = Found::Many([1, 2, 3, 4].map(|at| sample(at, 0.5)).to_vec());
        let events = [(0, 9.0), (2, 19.6), (3, f64::NAN)].map(|(at, n)| sample(at, n)).to_vec();
        let read = readings(&Metric::Cpu, &values, Some(&Found::Many(events)));
        let weights: Vec<u64> = read.points().iter().map(|p| p.weight).collect();
        assert_eq!(weights, [0, 20, 0, 0]);
    }

    #[test]
    fn what_was_last_scraped_too_long_ago_is_stale() {
        let (now, bound) = (Timestamp::from_ms(10_000), Duration::from_secs(4));
        assert_eq!(stale(Some(Timestamp::from_ms(6_000)), now, bound), None);
        let old = stale(Some(Timestamp::from_ms(5_500)), now, bound);
        assert!(old.is_some_and(|why| why.contains("4.5 s ago")));
        assert!(stale(None, now, bound).is_some_and(|why| why.contains("target is gone")));
    }
}
