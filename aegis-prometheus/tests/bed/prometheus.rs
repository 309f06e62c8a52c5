//! A Prometheus that scrapes a shop each second.

use std::net::SocketAddr;
use std::time::Duration;

use aegis_core::model::{Metric, Query, Readings, Samples};
use aegis_core::port::{Clock as _, SystemClock};
use aegis_core::stage::MetricSource as _;
use aegis_prometheus::{EndpointConfig, Names, PrometheusConfig};
use tempfile::TempDir;

use super::{Server, until};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Prometheus {
    pub(crate) server: Server,
    folder: TempDir,
    more: Vec<String>,
}

impl Prometheus {
    /// One that scrapes `targets`, each a service and its address.
    pub(crate) async fn watching(targets: &[(&str, SocketAddr)]) -> Self {
        Self::with(targets, "", &[]).await
    }

    /// One with this further configuration and these arguments.
    pub(crate) async fn with(targets: &[(&str, SocketAddr)], config: &str, more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("prometheus.yml");
        std::fs::write(file, configured(targets, config)).unwrap();
        let more: Vec<String> = more.iter().map(ToString::to_string).collect();
        let server = Self::start(&folder, 0, &more).await;
        Self { server, folder, more }
    }

    /// Writes down that it scrapes these targets, for its next start or reload.
    pub(crate) fn configure(&self, targets: &[(&str, SocketAddr)]) {
        let file = self.folder.path().join("prometheus.yml");
        std::fs::write(file, configured(targets, "")).unwrap();
    }

    async fn start(folder: &TempDir, port: u16, more: &[String]) -> Server {
        let at = |name: &str| folder.path().join(name).display().to_string();
        let mut arguments = vec![
            format!("--config.file={}", at("prometheus.yml")),
            format!("--storage.tsdb.path={}", at("data")),
            format!("--web.listen-address=127.0.0.1:{port}"),
        ];
        arguments.extend_from_slice(more);
        Server::start("prometheus", &arguments).await
    }

    /// Ends it.
    pub(crate) async fn stop(&mut self) {
        self.server.end().await;
    }

    /// Starts it again, with the same data and at the same address.
    pub(crate) async fn start_again(&mut self) {
        self.server = Self::start(&self.folder, self.server.port, &self.more).await;
    }

    pub(crate) fn config(&self) -> PrometheusConfig {
        PrometheusConfig::new(EndpointConfig::new(self.server.base()).with_timeout(2 * SECOND))
            .with_scrape_interval(SECOND)
            .with_names(Names::default().with_limits(1.0, 1_000_000_000))
    }

    pub(crate) fn source(&self) -> aegis_prometheus::Prometheus {
        aegis_prometheus::Prometheus::new(self.config()).unwrap()
    }

    /// The source, once it answers these metrics.
    pub(crate) async fn ready(&self, metrics: &[Metric]) -> aegis_prometheus::Prometheus {
        let source = self.source();
        until("the first samples", async || all_there(&look(&source, metrics).await?)).await;
        source
    }
}

fn configured(targets: &[(&str, SocketAddr)], more: &str) -> String {
    let target = |(service, at): &(&str, SocketAddr)| {
        format!("      - targets: ['{at}']\n        labels: {{service: '{service}'}}\n")
    };
    let targets: String = targets.iter().map(target).collect();
    format!(
        "global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\n  evaluation_interval: 1s\n{more}\
         scrape_configs:\n  - job_name: shops\n    static_configs:\n{targets}"
    )
}

fn all_there(samples: &Samples) -> Option<()> {
    let there = |(_, readings): &(Metric, Readings)| !readings.points().is_empty();
    samples.series.iter().all(there).then_some(())
}

/// One look at `shop`, as the planner takes it each second; nothing where it fails.
pub(crate) async fn look(
    source: &aegis_prometheus::Prometheus,
    metrics: &[Metric],
) -> Option<Samples> {
    source.sample(&query(metrics)).await.ok()
}

pub(crate) fn query(metrics: &[Metric]) -> Query {
    Query::new("shop".into(), SystemClock.now(), SECOND, metrics.to_vec())
}
