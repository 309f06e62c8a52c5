//! What an access log tells: error rate, latency, traffic, and which request failed.

mod json;
mod parse;
mod route;
mod window;
#[cfg(test)]
mod window_tests;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aegis_core::model::{Metric, Missing, Query, Readings, Samples};
use aegis_core::port::{Clock, SystemClock};
use aegis_core::stage::MetricSource;
use aegis_core::{Error, Result, Timestamp};
use async_trait::async_trait;

pub use parse::DurationUnit;
pub(super) use parse::{Entry, Reading};
pub(super) use route::path_of;
pub use route::{exact_route, route_of};
pub(super) use window::Window;

use super::tail::{StartAt, Tail, TailConfig, TailState};
use crate::background::Background;
use crate::requests::{RequestLog, ServedRequest};

/// How often malformed lines are reported at most.
const COMPLAIN: Duration = Duration::from_secs(60);

/// A log whose end was seen less than this ago is read as it is written.
const LIVE: Duration = Duration::from_secs(2);

/// A line that tells an older time than this is no request that just ended.
const SLOWEST: Duration = Duration::from_secs(300);
/// How far ahead of now a time may be, to be believed.
const AHEAD: Duration = Duration::from_secs(3600);
/// Polls that one call makes at most: 32 MiB of log.
const MAX_POLLS: usize = 128;

/// Follows an access log in the common, combined or JSON format and answers from the requests of the
/// last minutes.
///
/// Answers [`Metric::ErrorRate`] (5xx over all), [`Metric::RequestRate`], the latency percentiles
/// (where the log has durations), [`Metric::RouteRequests`] and [`Metric::RouteErrors`] (5xx); a route
/// is named as [`route_of`] or [`exact_route`] name it. The weight of a point is its number of
/// requests. Without requests a rate is missing, never 0.
///
/// The log is read when something is asked; [`follow`](Self::follow) reads it in between, so that a
/// busy log that rotates often is not missed. The end of a log that exists already is read first.
///
/// ```
/// use aegis_local::sources::{AccessLog, DurationUnit};
/// let log = AccessLog::new("/var/log/shop/access.log")
///     .with_duration_unit(DurationUnit::Microseconds)
///     .ignoring("/health");
/// ```
#[derive(Debug)]
pub struct AccessLog {
    path: PathBuf,
    reading: Reading,
    keep: Duration,
    limit: usize,
    backfill: u64,
    ignored: Vec<Ignored>,
    inner: Arc<Mutex<Option<Inner>>>,
}

#[derive(Debug)]
struct Inner {
    tail: Tail,
    window: Window,
    reading: Reading,
    ignored: Vec<Ignored>,
    malformed: Malformed,
    /// When the end of the log was last seen.
    caught_up: Option<Instant>,
}

/// Requests that don't count.
#[derive(Debug, Clone)]
enum Ignored {
    Prefix(String),
    Path(String),
}

impl Ignored {
    fn holds(&self, path: &str) -> bool {
        match self {
            Self::Prefix(prefix) => path.starts_with(prefix),
            Self::Path(only) => path == only,
        }
    }
}

/// Lines that were not understood.
#[derive(Debug, Default)]
struct Malformed {
    since: u64,
    said: Option<Instant>,
}

impl AccessLog {
    /// Follows the log at `path`, which need not exist. Keeps 15 minutes and 100,000 requests, and
    /// begins with the last 8 MiB.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            reading: Reading::default(),
            keep: Duration::from_secs(15 * 60),
            limit: 100_000,
            backfill: 8 * 1024 * 1024,
            ignored: Vec::new(),
            inner: Arc::default(),
        }
    }

    /// Says the unit of durations that are bare numbers.
    #[must_use]
    pub fn with_duration_unit(mut self, unit: DurationUnit) -> Self {
        self.reading.unit = unit;
        self
    }

    /// Says in which zone times without one are, in minutes east of UTC; UTC by default.
    #[must_use]
    pub fn with_utc_offset(mut self, minutes: i32) -> Self {
        self.reading.offset_ms = i64::from(minutes) * 60_000;
        self
    }

    /// Bounds what is kept, in time and in requests (about 100 bytes each).
    #[must_use]
    pub fn with_window(mut self, keep: Duration, requests: usize) -> Self {
        self.keep = keep;
        self.limit = requests;
        self
    }

    /// Says how many bytes from the end of a log that exists already are read first.
    #[must_use]
    pub fn with_backfill(mut self, bytes: u64) -> Self {
        self.backfill = bytes;
        self
    }

    /// Leaves out requests whose path begins with `prefix`, such as health checks.
    #[must_use]
    pub fn ignoring(mut self, prefix: impl Into<String>) -> Self {
        self.ignored.push(Ignored::Prefix(prefix.into()));
        self
    }

    /// Leaves out requests of this path alone, whatever their query; `path` may be a whole URL.
    #[must_use]
    pub fn ignoring_path(mut self, path: impl AsRef<str>) -> Self {
        self.ignored.push(Ignored::Path(route::path_of(path.as_ref()).to_owned()));
        self
    }

    /// Reads the log every `interval` until the answer is dropped; needs a tokio runtime.
    pub fn follow(self: &Arc<Self>, interval: Duration) -> Following {
        let log = Arc::clone(self);
        followed(async move {
            loop {
                if let Err(e) = log.with(|_| ()).await {
                    tracing::debug!(target: "aegis::access_log", error = %e, "the log can't be read");
                }
                tokio::time::sleep(interval).await;
            }
        })
    }

    /// Catches up with the log, then calls `then`, on a thread that may block.
    async fn with<T: Send + 'static>(
        &self,
        then: impl FnOnce(&Inner) -> T + Send + 'static,
    ) -> Result<T> {
        let inner = Arc::clone(&self.inner);
        let fresh = Inner {
            tail: Tail::new(&self.path, TailConfig::new().with_start(StartAt::Last(self.backfill))),
            window: Window::new(self.keep, self.limit),
            reading: self.reading,
            ignored: self.ignored.clone(),
            malformed: Malformed::default(),
            caught_up: None,
        };
        let work = move || {
            let mut inner = inner.lock().unwrap_or_else(PoisonError::into_inner);
            let inner = inner.get_or_insert(fresh);
            inner.catch_up().map(|()| then(inner))
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|e| Error::internal("reading the access log panicked").with_source(e))?
    }
}

