//! Where the numbers of the embedded default come from.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aegis_core::Result;
use aegis_core::stage::MetricSource;

use super::{LocalConfig, Watched};
use crate::requests::RequestLog;
use crate::sources::{
    AccessLog, FirstOf, Following, HealthProbe, OutputRequests, ProcessLoad, Scrape, exact_route,
};
use crate::supervise::log_folder;

/// What tells of the service's requests.
#[derive(Debug)]
pub(super) enum Requests {
    Access(Arc<AccessLog>),
    /// Without an access log, what the service prints about them is all there is.
    Output(OutputRequests),
}

impl Requests {
    pub(super) fn of(config: &LocalConfig) -> Self {
        match &config.service.access_log {
            Some(path) => Self::Access(Arc::new(access_log(path, config))),
            None => {
                let folder = log_folder(&config.state, config.service.name.as_str());
                Self::Output(OutputRequests::new(folder, own(config)))
            }
        }
    }

    pub(super) fn follow(&self, interval: Duration) -> Following {
        match self {
            Self::Access(log) => log.follow(interval),
            Self::Output(output) => output.follow(interval),
        }
    }

    pub(super) fn log(&self) -> Arc<dyn RequestLog> {
        match self {
            Self::Access(log) => Arc::clone(log) as Arc<dyn RequestLog>,
            Self::Output(output) => Arc::new(output.clone()),
        }
    }

    fn metrics(&self) -> Arc<dyn MetricSource> {
        match self {
            Self::Access(log) => Arc::clone(log) as Arc<dyn MetricSource>,
            Self::Output(output) => Arc::new(output.clone()),
        }
    }
}

/// The access log without what the supervisor and a scrape ask for themselves. The front page counts:
/// people ask for it too.
fn access_log(path: &Path, config: &LocalConfig) -> AccessLog {
    own(config).fold(AccessLog::new(path), AccessLog::ignoring_path)
}

/// What Aegis asks for itself.
fn own(config: &LocalConfig) -> impl Iterator<Item = &str> {
    let spec = &config.service;
    let scraped = config.metrics.as_ref().map(|(url, _, _)| url);
    let all = [Some(&spec.health), spec.version.as_ref(), scraped].into_iter().flatten();
    let front = |url: &&String| exact_route("GET", url) == "GET /";
    all.filter(move |url| !front(url)).map(String::as_str).chain(["/metrics"])
}

pub(super) fn metrics(
    config: &LocalConfig,
    requests: &Requests,
    watched: &Arc<Watched>,
) -> Result<Arc<dyn MetricSource>> {
    let mut sources: Vec<Arc<dyn MetricSource>> = Vec::new();
    sources.push(Arc::new(HealthProbe::new(&config.service.health)?.allow_private()));
    sources.push(requests.metrics());
    if let Some((url, requests, latency)) = &config.metrics {
        let scrape = Scrape::new(url)?.allow_private();
        sources.push(Arc::new(scrape.with_requests(requests).with_latency(latency)));
    }
    let watched = Arc::clone(watched);
    let pid = move || watched.0.get().and_then(|supervisor| supervisor.status().pid);
    sources.push(Arc::new(ProcessLoad::by(Arc::new(pid))));
    Ok(Arc::new(FirstOf::new(sources)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use aegis_core::Timestamp;
    use aegis_core::model::{Metric, Query};

    use super::*;
    use crate::service::ServiceSpec;

    #[tokio::test]
    async fn what_aegis_asks_for_itself_is_no_traffic_and_what_is_beneath_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        let targets = [
            "/api?deep=1",
            "/api",
            "/metrics",
            "/internal/metrics?x",
            "/version",
            "/api/items",
            "/metricsreport",
            "/",
        ];
        let line = |target: &&str| {
            format!(r#"{{"ts":1700000000,"method":"GET","path":"{target}","status":200}}"#) + "\n"
        };
        std::fs::write(&path, targets.iter().map(line).collect::<String>()).unwrap();
        let of = |version: &str| {
            let health = "http://127.0.0.1:9/api?deep=1";
            let spec = ServiceSpec::new("shop", "false", health, "pytest").with_version(version);
            let config = LocalConfig::new(spec, "/nowhere", "/nowhere");
            access_log(&path, &config.with_metrics("http://127.0.0.1:9/internal/metrics", "r", "l"))
        };
        let (now, minute) = (Timestamp::from_ms(1_700_000_001_000), Duration::from_secs(60));
        let query = Query::new("shop".into(), now, minute, vec![Metric::RequestRate]);
        for (version, left) in [("http://127.0.0.1:9/version", 3), ("http://127.0.0.1:9", 4)] {
            let samples = of(version).sample(&query).await.unwrap();
            assert_eq!(samples.series[0].1.last().unwrap().weight, left, "{version}");
        }
    }
}
