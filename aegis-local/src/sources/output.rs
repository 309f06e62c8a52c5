//! Requests, from the lines that a service writes about them among its others.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use aegis_core::model::{Metric, Missing, Query, Readings, Samples};
use aegis_core::port::{Clock, SystemClock};
use aegis_core::stage::MetricSource;
use aegis_core::trace::RECORDED_MARKER;
use aegis_core::{Error, Result, Timestamp};
use async_trait::async_trait;
use regex::Regex;

use super::access_log::{Entry, Following, Reading, Window, followed, path_of};
use super::error_log;
use super::tail::{StartAt, Tail, TailConfig, TailState};
use crate::requests::{RequestLog, ServedRequest};

/// How long requests are kept, and how many.
const KEPT: (Duration, usize) = (Duration::from_secs(15 * 60), 20_000);

/// Polls that one look makes at most: 8 MiB of output.
const MAX_POLLS: usize = 32;

#[allow(clippy::expect_used)]
static REQUEST: LazyLock<Regex> = LazyLock::new(|| {
    let methods = "GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS";
    let pattern = format!(
        r#"["'](?P<method>{methods}) (?P<target>/[^\s"']*)(?: HTTP/[\d.]+)?["'] (?P<status>\d{{3}})\b"#
    );
    Regex::new(&pattern).expect("a pattern of the program compiles")
});

/// Reads the standard streams of a service's runs for requests: the lines that `http.server`,
/// `wsgiref`, werkzeug, uvicorn and others print, behind whatever a logger puts before them, and JSON
/// records.
///
/// Answers [`Metric::RouteRequests`] and [`Metric::RouteErrors`], and which requests failed; nothing
/// while it saw no request that did not fail, since a service that prints failures alone does not
/// tell whether it is used. A request counts as of the moment at which its line was seen: such lines
/// often have no time, or one without a zone.
#[derive(Debug, Clone)]
pub(crate) struct OutputRequests {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    ignored: Vec<String>,
    /// The newest run's number and output.
    current: Option<(u64, Tail)>,
    window: Window,
    /// Whether any request did not fail.
    served: bool,
}

impl OutputRequests {
    /// Reads the files `<number>-<revision>.log` of `folder`, the newest at a time, from where each
    /// began; requests to the URLs `ignored` don't count.
    pub(crate) fn new<'a>(
        folder: impl Into<PathBuf>,
        ignored: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let inner = Inner {
            folder: folder.into(),
            ignored: ignored.into_iter().map(|url| path_of(url).to_owned()).collect(),
            current: None,
            window: Window::new(KEPT.0, KEPT.1),
            served: false,
        };
        Self { inner: Arc::new(Mutex::new(inner)) }
    }

    /// Reads on every `interval` until the answer is dropped; needs a tokio runtime.
    pub(crate) fn follow(&self, interval: Duration) -> Following {
        let log = self.clone();
        followed(async move {
            loop {
                if let Err(e) = log.with(|_| ()).await {
                    tracing::debug!(target: "aegis::output", error = %e, "it can't be read");
                }
                tokio::time::sleep(interval).await;
            }
        })
    }

    /// Catches up, then calls `then`, on a thread that may block.
    async fn with<T: Send + 'static>(
        &self,
        then: impl FnOnce(&Inner) -> T + Send + 'static,
    ) -> Result<T> {
        let inner = Arc::clone(&self.inner);
        let work = move || {
            let mut inner = inner.lock().unwrap_or_else(PoisonError::into_inner);
            inner.catch_up(SystemClock.now()).map(|()| then(&inner))
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|e| Error::internal("reading the output panicked").with_source(e))?
    }
}

impl Inner {
    fn catch_up(&mut self, now: Timestamp) -> Result<()> {
        self.read(now)?;
        let newest = error_log::runs(&self.folder)?.into_iter().next_back();
        let known = self.current.as_ref().map(|(number, _)| *number);
        if let Some((number, _, path)) = newest.filter(|(number, ..)| Some(*number) != known) {
            let config = TailConfig::new().with_start(StartAt::Beginning);
            self.current = Some((number, Tail::new(path, config)));
            self.read(now)?;
        }
        Ok(())
    }

    fn read(&mut self, now: Timestamp) -> Result<()> {
        let Some((_, tail)) = &mut self.current else { return Ok(()) };
        for _ in 0..MAX_POLLS {
            for line in tail.poll().map_err(|e| e.at("output"))? {
                let Some((method, target, status)) = request(&line.text) else { continue };
                if !self.ignored.iter().any(|path| path == path_of(&target)) {
                    self.served |= status < 500;
                    self.window.push(Entry { at: now, method, target, status, latency: None });
                }
            }
            if tail.state() != TailState::Behind {
                break;
            }
        }
        Ok(())
    }
}

/// Method, target and status of the request that a line tells of.
fn request(line: &str) -> Option<(String, String, u16)> {
    // Its values may quote a request.
    if line.contains(RECORDED_MARKER) {
        return None;
    }
    if let Some(entry) = Reading::default().entry(line) {
        return Some((entry.method, entry.target, entry.status));
    }
    let found = REQUEST.captures(line)?;
    let group = |name: &str| found.name(name).map(|m| m.as_str().to_owned());
    Some((group("method")?, group("target")?, group("status")?.parse().ok()?))
}

