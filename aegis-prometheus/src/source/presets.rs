//! The golden signals, as client libraries usually export them.

use std::fmt::Write as _;

use aegis_core::model::Metric;
use aegis_core::{Error, Result};
use serde::Deserialize;

/// What histograms of latency are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Histograms {
    /// Either: what is native is read so, else its buckets.
    #[default]
    Any,
    /// Classic ones, with a series a bucket. For servers without native ones, as VictoriaMetrics.
    Classic,
    /// Native ones.
    Native,
}

/// The unit that latencies are exported in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LatencyUnit {
    /// Seconds, as the conventions ask for.
    #[default]
    Seconds,
    /// Milliseconds; what Aegis sees is divided by 1,000.
    Milliseconds,
}

/// Names of metrics and labels that the queries of the golden signals are made of.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Names {
    /// The counter of requests; `http_requests_total` unless set.
    pub requests: String,
    /// Its label that holds the status; `status` unless set. 5xx is a failure.
    pub status: String,
    /// Its label that holds the method; `method` unless set.
    pub method: String,
    /// Its label that holds the route; `route` unless set.
    pub route: String,
    /// The histogram of latency, without `_bucket`; `http_request_duration_seconds` unless set.
    pub latency: String,
    /// Of which kind it is.
    pub histograms: Histograms,
    /// In which unit it is.
    pub latency_unit: LatencyUnit,
    /// Cores that each instance may use; CPU is not answered unless set.
    pub cpus: Option<f64>,
    /// Bytes of memory that each instance may use; memory is not answered unless set.
    pub memory_bytes: Option<u64>,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            requests: String::from("http_requests_total"),
            status: String::from("status"),
            method: String::from("method"),
            route: String::from("route"),
            latency: String::from("http_request_duration_seconds"),
            histograms: Histograms::Any,
            latency_unit: LatencyUnit::Seconds,
            cpus: None,
            memory_bytes: None,
        }
    }
}

impl Names {
    /// Names the counter of requests and its label that holds the status.
    #[must_use]
    pub fn with_requests(mut self, counter: impl Into<String>, status: impl Into<String>) -> Self {
        self.requests = counter.into();
        self.status = status.into();
        self
    }

    /// Names the labels of that counter that hold the method and the route.
    #[must_use]
    pub fn with_route(mut self, method: impl Into<String>, route: impl Into<String>) -> Self {
        self.method = method.into();
        self.route = route.into();
        self
    }

    /// Names the histogram of latency, without `_bucket`.
    #[must_use]
    pub fn with_latency(mut self, name: impl Into<String>, unit: LatencyUnit) -> Self {
        self.latency = name.into();
        self.latency_unit = unit;
        self
    }

    /// Says of which kind that histogram is.
    #[must_use]
    pub fn with_histograms(mut self, histograms: Histograms) -> Self {
        self.histograms = histograms;
        self
    }

    /// Says what each instance may use: cores, and bytes of memory.
    #[must_use]
    pub fn with_limits(mut self, cpus: f64, memory_bytes: u64) -> Self {
        self.cpus = Some(cpus);
        self.memory_bytes = Some(memory_bytes);
        self
    }

