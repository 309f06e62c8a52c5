//! A trouble that comes by two ways is one incident, with a real planner, Prometheus and Alertmanager.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aegis_core::Revision;
use aegis_core::machine::Phase;
use aegis_core::model::Metric;
use aegis_core::planner::{Handle, PlannerConfig, ServiceConfig};
use aegis_core::policy::{Autonomy, PolicyConfig};
use aegis_core::port::{Filter, Intake, Summary, SystemClock};
use aegis_core::testkit::World;
use aegis_core::testkit::stages::{Shop as Numbers, honest};
use aegis_prometheus::{Alerts, AlertsConfig, Auth, Prometheus as Source};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::bed::{Alertmanager, Prometheus, SECOND, Shop, Watcher, look, until};

const METRICS: [Metric; 2] = [Metric::ErrorRate, Metric::LatencyP95];
const TOKEN: &str = "a-long-random-token";
/// Scrapes within which a fault is an open incident.
const SOON: u64 = 15;

/// A planner that only observes, every `every`; its stages but for the metrics are core's own fakes.
fn planner(source: &Source, every: Duration) -> Arc<Handle> {
    let world = World::new(Arc::new(SystemClock), Revision::new("0".repeat(40)));
    let stages = honest(&Numbers::new(world), PolicyConfig::new(Autonomy::Observe));
    let service = ServiceConfig::new("shop").with_metrics(METRICS.to_vec());
    let config = PlannerConfig::new().with_observe_every(every);
    let builder = stages.metrics(source.clone()).service(service).config(config);
    Arc::new(builder.build().unwrap().start().unwrap())
}

/// A port that Alertmanager is told before there is a planner behind it.
async fn port() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/alerts", listener.local_addr().unwrap());
    (listener, url)
}

/// Takes what comes to a port for a planner; ends with the runtime of its test.
fn take(listener: TcpListener, handle: &Arc<Handle>) {
    let intake = Arc::clone(handle) as Arc<dyn Intake>;
    let alerts = Alerts::new(AlertsConfig::new(Auth::Bearer(TOKEN.into())), intake).unwrap();
    let router = alerts.router("/alerts");
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
}

async fn incidents(handle: &Handle) -> Vec<Summary> {
    handle.list(&Filter::new()).await.unwrap()
}

/// A Prometheus with a rule, which lies in the folder.
async fn ruled(alertmanager: &Alertmanager, shop: &Shop) -> (Prometheus, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("rules.yml");
    std::fs::write(&rules, RULES).unwrap();
    let (port, rules) = (alertmanager.server.port, rules.display());
    let config = format!(
        "rule_files: ['{rules}']\nalerting:\n  alertmanagers:\n    - static_configs:\n        \
         - targets: ['127.0.0.1:{port}']\n"
    );
    (Prometheus::with(&[("shop", shop.at)], &config, &[]).await, folder)
}

const RULES: &str = r#"
groups:
  - name: shop
    rules:
      - alert: HighErrorRate
        expr: >
          sum by (service) (rate(http_requests_total{status=~"5.."}[3s]))
          / sum by (service) (rate(http_requests_total[3s])) > 0.1
        labels: {aegis_metric: error_rate}
        annotations: {summary: many requests fail, value: "{{ $value }}"}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_is_one_incident_by_query_by_alert_and_by_both() {
    let shop = Shop::open().await;
    let ((alone, first), (beside, second)) = (port().await, port().await);
    let alertmanager = Alertmanager::telling(&[first, second], TOKEN).await;
    let (prometheus, _folder) = ruled(&alertmanager, &shop).await;
    let source = prometheus.ready(&METRICS).await;
    let [by_query, by_alert, by_both] =
        [SECOND, 3_600 * SECOND, SECOND].map(|every| planner(&source, every));
    take(alone, &by_alert);
    take(beside, &by_both);
    // Sees what the planners' own detectors see.
    let mut watcher = Watcher::learned(&METRICS, async || {
        shop.next_scrape().await;
        look(&source, &METRICS).await
    })
    .await;
    for handle in [&by_query, &by_alert, &by_both] {
        assert_eq!(incidents(handle).await, []);
    }

    shop.traffic(|traffic| traffic.failures = 10);
    shop.next_scrape().await;
    let (began, first) = (Instant::now(), shop.scrapes());
    let told = |way: &str, summary: &Summary| {
        let seconds = began.elapsed().as_secs_f64();
        let scrapes = shop.scrapes() - first;
        println!(
            "{way}: {} {seconds:.1} s and {scrapes} scrapes after the first bad sample",
            summary.id
        );
        assert!(scrapes <= SOON, "{way}");
        summary.fingerprint.clone()
    };
    let opened = async |way: &str, handle: &Handle| {
        let found = until(way, async || incidents(handle).await.into_iter().next()).await;
        told(way, &found)
    };
    let (query, alert, both) = tokio::join!(
        opened("by query", &by_query),
        opened("by alert", &by_alert),
        opened("by both", &by_both),
    );
    assert_eq!((&query, &both), (&alert, &alert));

    // Both ways have told by now.
    until("the detector", async || {
        shop.next_scrape().await;
        let opened = watcher.see(look(&source, &METRICS).await.as_ref());
        opened.contains(&Metric::ErrorRate).then_some(())
    })
    .await;
    for _ in 0..3 {
        shop.next_scrape().await;
    }
    assert_eq!(incidents(&by_both).await.len(), 1);

    shop.traffic(|traffic| traffic.failures = 0);
    for handle in [&by_alert, &by_both] {
        let over = async || {
            let all = incidents(handle).await;
            (all.len() == 1 && all[0].phase == Phase::SelfResolved).then_some(())
        };
        until("the alert that ended", over).await;
    }
    assert!(!incidents(&by_query).await[0].phase.is_terminal());
}
