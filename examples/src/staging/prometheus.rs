//! A real Prometheus that scrapes the shop, as the source of a run's numbers.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use aegis_core::model::{Metric, Query, Samples};
use aegis_core::planner::ServiceConfig;
use aegis_core::stage::MetricSource;
use aegis_core::{Error, Result};
use aegis_prometheus::{EndpointConfig, LatencyUnit, Names, Prometheus, PrometheusConfig};
use async_trait::async_trait;

/// Between two scrapes.
pub const SCRAPE: Duration = Duration::from_secs(1);

/// How long it may take to start, and to have the first samples.
const START: Duration = Duration::from_secs(30);

/// What the shop exports, and Prometheus is asked for; all else comes from the machine and the logs.
const EXPORTED: [Metric; 5] = [
    Metric::ErrorRate,
    Metric::RequestRate,
    Metric::LatencyP50,
    Metric::LatencyP95,
    Metric::LatencyP99,
];

/// A Prometheus that runs; it ends with this, and with this process however that ends.
#[derive(Debug)]
pub struct Scraper {
    child: Child,
    source: Prometheus,
    url: String,
}

impl Drop for Scraper {
    fn drop(&mut self) {
        // It may have ended by itself; nothing is lost with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Scraper {
    /// Starts one in `folder` that scrapes the shop at `shop` each second, and waits until it answers.
    ///
    /// # Errors
    ///
    /// `NotFound` where the program is missing, `Unavailable` where it does not start, or where one of
    /// its queries finds nothing: a wrong name would look like health.
    pub async fn start(folder: &Path, shop: SocketAddr) -> Result<Self> {
        let failed = |e| Error::unavailable("prometheus can't be started").with_source(e);
        let config = folder.join("prometheus.yml");
        std::fs::create_dir_all(folder).map_err(failed)?;
        std::fs::write(&config, configured(shop)).map_err(failed)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        drop(listener);
        let log = std::fs::File::create(folder.join("prometheus.log")).map_err(failed)?;
        // setpriv: it ends with this process, also where that is killed.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "prometheus"])
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|e| {
                let how = "install it, on Debian with apt-get install prometheus";
                Error::not_found(format!("prometheus is not there: {how}")).with_source(e)
            })?;
        let url = format!("http://{address}");
        let names = Names::default()
            .with_requests("shop_http_requests_total", "status")
            .with_latency("shop_http_request_duration_seconds", LatencyUnit::Seconds);
        let endpoint = EndpointConfig::new(&url).with_timeout(Duration::from_secs(2));
        let source = Prometheus::new(
            PrometheusConfig::new(endpoint).with_scrape_interval(SCRAPE).with_names(names),
        )?;
        let mut scraper = Self { child, source, url };
        scraper.ready(folder).await?;
        Ok(scraper)
    }

    /// Waits for the first samples. Of a histogram, what nobody asked for yet is missing.
    async fn ready(&mut self, folder: &Path) -> Result<()> {
        let service = ServiceConfig::new("shop").with_metrics(vec![Metric::RequestRate]);
        let deadline = tokio::time::Instant::now() + START;
        loop {
            let checked = self.source.check(&service).await;
            let ended = self.child.try_wait().ok().flatten();
            match checked {
                Ok(()) => return Ok(()),
                Err(e) if tokio::time::Instant::now() > deadline => return Err(e),
                Err(e) => {
                    if let Some(status) = ended {
                        let log = folder.join("prometheus.log");
                        let why = format!("prometheus ended, {status}: see {}", log.display());
                        return Err(Error::unavailable(why).with_source(e));
                    }
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Numbers from it, and from `rest` what the shop does not export.
    #[must_use]
    pub fn with(&self, rest: Arc<dyn MetricSource>) -> Arc<dyn MetricSource> {
        Arc::new(Split { prometheus: self.source.clone(), rest })
    }
}

fn configured(shop: SocketAddr) -> String {
    format!(
        "global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\nscrape_configs:\n  - job_name: shop\n    \
         static_configs:\n      - targets: ['{shop}']\n        labels: {{service: shop}}\n"
    )
}

/// Each metric from the one source that knows it: what Prometheus misses is missing.
#[derive(Debug)]
struct Split {
    prometheus: Prometheus,
    rest: Arc<dyn MetricSource>,
}

#[async_trait]
impl MetricSource for Split {
    async fn sample(&self, query: &Query) -> Result<Samples> {
        let part = async |source: &dyn MetricSource, exported: bool| {
            let mut part = query.clone();
            part.metrics.retain(|metric| EXPORTED.contains(metric) == exported);
            if part.metrics.is_empty() {
                Ok(Samples::default())
            } else {
                source.sample(&part).await
            }
        };
        let theirs = part(&self.prometheus, true);
        let (theirs, rest) = tokio::try_join!(theirs, part(&*self.rest, false))?;
        let of = |metric: &Metric| {
            let found = theirs.get(metric).or_else(|| rest.get(metric));
            Some((metric.clone(), found?.clone()))
        };
        Ok(Samples::new(query.metrics.iter().filter_map(of).collect()))
    }
}
