//! When a series counts as anomalous.

use serde::{Deserialize, Serialize};

use super::baseline::CAPACITY;
use crate::model::Unit;

/// How a [`Detector`](super::Detector) learns, opens and closes. Counts are samples: what they mean
/// in time follows from how often the host samples (30 s by default in the planner).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct DetectConfig {
    /// How many values the baseline spans, at most 64. Default 64: about half an hour at 30 s,
    /// long enough to span bursts, short enough to follow a day's rise.
    pub window: usize,
    /// Values seen before the first verdict. Default 10: the median absolute deviation of fewer
    /// is too noisy to be multiplied.
    pub warm_up: usize,
    /// Robust standard deviations off the median that make a sample suspicious. Default 4: a
    /// unimodal distribution passes 4 on one side in at most 2.6% of samples
    /// (Vysochanskij-Petunin, `4 / (9 (1 + k^2))`), and three of five must.
    pub open_at: f64,
    /// Deviations below which a sample speaks for recovery. Default 2, half of `open_at`, so that
    /// a series at the edge does not flap.
    pub close_at: f64,
    /// Suspicious samples among the last `open_of` that open an anomaly. Default 3.
    pub open_after: u32,
    /// How far back `open_after` looks, at most 32. Default 5: two good samples in between do not
    /// hide an incident.
    pub open_of: u32,
    /// Consecutive samples below `close_at` that close an anomaly. Default 3.
    pub close_after: u32,
    /// Consecutive failed health checks that open, and passed ones that close. Default 2, as
    /// common probers do: one lost probe is not an outage.
    pub health_after: u32,
    /// Consecutive missing samples after which the detector is blind. Default 3.
    pub blind_after: u32,
    /// Anomalous samples after which a level is adopted as the new normal and learned again; 0 is
    /// never. Default 120: an hour at 30 s. Error rates and health are never adopted: an hour of
    /// failing does not make failing normal.
    pub adopt_after: u32,
    /// The smallest spread, as a share of the median. Default 0.10: with `open_at` 4 a latency
    /// must grow by 40% at the very least.
    pub relative_floor: f64,
    /// The smallest spread of a ratio. Default 0.01: with `open_at` 4 an error rate must grow by
    /// four points at the very least.
    pub ratio_floor: f64,
    /// The smallest spread of a latency in seconds. Default 0.002: with `open_at` 4, 8 ms, below
    /// which a scheduler's own jitter lies.
    pub seconds_floor: f64,
    /// The smallest spread of a count or of events a second. Default 1.
    pub count_floor: f64,
    /// The smallest spread of bytes. Default 1 MiB.
    pub bytes_floor: f64,
    /// Requests behind a sample at which it counts half; `weight / (weight + this)`. Default 5.
    /// Samples of unknown weight count in full.
    pub half_weight: f64,
    /// Standard deviations of Wilson's lower bound that stands in for an error rate of known
    /// weight. Default 1.96 (95%): one failure among five requests reads as 3.6%, not 20%.
    pub error_bound: f64,
}

impl Default for DetectConfig {
    fn default() -> Self {
        Self {
            window: CAPACITY,
            warm_up: 10,
            open_at: 4.0,
            close_at: 2.0,
            open_after: 3,
            open_of: 5,
            close_after: 3,
            health_after: 2,
            blind_after: 3,
            adopt_after: 120,
            relative_floor: 0.10,
            ratio_floor: 0.01,
            seconds_floor: 0.002,
            count_floor: 1.0,
            bytes_floor: 1_048_576.0,
            half_weight: 5.0,
            error_bound: 1.96,
        }
    }
}

impl DetectConfig {
    /// Says how many values make the first verdict possible.
    #[must_use]
    pub fn with_warm_up(mut self, samples: usize) -> Self {
        self.warm_up = samples;
        self
    }

    /// Says how many suspicious samples among how many of the last open an anomaly.
    #[must_use]
    pub fn with_open_after(mut self, suspicious: u32, of: u32) -> Self {
        self.open_after = suspicious;
        self.open_of = of;
        self
    }

    /// Says how many consecutive good samples close an anomaly.
    #[must_use]
    pub fn with_close_after(mut self, samples: u32) -> Self {
        self.close_after = samples;
        self
    }

    /// Says how many deviations open, and below how many a sample speaks for recovery.
    #[must_use]
    pub fn with_deviations(mut self, open_at: f64, close_at: f64) -> Self {
        self.open_at = open_at;
        self.close_at = close_at;
        self
    }

    /// Says how many consecutive missing samples blind the detector.
    #[must_use]
    pub fn with_blind_after(mut self, samples: u32) -> Self {
        self.blind_after = samples;
        self
    }

    /// Says after how many anomalous samples a level is the new normal; 0 is never.
    #[must_use]
    pub fn with_adopt_after(mut self, samples: u32) -> Self {
        self.adopt_after = samples;
        self
    }

    /// The smallest spread that a series of `unit` around `median` is held to have.
    pub(super) fn floor(&self, unit: Unit, median: f64) -> f64 {
        let absolute = match unit {
            Unit::Ratio => self.ratio_floor,
            Unit::Seconds => self.seconds_floor,
            Unit::PerSecond | Unit::Count => self.count_floor,
            Unit::Bytes => self.bytes_floor,
        };
        absolute.max(self.relative_floor * median.abs()).max(f64::MIN_POSITIVE)
    }
}
