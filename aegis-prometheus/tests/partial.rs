//! Answers that are not whole ones.

use aegis_core::model::{Metric, Missing, Query, Readings, Samples};
use aegis_core::stage::MetricSource as _;
use aegis_core::{ErrorKind, Timestamp};
use aegis_prometheus::{EndpointConfig, Prometheus as Source, PrometheusConfig};
use serde_json::{Value, json};
use wiremock::matchers::{any, body_string_contains};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::bed::{Prometheus, SECOND, Shop, look, until};

const METRICS: [Metric; 2] = [Metric::RequestRate, Metric::LatencyP95];
const NOW: i64 = 1_700_000_000_000;

fn body(value: &str, extra: &Value) -> Value {
    let result = json!([{ "metric": { "service": "shop" }, "value": [NOW / 1_000, value] }]);
    let mut body = json!({
        "status": "success", "data": { "resultType": "vector", "result": result },
    });
    for (name, more) in extra.as_object().unwrap() {
        body[name] = more.clone();
    }
    body
}

/// A Prometheus that answers queries of latency with `latency`, and all others well.
async fn answers(latency: ResponseTemplate) -> (MockServer, Source) {
    let server = MockServer::start().await;
    let fine = ResponseTemplate::new(200);
    let at = fine.clone().set_body_json(body(&(NOW / 1_000).to_string(), &json!({})));
    let well = fine.set_body_json(body("20", &json!({})));
    for (part, template) in [("http_request_duration", latency), ("timestamp", at)] {
        let asked = Mock::given(body_string_contains(part)).respond_with(template);
        asked.with_priority(1).mount(&server).await;
    }
    Mock::given(any()).respond_with(well).mount(&server).await;
    let config = PrometheusConfig::new(EndpointConfig::new(server.uri()));
    (server, Source::new(config).unwrap())
}

async fn sampled(source: &Source) -> aegis_core::Result<Samples> {
    let now = Timestamp::from_ms(NOW);
    source.sample(&Query::new("shop".into(), now, SECOND, METRICS.to_vec())).await
}

fn failed(samples: &Samples, metric: &Metric) -> String {
    match samples.get(metric) {
        Some(Readings::Missing(Missing::Failed(why))) => why.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_answer_with_warnings_costs_its_own_metric() {
    let away = json!({ "warnings": ["store eu-1 is away"] });
    let partial = ResponseTemplate::new(200).set_body_json(body("0.02", &away));
    let (_server, source) = answers(partial).await;
    let samples = sampled(&source).await.unwrap();
    let why = failed(&samples, &Metric::LatencyP95);
    assert!(why.contains("not a whole one: store eu-1 is away"), "{why}");
    assert_eq!(samples.get(&Metric::RequestRate).unwrap().last().unwrap().value, 20.0);
}

#[tokio::test]
async fn what_is_said_about_a_query_itself_costs_nothing() {
    let infos = json!({ "infos": ["PromQL info: metric might not be a counter"], "warnings": [] });
    let (_server, source) =
        answers(ResponseTemplate::new(200).set_body_json(body("0.02", &infos))).await;
    let samples = sampled(&source).await.unwrap();
    assert_eq!(samples.get(&Metric::LatencyP95).unwrap().last().unwrap().value, 0.02);
}

#[tokio::test]
async fn an_answer_that_breaks_off_costs_its_own_metric() {
    let mut half = body("0.02", &json!({})).to_string();
    half.truncate(half.len() - 10);
    let (_server, source) = answers(ResponseTemplate::new(200).set_body_string(half)).await;
    let samples = sampled(&source).await.unwrap();
    let why = failed(&samples, &Metric::LatencyP95);
    assert!(why.contains("none of Prometheus' query API"), "{why}");
    assert!(samples.get(&Metric::RequestRate).unwrap().last().is_some());
}

#[tokio::test]
async fn one_query_that_takes_too_long_does_not_take_the_others() {
    let slow = ResponseTemplate::new(200).set_body_json(body("0.02", &json!({})));
    let (server, _) = answers(slow.set_delay(super::bed::PATIENCE)).await;
    let endpoint = EndpointConfig::new(server.uri()).with_timeout(SECOND);
    let source = Source::new(PrometheusConfig::new(endpoint)).unwrap();
    let samples = sampled(&source).await.unwrap();
    assert!(failed(&samples, &Metric::LatencyP95).contains("within 1s"));
    assert!(samples.get(&Metric::RequestRate).unwrap().last().is_some());
}

#[tokio::test]
async fn all_queries_of_a_sample_share_one_deadline() {
    let slow = ResponseTemplate::new(200).set_delay(super::bed::PATIENCE);
    let (server, _) = answers(slow).await;
    let endpoint = EndpointConfig::new(server.uri()).with_timeout(SECOND);
    let mut config = PrometheusConfig::new(endpoint);
    config.at_once = 1;
    let source = Source::new(config).unwrap();
    let now = Timestamp::from_ms(NOW);
    let metrics = vec![Metric::LatencyP95, Metric::RequestRate];
    let query = Query::new("shop".into(), now, SECOND, metrics);
    let samples = source.sample(&query).await.unwrap();
    // It had no time of its own behind the one that hangs.
    assert!(failed(&samples, &Metric::RequestRate).contains("within 1s"));
}

#[tokio::test]
async fn where_nothing_is_answered_there_are_no_samples() {
    let server = MockServer::start().await;
    let down = ResponseTemplate::new(503);
    Mock::given(any()).respond_with(down).mount(&server).await;
    let source = Source::new(PrometheusConfig::new(EndpointConfig::new(server.uri()))).unwrap();
    assert_eq!(sampled(&source).await.unwrap_err().kind(), ErrorKind::Unavailable);
}

/// A real one, a part of whose data is behind a server that is away.
#[tokio::test(flavor = "multi_thread")]
async fn a_prometheus_that_can_t_read_all_its_data_is_not_believed() {
    let shop = Shop::open().await;
    let away = "remote_read:\n  - url: http://127.0.0.1:9/read\n    read_recent: true\n";
    let prometheus = Prometheus::with(&[("shop", shop.at)], away, &[]).await;
    let source = prometheus.source();
    let why = until("a warning", async || {
        let samples = look(&source, &METRICS).await?;
        match samples.get(&Metric::RequestRate)? {
            Readings::Missing(Missing::Failed(why)) => Some(why.clone()),
            other => panic!("{other:?}"),
        }
    })
    .await;
    assert!(why.contains("not a whole one"), "{why}");
}
