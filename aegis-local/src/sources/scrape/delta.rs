//! What happened between two scrapes.

use std::collections::HashMap;

use super::exposition::{Sample, number};

/// Counters by name and labels.
#[derive(Debug, Default)]
pub(super) struct Counters(HashMap<(String, Vec<(String, String)>), f64>);

impl Counters {
    pub(super) fn of(samples: Vec<Sample>) -> Self {
        Self(samples.into_iter().map(|s| ((s.name, s.labels), s.value)).collect())
    }

    /// How much each counter called `name` rose since `before`. One that fell was reset and began
    /// again at 0; one that was not there began at 0 too.
    pub(super) fn rises(&self, before: &Self, name: &str) -> Vec<(&[(String, String)], f64)> {
        self.0
            .iter()
            .filter(|((n, _), _)| n == name)
            .map(|(key, now)| {
                let then = before.0.get(key).copied().unwrap_or(0.0);
                (key.1.as_slice(), if *now >= then { now - then } else { *now })
            })
            .collect()
    }

    /// Whether there is a counter of that name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.keys().any(|(n, _)| n == name)
    }

    /// Whether a counter of that name has one of these labels.
    pub(super) fn has_label(&self, name: &str, labels: &[String]) -> bool {
        self.0.keys().any(|(n, own)| n == name && own.iter().any(|(l, _)| labels.contains(l)))
    }
}

/// The rises of a histogram's buckets, by upper bound, cumulative.
#[derive(Debug, PartialEq)]
pub(super) struct Buckets(Vec<(f64, f64)>);

impl Buckets {
    /// Sums the buckets over every label but `le`.
    pub(super) fn of(rises: &[(&[(String, String)], f64)]) -> Self {
        let mut buckets: Vec<(f64, f64)> = Vec::new();
        for (labels, rise) in rises {
            let le = labels.iter().find(|(l, _)| l == "le").and_then(|(_, v)| number(v));
            let Some(le) = le.filter(|le| !le.is_nan()) else { continue };
            match buckets.iter_mut().find(|(bound, _)| *bound == le) {
                Some((_, sum)) => *sum += rise,
                None => buckets.push((le, *rise)),
            }
        }
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        // A scrape is no snapshot: a bucket may be read before the one below it was counted up.
        let mut most = 0.0_f64;
        for (_, count) in &mut buckets {
            most = most.max(*count);
            *count = most;
        }
        Self(buckets)
    }

    /// Observations in all.
    pub(super) fn total(&self) -> f64 {
        self.0.last().map_or(0.0, |(_, count)| *count)
    }

    /// The value below which `share` of the observations lie, linearly between the bounds of its
    /// bucket, as Prometheus' `histogram_quantile` does; beyond the last finite bound that bound.
    /// `None` without observations or without a finite bound.
    pub(super) fn quantile(&self, share: f64) -> Option<f64> {
        let total = self.total();
        let highest = self.0.iter().rev().map(|b| b.0).find(|le| le.is_finite())?;
        if total <= 0.0 {
            return None;
        }
        let rank = share * total;
        let (mut lower, mut below) = (0.0_f64, 0.0);
        for (le, count) in &self.0 {
            if *count >= rank {
                if !le.is_finite() {
                    return Some(highest);
                }
                let inside = count - below;
                let part = if inside > 0.0 { (rank - below) / inside } else { 1.0 };
                return Some(lower.min(*le) + (le - lower.min(*le)) * part);
            }
            (lower, below) = (*le, *count);
        }
        Some(highest)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::exposition::parse;
    use super::*;

    fn counters(text: &str) -> Counters {
        Counters::of(parse(text, |_| true).samples)
    }

    #[test]
    fn a_counter_that_fell_began_again() {
        let before = counters("c{a=\"1\"} 100\nc{a=\"2\"} 5\n");
        let after = counters("c{a=\"1\"} 7\nc{a=\"2\"} 9\nc{a=\"3\"} 2\n");
        let mut rises: Vec<f64> = after.rises(&before, "c").into_iter().map(|r| r.1).collect();
        rises.sort_by(f64::total_cmp);
        assert_eq!(rises, [2.0, 4.0, 7.0]);
    }

    #[test]
    fn a_quantile_is_interpolated_in_its_bucket() {
        let after = counters(concat!(
            "h{le=\"0.1\",p=\"a\"} 40\nh{le=\"0.1\",p=\"b\"} 10\n",
            "h{le=\"0.5\"} 90\nh{le=\"1\"} 100\nh{le=\"+Inf\"} 100\n",
        ));
        let b = Buckets::of(&after.rises(&Counters::default(), "h"));
        assert_eq!(b.total(), 100.0);
        assert!((b.quantile(0.50).unwrap() - 0.1).abs() < 1e-9);
        assert!((b.quantile(0.25).unwrap() - 0.05).abs() < 1e-9);
        assert!((b.quantile(0.70).unwrap() - 0.3).abs() < 1e-9);
        assert!((b.quantile(0.95).unwrap() - 0.75).abs() < 1e-9);
    }

    #[test]
    fn beyond_the_last_bound_is_the_last_bound() {
        let after = counters("h{le=\"0.1\"} 1\nh{le=\"2.5\"} 1\nh{le=\"+Inf\"} 10\n");
        let b = Buckets::of(&after.rises(&Counters::default(), "h"));
        assert_eq!(b.quantile(0.99), Some(2.5));
        let only = counters("h{le=\"+Inf\"} 10\n");
        assert_eq!(Buckets::of(&only.rises(&Counters::default(), "h")).quantile(0.5), None);
        assert_eq!(Buckets::of(&[]).quantile(0.5), None);
    }

    proptest::proptest! {
        #[test]
        fn a_quantile_lies_within_the_bounds(
            counts in proptest::collection::vec((0.001_f64..100.0, 0.0_f64..1e6), 1..20),
            share in 0.0_f64..=1.0,
        ) {
            let labels: Vec<_> =
                counts.iter().map(|(le, _)| vec![("le".to_owned(), le.to_string())]).collect();
            let rises: Vec<_> =
                labels.iter().zip(&counts).map(|(l, (_, n))| (l.as_slice(), *n)).collect();
            if let Some(q) = Buckets::of(&rises).quantile(share) {
                proptest::prop_assert!((0.0..=100.0).contains(&q), "{}", q);
            }
        }
    }
}
