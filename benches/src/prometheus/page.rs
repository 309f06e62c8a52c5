//! One page with the metrics of a whole fleet, as a federation shows it.

use std::fmt::Write as _;
use std::time::Instant;

use axum::Router;
use axum::routing::get;

use super::host::Host;
use super::{ROUTE, name};
use crate::Result;

/// Bytes that each service uses.
pub(super) const MEMORY: u64 = 100_000_000;

/// Upper bounds of latency in seconds, and the requests in a thousand that are within them.
const BUCKETS: [(&str, f64); 6] = [
    ("0.01", 200.0),
    ("0.05", 800.0),
    ("0.1", 940.0),
    ("0.5", 985.0),
    ("1", 998.0),
    ("+Inf", 1_000.0),
];

/// Serves the page at `/metrics`. Each second a thousand visitors come to a service, and a few more, of
/// which two fail.
pub(super) fn serve(services: usize) -> Result<Host> {
    let began = Instant::now();
    let page = move || async move { text(services, began.elapsed().as_secs_f64()) };
    Host::start(Router::new().route("/metrics", get(page)))
}

fn text(services: usize, seconds: f64) -> String {
    let mut out = String::new();
    let mut family = |kind: &str, metric: &str, series: &[(&str, &str, f64, f64)]| {
        // Writing to a string can't fail.
        let _ = writeln!(out, "# TYPE {metric} {kind}");
        for service in 0..services {
            let more = 1.0 + 0.001 * (service % 7) as f64;
            for (suffix, labels, each, fixed) in series {
                let value = seconds * each * more + fixed;
                let service = name(service);
                let _ = writeln!(out, "{metric}{suffix}{{service=\"{service}\"{labels}}} {value}");
            }
        }
    };
    let route = format!(",method=\"GET\",route=\"{ROUTE}\",status=");
    let (served, failed) = (format!("{route}\"200\""), format!("{route}\"500\""));
    let requests = [("", served.as_str(), 998.0, 0.0), ("", failed.as_str(), 2.0, 0.0)];
    family("counter", "http_requests_total", &requests);
    let bounds = BUCKETS.map(|(bound, _)| format!(",le=\"{bound}\""));
    let buckets = bounds.iter().zip(BUCKETS);
    let mut latency: Vec<_> =
        buckets.map(|(bound, (_, within))| ("_bucket", bound.as_str(), within, 0.0)).collect();
    latency.extend([("_count", "", 1_000.0, 0.0), ("_sum", "", 40.0, 0.0)]);
    family("histogram", "http_request_duration_seconds", &latency);
    let gauges = [
        ("gauge", "up", 1.0),
        ("gauge", "process_resident_memory_bytes", MEMORY as f64),
        ("gauge", "process_open_fds", 32.0),
        ("gauge", "process_max_fds", 1_024.0),
    ];
    for (kind, metric, value) in gauges {
        family(kind, metric, &[("", "", 0.0, value)]);
    }
    family("counter", "process_cpu_seconds_total", &[("", "", 0.333, 0.0)]);
    out
}
