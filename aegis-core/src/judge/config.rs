//! What makes a release worse, and how much proof that takes.

use serde::{Deserialize, Serialize};

use crate::id::Confidence;
use crate::model::{Metric, Unit};

/// How a release is judged. The defaults suit a window of five minutes with a look every 10 to 30 s.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct JudgeConfig {
    /// The share of good releases that may be taken back by chance, over all looks and metrics of
    /// one watch. Default 0.01. The test's own assumptions are in [`mod@crate::judge`].
    pub false_rollbacks: f64,
    /// Confidence in a release before anything is known of it. Default 80%.
    pub prior: Confidence,
    /// Confidence that a strict watch must reach. Default 70%.
    pub strict_at: Confidence,
    /// Looks with a value that a metric needs before it can take a release back or speak for it.
    /// Default 3: a single look shows restarts and requests in flight.
    pub min_looks: usize,
    /// The share of the window in which latency and resources that are falling take nothing back,
    /// `0.0..=1.0`. Default 0.7: caches and just-in-time compilers take 10 to 150 s of five minutes to
    /// warm up, and the newest looks, which decide, must lie behind that. Errors and health do not
    /// wait.
    pub patience: f64,
    /// The same for those that stay where they are or rise, where it is less. Default 0.5: what warms
    /// up for 150 s of five minutes shows by then that it falls. Not for a P99 that rose alone.
    pub patience_steady: f64,
    /// How often the incident's own error may come back before its fix is taken back. Default 2:
    /// one may come from a request in flight during the switch.
    pub recurrences: u64,
    /// Errors never seen before this release that take it back. Default 3.
    pub new_errors: u64,
    /// Growth of a median that matters, as a factor. Default 1.25, Kayenta's usual effect size.
    pub effect: f64,
    /// Growth of CPU, memory and saturation that matters, as a factor. Default 1.5: a release may
    /// use somewhat more; only users' symptoms are worth 1.25.
    pub resource_effect: f64,
    /// Standard deviations above the median that matter. Default 3.
    pub deviations: f64,
    /// Growth of an error rate that matters, in points of `0.0..=1.0`. Default 0.005.
    pub error_points: f64,
    /// Growth of a latency that matters, in seconds. Default 0.010.
    pub latency_seconds: f64,
    /// Growth of CPU, memory and saturation that matters, in points of `0.0..=1.0`. Default 0.15.
    pub resource_points: f64,
    /// Use of a resource at which it alone takes a release back, `0.0..=1.0`. Default 0.9: below it
    /// users feel nothing, and growth that only machines feel is for a person to weigh.
    pub exhausted: f64,
    /// Growth of a count, or of events a second, that matters. Default 3.
    pub count: f64,
    /// Growth in bytes that matters. Default 64 MiB.
    pub bytes: f64,
    /// Requests behind a look at a latency for it to count, where they are known. Default 5: a
    /// percentile of fewer is their maximum.
    pub min_events: u64,
    /// Failed requests without which no error rate takes a release back. Default 3.
    pub min_failures: f64,
    /// The error rate that counts as normal where there is no baseline. Default 0.05.
    pub unknown_error_rate: f64,
}

impl Default for JudgeConfig {
    fn default() -> Self {
        Self {
            false_rollbacks: 0.01,
            prior: Confidence::from_percent(80),
            strict_at: Confidence::from_percent(70),
            min_looks: 3,
            patience: 0.7,
            patience_steady: 0.5,
            recurrences: 2,
            new_errors: 3,
            effect: 1.25,
            resource_effect: 1.5,
            deviations: 3.0,
            error_points: 0.005,
            latency_seconds: 0.010,
            resource_points: 0.15,
            exhausted: 0.9,
            count: 3.0,
            bytes: 67_108_864.0,
            min_events: 5,
            min_failures: 3.0,
            unknown_error_rate: 0.05,
        }
    }
}

impl JudgeConfig {
    /// Says which share of good releases may be taken back by chance.
    #[must_use]
    pub fn with_false_rollbacks(mut self, share: f64) -> Self {
        self.false_rollbacks = share;
        self
    }

    /// Says how sure one is of a release before anything is known of it.
    #[must_use]
    pub fn with_prior(mut self, prior: Confidence) -> Self {
        self.prior = prior;
        self
    }

    /// Says how many looks with a value a metric needs.
    #[must_use]
    pub fn with_min_looks(mut self, looks: usize) -> Self {
        self.min_looks = looks;
        self
    }

    /// Says for which share of the window latency and resources alone take nothing back: those that
    /// are falling, and those that are not.
    #[must_use]
    pub fn with_patience(mut self, falling: f64, steady: f64) -> Self {
        self.patience = falling;
        self.patience_steady = steady;
        self
    }

    /// Says how often the incident's own error may come back.
    #[must_use]
    pub fn with_recurrences(mut self, times: u64) -> Self {
        self.recurrences = times;
        self
    }

    /// Says how many errors never seen before take a release back.
    #[must_use]
    pub fn with_new_errors(mut self, errors: u64) -> Self {
        self.new_errors = errors;
        self
    }

    /// Says which growth of a median matters, as a factor.
    #[must_use]
    pub fn with_effect(mut self, factor: f64) -> Self {
        self.effect = factor;
        self
    }

    /// The growth of `metric` that matters: as a factor, and in its own unit.
    pub(super) fn effect_on(&self, metric: &Metric) -> (f64, f64) {
        let resource = matches!(metric, Metric::Cpu | Metric::Memory | Metric::Saturation);
        let factor = if resource { self.resource_effect } else { self.effect };
        let absolute = match metric.unit() {
            _ if resource => self.resource_points,
            Unit::Ratio => self.error_points,
            Unit::Seconds => self.latency_seconds,
            Unit::PerSecond | Unit::Count => self.count,
            Unit::Bytes => self.bytes,
        };
        (factor.max(1.0), absolute.max(0.0))
    }

    /// The strength of evidence, as a natural logarithm, at which a release is taken back.
    pub(super) fn proof(&self) -> f64 {
        -self.false_rollbacks.clamp(1e-9, 0.5).ln()
    }
}
