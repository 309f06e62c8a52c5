//! Evidence about a release, and the verdict on it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Metric;
use crate::id::{Confidence, IncidentId, Revision, Timestamp};

/// Robust statistics of a series. Floats are kept as their bits, so that a journal replays exactly.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Summary {
    /// Number of points.
    pub count: u32,
    /// Median.
    #[serde(with = "crate::bits")]
    pub median: f64,
    /// Median absolute deviation, scaled by 1.4826 to estimate a standard deviation.
    #[serde(with = "crate::bits")]
    pub spread: f64,
    /// Mean.
    #[serde(with = "crate::bits")]
    pub mean: f64,
    /// Events behind the points (requests), 0 where unknown.
    pub events: u64,
}

impl Summary {
    /// The statistics of `values`; `None` where there are none. Not finite values are skipped.
    pub fn of(values: impl IntoIterator<Item = f64>, events: u64) -> Option<Self> {
        let mut v: Vec<f64> = values.into_iter().filter(|x| x.is_finite()).collect();
        if v.is_empty() {
            return None;
        }
        let mean = v.iter().sum::<f64>() / v.len() as f64;
        let median = middle(&mut v);
        let mut off: Vec<f64> = v.iter().map(|x| (x - median).abs()).collect();
        let spread = 1.4826 * middle(&mut off);
        Some(Self {
            count: u32::try_from(v.len()).unwrap_or(u32::MAX),
            median,
            spread,
            mean,
            events,
        })
    }
}

/// The median of values that are not empty; sorts them.
fn middle(v: &mut [f64]) -> f64 {
    v.sort_by(f64::total_cmp);
    let n = v.len();
    if n % 2 == 1 { v[n / 2] } else { f64::midpoint(v[n / 2 - 1], v[n / 2]) }
}

/// What was normal before the release; journaled before anything is submitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Baseline {
    /// When it was taken.
    pub at: Timestamp,
    /// The statistics of each metric that had any values.
    pub metrics: Vec<(Metric, Summary)>,
    /// How often the incident's own error occurred, per second, as long as it was seen; `None` where
    /// it was too rare to tell.
    #[serde(default, with = "crate::bits::option")]
    pub recurrence: Option<f64>,
}

impl Baseline {
    /// A baseline taken at `at`.
    pub fn new(at: Timestamp, metrics: Vec<(Metric, Summary)>) -> Self {
        Self { at, metrics, recurrence: None }
    }

    /// What was normal for `metric`.
    pub fn get(&self, metric: &Metric) -> Option<&Summary> {
        self.metrics.iter().find(|(m, _)| m == metric).map(|(_, s)| s)
    }
}

/// One metric since the release went live.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MetricEvidence {
    /// Which metric.
    pub metric: Metric,
    /// The values since the release, oldest first, one a look; `None` is a look without data.
    #[serde(with = "crate::bits::options")]
    pub values: Vec<Option<f64>>,
    /// Events behind each value (requests), 0 where unknown; as long as `values`.
    pub events: Vec<u64>,
}

impl MetricEvidence {
    /// A metric without any look so far.
    pub fn new(metric: Metric) -> Self {
        Self { metric, values: Vec::new(), events: Vec::new() }
    }

    /// Adds what one look saw.
    pub fn push(&mut self, value: Option<f64>, events: u64) {
        self.values.push(value.filter(|v| v.is_finite()));
        self.events.push(events);
    }
}

/// Whether the path that failed was used since the release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Exercise {
    /// Requests on the path since the release; where no source counts them, how often the error would
    /// have come back by now had nothing changed; `None` where nobody can tell either.
    pub requests: Option<u64>,
    /// How many of them are needed before silence means anything.
    pub needed: u64,
    /// How often the incident's own fingerprint was seen since the release.
    pub recurrences: u64,
}

impl Exercise {
    /// Nothing seen so far, with `needed` requests to go.
    pub fn new(needed: u64) -> Self {
        Self { requests: None, needed, recurrences: 0 }
    }

    /// Whether the path was used often enough.
    pub fn enough(&self) -> bool {
        self.requests.is_some_and(|n| n >= self.needed)
    }
}

/// Everything known about a release since it went live; cumulative.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Evidence {
    /// The revision under watch.
    pub revision: Revision,
    /// When it was first reported running.
    pub live_at: Timestamp,
    /// When the last look was taken.
    pub now: Timestamp,
    /// When the window ends.
    pub ends_at: Timestamp,
    /// How many looks were taken; a sequential test pays for each.
    pub looks: u32,
    /// What was normal before.
    pub baseline: Baseline,
    /// What was measured since.
    pub metrics: Vec<MetricEvidence>,
    /// Whether the path that failed was used.
    pub exercise: Exercise,
    /// Errors with a fingerprint that nobody had seen before this release, and errors of the incidents
    /// that it is blamed for.
    pub new_errors: u64,
    /// Other incidents that this release is blamed for: they opened since it went live, on a route that
    /// worked before and mostly fails since.
    #[serde(default)]
    pub blamed: BTreeSet<IncidentId>,
    /// Errors of other open incidents in the last look that its error rate did not show yet.
    #[serde(default)]
    pub ahead: u64,
    /// Whether the release needs extra proof to be kept.
    pub strict: bool,
}

impl Evidence {
    /// No look taken so far.
    pub fn new(
        revision: Revision,
        live_at: Timestamp,
        ends_at: Timestamp,
        baseline: Baseline,
    ) -> Self {
        Self {
            revision,
            live_at,
            now: live_at,
            ends_at,
            looks: 0,
            baseline,
            metrics: Vec::new(),
            exercise: Exercise::default(),
            new_errors: 0,
            blamed: BTreeSet::new(),
            ahead: 0,
            strict: false,
        }
    }

    /// Whether the window is over.
    pub fn over(&self) -> bool {
        self.now >= self.ends_at
    }
}

/// What a verdict rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Grounds {
    /// Confidence in the release, moved from its prior by evidence only.
    pub confidence: Confidence,
    /// The reasons, strongest first.
    pub reasons: Vec<String>,
}

impl Grounds {
    /// A confidence with its reasons.
    pub fn new(confidence: Confidence, reasons: Vec<String>) -> Self {
        Self { confidence, reasons }
    }
}

/// What to do about a release. Exhaustive: a planner must handle each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Undecided so far: look again.
    Watch(Grounds),
    /// Keep it.
    Keep(Grounds),
    /// Take it back.
    Rollback(Grounds),
    /// The window is over and nobody can tell: no data, no traffic.
    Inconclusive(Grounds),
}

impl Verdict {
    /// The verdict in lower case, without its grounds.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Watch(_) => "watch",
            Self::Keep(_) => "keep",
            Self::Rollback(_) => "rollback",
            Self::Inconclusive(_) => "inconclusive",
        }
    }

    /// What it rests on.
    pub fn grounds(&self) -> &Grounds {
        match self {
            Self::Watch(g) | Self::Keep(g) | Self::Rollback(g) | Self::Inconclusive(g) => g,
        }
    }
}
