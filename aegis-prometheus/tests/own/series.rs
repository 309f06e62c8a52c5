//! What each event changes on the page.

use std::time::Duration;

use aegis_core::machine::Phase;
use aegis_core::model::{Grounds, IncidentKind, Verdict};
use aegis_core::port::{Telemetry, TelemetryEvent};
use aegis_core::{Confidence, EffectKind, ErrorKind, IncidentId, ServiceName, Timestamp};
use aegis_prometheus::own::{Metrics, ModelFigures};

use super::page::Page;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_ms(seconds * 1_000)
}

fn shop() -> ServiceName {
    "shop".into()
}

fn page() -> Page {
    let page = Page::new(Metrics::new());
    page.record(TelemetryEvent::Observing { service: &shop(), at: at(1_000) });
    page
}

/// An incident moves on, and each of its phases begins when it says.
struct Moves<'a>(&'a Page, IncidentId, ServiceName);

impl<'a> Moves<'a> {
    fn new(page: &'a Page, service: &str) -> Self {
        Self(page, IncidentId::draw(at(1_000)), service.into())
    }

    fn to(&self, before: Option<Phase>, phase: Phase, since: i64) {
        let Self(page, incident, service) = self;
        let open_for = Duration::from_secs(90);
        let since = at(since);
        page.record(TelemetryEvent::Phase { incident, service, phase, before, since, open_for });
    }
}

#[test]
fn a_service_begins_at_zero_so_that_its_first_increase_is_seen() {
    let page = page();
    for series in [
        "aegis_incidents_opened_total{service=\"shop\",kind=\"storm\"}",
        "aegis_incidents_reopened_total{service=\"shop\",kind=\"crash\"}",
        "aegis_incidents_ended_total{service=\"shop\",end=\"Healed\"}",
        "aegis_incidents_open{service=\"shop\",phase=\"AwaitingHuman\"}",
        "aegis_oldest_waiting_timestamp_seconds{service=\"shop\"}",
        "aegis_incidents_handed_over_total{service=\"shop\"}",
        "aegis_releases_watched_total{service=\"shop\"}",
        "aegis_rollbacks_total{service=\"shop\"}",
        "aegis_verdicts_total{service=\"shop\",verdict=\"rollback\"}",
        "aegis_notices_lost_total{service=\"shop\"}",
        "aegis_source_failures_total{source=\"metrics\"}",
        "aegis_events_dropped_total{queue=\"commands\"}",
    ] {
        page.shows(series, 0.0);
    }
    page.shows("aegis_last_sample_timestamp_seconds{service=\"shop\"}", 1_000.0);
}

#[test]
fn an_incident_is_open_in_one_phase_until_it_ends() {
    let page = page();
    let open =
        |phase| page.value(&format!("aegis_incidents_open{{service=\"shop\",phase=\"{phase}\"}}"));
    let incident = Moves::new(&page, "shop");
    incident.to(None, Phase::Diagnosing, 1_000);
    assert_eq!(open("Diagnosing"), Some(1.0));
    incident.to(Some(Phase::Diagnosing), Phase::Drafting, 1_010);
    assert_eq!((open("Diagnosing"), open("Drafting")), (Some(0.0), Some(1.0)));
    incident.to(Some(Phase::Drafting), Phase::Healed, 1_090);
    assert_eq!((open("Drafting"), open("Healed")), (Some(0.0), None));
    page.shows("aegis_incidents_ended_total{service=\"shop\",end=\"Healed\"}", 1.0);
    let took = "aegis_incident_duration_seconds";
    page.shows(&format!("{took}_sum{{service=\"shop\",end=\"Healed\"}}"), 90.0);
    page.shows(&format!("{took}_bucket{{service=\"shop\",end=\"Healed\",le=\"60\"}}"), 0.0);
    page.shows(&format!("{took}_bucket{{service=\"shop\",end=\"Healed\",le=\"120\"}}"), 1.0);
}

#[test]
fn an_incident_that_went_to_another_process_is_open_here_no_more_and_has_not_ended() {
    let page = page();
    let incident = Moves::new(&page, "shop");
    incident.to(None, Phase::AwaitingHuman, 1_000);
    page.record(TelemetryEvent::Left { incident: &incident.1 });
    page.record(TelemetryEvent::Left { incident: &incident.1 });
    page.shows("aegis_incidents_open{service=\"shop\",phase=\"AwaitingHuman\"}", 0.0);
    page.shows("aegis_oldest_waiting_timestamp_seconds{service=\"shop\"}", 0.0);
    page.shows("aegis_incidents_ended_total{service=\"shop\",end=\"Healed\"}", 0.0);
}

