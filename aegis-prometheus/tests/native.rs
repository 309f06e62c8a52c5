//! Native histograms, which are scraped as protobuf.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aegis_core::model::{Metric, Missing, Readings, Unit};
use aegis_prometheus::{Histograms, Names, QueryConfig};
use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::bed::{Prometheus, look, until};

/// Requests between two scrapes.
const REQUESTS: u64 = 20;

/// A field of a message: its number, its wire type and its bytes.
fn field(out: &mut Vec<u8>, number: u64, wire: u64, value: &[u8]) {
    varint(out, number << 3 | wire);
    if wire == 2 {
        varint(out, value.len() as u64);
    }
    out.extend_from_slice(value);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn number(value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    varint(&mut out, value);
    out
}

fn signed(value: i64) -> Vec<u8> {
    number((value << 1 ^ value >> 63) as u64)
}

/// A histogram of `count` requests of 20 ms each: io.prometheus.client.MetricFamily, with its length.
fn exposed(count: u64) -> Vec<u8> {
    let (mut span, mut histogram, mut metric, mut family) = (vec![], vec![], vec![], vec![]);
    // Of schema 0, whose buckets end at powers of two: 2^-6 to 2^-5 s.
    field(&mut span, 1, 0, &signed(-5));
    field(&mut span, 2, 0, &number(1));
    field(&mut histogram, 1, 0, &number(count));
    field(&mut histogram, 2, 1, &(0.02 * count as f64).to_le_bytes());
    field(&mut histogram, 5, 0, &signed(0));
    field(&mut histogram, 6, 1, &1e-9_f64.to_le_bytes());
    field(&mut histogram, 7, 0, &number(0));
    field(&mut histogram, 12, 2, &span);
    field(&mut histogram, 13, 0, &signed(count as i64));
    field(&mut metric, 7, 2, &histogram);
    field(&mut family, 1, 2, b"http_request_duration_seconds");
    field(&mut family, 3, 0, &number(4));
    field(&mut family, 4, 2, &metric);
    let mut out = number(family.len() as u64);
    out.extend(family);
    out
}

async fn scraped(State(count): State<Arc<AtomicU64>>) -> impl IntoResponse {
    let count = count.fetch_add(REQUESTS, Ordering::SeqCst) + REQUESTS;
    let kind = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";
    ([(CONTENT_TYPE, kind)], exposed(count))
}

/// A service with one native histogram; it ends with the runtime of its test.
async fn service() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let router = Router::new().route("/metrics", get(scraped)).with_state(Arc::default());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    at
}

#[tokio::test(flavor = "multi_thread")]
async fn a_native_histogram_has_percentiles_and_is_itself_no_number() {
    let at = service().await;
    let feature = "--enable-feature=native-histograms";
    let prometheus = Prometheus::with(&[("shop", at)], "", &[feature]).await;
    let raw = Metric::Custom("raw".into(), Unit::Seconds);
    let of = |histograms| {
        let names = Names::default().with_histograms(histograms);
        let query = QueryConfig::new(raw.clone(), "http_request_duration_seconds{{match}}");
        let config = prometheus.config().with_names(names).with_query(query);
        aegis_prometheus::Prometheus::new(config).unwrap()
    };
    let metrics = [Metric::LatencyP95, raw.clone()];
    for histograms in [Histograms::Any, Histograms::Native] {
        let source = of(histograms);
        let samples = until("a full window", async || {
            let samples = look(&source, &metrics).await?;
            let weight = samples.get(&Metric::LatencyP95)?.last()?.weight;
            (REQUESTS - 6..=REQUESTS + 6).contains(&weight).then_some(samples)
        })
        .await;
        let p95 = samples.get(&Metric::LatencyP95).unwrap().last().unwrap().value;
        assert!((0.015625..=0.03125).contains(&p95), "{p95}");
        match samples.get(&raw) {
            Some(Readings::Missing(Missing::Failed(why))) => {
                assert!(why.contains("a native histogram"), "{why}");
            }
            other => panic!("{other:?}"),
        }
    }
    // It has no buckets of its own.
    let samples = look(&of(Histograms::Classic), &metrics).await.unwrap();
    assert_eq!(samples.get(&Metric::LatencyP95), Some(&Readings::Missing(Missing::NoData)));
}