impl Inner {
    fn catch_up(&mut self) -> Result<()> {
        // A line that was not there a moment ago tells of a request that ended since. That is when it
        // counts: its own time may be cut to the second, or be the time when a slow one began, and
        // then it would fall into a window that was asked about already.
        let live = self.caught_up.is_some_and(|at| at.elapsed() < LIVE);
        for _ in 0..MAX_POLLS {
            let lines = self.tail.poll().map_err(|e| e.at("access log"))?;
            let now = SystemClock.now();
            let latest = now.plus(AHEAD);
            for line in &lines {
                // One line from the future would push every other one out of the window.
                match self.reading.entry(&line.text).filter(|entry| entry.at <= latest) {
                    Some(mut entry) => {
                        if live && entry.at > now.minus(SLOWEST) {
                            entry.at = now;
                        }
                        let path = route::path_of(&entry.target);
                        if !self.ignored.iter().any(|ignored| ignored.holds(path)) {
                            self.window.push(entry);
                        }
                    }
                    None if line.text.trim().is_empty() => {}
                    None => self.malformed.since += 1,
                }
            }
            if self.tail.state() != TailState::Behind {
                self.caught_up = Some(Instant::now());
                break;
            }
        }
        self.complain();
        Ok(())
    }

    fn complain(&mut self) {
        let due = self.malformed.said.is_none_or(|at| at.elapsed() >= COMPLAIN);
        if self.malformed.since > 0 && due {
            let (path, lines) = (self.tail.path().display(), self.malformed.since);
            tracing::warn!(target: "aegis::access_log", %path, lines, "lines are no requests");
            self.malformed = Malformed { since: 0, said: Some(Instant::now()) };
        }
    }

    fn read(&self, query: &Query, metric: &Metric) -> Readings {
        let readings = self.window.read(query, metric);
        let nothing = matches!(readings, Readings::Missing(Missing::NoData));
        if nothing && self.window.is_empty() && self.malformed.said.is_some() {
            let why = format!("no line of {} is a request", self.tail.path().display());
            return Readings::Missing(Missing::Failed(why));
        }
        // A log that is gone says nothing, whatever was in it.
        if self.tail.state() == TailState::Absent && !readings.points().is_empty() {
            let silent = matches!(metric, Metric::RequestRate | Metric::RouteRequests(_))
                && readings.points().iter().all(|p| p.weight == 0);
            if silent {
                return Readings::Missing(Missing::NoData);
            }
        }
        readings
    }
}

#[async_trait]
impl MetricSource for AccessLog {
    async fn sample(&self, query: &Query) -> Result<Samples> {
        let query = query.clone();
        self.with(move |inner| {
            let answer = |metric: &Metric| (metric.clone(), inner.read(&query, metric));
            Samples::new(query.metrics.iter().map(answer).collect())
        })
        .await
    }
}

#[async_trait]
impl RequestLog for AccessLog {
    async fn failures_near(
        &self,
        at: Timestamp,
        within: Duration,
        limit: usize,
    ) -> Result<Vec<ServedRequest>> {
        self.with(move |inner| inner.window.failures_near(at, within, limit)).await
    }
}

/// Reads a log in the background until it is dropped.
#[derive(Debug)]
#[must_use = "the log is no longer read once this is dropped"]
pub struct Following {
    _task: Background,
}

/// Runs `reading` until the answer is dropped.
pub(super) fn followed(reading: impl Future<Output = ()> + Send + 'static) -> Following {
    Following { _task: Background::spawn(reading) }
}
