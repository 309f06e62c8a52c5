//! The two queries of Prometheus' HTTP API.

mod answer;
mod refused;

use std::collections::BTreeMap;
use std::time::Duration;

use aegis_core::{Error, Result, Timestamp};
use http::header::CONTENT_TYPE;
use reqwest::Url;
use serde::Deserialize;

pub use self::answer::{Answer, Data, Instant, Labels, Range, Sample};
use crate::http::{EndpointConfig, Http};

/// How a query is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// In the body, so that it may be of any length.
    #[default]
    Post,
    /// In the address, for a proxy that lets nothing else through.
    Get,
}

/// Asks Prometheus, or what speaks as it does: Thanos, Mimir, Cortex, VictoriaMetrics. Cheap to clone.
///
/// One call is one exchange, within the endpoint's time and size; nothing is repeated.
///
/// ```no_run
/// use aegis_core::Timestamp;
/// use aegis_prometheus::{Client, Data, EndpointConfig};
///
/// # async fn run(now: Timestamp) -> aegis_core::Result<()> {
/// let client = Client::new(EndpointConfig::new("http://localhost:9090"))?
///     .with_parameter("partial_response", "false");
/// let reply = client.query("sum by (job) (up)", now).await?;
/// let answer = reply.answer()?;
/// if let Data::Vector(series) = answer.data {
///     for up in series {
///         println!("{:?} {:?}", up.labels.get("job"), up.value);
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Client {
    http: Http,
    method: Method,
    parameters: BTreeMap<String, String>,
    timeout: Duration,
}

/// The body of an answer; labels are read from it in place.
#[derive(Debug)]
pub struct Reply(Vec<u8>);

impl Reply {
    /// What it says.
    ///
    /// # Errors
    ///
    /// `Invalid` for what is no answer of the query API.
    pub fn answer(&self) -> Result<Answer<'_>> {
        Answer::read(&self.0)
    }

    /// The body as it came.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Client {
    /// Asks the server at `endpoint`. Nothing is asked yet.
    ///
    /// # Errors
    ///
    /// `Invalid` for an address, a header or a file that can't be any.
    pub fn new(endpoint: EndpointConfig) -> Result<Self> {
        let timeout = endpoint.timeout();
        let http = Http::new(endpoint).map_err(|e| e.at("prometheus"))?;
        Ok(Self { http, method: Method::Post, parameters: BTreeMap::new(), timeout })
    }

    /// Sends queries this way.
    #[must_use]
    pub fn with_method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// Adds a parameter to each query, as Thanos' `partial_response` or `dedup`.
    #[must_use]
    pub fn with_parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.insert(name.into(), value.into());
        self
    }

    /// What `promql` comes to at one moment.
    ///
    /// # Errors
    ///
    /// `Invalid` for a query that Prometheus refuses, `Denied` for one that it does not let us ask,
    /// `Timeout` and `Unavailable` where it does not answer.
    pub async fn query(&self, promql: &str, at: Timestamp) -> Result<Reply> {
        self.ask("/api/v1/query", &[("query", promql), ("time", &seconds(at.as_ms()))]).await
    }

    /// What `promql` comes to from `start` to `end`, both included, every `step`.
    ///
    /// # Errors
    ///
    /// As those of [`query`](Self::query). Prometheus refuses more than 11,000 steps.
    pub async fn query_range(
        &self,
        promql: &str,
        (start, end): (Timestamp, Timestamp),
        step: Duration,
    ) -> Result<Reply> {
        let step = step.as_secs_f64().to_string();
        let (start, end) = (seconds(start.as_ms()), seconds(end.as_ms()));
        let all = [("query", promql), ("start", &start), ("end", &end), ("step", step.as_str())];
        self.ask("/api/v1/query_range", &all).await
    }

    async fn ask(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Reply> {
        let asked = async {
            let answered = self.http.send(self.request(path, parameters)).await?;
            if answered.status == 200 {
                Ok(Reply(answered.body))
            } else {
                Err(refused::read(&answered))
            }
        };
        asked.await.map_err(|e: Error| e.at("prometheus"))
    }

    fn request(&self, path: &str, parameters: &[(&str, &str)]) -> reqwest::RequestBuilder {
        let mut url: Url = self.http.at(path);
        // So that Prometheus gives up when nobody waits any more.
        let timeout = format!("{}ms", self.timeout.as_millis());
        url.query_pairs_mut()
            .extend_pairs(parameters)
            .append_pair("timeout", &timeout)
            .extend_pairs(&self.parameters);
        match self.method {
            Method::Get => self.http.client().get(url),
            Method::Post => {
                let form = url.query().unwrap_or_default().to_owned();
                url.set_query(None);
                let request = self.http.client().post(url).body(form);
                request.header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            }
        }
    }
}

/// Seconds with three digits of milliseconds.
fn seconds(ms: i64) -> String {
    format!("{}.{:03}", ms.div_euclid(1_000), ms.rem_euclid(1_000))
}
