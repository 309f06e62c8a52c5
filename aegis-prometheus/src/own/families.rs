//! Every metric of Aegis, in one place: name, kind, unit, meaning.

use metrics::Unit;

/// What kind of metric a family is.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Kind {
    /// Only grows, from 0 at the start of the process.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts values by size; with upper bounds of buckets that suit it, in its unit.
    Histogram(&'static [f64]),
}

/// Series of one name.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Family {
    /// The name, as Prometheus writes it.
    pub name: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// Its unit.
    pub unit: Unit,
    /// What it says; with its labels.
    pub what: &'static str,
}

macro_rules! families {
    ($($id:ident: $kind:expr, $unit:ident, $name:literal, $what:literal;)*) => {
        $(pub(super) const $id: &str = $name;)*

        /// Every family that is exported.
        ///
        /// An exporter that has to be told the buckets of histograms finds them here.
        pub const FAMILIES: &[Family] =
            &[$(Family { name: $name, kind: $kind, unit: Unit::$unit, what: $what }),*];
    };
}

use Kind::{Counter, Gauge, Histogram};

/// Seconds that a call of a stage takes.
const CALL: Kind = Histogram(&[0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 1_800.0]);
/// Seconds that an incident is open.
const OPEN_FOR: Kind = Histogram(&[
    10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_200.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0, 43_200.0,
    86_400.0, 259_200.0,
]);
/// Seconds that a call of the journal takes.
const STORE: Kind = Histogram(&[0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0]);
/// Seconds that a driver is late.
const LATE: Kind = Histogram(&[0.01, 0.1, 1.0, 5.0, 15.0, 60.0, 300.0, 1_800.0]);

families! {
    OPENED: Counter, Count, "aegis_incidents_opened_total",
        "Incidents that this process opened, by service and kind.";
    REOPENED: Counter, Count, "aegis_incidents_reopened_total",
        "Closed incidents whose trouble came back, by service and kind.";
    ENDED: Counter, Count, "aegis_incidents_ended_total",
        "Incidents that ended, by service and the phase that they ended in.";
    OPEN: Gauge, Count, "aegis_incidents_open",
        "Incidents that this process drives at this moment, by service and phase.";
    OPEN_SECONDS: OPEN_FOR, Seconds, "aegis_incident_duration_seconds",
        "How long incidents were open until they ended, by service and the phase they ended in.";
    WAITING_SINCE: Gauge, Seconds, "aegis_oldest_waiting_timestamp_seconds",
        "Unix time since when the oldest incident waits for a person, by service; 0 where none does.";
    HANDED_OVER: Counter, Count, "aegis_incidents_handed_over_total",
        "How often an incident came to wait for a person, by service.";
    WATCHED: Counter, Count, "aegis_releases_watched_total",
        "Releases whose watch began, by service.";
    ROLLBACKS: Counter, Count, "aegis_rollbacks_total",
        "Releases that were condemned and began to be taken back, by service.";
    VERDICTS: Counter, Count, "aegis_verdicts_total",
        "Verdicts on releases, one a look, by service and verdict.";
    STAGE_CALLS: Counter, Count, "aegis_stage_calls_total",
        "Stage calls that ended, by stage and outcome: ok, or the kind of error.";
    STAGE_SECONDS: CALL, Seconds, "aegis_stage_duration_seconds",
        "How long stage calls took, by stage.";
    ABANDONED: Counter, Count, "aegis_stage_calls_abandoned_total",
        "Stage calls that did not return by their deadline and keep a thread, by stage.";
    NOTICES_LOST: Counter, Count, "aegis_notices_lost_total",
        "Notices that no notifier could send, by service.";
    SOURCE_FAILURES: Counter, Count, "aegis_source_failures_total",
        "Failures of sources of events and metrics, by source.";
    DROPPED: Counter, Count, "aegis_events_dropped_total",
        "Events that were dropped because a bounded queue was full, by queue.";
    JOURNAL_CALLS: Counter, Count, "aegis_journal_calls_total",
        "Calls of the journal, by call.";
    JOURNAL_FAILURES: Counter, Count, "aegis_journal_failures_total",
        "Calls of the journal that failed, by call; a refusal is no failure.";
    JOURNAL_SECONDS: STORE, Seconds, "aegis_journal_duration_seconds",
        "How long calls of the journal took, by call.";
    LAG: LATE, Seconds, "aegis_driver_lag_seconds",
        "How much later than due an incident was worked on.";
    DRIVERS: Gauge, Count, "aegis_drivers_busy",
        "Incidents that take room among those driven by this process.";
    DRIVERS_LIMIT: Gauge, Count, "aegis_drivers_limit",
        "For how many incidents there is room in this process.";
    CONTENDED: Gauge, Count, "aegis_drivers_contended",
        "1 where more incidents may wait than there is room for, else 0.";
    LAST_CLAIM: Gauge, Seconds, "aegis_last_claim_timestamp_seconds",
        "Unix time of the last answer to the question what there is to drive.";
    LAST_SAMPLE: Gauge, Seconds, "aegis_last_sample_timestamp_seconds",
        "Unix time of the last sample that held a value, or of the start, by service.";
    KILL_SWITCH: Gauge, Count, "aegis_kill_switch",
        "1 while the kill switch is thrown, else 0.";
    FROZEN: Gauge, Count, "aegis_merges_frozen",
        "1 while merges are frozen, else 0.";
    BUDGET_USED: Gauge, Count, "aegis_budget_used",
        "Writes of today (UTC) that count against a budget, by service and kind.";
    BUDGET_LIMIT: Gauge, Count, "aegis_budget_limit",
        "The most writes a day, by service and kind.";
    MODEL_REQUESTS: Counter, Count, "aegis_model_requests_total",
        "Requests to language models, by size: lite or full.";
    MODEL_CACHED: Counter, Count, "aegis_model_cached_answers_total",
        "Questions that a kept answer did for.";
    MODEL_COST: Counter, Count, "aegis_model_cost_microdollars_total",
        "Cost of requests to language models, in millionths of a US dollar.";
    MODEL_UNPRICED: Counter, Count, "aegis_model_unpriced_requests_total",
        "Requests to models without a known price, which the cost leaves out.";
}

/// Tells the recorder what each family means; told again, it changes nothing.
pub(super) fn describe() {
    for family in FAMILIES {
        let Family { name, unit, what, .. } = *family;
        match family.kind {
            Counter => metrics::describe_counter!(name, unit, what),
            Gauge => metrics::describe_gauge!(name, unit, what),
            Histogram(_) => metrics::describe_histogram!(name, unit, what),
        }
    }
}
