//! Metrics: what can be asked of a source, and what it answers.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::{ServiceName, Timestamp};

/// The unit of a metric's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Unit {
    /// A share in `0.0..=1.0`.
    Ratio,
    /// Seconds.
    Seconds,
    /// Events a second.
    PerSecond,
    /// Bytes.
    Bytes,
    /// A count of events since the sample before.
    Count,
}

/// One of the golden signals, or a metric of the host's own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Metric {
    /// Failed requests over all requests, a ratio.
    ErrorRate,
    /// Median latency, seconds.
    LatencyP50,
    /// 95th percentile of latency, seconds.
    LatencyP95,
    /// 99th percentile of latency, seconds.
    LatencyP99,
    /// Requests a second.
    RequestRate,
    /// CPU in use over CPU available to the service, a ratio.
    Cpu,
    /// Memory in use over memory available to the service, a ratio.
    Memory,
    /// 1 where the health check passes, 0 where it fails.
    Health,
    /// Use of the scarcest resource over its limit, a ratio.
    Saturation,
    /// Requests on one route since the sample before; the route as the source names it.
    RouteRequests(String),
    /// Failed requests on one route since the sample before.
    RouteErrors(String),
    /// Anything else, by name and unit.
    Custom(String, Unit),
}

impl Metric {
    /// The unit of its values.
    pub fn unit(&self) -> Unit {
        match self {
            Self::LatencyP50 | Self::LatencyP95 | Self::LatencyP99 => Unit::Seconds,
            Self::RequestRate => Unit::PerSecond,
            Self::RouteRequests(_) | Self::RouteErrors(_) => Unit::Count,
            Self::ErrorRate | Self::Cpu | Self::Memory | Self::Health | Self::Saturation => {
                Unit::Ratio
            }
            Self::Custom(_, unit) => *unit,
        }
    }

    /// Whether more of it is worse; `None` where neither direction is bad in itself.
    pub fn higher_is_worse(&self) -> Option<bool> {
        match self {
            Self::Health => Some(false),
            Self::RequestRate | Self::RouteRequests(_) | Self::Custom(..) => None,
            _ => Some(true),
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ErrorRate => f.write_str("error rate"),
            Self::LatencyP50 => f.write_str("latency P50"),
            Self::LatencyP95 => f.write_str("latency P95"),
            Self::LatencyP99 => f.write_str("latency P99"),
            Self::RequestRate => f.write_str("request rate"),
            Self::Cpu => f.write_str("CPU"),
            Self::Memory => f.write_str("memory"),
            Self::Health => f.write_str("health"),
            Self::Saturation => f.write_str("saturation"),
            Self::RouteRequests(route) => write!(f, "requests on {route}"),
            Self::RouteErrors(route) => write!(f, "errors on {route}"),
            Self::Custom(name, _) => f.write_str(name),
        }
    }
}

/// A question to a metric source: these metrics of this service, over the window that ends now.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Query {
    /// The service asked about.
    pub service: ServiceName,
    /// The end of the window, exclusive.
    pub now: Timestamp,
    /// How far back the window reaches.
    pub window: Duration,
    /// The distance between samples that is wanted; a source may answer coarser.
    pub step: Duration,
    /// The metrics wanted, in the order of the answer.
    pub metrics: Vec<Metric>,
}

impl Query {
    /// Asks for `metrics` of `service` over `window` before `now`, one sample for the whole window.
    pub fn new(
        service: ServiceName,
        now: Timestamp,
        window: Duration,
        metrics: Vec<Metric>,
    ) -> Self {
        Self { service, now, window, step: window, metrics }
    }

    /// Asks for a sample every `step`.
    #[must_use]
    pub fn with_step(mut self, step: Duration) -> Self {
        self.step = step;
        self
    }

    /// The start of the window, inclusive.
    pub fn since(&self) -> Timestamp {
        self.now.minus(self.window)
    }
}

/// Why a series has no values. Missing is never zero and never healthy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Missing {
    /// This source does not know the metric.
    Unsupported,
    /// The source was reached and had nothing in the window.
    NoData,
    /// The source could not be reached or did not understand.
    Failed(String),
}

/// One value at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Point {
    /// When, at the end of the step.
    pub at: Timestamp,
    /// The value in the metric's unit; finite.
    pub value: f64,
    /// How many events stand behind the value (requests, for a rate or a percentile); 0 where the
    /// source can't tell.
    pub weight: u64,
}

impl Point {
    /// A value at a moment, with an unknown number of events behind it.
    pub fn new(at: Timestamp, value: f64) -> Self {
        Self { at, value, weight: 0 }
    }

    /// Says how many events stand behind the value.
    #[must_use]
    pub fn with_weight(mut self, weight: u64) -> Self {
        self.weight = weight;
        self
    }
}

/// The answer for one metric.
#[derive(Debug, Clone, PartialEq)]
pub enum Readings {
    /// At least one point, oldest first.
    Values(Vec<Point>),
    /// Nothing, and why.
    Missing(Missing),
}

impl Readings {
    /// The points; empty where missing.
    pub fn points(&self) -> &[Point] {
        match self {
            Self::Values(points) => points,
            Self::Missing(_) => &[],
        }
    }

    /// The newest value.
    pub fn last(&self) -> Option<Point> {
        self.points().last().copied()
    }
}

/// The answer to a [`Query`]: one entry a metric that was asked for.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Samples {
    /// Readings by metric, in the order of the query.
    pub series: Vec<(Metric, Readings)>,
}

impl Samples {
    /// An answer of `series`.
    pub fn new(series: Vec<(Metric, Readings)>) -> Self {
        Self { series }
    }

    /// The readings of `metric`, where it was asked for.
    pub fn get(&self, metric: &Metric) -> Option<&Readings> {
        self.series.iter().find(|(m, _)| m == metric).map(|(_, r)| r)
    }
}
