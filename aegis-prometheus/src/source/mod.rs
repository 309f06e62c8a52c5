//! Golden signals out of Prometheus.

mod check;
mod config;
mod gather;
mod plan;
mod presets;
mod questions;
mod readings;
mod table;
mod template;

use std::sync::Arc;

use aegis_core::model::{Metric, Missing, Query, Readings, Samples};
use aegis_core::stage::MetricSource;
use aegis_core::{Error, ErrorKind, Result, ServiceName};
use async_trait::async_trait;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

pub use self::config::{PrometheusConfig, QueryConfig};
use self::gather::Gathering;
use self::plan::{Ask, Plan, Times};
pub use self::presets::{Histograms, LatencyUnit, Names};
use self::questions::Questions;
use self::readings::{readings, stale};
use self::table::Table;
use crate::client::{Client, Reply};

/// Reads the golden signals of services from Prometheus, or from what speaks as it does: Thanos, Mimir,
/// Cortex, VictoriaMetrics. Cheap to clone.
///
/// Each metric has a usual query, made of [`Names`] that client libraries suggest, or a query of the
/// host's own. All queries of a sample go out together, each once, and within one deadline. One that
/// fails costs its own metric.
///
/// Samples of many services that are asked for at about the same time, as a planner does, go out
/// together too: one query a metric answers for up to 1,000 services, where it groups by the service
/// label, as the usual ones do.
///
/// What is missing is [`Missing`], never zero: a series that is not there, one that ended, a percentile
/// of no requests, a share of none, an answer that is not a whole one (Thanos and Prometheus say so in
/// `warnings`), a service that was last scraped too long ago. A request rate of a service without
/// visitors is 0 as long as its counter is there.
///
/// Rates are `rate()` over the step and one and a half scrape intervals, so a restart of a service is no negative
/// number, and a look should not come more often than a scrape. [`Point`](aegis_core::model::Point)s
/// weigh what happened within the step. A quantile beyond the last bucket is that bucket's bound, as
/// Prometheus has it.
///
/// Health is whether one instance at least can be scraped, saturation the share of file descriptors in
/// use; give queries of your own where you know better.
///
/// - Thanos: add the parameter `partial_response` with `false`, so that a store that is away is an error.
/// - Mimir, Cortex: the base ends with `/prometheus`, the tenant is the header `X-Scope-OrgID`.
/// - VictoriaMetrics: set [`Histograms::Classic`].
///
/// ```no_run
/// use std::time::Duration;
/// use aegis_core::planner::ServiceConfig;
/// use aegis_prometheus::{EndpointConfig, Names, Prometheus, PrometheusConfig};
///
/// # async fn run() -> aegis_core::Result<()> {
/// let config = PrometheusConfig::new(EndpointConfig::new("http://localhost:9090"))
///     .with_service_label("job")
///     .with_names(Names::default().with_requests("http_requests_total", "code"));
/// let prometheus = Prometheus::new(config)?;
/// // A wrong name must not look like health: refuse to start instead.
/// prometheus.check(&ServiceConfig::new("shop")).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Prometheus {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: PrometheusConfig,
    questions: Questions,
    client: Client,
    turns: Semaphore,
    gathering: Gathering,
}

impl Prometheus {
    /// The source as configured. Nothing is asked yet.
    ///
    /// # Errors
    ///
    /// `Invalid` for an address, a name or a query that can't be any.
    pub fn new(config: PrometheusConfig) -> Result<Self> {
        let questions = Questions::new(&config).map_err(|e| e.at("prometheus"))?;
        if config.at_once == 0 {
            return Err(Error::invalid("`at_once` is 0; give it at least 1").at("prometheus"));
        }
        let mut client = Client::new(config.endpoint.clone())?.with_method(config.method);
        for (name, value) in &config.parameters {
            client = client.with_parameter(name, value);
        }
        let turns = Semaphore::new(config.at_once);
        let gathering = Gathering::default();
        Ok(Self { inner: Arc::new(Inner { config, questions, client, turns, gathering }) })
    }