#[test]
fn the_oldest_that_waits_for_a_person_is_told_until_none_waits() {
    let page = page();
    let oldest =
        |since| page.shows("aegis_oldest_waiting_timestamp_seconds{service=\"shop\"}", since);
    let (first, second) = (Moves::new(&page, "shop"), Moves::new(&page, "shop"));
    second.to(Some(Phase::Gating), Phase::AwaitingHuman, 1_200);
    first.to(None, Phase::AwaitingHuman, 1_100);
    oldest(1_100.0);
    first.to(Some(Phase::AwaitingHuman), Phase::Abandoned, 1_300);
    oldest(1_200.0);
    second.to(Some(Phase::AwaitingHuman), Phase::Gating, 1_400);
    oldest(0.0);
    // One was only found waiting: that is no new hand-over.
    page.shows("aegis_incidents_handed_over_total{service=\"shop\"}", 1.0);
}

#[test]
fn watches_and_rollbacks_count_as_they_begin() {
    let page = page();
    let service = shop();
    let opened =
        |kind| page.record(TelemetryEvent::Opened { service: &service, kind, again: false });
    opened(IncidentKind::Release);
    opened(IncidentKind::Storm);
    let fix = Moves::new(&page, "shop");
    fix.to(Some(Phase::GoingLive), Phase::Watching, 1_000);
    fix.to(Some(Phase::Watching), Phase::Reverting, 1_100);
    // Taken over, it is not watched anew.
    fix.to(None, Phase::Watching, 1_000);
    page.shows("aegis_releases_watched_total{service=\"shop\"}", 2.0);
    page.shows("aegis_rollbacks_total{service=\"shop\"}", 1.0);
    page.shows("aegis_incidents_handed_over_total{service=\"shop\"}", 1.0);
}

#[test]
fn an_incident_that_comes_back_is_counted_apart() {
    let (page, service, kind) = (page(), shop(), IncidentKind::Crash);
    page.record(TelemetryEvent::Opened { service: &service, kind, again: false });
    page.record(TelemetryEvent::Opened { service: &service, kind, again: true });
    page.shows("aegis_incidents_opened_total{service=\"shop\",kind=\"crash\"}", 1.0);
    page.shows("aegis_incidents_reopened_total{service=\"shop\",kind=\"crash\"}", 1.0);
}

#[test]
fn stage_calls_count_by_how_they_ended() {
    let (page, took) = (page(), Duration::from_secs(3));
    let call = |error| page.record(TelemetryEvent::Stage { stage: "verify", took, error });
    call(None);
    call(Some(ErrorKind::Timeout));
    page.record(TelemetryEvent::Abandoned { stage: "verify", total: 1 });
    page.shows("aegis_stage_calls_total{stage=\"verify\",outcome=\"ok\"}", 1.0);
    page.shows("aegis_stage_calls_total{stage=\"verify\",outcome=\"timeout\"}", 1.0);
    page.shows("aegis_stage_duration_seconds_sum{stage=\"verify\"}", 6.0);
    page.shows("aegis_stage_calls_abandoned_total{stage=\"verify\"}", 1.0);
}

#[test]
fn a_journal_fails_only_where_it_says_so() {
    let (page, took) = (page(), Duration::from_millis(20));
    let call = |error| page.record(TelemetryEvent::Journal { call: "commit", took, error });
    call(None);
    page.shows("aegis_journal_failures_total{call=\"commit\"}", 0.0);
    call(Some(ErrorKind::Unavailable));
    page.shows("aegis_journal_failures_total{call=\"commit\"}", 1.0);
    page.shows("aegis_journal_calls_total{call=\"commit\"}", 2.0);
    page.shows("aegis_journal_duration_seconds_bucket{call=\"commit\",le=\"0.05\"}", 2.0);
}

#[test]
fn a_sample_without_a_value_is_blindness() {
    let (page, service) = (page(), shop());
    let last = |when| page.shows("aegis_last_sample_timestamp_seconds{service=\"shop\"}", when);
    let sampled = |values, when| {
        let (at, missing) = (at(when), 7 - values);
        page.record(TelemetryEvent::Sampled { service: &service, at, values, missing });
    };
    sampled(1, 1_030);
    last(1_030.0);
    sampled(0, 1_060);
    last(1_030.0);
}

