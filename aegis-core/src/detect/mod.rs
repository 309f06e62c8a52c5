//! Samples in, anomalies out: one [`Detector`] a metric, allocation-free per sample.
//!
//! A baseline is the median and the median absolute deviation of the newest values that were not
//! suspicious. A sample is suspicious where it lies too many deviations off, in the direction that
//! is worse for its metric; several suspicious samples open an anomaly, several good ones close it.
//! What was missing is neither: it counts towards blindness. A service that is broken from the
//! first sample on is learned as it is: its errors, not its baseline, must tell.
//!
//! ```
//! use aegis_core::detect::{Change, DetectConfig, Detector, State};
//! use aegis_core::model::{Metric, Point};
//! use aegis_core::Timestamp;
//!
//! let mut detector = Detector::new(Metric::LatencyP95, DetectConfig::default());
//! let at = Timestamp::from_ms(0);
//! for i in 0..20 {
//!     detector.observe(Some(Point::new(at, 0.100 + 0.001 * f64::from(i % 3))));
//! }
//! assert_eq!(detector.state(), State::Normal);
//! let changes: Vec<_> = (0..5).filter_map(|_| detector.observe(Some(Point::new(at, 0.400)))).collect();
//! assert!(matches!(&changes[..], [Change::Opened(a)] if a.measured == 0.400));
//! assert_eq!(detector.state(), State::Anomalous);
//! ```

mod baseline;
mod config;
mod proportion;
#[cfg(test)]
mod tests;

pub use config::DetectConfig;
pub use proportion::wilson;

use crate::model::{Anomaly, Metric, Point};
use baseline::Baseline;

/// What a sample changed. At most one anomaly of a detector is open at a time.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Change {
    /// The metric left its baseline. Told once, until it closes or is adopted.
    Opened(Anomaly),
    /// The metric is back at its baseline.
    Closed,
    /// The metric stayed off for so long that its level is learned as the new normal. Nothing
    /// recovered.
    Adopted,
}

/// What a detector knows about its metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// Too few values so far to say what is normal.
    Learning,
    /// At its baseline.
    Normal,
    /// Off its baseline.
    Anomalous,
    /// Too many samples in a row are missing to say anything. An anomaly that was open stays open
    /// behind it: silence closes nothing.
    Blind,
}

/// Watches one metric.
#[derive(Debug, Clone)]
pub struct Detector {
    metric: Metric,
    config: DetectConfig,
    baseline: Baseline,
    /// One bit a sample, the newest lowest: whether it was suspicious.
    suspicious: u32,
    good_run: u32,
    missing_run: u32,
    open_for: u32,
    open: bool,
}

impl Detector {
    /// A detector of `metric` that knows nothing so far.
    pub fn new(metric: Metric, config: DetectConfig) -> Self {
        Self {
            metric,
            baseline: Baseline::new(config.window),
            config,
            suspicious: 0,
            good_run: 0,
            missing_run: 0,
            open_for: 0,
            open: false,
        }
    }

    /// The metric watched.
    pub fn metric(&self) -> &Metric {
        &self.metric
    }

    /// What is known at this moment.
    pub fn state(&self) -> State {
        if self.missing_run >= self.config.blind_after.max(1) {
            State::Blind
        } else if self.open {
            State::Anomalous
        } else if self.ready() {
            State::Normal
        } else {
            State::Learning
        }
    }

    /// Whether the newest sample was there and the metric is at its baseline. Not healthy is not
    /// the same as anomalous.
    pub fn healthy(&self) -> bool {
        self.state() == State::Normal && self.missing_run == 0
    }

    /// What is expected, in the metric's unit; `None` while learning.
    pub fn expected(&self) -> Option<f64> {
        if self.metric == Metric::Health {
            return Some(1.0);
        }
        self.ready().then(|| self.baseline.median_and_spread().0)
    }