    /// Asks `query` about each of `services` at once, whatever service it names itself; answers in their
    /// order.
    ///
    /// # Errors
    ///
    /// As those of [`sample`](MetricSource::sample).
    pub async fn sample_each(
        &self,
        services: &[ServiceName],
        query: &Query,
    ) -> Result<Vec<Samples>> {
        let Inner { config, questions, .. } = &*self.inner;
        let times = Times::of(query, config.scrape_interval());
        let plan = Plan::of(questions, &config.service_label, services, &query.metrics, &times);
        let tables = self.ask(&plan.asks, &times).await?;
        let of = |(n, service): (usize, &ServiceName)| {
            let read = |(metric, places): (&Metric, &Option<Vec<plan::Place>>)| {
                let readings = match places {
                    None => Readings::Missing(Missing::Unsupported),
                    Some(places) => {
                        let newest = &tables[plan.newest[n]];
                        self.read(metric, service, &tables, places[n], newest, &times)
                    }
                };
                (metric.clone(), readings)
            };
            Samples::new(query.metrics.iter().zip(&plan.places).map(read).collect())
        };
        Ok(services.iter().enumerate().map(of).collect())
    }

    fn read(
        &self,
        metric: &Metric,
        service: &ServiceName,
        tables: &[Result<Table, String>],
        place: plan::Place,
        newest: &Result<Table, String>,
        times: &Times,
    ) -> Readings {
        let failed = |why: &String| Readings::Missing(Missing::Failed(why.clone()));
        let (values, newest) = match (&tables[place.value], newest) {
            (Ok(values), Ok(newest)) => (values, newest),
            (Err(why), _) | (_, Err(why)) => return failed(why),
        };
        let newest = table::newest(&newest.get(service.as_str()));
        if let Some(why) = stale(newest, times.last, self.inner.config.stale_after()) {
            return failed(&why);
        }
        // A weight that can't be known is 0, which says so.
        let events = place.events.and_then(|events| tables[events].as_ref().ok());
        let events = events.map(|events| events.get(service.as_str()));
        readings(metric, &values.get(service.as_str()), events.as_deref())
    }

    /// All answers, in the order of `asks`; an error where there is none at all.
    async fn ask(&self, asks: &[Ask], times: &Times) -> Result<Vec<Result<Table, String>>> {
        let Inner { config, .. } = &*self.inner;
        let deadline = Instant::now() + config.endpoint.timeout();
        // Dropped with this future, and every exchange with it.
        let mut running = JoinSet::new();
        for (n, ask) in asks.iter().enumerate() {
            let (inner, ask, times) = (Arc::clone(&self.inner), ask.clone(), *times);
            running.spawn(async move {
                let asked = async {
                    // Nobody closes it.
                    let _turn = inner.turns.acquire().await;
                    inner.one(&ask, &times).await
                };
                let within = inner.config.endpoint.timeout();
                let late = || Error::timeout(format!("no answer within {within:?}"));
                let found = tokio::time::timeout_at(deadline, asked).await;
                (n, found.unwrap_or_else(|_| Err(late().at("prometheus"))))
            });
        }
        let lost = || Err(Error::internal("a query was lost").at("prometheus"));
        let mut found: Vec<Result<Table>> = asks.iter().map(|_| lost()).collect();
        while let Some(ended) = running.join_next().await {
            if let Ok((n, table)) = ended {
                found[n] = table;
            }
        }
        let away = |found: &Result<Table>| {
            let kind = found.as_ref().err().map(Error::kind);
            matches!(kind, Some(ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::Denied))
        };
        match found.iter().position(|one| !away(one)) {
            None if !found.is_empty() => Err(found
                .swap_remove(0)
                .err()
                .unwrap_or_else(|| Error::internal("a query was lost").at("prometheus"))),
            _ => Ok(found.into_iter().map(|one| one.map_err(|e| e.to_string())).collect()),
        }
    }
}

impl Inner {
    async fn one(&self, ask: &Ask, times: &Times) -> Result<Table> {
        let reply: Reply = if ask.instant {
            self.client.query(&ask.promql, times.last).await?
        } else {
            let span = (times.first, times.last);
            self.client.query_range(&ask.promql, span, times.step).await?
        };
        Table::read(&reply, ask.alone, &self.config.service_label).map_err(|e| e.at("prometheus"))
    }
}

#[async_trait]
impl MetricSource for Prometheus {
    async fn sample(&self, query: &Query) -> Result<Samples> {
        let Inner { config, gathering, .. } = &*self.inner;
        let wait = config.gather().min(query.step / 10);
        if !wait.is_zero() && query.step == query.window {
            return gathering.sample(self, query, wait).await;
        }
        let one = self.sample_each(std::slice::from_ref(&query.service), query).await?;
        one.into_iter().next().ok_or_else(|| Error::internal("a service was lost").at("prometheus"))
    }
}