    /// The query and that of the events behind it; `route_method` where a route names its method.
    pub(super) fn query(&self, metric: &Metric, route_method: bool) -> Option<(String, String)> {
        let Self { requests, status, .. } = self;
        // A counter without that label shows no failures, and must not pass for one that has none.
        let known = format!(", {status}!=\"\"");
        let failed = format!(", {status}=~\"5..\"");
        let share = |all: String, bad: String| format!("({bad} or 0 * {all})");
        let all = rate(requests, &known);
        let events = |all: &str| format!("{all} * {{seconds}}");
        Some(match metric {
            Metric::RequestRate => (rate(requests, ""), events(&rate(requests, ""))),
            Metric::ErrorRate => {
                let bad = share(all.clone(), rate(requests, &failed));
                (format!("{bad} / {all}"), events(&all))
            }
            Metric::LatencyP50 => self.latency("0.5"),
            Metric::LatencyP95 => self.latency("0.95"),
            Metric::LatencyP99 => self.latency("0.99"),
            Metric::Cpu => {
                let used = "avg by ({label}) (rate(process_cpu_seconds_total{{match}}[{window}]))";
                (format!("clamp_max({used} / {}, 1)", self.cpus?), String::new())
            }
            Metric::Memory => {
                let used = latest("process_resident_memory_bytes");
                (
                    format!("clamp_max(max by ({{label}}) ({used}) / {}, 1)", self.memory_bytes?),
                    String::new(),
                )
            }
            Metric::Saturation => {
                let (open, most) = (latest("process_open_fds"), latest("process_max_fds"));
                (format!("max by ({{label}}) ({open} / {most})"), String::new())
            }
            Metric::Health => (format!("max by ({{label}}) ({})", latest("up")), String::new()),
            Metric::RouteRequests(_) => {
                (events(&rate(requests, &self.route(route_method))), String::new())
            }
            Metric::RouteErrors(_) => {
                let of = self.route(route_method);
                let all = rate(requests, &format!("{known}{of}"));
                let bad = rate(requests, &format!("{failed}{of}"));
                (events(&share(all, bad)), String::new())
            }
            _ => return None,
        })
    }

    fn route(&self, method: bool) -> String {
        let mut matchers = format!(", {}=\"{{path}}\"", self.route);
        if method {
            // Writing to a string can't fail.
            let _ = write!(matchers, ", {}=\"{{method}}\"", self.method);
        }
        matchers
    }

    fn latency(&self, quantile: &str) -> (String, String) {
        let Self { latency, .. } = self;
        let buckets =
            format!("sum by (le, {{label}}) (rate({latency}_bucket{{{{match}}}}[{{window}}]))");
        let native = rate(latency, "");
        let quantile = |of: &str| format!("histogram_quantile({quantile}, {of})");
        let classic = (quantile(&buckets), rate(&format!("{latency}_count"), ""));
        let native = (quantile(&native), format!("histogram_count({native})"));
        let (value, count) = match self.histograms {
            Histograms::Classic => classic,
            Histograms::Native => native,
            Histograms::Any => {
                let either = |native: &str, classic: &str| format!("({native} or {classic})");
                (either(&native.0, &classic.0), either(&native.1, &classic.1))
            }
        };
        let value = match self.latency_unit {
            LatencyUnit::Seconds => value,
            LatencyUnit::Milliseconds => format!("{value} / 1000"),
        };
        (value, format!("{count} * {{seconds}}"))
    }

    /// Refuses what can be no name: it would be a query.
    pub(super) fn check(&self) -> Result<()> {
        let word = |name: &str, colon: bool| {
            let usual = |c: char| c.is_ascii_alphanumeric() || c == '_' || (colon && c == ':');
            !name.is_empty()
                && name.chars().all(usual)
                && !name.starts_with(|c: char| c.is_ascii_digit())
        };
        let names = [
            ("requests", &self.requests, true),
            ("latency", &self.latency, true),
            ("status", &self.status, false),
            ("method", &self.method, false),
            ("route", &self.route, false),
        ];
        if let Some((field, name, _)) = names.iter().find(|(_, name, colon)| !word(name, *colon)) {
            let why =
                format!("`names.{field}` is {name:?}, which is no name of a metric or a label");
            return Err(Error::invalid(why));
        }
        let limited = self.cpus.is_none_or(|cpus| cpus > 0.0) && self.memory_bytes != Some(0);
        if limited { Ok(()) } else { Err(Error::invalid("a limit in `names` is 0; leave it out")) }
    }
}

/// The rate of a counter, summed over the instances of each service.
fn rate(counter: &str, matchers: &str) -> String {
    format!("sum by ({{label}}) (rate({counter}{{{{match}}{matchers}}}[{{window}}]))")
}

/// The newest value of a gauge, where it is not older than the window.
fn latest(gauge: &str) -> String {
    format!("last_over_time({gauge}{{{{match}}}}[{{window}}])")
}
