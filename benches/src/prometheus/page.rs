//! One page with the metrics of a whole fleet, as a federation shows it.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::extract::State;
use axum::routing::get;

use super::host::Host;
use super::{ROUTE, name};
use crate::Result;

/// Bytes that each service uses.
pub(super) const MEMORY: u64 = 100_000_000;

/// Upper bounds of latency in seconds, and the requests in a thousand that are within them.
const BUCKETS: [(&str, u64); 6] =
    [("0.01", 200), ("0.05", 800), ("0.1", 940), ("0.5", 985), ("1", 998), ("+Inf", 1_000)];

/// Serves the page at `/metrics`. Visitors come with each scrape: a thousand a service, and a few more,
/// of which two fail.
pub(super) fn serve(services: usize) -> Result<Host> {
    let scrapes = Arc::new(AtomicU64::new(0));
    let page = move |State(scrapes): State<Arc<AtomicU64>>| async move {
        text(services, scrapes.fetch_add(1, Ordering::Relaxed) + 1)
    };
    Host::start(Router::new().route("/metrics", get(page)).with_state(scrapes))
}

fn text(services: usize, scrape: u64) -> String {
    let mut out = String::new();
    let mut family = |kind: &str, metric: &str, series: &[(&str, &str, u64, f64)]| {
        // Writing to a string can't fail.
        let _ = writeln!(out, "# TYPE {metric} {kind}");
        for service in 0..services {
            let more = service as u64 % 7;
            for (suffix, labels, each, fixed) in series {
                let value = (scrape * each * (1_000 + more)) as f64 / 1_000.0 + fixed;
                let service = name(service);
                let _ = writeln!(out, "{metric}{suffix}{{service=\"{service}\"{labels}}} {value}");
            }
        }
    };
    let route = format!(",method=\"GET\",route=\"{ROUTE}\",status=");
    let (served, failed) = (format!("{route}\"200\""), format!("{route}\"500\""));
    let requests = [("", served.as_str(), 998, 0.0), ("", failed.as_str(), 2, 0.0)];
    family("counter", "http_requests_total", &requests);
    let bounds = BUCKETS.map(|(bound, _)| format!(",le=\"{bound}\""));
    let buckets = bounds.iter().zip(BUCKETS);
    let mut latency: Vec<_> =
        buckets.map(|(bound, (_, within))| ("_bucket", bound.as_str(), within, 0.0)).collect();
    latency.extend([("_count", "", 1_000, 0.0), ("_sum", "", 40, 0.0)]);
    family("histogram", "http_request_duration_seconds", &latency);
    let gauges = [
        ("gauge", "up", 1.0),
        ("gauge", "process_resident_memory_bytes", MEMORY as f64),
        ("gauge", "process_open_fds", 32.0),
        ("gauge", "process_max_fds", 1_024.0),
    ];
    for (kind, metric, value) in gauges {
        family(kind, metric, &[("", "", 0, value)]);
    }
    // A scrape a second: a third of a core.
    family("counter", "process_cpu_seconds_total", &[("", "", 0, 0.333 * scrape as f64)]);
    out
}
