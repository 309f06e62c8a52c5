//! A planner that heals, and what its page shows then.

use std::sync::Arc;
use std::time::Duration;

use aegis_core::machine::{Phase, Settings};
use aegis_core::model::{Event, Signal};
use aegis_core::planner::{PlannerConfig, ServiceConfig};
use aegis_core::policy::{Autonomy, PolicyConfig};
use aegis_core::port::{Clock, Intake, Receipt, Telemetry};
use aegis_core::redact::Untrusted;
use aegis_core::testkit::stages::{Shop, honest};
use aegis_core::testkit::{ManualClock, World, settle, soon};
use aegis_core::{Revision, Timestamp};
use aegis_prometheus::own::{FAMILIES, Kind, Metrics, ModelFigures};

use super::page::Page;
use super::promtool::promtool;

const TRACE: &str = "Traceback (most recent call last):
  File \"/srv/app/mean.py\", line 2, in mean
    return sum(xs) / len(xs)
ZeroDivisionError: division by zero
";

/// A page after one incident was healed, and the incident's id.
async fn healed() -> (Arc<Page>, String) {
    let clock = ManualClock::new(Timestamp::from_ms(1_700_000_000_000));
    let world = World::new(Arc::new(clock.clone()), Revision::new("0".repeat(40)));
    let page = Arc::new(Page::new(Metrics::new()));
    let settings = Settings::default().with_watch(Duration::from_secs(60), Duration::from_secs(5));
    let handle = honest(&Shop::new(world.clone()), PolicyConfig::new(Autonomy::Auto))
        .service(ServiceConfig::new("shop").with_settings(settings))
        .config(PlannerConfig::new().with_observe_every(Duration::from_secs(5)))
        .clock(Arc::new(clock.clone()))
        .telemetry(Arc::clone(&page) as Arc<dyn Telemetry>)
        .build()
        .unwrap()
        .start()
        .unwrap();
    let running = world.with(|remote| remote.running.clone());
    let error = Signal::error("shop".into(), clock.now(), Untrusted::new(TRACE));
    let receipt = handle.report(Event::Signal(error.with_revision(running))).await.unwrap();
    let Receipt::Opened(id) = receipt else { panic!("{receipt:?}") };
    let ended = async || handle.incident(&id).await.is_ok_and(|i| i.phase == Phase::Healed);
    assert!(settle(&clock, &handle, Duration::from_secs(3_600), ended).await);
    let spent = "aegis_budget_used{service=\"shop\",kind=\"merge\"}";
    let told = async || page.value(spent) == Some(1.0);
    assert!(settle(&clock, &handle, Duration::from_secs(60), told).await, "{}", page.text());
    let idle = async || {
        let open = page.value("aegis_incidents_open{service=\"shop\",phase=\"Watching\"}");
        open == Some(0.0)
    };
    soon("closed", idle).await;
    handle.shutdown().await.unwrap();
    page.with(|| ModelFigures::new(4, 3).record());
    (page, id.to_string())
}

#[tokio::test]
async fn every_family_is_on_the_page_after_one_incident_as_it_is_described() {
    let (page, _) = healed().await;
    let text = page.text();
    for family in FAMILIES {
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            _ => "histogram",
        };
        let (name, what) = (family.name, family.what);
        for line in [format!("# HELP {name} {what}\n"), format!("# TYPE {name} {kind}\n")] {
            assert!(text.contains(&line), "no {line:?} in {text}");
        }
    }
    let of = |line: &str| line.split(['{', ' ']).next().unwrap_or_default().to_owned();
    let series: Vec<String> = text.lines().filter(|l| l.starts_with("aegis_")).map(of).collect();
    for name in &series {
        let known = |f: &&aegis_prometheus::own::Family| name.starts_with(f.name);
        assert!(FAMILIES.iter().any(|f| known(&f)), "{name} is in no family");
    }
}

#[tokio::test]
async fn prometheus_finds_nothing_to_blame_on_the_page() {
    let (page, _) = healed().await;
    assert_eq!(promtool(&["check", "metrics"], &page.text()), "");
}

#[tokio::test]
async fn a_heal_counts_once_and_its_id_is_nowhere() {
    let (page, id) = healed().await;
    page.shows("aegis_incidents_opened_total{service=\"shop\",kind=\"crash\"}", 1.0);
    page.shows("aegis_incidents_ended_total{service=\"shop\",end=\"Healed\"}", 1.0);
    page.shows("aegis_incident_duration_seconds_count{service=\"shop\",end=\"Healed\"}", 1.0);
    page.shows("aegis_releases_watched_total{service=\"shop\"}", 1.0);
    page.shows("aegis_verdicts_total{service=\"shop\",verdict=\"keep\"}", 1.0);
    page.shows("aegis_stage_calls_total{stage=\"merge\",outcome=\"ok\"}", 1.0);
    let text = page.text();
    let open: Vec<&str> = text.lines().filter(|l| l.starts_with("aegis_incidents_open{")).collect();
    assert!(open.len() == 12 && open.iter().all(|line| line.ends_with(" 0")), "{open:?}");
    for secret in [id.as_str(), "mean.py", "/srv"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}
