//! A server that answers the usual queries about a fleet as Prometheus does, at once.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aegis_core::Timestamp;
use axum::extract::State;
use axum::http::{StatusCode, header::CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Form, Router};
use serde::Deserialize;

use super::host::Host;
use super::{Served, name, number};
use crate::Result;

/// What a query asks for, by a part of it that no query before it has, and its level.
const LEVELS: [(&str, f64); 11] = [
    ("process_cpu_seconds_total", 0.35),
    ("process_resident_memory_bytes", 0.5),
    ("process_open_fds", 0.031_25),
    ("(up{", 1.0),
    ("histogram_quantile(0.5,", 0.021_7),
    ("histogram_quantile(0.95,", 0.083_1),
    ("histogram_quantile(0.99,", 0.171_9),
    (") / sum", 0.002_3),
    ("=~\"5..\"", 0.46),
    (" * 2", 80.0),
    ("http_requests_total", 40.0),
];

/// Answers each query with one series a service.
#[derive(Debug)]
pub struct Answers {
    host: Host,
    served: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    services: usize,
    requests: AtomicU64,
    bytes: AtomicU64,
}

#[derive(Deserialize)]
struct Asked {
    query: String,
    time: Option<f64>,
    start: Option<f64>,
    end: Option<f64>,
    step: Option<f64>,
}

impl Answers {
    /// Answers about the first `services` services of any fleet.
    ///
    /// # Errors
    ///
    /// Where nothing can listen on this machine.
    pub fn start(services: usize) -> Result<Self> {
        let served = Arc::new(Counts { services, ..Counts::default() });
        let router = Router::new()
            .route("/api/v1/query", post(ask))
            .route("/api/v1/query_range", post(ask))
            .with_state(Arc::clone(&served));
        Ok(Self { host: Host::start(router)?, served })
    }

    /// Its address.
    pub fn base(&self) -> String {
        self.host.base()
    }

    /// What it answered so far.
    pub fn served(&self) -> Served {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Served { requests: of(&self.served.requests), bytes: of(&self.served.bytes) }
    }
}

async fn ask(State(served): State<Arc<Counts>>, Form(asked): Form<Asked>) -> Response {
    let Some(body) = body(&asked, served.services) else {
        let why = r#"{"status":"error","errorType":"bad_data","error":"not a usual query"}"#;
        return (StatusCode::BAD_REQUEST, why).into_response();
    };
    served.requests.fetch_add(1, Ordering::Relaxed);
    served.bytes.fetch_add(body.len() as u64, Ordering::Relaxed);
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}

/// An answer about the services that the query names, or all; none where it asks for what is not known.
fn body(asked: &Asked, services: usize) -> Option<String> {
    let asks = Asks::of(&asked.query)?;
    let named = asked.query.split_once("service=").map(|(_, rest)| rest);
    let named: Vec<usize> = match named.and_then(|rest| rest.split('"').nth(1)) {
        None => (0..services).collect(),
        Some(names) => names.split('|').filter_map(number).filter(|n| *n < services).collect(),
    };
    let (first, last) = (asked.start.or(asked.time)?, asked.end.or(asked.time)?);
    let step = asked.step.unwrap_or(1.0);
    let kind = if asked.time.is_some() { "vector" } else { "matrix" };
    let mut out = format!(r#"{{"status":"success","data":{{"resultType":"{kind}","result":["#);
    for service in named {
        let between = if out.ends_with('[') { "" } else { "," };
        // Writing to a string can't fail.
        let _ = write!(out, r#"{between}{{"metric":{{"service":"{}"}},"#, name(service));
        out.push_str(if kind == "vector" { r#""value":"# } else { r#""values":["# });
        let mut at = first;
        while at <= last {
            let comma = if at > first { "," } else { "" };
            let _ = write!(out, r#"{comma}[{at},"{}"]"#, asks.value(service, at));
            at += step;
        }
        out.push_str(if kind == "vector" { "}" } else { "]}" });
    }
    out.push_str("]}}");
    Some(out)
}

/// What a query asks for.
#[derive(Clone, Copy)]
enum Asks {
    /// The time itself.
    Time,
    /// What is the same for every service.
    Fixed(f64),
    /// What differs a little.
    Level(f64),
}

impl Asks {
    fn of(query: &str) -> Option<Self> {
        if query.contains("timestamp(") {
            return Some(Self::Time);
        }
        let (part, level) = LEVELS.iter().find(|(part, _)| query.contains(part))?;
        Some(if *part == "(up{" { Self::Fixed(*level) } else { Self::Level(*level) })
    }

    fn value(self, service: usize, at: f64) -> f64 {
        match self {
            Self::Time => at,
            Self::Fixed(level) => level,
            Self::Level(level) => {
                // Seconds since 1970 are far below 2^53.
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                let phase = (service * 7 + at as usize) % 11;
                level * (1.0 + 0.003_7 * phase as f64)
            }
        }
    }
}

/// The body of an answer to a usual query about `services` services: the values of one moment, or of
/// `points` moments, 10 s apart.
pub fn answer(services: usize, now: Timestamp, points: Option<u32>) -> String {
    let end = now.as_ms() as f64 / 1_000.0;
    let start = points.map(|points| end - 10.0 * f64::from(points.saturating_sub(1)));
    let asked = Asked {
        query: String::from("http_requests_total"),
        time: points.is_none().then_some(end),
        start,
        end: points.map(|_| end),
        step: points.map(|_| 10.0),
    };
    body(&asked, services).unwrap_or_default()
}