    /// Takes the next sample; `None` where it is missing. A value that is not finite is missing.
    pub fn observe(&mut self, point: Option<Point>) -> Option<Change> {
        let Some(point) = point.filter(|p| p.value.is_finite()) else {
            self.missing_run = self.missing_run.saturating_add(1);
            return None;
        };
        self.missing_run = 0;
        if self.metric == Metric::Health {
            return self.probed(point.value);
        }
        if !self.ready() {
            self.baseline.push(point.value);
            return None;
        }
        let (median, spread) = self.baseline.median_and_spread();
        let deviations = self.deviations(&point, median, spread);
        let suspicious = deviations >= self.config.open_at;
        let good = deviations < self.config.close_at;
        self.note(suspicious, good);
        if self.open {
            return self.while_open();
        }
        if self.enough_suspicious() {
            self.open = true;
            self.open_for = 0;
            let anomaly = Anomaly::new(self.metric.clone(), median, point.value, deviations);
            return Some(Change::Opened(anomaly));
        }
        if !suspicious {
            self.baseline.push(point.value);
        }
        None
    }

    fn ready(&self) -> bool {
        // A baseline never spans more than its window, so a longer warm-up would never end.
        let needed = self.config.warm_up.clamp(1, self.config.window.clamp(1, baseline::CAPACITY));
        self.metric == Metric::Health || self.baseline.len() >= needed
    }

    /// How far `point` is off, towards the worse side, in robust standard deviations; both sides
    /// are worse where the metric has no direction.
    fn deviations(&self, point: &Point, median: f64, spread: f64) -> f64 {
        let scale = spread.max(self.config.floor(self.metric.unit(), median));
        let weight = point.weight as f64;
        let off = if point.weight == 0 {
            point.value - median
        } else if self.metric == Metric::ErrorRate {
            wilson(point.value * weight, weight, self.config.error_bound).0 - median
        } else {
            (point.value - median) * weight / (weight + self.config.half_weight.max(0.0))
        };
        let worse = match self.metric.higher_is_worse() {
            Some(true) => off,
            Some(false) => -off,
            None => off.abs(),
        };
        worse / scale
    }

    fn note(&mut self, suspicious: bool, good: bool) {
        self.suspicious = self.suspicious << 1 | u32::from(suspicious);
        self.good_run = if good { self.good_run.saturating_add(1) } else { 0 };
    }

    fn enough_suspicious(&self) -> bool {
        let of = self.config.open_of.clamp(1, 32);
        let seen = self.suspicious & (u32::MAX >> (32 - of));
        seen.count_ones() >= self.config.open_after.clamp(1, of)
    }

    fn while_open(&mut self) -> Option<Change> {
        self.open_for = self.open_for.saturating_add(1);
        if self.good_run >= self.config.close_after.max(1) {
            self.shut();
            return Some(Change::Closed);
        }
        let adopts = self.config.adopt_after > 0 && self.metric != Metric::ErrorRate;
        if adopts && self.open_for >= self.config.adopt_after {
            self.shut();
            self.baseline.clear();
            return Some(Change::Adopted);
        }
        None
    }

    fn shut(&mut self) {
        self.open = false;
        self.suspicious = 0;
        self.good_run = 0;
    }

    /// A health check has no baseline: consecutive failures open, consecutive passes close.
    fn probed(&mut self, value: f64) -> Option<Change> {
        let failed = value < 0.5;
        self.note(failed, !failed);
        let needed = self.config.health_after.clamp(1, 32);
        if self.open {
            if self.good_run >= needed {
                self.shut();
                return Some(Change::Closed);
            }
            return None;
        }
        let failures = self.suspicious.trailing_ones();
        if failures >= needed {
            self.open = true;
            let off = (1.0 - value) / self.config.floor(self.metric.unit(), 1.0);
            return Some(Change::Opened(Anomaly::new(Metric::Health, 1.0, value, off)));
        }
        None
    }
}