#[async_trait]
impl RequestLog for OutputRequests {
    async fn failures_near(
        &self,
        at: Timestamp,
        within: Duration,
        limit: usize,
    ) -> Result<Vec<ServedRequest>> {
        self.with(move |inner| match inner.served {
            true => inner.window.failures_near(at, within, limit),
            false => Vec::new(),
        })
        .await
    }
}

#[async_trait]
impl MetricSource for OutputRequests {
    async fn sample(&self, query: &Query) -> Result<Samples> {
        let query = query.clone();
        self.with(move |inner| {
            let read = |metric: &Metric| match metric {
                Metric::RouteRequests(_) | Metric::RouteErrors(_) if inner.served => {
                    inner.window.read(&query, metric)
                }
                Metric::RouteRequests(_) | Metric::RouteErrors(_) => {
                    Readings::Missing(Missing::NoData)
                }
                _ => Readings::Missing(Missing::Unsupported),
            };
            Samples::new(query.metrics.iter().map(|m| (m.clone(), read(m))).collect())
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_request_is_read_as_servers_print_it() {
        for line in [
            r#"127.0.0.1 - - [25/Nov/2026 18:20:01] "GET /items/7?x=1 HTTP/1.1" 500 59"#,
            r#"INFO:     127.0.0.1:54321 - "GET /items/7?x=1 HTTP/1.1" 500 Internal Server Error"#,
            r#"2026-11-25 18:20:01,123 INFO [Thread-9] web: "GET /items/7?x=1 HTTP/1.1" 500 -"#,
            r#"[worker-1] INFO 127.0.0.1 - - [25/Nov/2026:18:20:01 +0000] "GET /items/7?x=1 HTTP/1.0" 500 5 "-" "curl""#,
            r#"{"ts": 1772332260, "method": "GET", "path": "/items/7?x=1", "status": 500}"#,
        ] {
            let wanted = (String::from("GET"), String::from("/items/7?x=1"), 500);
            assert_eq!(request(line), Some(wanted), "{line}");
        }
        for line in [
            "Traceback (most recent call last):",
            "    self.reply(500, None)",
            r#"  File "/srv/items/7", line 500, in get"#,
            r#"ERROR calling "GET /items/7" failed with 500"#,
            r#"aegis-locals: {"line": "127.0.0.1 - - [x] 'GET /items/7?x=1 HTTP/1.1' 500 59"}"#,
            "",
        ] {
            assert_eq!(request(line), None, "{line}");
        }
    }

    fn line(target: &str, status: u16) -> String {
        format!("- - [x] \"GET {target} HTTP/1.1\" {status} 0\n")
    }

    async fn near(log: &OutputRequests) -> Vec<String> {
        let within = Duration::from_secs(60);
        let found = log.failures_near(SystemClock.now(), within, 9).await.unwrap();
        let mut targets: Vec<String> = found.into_iter().map(|r| r.target).collect();
        targets.sort();
        targets
    }

    #[tokio::test]
    async fn the_failures_of_the_newest_run_are_found_beside_those_of_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let log = OutputRequests::new(folder.path(), ["http://127.0.0.1:9/health"]);
        assert!(near(&log).await.is_empty(), "there is no run yet");
        let first = line("/a", 500) + &line("/b", 200);
        std::fs::write(folder.path().join("1-abc.log"), &first).unwrap();
        assert_eq!(near(&log).await, ["/a"]);
        std::fs::write(folder.path().join("1-abc.log"), first + &line("/c", 503)).unwrap();
        let second = line("/d", 500) + &line("/health", 500);
        std::fs::write(folder.path().join("2-def.log"), second).unwrap();
        assert_eq!(near(&log).await, ["/a", "/c", "/d"]);
    }

    #[tokio::test]
    async fn a_service_that_prints_failures_alone_does_not_tell_whether_a_route_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let log = OutputRequests::new(folder.path(), ["http://127.0.0.1:9/health"]);
        let path = folder.path().join("1-abc.log");
        let used = || async {
            let metric = Metric::RouteRequests(String::from("GET /a"));
            let window = Duration::from_secs(60);
            let now = SystemClock.now().plus(Duration::from_secs(1));
            let query = Query::new("svc".into(), now, window, vec![metric.clone()]);
            let samples = log.sample(&query).await.unwrap();
            samples.get(&metric).map(|r| r.points().iter().map(|p| p.weight).sum::<u64>())
        };
        let failures = line("/a?x=1", 500) + &line("/health", 200);
        std::fs::write(&path, &failures).unwrap();
        assert_eq!((used().await, near(&log).await.len()), (Some(0), 0));
        std::fs::write(&path, failures + &line("/a?x=2", 200)).unwrap();
        assert_eq!((used().await, near(&log).await.len()), (Some(2), 1));
    }
}