#[test]
fn verdicts_notices_sources_queues_and_lag_are_counted() {
    let (page, service) = (page(), shop());
    let verdict = &Verdict::Rollback(Grounds::new(Confidence::FULL, vec![]));
    page.record(TelemetryEvent::Judged { service: &service, verdict });
    page.record(TelemetryEvent::NoticeLost { service: &service });
    page.record(TelemetryEvent::SourceFailed { source: "errors" });
    page.record(TelemetryEvent::Dropped { queue: "commands" });
    page.record(TelemetryEvent::Lag { by: Duration::from_secs(4) });
    page.shows("aegis_verdicts_total{service=\"shop\",verdict=\"rollback\"}", 1.0);
    page.shows("aegis_notices_lost_total{service=\"shop\"}", 1.0);
    page.shows("aegis_source_failures_total{source=\"errors\"}", 1.0);
    page.shows("aegis_events_dropped_total{queue=\"commands\"}", 1.0);
    page.shows("aegis_driver_lag_seconds_sum", 4.0);
}

#[test]
fn switches_budgets_and_room_stand_as_they_were_told_last() {
    let (page, service) = (page(), shop());
    page.record(TelemetryEvent::Switches { killed: true, frozen: true });
    page.record(TelemetryEvent::Switches { killed: false, frozen: true });
    let kind = EffectKind::Merge;
    page.record(TelemetryEvent::Budget { service: &service, kind, used: 4, most: 10 });
    page.record(TelemetryEvent::Claimed { at: at(1_010), driven: 3, room: 64, more: true });
    page.shows("aegis_kill_switch", 0.0);
    page.shows("aegis_merges_frozen", 1.0);
    page.shows("aegis_budget_used{service=\"shop\",kind=\"merge\"}", 4.0);
    page.shows("aegis_budget_limit{service=\"shop\",kind=\"merge\"}", 10.0);
    page.shows("aegis_last_claim_timestamp_seconds", 1_010.0);
    page.shows("aegis_drivers_busy", 3.0);
    page.shows("aegis_drivers_limit", 64.0);
    page.shows("aegis_drivers_contended", 1.0);
}

#[test]
fn services_and_sources_beyond_the_bound_share_a_label() {
    let page = Page::new(Metrics::new().with_services(2));
    for n in 0..50 {
        let service: ServiceName = format!("service-{n}").as_str().into();
        page.record(TelemetryEvent::Observing { service: &service, at: at(1_000 + n) });
        let kind = EffectKind::Merge;
        page.record(TelemetryEvent::Budget { service: &service, kind, used: 0, most: 10 });
        Moves::new(&page, service.as_str()).to(None, Phase::AwaitingHuman, 2_000 + n);
        page.record(TelemetryEvent::SourceFailed { source: &format!("source-{n}") });
    }
    page.shows("aegis_incidents_open{service=\"service-1\",phase=\"AwaitingHuman\"}", 1.0);
    page.shows("aegis_incidents_open{service=\"other\",phase=\"AwaitingHuman\"}", 48.0);
    // The stalest of them, and whoever waits longest.
    page.shows("aegis_last_sample_timestamp_seconds{service=\"other\"}", 1_002.0);
    page.shows("aegis_oldest_waiting_timestamp_seconds{service=\"other\"}", 2_002.0);
    let text = page.text();
    assert!(!text.contains("service-2\""), "{text}");
    assert!(!text.contains("aegis_budget_used{service=\"other\""), "{text}");
    let sources = text.lines().filter(|line| line.starts_with("aegis_source_failures_total"));
    assert_eq!(sources.count(), 33);
}

#[test]
fn what_was_sampled_last_is_not_hidden_by_the_others_of_its_label() {
    let page = Page::new(Metrics::new().with_services(0));
    let services: [ServiceName; 2] = ["a".into(), "b".into()];
    for service in &services {
        page.record(TelemetryEvent::Observing { service, at: at(1_000) });
    }
    let sampled = |service, when| {
        let at = at(when);
        page.record(TelemetryEvent::Sampled { service, at, values: 1, missing: 0 });
    };
    sampled(&services[0], 1_500);
    page.shows("aegis_last_sample_timestamp_seconds{service=\"other\"}", 1_000.0);
    sampled(&services[1], 1_400);
    page.shows("aegis_last_sample_timestamp_seconds{service=\"other\"}", 1_400.0);
}

#[test]
fn figures_of_models_are_counters_that_never_fall() {
    let page = page();
    let figures = ModelFigures::new(12, 9).with_cached(3).with_cost(3_500).with_unpriced(1);
    page.with(|| figures.record());
    page.with(|| figures.with_cost(3_000).record());
    page.shows("aegis_model_requests_total{size=\"lite\"}", 9.0);
    page.shows("aegis_model_requests_total{size=\"full\"}", 3.0);
    page.shows("aegis_model_cached_answers_total", 3.0);
    page.shows("aegis_model_cost_microdollars_total", 3_500.0);
    page.shows("aegis_model_unpriced_requests_total", 1.0);
}
