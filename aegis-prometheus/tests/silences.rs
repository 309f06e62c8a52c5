//! Silences in a real Alertmanager.

use std::sync::Arc;
use std::time::Duration;

use aegis_core::machine::{Phase, Settings};
use aegis_core::model::{Event, Signal};
use aegis_core::planner::{PlannerConfig, ServiceConfig};
use aegis_core::policy::{Autonomy, PolicyConfig};
use aegis_core::port::{Clock as _, Filter, Intake as _, SystemClock};
use aegis_core::redact::Untrusted;
use aegis_core::testkit::World;
use aegis_core::testkit::stages::{Shop as Numbers, honest};
use aegis_core::{ErrorKind, IncidentId, Revision, ServiceName};
use aegis_prometheus::{EndpointConfig, Silences, SilencesConfig};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::bed::{Alertmanager, until};

const TRACE: &str = "Traceback (most recent call last):
  File \"/srv/app/mean.py\", line 2, in mean
    return sum(xs) / len(xs)
ZeroDivisionError: division by zero
";

struct Bed {
    alertmanager: Alertmanager,
    silences: Silences,
}

impl Bed {
    async fn new() -> Self {
        let nobody = String::from("http://127.0.0.1:9/alerts");
        let alertmanager = Alertmanager::telling(&[nobody], "token").await;
        let endpoint = EndpointConfig::new(alertmanager.server.base());
        let silences = Silences::new(SilencesConfig::new(endpoint)).unwrap();
        Self { alertmanager, silences }
    }

    /// All silences that there ever were: who is quiet, for whom, and how it stands.
    async fn all(&self) -> Vec<(String, String, String)> {
        let all = self.raw().await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let read = |one: &Value| {
            assert_eq!(one["createdBy"], "aegis");
            assert_eq!(one["matchers"].as_array().unwrap().len(), 1);
            let matcher = &one["matchers"][0];
            assert_eq!((&matcher["isRegex"], &matcher["isEqual"]), (&false.into(), &true.into()));
            let quiet = format!("{}={}", text(&matcher["name"]), text(&matcher["value"]));
            (quiet, text(&one["comment"]), text(&one["status"]["state"]))
        };
        all.as_array().unwrap().iter().map(read).collect()
    }

    async fn raw(&self) -> Value {
        let at = ("127.0.0.1", self.alertmanager.server.port);
        let mut socket = TcpStream::connect(at).await.unwrap();
        socket.write_all(b"GET /api/v2/silences HTTP/1.0\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    async fn active(&self) -> Vec<String> {
        let all = self.all().await.into_iter();
        all.filter(|(.., state)| state == "active").map(|(quiet, ..)| quiet).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silence_is_found_and_renewed_and_not_doubled() {
    let bed = Bed::new().await;
    let (shop, own) = (ServiceName::new("shop.*"), IncidentId::new("i1"));
    let first = bed.silences.silence(&shop, &own).await.unwrap();
    let ends = async || bed.raw().await[0]["endsAt"].as_str().unwrap().to_owned();
    let before = ends().await;
    let again = until("a later end", async || {
        let again = bed.silences.silence(&shop, &own).await.unwrap();
        (ends().await > before).then_some(again)
    })
    .await;
    assert_eq!(first, again);
    assert_eq!(bed.active().await, ["service=shop.*"]);
    // Another incident, though its name begins alike, has one of its own.
    bed.silences.silence(&shop, &IncidentId::new("i12")).await.unwrap();
    assert_eq!(bed.active().await.len(), 2);
    assert!(bed.silences.end(&own).await.unwrap());
    let left: Vec<_> =
        bed.all().await.into_iter().filter(|(.., state)| state == "active").collect();
    assert!(left.len() == 1 && left[0].1.ends_with("incident:i12"), "{left:?}");
    assert!(!bed.silences.end(&own).await.unwrap());
    // One that ended is not begun again, but followed by another.
    assert_ne!(bed.silences.silence(&shop, &own).await.unwrap(), first);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_heal_is_silenced_and_a_person_hears_the_alerts() {
    let bed = Bed::new().await;
    let (shop, own) = (ServiceName::new("shop"), IncidentId::new("i1"));
    let quiet = async |phase| {
        bed.silences.heed(&shop, &own, phase).await.unwrap();
        !bed.active().await.is_empty()
    };
    // Somebody else's release is watched.
    for phase in [Phase::Watching, Phase::Diagnosing, Phase::Verifying, Phase::Queued] {
        assert!(!quiet(phase).await, "{phase}");
    }
    for phase in [Phase::Submitting, Phase::Merging, Phase::GoingLive, Phase::Watching] {
        assert!(quiet(phase).await, "{phase}");
    }
    assert!(!quiet(Phase::AwaitingHuman).await);
    assert!(quiet(Phase::Reverting).await);
    assert!(!quiet(Phase::RolledBack).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silence_that_nobody_ends_ends_by_itself() {
    let bed = Bed::new().await;
    let endpoint = EndpointConfig::new(bed.alertmanager.server.base());
    let config = SilencesConfig::new(endpoint).with_lasts(Duration::from_secs(1));
    let silences = Silences::new(config).unwrap();
    silences.silence(&"shop".into(), &IncidentId::new("i1")).await.unwrap();
    until("its end", async || bed.active().await.is_empty().then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planner_that_heals_is_quiet_meanwhile_and_not_after() {
    let bed = Bed::new().await;
    let numbers = Numbers::new(World::new(Arc::new(SystemClock), Revision::new("0".repeat(40))));
    let (watch, look) = (Duration::from_secs(3), Duration::from_millis(200));
    let settings = Settings::default().with_watch(watch, look).with_poll(look);
    let planner = honest(&numbers, PolicyConfig::new(Autonomy::Auto))
        .service(ServiceConfig::new("shop").with_settings(settings))
        .config(PlannerConfig::new().with_observe_every(look));
    let handle = planner.build().unwrap().start().unwrap();
    let following = tokio::spawn(bed.silences.clone().follow(handle.changes()));
    let error = Signal::error("shop".into(), SystemClock.now(), Untrusted::new(TRACE));
    handle.report(Event::Signal(error)).await.unwrap();
    until("quiet", async || (bed.active().await == ["service=shop"]).then_some(())).await;
    until("the end of the heal", async || {
        let all = handle.list(&Filter::new()).await.unwrap();
        all[0].phase.is_terminal().then_some(())
    })
    .await;
    until("alerts again", async || bed.active().await.is_empty().then_some(())).await;
    assert_eq!(bed.all().await.len(), 1);
    handle.shutdown().await.unwrap();
    tokio::time::timeout(crate::bed::PATIENCE, following).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alertmanager_that_is_away_is_an_error_and_no_more() {
    let bed = Bed::new().await;
    let Bed { mut alertmanager, silences } = bed;
    alertmanager.server.end().await;
    let error = silences.silence(&"shop".into(), &IncidentId::new("i1")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}
