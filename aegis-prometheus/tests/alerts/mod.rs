//! Deliveries of Alertmanager, and what the planner is told of them.

mod refused;
mod told;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aegis_core::model::{Event, Metric, Observation, Signal};
use aegis_core::port::{Intake, Receipt};
use aegis_core::testkit::ManualClock;
use aegis_core::{Error, Fingerprint, Result, Timestamp};
use aegis_prometheus::{Alerts, AlertsConfig, Auth, Refusal};
use async_trait::async_trait;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const TOKEN: &str = "a-long-random-token";
/// 2026-07-01T12:00:00Z.
const START: i64 = 1_782_907_200_000;

/// A planner that writes down what it is told, and fails as a test says.
#[derive(Debug, Default)]
struct Planner {
    told: Mutex<Vec<Event>>,
    fails: Mutex<Vec<Error>>,
}

#[async_trait]
impl Intake for Planner {
    async fn report(&self, event: Event) -> Result<Receipt> {
        if let Some(error) = self.fails.lock().unwrap().pop() {
            return Err(error);
        }
        self.told.lock().unwrap().push(event);
        Ok(Receipt::Noted("for a test"))
    }
}

struct Bed {
    planner: Arc<Planner>,
    clock: ManualClock,
    alerts: Alerts,
}

impl Bed {
    fn new() -> Self {
        Self::with(AlertsConfig::new(Auth::Bearer(TOKEN.into())))
    }

    fn with(config: AlertsConfig) -> Self {
        let planner = Arc::new(Planner::default());
        let clock = ManualClock::new(Timestamp::from_ms(START + 5_000));
        let intake = Arc::clone(&planner) as Arc<dyn Intake>;
        let alerts = Alerts::with_clock(config, intake, Arc::new(clock.clone())).unwrap();
        Self { planner, clock, alerts }
    }

    async fn take(&self, body: &Value) -> Result<String, Refusal> {
        let taken = self.alerts.receive(&headers(TOKEN), body.to_string().as_bytes()).await;
        taken.map(|taken| taken.to_string())
    }

    fn told(&self) -> Vec<Event> {
        std::mem::take(&mut self.planner.told.lock().unwrap())
    }

    fn fails(&self, error: Error) {
        self.planner.fails.lock().unwrap().push(error);
    }
}

fn headers(token: &str) -> HeaderMap {
    let value = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
    HeaderMap::from_iter([(AUTHORIZATION, value)])
}

fn alert(fingerprint: &str, status: &str, labels: Value) -> Value {
    json!({
        "status": status, "fingerprint": fingerprint, "labels": labels,
        "annotations": { "summary": "too many errors", "value": "0.25" },
        "startsAt": "2026-07-01T12:00:00.000Z", "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus/graph",
    })
}

fn group(alerts: &[Value]) -> Value {
    json!({
        "version": "4", "groupKey": "{}:{}", "truncatedAlerts": 0, "status": "firing",
        "receiver": "aegis", "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {},
        "externalURL": "http://alertmanager", "alerts": alerts,
    })
}

fn errors(fingerprint: &str, status: &str) -> Value {
    let labels = json!({ "alertname": "Errors", "service": "shop", "aegis_metric": "error_rate" });
    alert(fingerprint, status, labels)
}
