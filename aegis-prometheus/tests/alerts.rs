//! Deliveries of Alertmanager, and what the planner is told of them.

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

fn signal(event: &Event) -> &Signal {
    match event {
        Event::Signal(signal) => signal,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_alert_about_a_metric_is_what_its_detector_would_see() {
    let config =
        AlertsConfig::new(Auth::Bearer(TOKEN.into())).with_metric("SlowCart", Metric::LatencyP95);
    let bed = Bed::with(config);
    let slow = alert("b", "firing", json!({ "alertname": "SlowCart", "job": "shop" }));
    assert_eq!(
        bed.take(&group(&[errors("a", "firing"), slow])).await.unwrap(),
        "2 firing, 0 resolved, 0 told before"
    );
    let told = bed.told();
    let seen: Vec<(&str, Metric, f64, i64)> = told
        .iter()
        .map(|event| match signal(event) {
            Signal { service, at, observation: Observation::Anomaly(seen), .. } => {
                (service.as_str(), seen.metric.clone(), seen.measured, at.as_ms())
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        seen,
        [("shop", Metric::ErrorRate, 0.25, START), ("shop", Metric::LatencyP95, 0.25, START)]
    );
}

#[tokio::test]
async fn any_other_alert_says_that_the_service_is_unhealthy_and_its_text_is_not_trusted() {
    let bed = Bed::new();
    let labels = json!({ "alertname": "DiskFull", "service": "shop", "aegis_metric": "no_such", "disk": "sda" });
    bed.take(&group(&[alert("a", "firing", labels)])).await.unwrap();
    let told = bed.told();
    let Observation::Unhealthy(text) = &signal(&told[0]).observation else { panic!("{told:?}") };
    assert_eq!(text.expose().lines().next(), Some("DiskFull: too many errors"));
    assert!(text.expose().contains("disk: sda"));
    assert!(!format!("{told:?}").contains("sda"));
}

#[tokio::test]
async fn an_alert_is_told_once_and_again_where_it_still_fires_much_later() {
    let bed = Bed::new();
    let delivery = group(&[errors("a", "firing")]);
    bed.take(&delivery).await.unwrap();
    assert_eq!(bed.take(&delivery).await.unwrap(), "0 firing, 0 resolved, 1 told before");
    bed.clock.advance(Duration::from_secs(3_599));
    bed.take(&delivery).await.unwrap();
    assert_eq!(bed.told().len(), 1);
    bed.clock.advance(Duration::from_secs(1));
    bed.take(&delivery).await.unwrap();
    let told = bed.told();
    assert_eq!(signal(&told[0]).at.as_ms(), START + 5_000 + 3_600_000);
    // Another start is another alert, and so is another fingerprint.
    let mut later = errors("a", "firing");
    later["startsAt"] = json!("2026-07-01T12:30:00+00:00");
    bed.take(&group(&[later, errors("b", "firing")])).await.unwrap();
    assert_eq!(bed.told().len(), 2);
}

#[tokio::test]
async fn what_ended_resolves_its_trouble_once_nothing_else_of_it_fires() {
    let bed = Bed::new();
    let print = Fingerprint::of(["anomaly", "error rate"]);
    bed.take(&group(&[errors("a", "firing"), errors("b", "firing")])).await.unwrap();
    bed.told();
    let first = group(&[errors("a", "resolved"), errors("b", "firing")]);
    assert_eq!(bed.take(&first).await.unwrap(), "0 firing, 0 resolved, 2 told before");
    assert_eq!(bed.told().len(), 0);
    // One that begins in the same delivery takes the place of one that ends.
    let next = group(&[errors("b", "resolved"), errors("c", "firing")]);
    assert_eq!(bed.take(&next).await.unwrap(), "1 firing, 0 resolved, 1 told before");
    bed.told();
    bed.take(&group(&[errors("c", "resolved")])).await.unwrap();
    match &bed.told()[..] {
        [Event::Resolved(service, fingerprint)] => {
            assert_eq!((service.as_str(), fingerprint), ("shop", &print));
        }
        other => panic!("{other:?}"),
    }
    // What ended does not fire again under the same start.
    bed.take(&group(&[errors("c", "firing"), errors("c", "resolved")])).await.unwrap();
    assert_eq!(bed.told().len(), 0);
}

#[tokio::test]
async fn what_is_not_in_the_journal_is_sent_again_and_what_is_there_is_not_told_twice() {
    let bed = Bed::new();
    let delivery = group(&[errors("a", "firing"), errors("b", "firing")]);
    bed.fails(Error::unavailable("the journal is away"));
    let refusal = bed.take(&delivery).await.unwrap_err();
    assert_eq!(refusal.status(), 503);
    assert!(refusal.to_string().contains("the journal is away"), "{refusal}");
    assert_eq!(bed.told().len(), 1);
    assert_eq!(bed.take(&delivery).await.unwrap(), "1 firing, 0 resolved, 1 told before");
    assert_eq!(bed.told().len(), 1);
    // A planner that stops is one that starts again.
    bed.fails(Error::new(aegis_core::ErrorKind::Cancelled, "the planner has stopped"));
    assert_eq!(bed.take(&group(&[errors("c", "firing")])).await.unwrap_err().status(), 503);
}

#[tokio::test]
async fn an_alert_of_a_service_that_nobody_looks_after_is_not_sent_again() {
    let bed = Bed::new();
    let nameless = alert("b", "firing", json!({ "alertname": "Watchdog", "service": "" }));
    bed.fails(Error::not_found("no service \"shop\" is looked after"));
    let delivery = group(&[errors("a", "firing"), nameless, errors("c", "firing")]);
    let refusal = bed.take(&delivery).await.unwrap_err();
    assert_eq!(refusal.status(), 422);
    let said = refusal.to_string();
    assert!(said.contains("looked after") && said.contains("\"Watchdog\" has none of"), "{said}");
    assert_eq!(bed.told().len(), 1);
}

#[tokio::test]
async fn alerts_that_were_left_out_are_said() {
    let bed = Bed::new();
    let mut delivery = group(&[errors("a", "firing")]);
    delivery["truncatedAlerts"] = json!(7);
    let said = bed.take(&delivery).await.unwrap();
    assert!(said.contains("7 were left out: raise `max_alerts`"), "{said}");
}

#[tokio::test]
async fn what_is_no_delivery_is_refused_with_what_is_wrong() {
    let bed = Bed::new();
    let with = |field: &str, value: Value| {
        let mut alert = errors("a", "firing");
        alert[field] = value;
        group(&[alert])
    };
    let mut older = group(&[]);
    older["version"] = json!("3");
    for (body, why) in [
        (json!([]), "invalid"),
        (json!({ "version": "4" }), "missing field `alerts`"),
        (older, "version \"3\" is not known"),
        (with("status", json!("burning")), "unknown variant `burning`"),
        (with("startsAt", json!("yesterday")), "startsAt is no time"),
        (with("fingerprint", json!("")), "1 to 64"),
        (with("fingerprint", json!("f".repeat(65))), "1 to 64"),
        (with("labels", json!({ "service": 3 })), "expected a string"),
    ] {
        let refusal = bed.take(&body).await.unwrap_err();
        assert_eq!(refusal.status(), 400, "{body}");
        assert!(refusal.to_string().contains(why), "{why}: {refusal}");
    }
    assert_eq!(bed.told().len(), 0);
}

#[tokio::test]
async fn a_delivery_that_takes_too_long_is_sent_again() {
    #[derive(Debug)]
    struct Busy;
    #[async_trait]
    impl Intake for Busy {
        async fn report(&self, _event: Event) -> Result<Receipt> {
            std::future::pending().await
        }
    }
    let config = AlertsConfig::new(Auth::None).with_bounds(10_000, Duration::from_millis(20));
    let alerts = Alerts::new(config, Arc::new(Busy)).unwrap();
    let body = group(&[errors("a", "firing")]).to_string();
    let refusal = alerts.receive(&HeaderMap::new(), body.as_bytes()).await.unwrap_err();
    assert_eq!(refusal.status(), 503);
    assert!(refusal.to_string().contains("longer than 20 ms"), "{refusal}");
}

#[tokio::test]
async fn only_who_may_send_is_let_in() {
    let bed = Bed::new();
    let body = group(&[errors("a", "firing")]).to_string();
    let basic = HeaderMap::from_iter([(
        AUTHORIZATION,
        HeaderValue::from_static("Basic a2ltOnNpeHRlZW4gbGV0dGVycyE="),
    )]);
    let wrong = TOKEN.replace('a', "b");
    let short = &TOKEN[..5];
    for headers in [HeaderMap::new(), headers(""), headers(&wrong), headers(short), basic.clone()] {
        let refusal = bed.alerts.receive(&headers, body.as_bytes()).await.unwrap_err();
        assert_eq!(refusal, Refusal::Unauthorized, "{headers:?}");
    }
    assert_eq!(bed.told().len(), 0);
    let kim = Auth::Basic { user: "kim".into(), password: "sixteen letters!".into() };
    let bed = Bed::with(AlertsConfig::new(kim));
    bed.alerts.receive(&basic, body.as_bytes()).await.unwrap();
    assert!(bed.alerts.receive(&headers(TOKEN), body.as_bytes()).await.is_err());
    for short in ["", "fifteen letters"] {
        let config = AlertsConfig::new(Auth::Bearer(short.into()));
        let error = Alerts::new(config, Arc::new(Planner::default())).unwrap_err().to_string();
        assert!(error.contains("openssl rand -hex 32"), "{error}");
    }
}

/// Posts so much of a body to a receiver on a socket: the status, and all that is answered.
async fn posted(alerts: &Alerts, token: &str, length: usize, body: &str) -> (u16, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut socket = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let router = alerts.router("/alerts");
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let head = format!(
        "POST /alerts HTTP/1.1\r\nhost: aegis\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\
         content-length: {length}\r\n\r\n{body}"
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    server.abort();
    (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
}

#[tokio::test]
async fn a_body_beyond_its_bound_is_not_read() {
    let body = group(&[errors("a", "firing")]).to_string();
    let bound = |most| {
        let config = AlertsConfig::new(Auth::Bearer(TOKEN.into()));
        Bed::with(config.with_bounds(most, Duration::from_secs(10)))
    };
    let small = bound(body.len() - 1);
    assert_eq!(posted(&small.alerts, TOKEN, body.len(), &body).await.0, 413);
    let refusal = small.alerts.receive(&headers(TOKEN), body.as_bytes()).await.unwrap_err();
    assert_eq!(refusal.status(), 413);
    let enough = bound(body.len());
    let (status, said) = posted(&enough.alerts, TOKEN, body.len(), &body).await;
    assert_eq!(status, 200);
    assert!(said.ends_with("{\"message\":\"1 firing, 0 resolved, 0 told before\"}"), "{said}");
    let (status, said) = posted(&enough.alerts, TOKEN, 1, "{").await;
    assert!(status == 400 && said.contains("no delivery of Alertmanager"), "{said}");
    // Of who may not send nothing is waited for.
    assert_eq!(posted(&enough.alerts, "nobody", 1_000, "{").await.0, 401);
}
