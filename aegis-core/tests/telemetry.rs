//! What the planner tells of itself: enough to see it at work, and to see where it is blind.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aegis_core::machine::Phase;
use aegis_core::model::{Query, Samples};
use aegis_core::policy::{Autonomy, Budget, Control, PolicyConfig};
use aegis_core::port::{
    Journal, JournalLayer, Lease, MemoryJournal, Notice, Notifier, Silent, Telemetry,
    TelemetryEvent,
};
use aegis_core::stage::MetricSource;
use aegis_core::testkit::{settle, soon};
use aegis_core::{Error, ErrorKind, Result, ServiceName};

use crate::bed::Bed;

/// Keeps each event as a line of words, and how often it came.
#[derive(Debug, Clone, Default)]
struct Seen(Arc<Mutex<BTreeMap<String, usize>>>);

impl Seen {
    fn count(&self, line: &str) -> usize {
        self.0.lock().unwrap().get(line).copied().unwrap_or(0)
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().keys().cloned().collect()
    }

    #[track_caller]
    fn has(&self, line: &str) {
        assert!(self.count(line) > 0, "no {line:?} in {:#?}", self.all());
    }
}

impl Telemetry for Seen {
    fn record(&self, event: TelemetryEvent<'_>) {
        let line = match event {
            TelemetryEvent::Opened { service, kind, again } => {
                format!("opened {service} {} {again}", kind.as_str())
            }
            TelemetryEvent::Phase { service, phase, before, since, open_for, .. } => {
                assert!(since.as_ms() > 0);
                let (ended, open) = (phase.is_terminal(), open_for > Duration::ZERO);
                let open = if ended { format!(" open {open}") } else { String::new() };
                let before = before.map_or("-", Phase::name);
                format!("phase {service} {before} {phase}{open}")
            }
            TelemetryEvent::Left { incident } => format!("left {incident}"),
            TelemetryEvent::Lag { by } => format!("lag {}", by.as_secs()),
            TelemetryEvent::Stage { stage, error, .. } => {
                format!("stage {stage} {}", error.map_or("ok", ErrorKind::as_str))
            }
            TelemetryEvent::Judged { service, verdict } => {
                format!("judged {service} {}", verdict.as_str())
            }
            TelemetryEvent::NoticeLost { service } => format!("notice lost {service}"),
            TelemetryEvent::Journal { call, error, .. } => {
                format!("journal {call} {}", error.map_or("ok", ErrorKind::as_str))
            }
            TelemetryEvent::Claimed { driven, room, more, .. } => {
                format!("claimed {driven} of {room} {more}")
            }
            TelemetryEvent::Observing { service, .. } => format!("observing {service}"),
            TelemetryEvent::Sampled { service, values, missing, .. } => {
                format!("sampled {service} {values} {missing}")
            }
            TelemetryEvent::Switches { killed, frozen } => format!("switches {killed} {frozen}"),
            TelemetryEvent::Budget { service, kind, used, most } => {
                format!("budget {service} {} {used} of {most}", kind.as_str())
            }
            other => format!("{other:?}"),
        };
        *self.0.lock().unwrap().entry(line).or_default() += 1;
    }
}

#[tokio::test]
async fn a_heal_is_told_from_its_opening_to_its_end() {
    let (bed, seen) = (Bed::new(), Seen::default());
    let budget = Budget::default();
    let builder = bed.builder(PolicyConfig::new(Autonomy::Auto));
    let handle = builder.telemetry(Arc::new(seen.clone())).build().unwrap().start().unwrap();
    let id = bed.crash(&handle).await;
    bed.until(&handle, &id, Phase::Healed).await;
    let left = format!("left {id}");
    soon("left", async || seen.count(&left) == 1).await;
    // The day's budget is told at the next look at the service.
    let spent = format!("budget shop merge 1 of {}", budget.merges_per_day);
    assert!(
        settle(&bed.clock, &handle, Duration::from_secs(60), async || seen.count(&spent) > 0).await
    );
    let missing = [
        "opened shop crash false",
        "phase shop - Diagnosing",
        "phase shop Queued Submitting",
        "phase shop Watching Healed open true",
        "lag 0",
        "stage verify ok",
        "judged shop watch",
        "judged shop keep",
        "journal commit ok",
        "journal claim ok",
        "claimed 0 of 64 false",
        "claimed 1 of 64 false",
        "observing shop",
        "sampled shop 7 0",
        "switches false false",
        "budget shop revert 0 of 10",
    ];
    let missing: Vec<&str> = missing.into_iter().filter(|line| seen.count(line) == 0).collect();
    assert!(missing.is_empty(), "{missing:#?} are not in {:#?}", seen.all());
    assert_eq!(seen.count("opened shop crash false"), 1, "an error that joins opens nothing");
}

#[tokio::test]
async fn a_kill_switch_is_told_while_nothing_happens() {
    let (bed, seen) = (Bed::new(), Seen::default());
    let builder = bed.builder(PolicyConfig::new(Autonomy::Auto));
    let handle = builder.telemetry(Arc::new(seen.clone())).build().unwrap().start().unwrap();
    let told = async |line: &str| {
        let minute = Duration::from_secs(60);
        settle(&bed.clock, &handle, minute, async || seen.count(line) > 0).await
    };
    handle.pause("a test").await.unwrap();
    assert!(told("switches true false").await, "{:#?}", seen.all());
    handle.unpause().await.unwrap();
    assert!(told("switches false false").await, "{:#?}", seen.all());
}

/// A metric source that is away.
#[derive(Debug)]
struct Away;

#[async_trait::async_trait]
impl MetricSource for Away {
    async fn sample(&self, _query: &Query) -> Result<Samples> {
        Err(Error::unavailable("nobody answers"))
    }
}

#[tokio::test]
async fn a_service_that_can_not_be_sampled_is_never_told_as_sampled() {
    let (bed, seen) = (Bed::new(), Seen::default());
    let builder = bed.builder(PolicyConfig::new(Autonomy::Auto)).metrics(Away);
    let handle = builder.telemetry(Arc::new(seen.clone())).build().unwrap().start().unwrap();
    let minute = Duration::from_secs(60);
    let failed = async || seen.count("stage metrics unavailable") > 2;
    assert!(settle(&bed.clock, &handle, minute, failed).await, "{:#?}", seen.all());
    seen.has("observing shop");
    assert!(!seen.all().iter().any(|line| line.starts_with("sampled")), "{:#?}", seen.all());
}

/// A notifier that nobody hears.
#[derive(Debug)]
struct Deaf;

#[async_trait::async_trait]
impl Notifier for Deaf {
    async fn notify(&self, _notice: &Notice) -> Result<()> {
        Err(Error::unavailable("no route"))
    }
}

#[tokio::test]
async fn a_notice_is_told_as_lost_once_and_only_after_its_last_try() {
    let (bed, seen) = (Bed::new(), Seen::default());
    let builder = bed.builder(PolicyConfig::new(Autonomy::Auto)).notifier(Arc::new(Deaf));
    let handle = builder.telemetry(Arc::new(seen.clone())).build().unwrap().start().unwrap();
    let id = bed.crash(&handle).await;
    bed.until(&handle, &id, Phase::Healed).await;
    let lost = async || seen.count("notice lost shop") > 0;
    assert!(settle(&bed.clock, &handle, Duration::from_secs(300), lost).await);
    assert_eq!((seen.count("notice lost shop"), seen.count("stage notify unavailable")), (1, 5));
}

/// A journal that counts how often it is asked what a person has switched.
#[derive(Debug, Default)]
struct Asked(MemoryJournal, AtomicUsize);

#[async_trait::async_trait]
impl JournalLayer for Asked {
    fn inner(&self) -> &dyn Journal {
        &self.0
    }

    async fn control(&self) -> Result<Control> {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.control().await
    }
}

#[tokio::test]
async fn where_nobody_listens_nothing_is_read_only_to_be_told() {
    for (telemetry, reads) in [
        (Arc::new(Silent) as Arc<dyn Telemetry>, false),
        (Arc::new(Seen::default()) as Arc<dyn Telemetry>, true),
    ] {
        let (bed, asked) = (Bed::new(), Arc::new(Asked::default()));
        let builder = bed.builder(PolicyConfig::new(Autonomy::Auto));
        let builder = builder.journal(Arc::clone(&asked) as Arc<dyn Journal>);
        let handle = builder.telemetry(telemetry).build().unwrap().start().unwrap();
        settle(&bed.clock, &handle, Duration::from_secs(60), async || false).await;
        assert_eq!(asked.1.load(Ordering::SeqCst) > 0, reads);
    }
}

/// A journal that gives nothing to drive.
#[derive(Debug, Default)]
struct Broken(MemoryJournal);

#[async_trait::async_trait]
impl JournalLayer for Broken {
    fn inner(&self) -> &dyn Journal {
        &self.0
    }

    async fn claim(
        &self,
        _owner: &str,
        _services: &[ServiceName],
        _ttl: Duration,
        _limit: usize,
    ) -> Result<Vec<Lease>> {
        Err(Error::unavailable("the disk is away"))
    }
}

#[tokio::test]
async fn a_journal_that_fails_is_told() {
    let (bed, seen) = (Bed::new(), Seen::default());
    let builder =
        bed.builder(PolicyConfig::new(Autonomy::Auto)).journal(Arc::new(Broken::default()));
    let handle = builder.telemetry(Arc::new(seen.clone())).build().unwrap().start().unwrap();
    soon("claimed", async || seen.count("journal claim unavailable") > 0).await;
    assert!(!seen.all().iter().any(|line| line.starts_with("claimed")), "{:#?}", seen.all());
    handle.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_budget_that_is_spent_is_an_answer_of_the_journal_and_no_failure() {
    let (bed, seen) = (Bed::new(), Seen::default());
    let mut budget = Budget::default();
    budget.merges_per_day = 0;
    let builder = bed.builder(PolicyConfig::new(Autonomy::Auto).with_budget(budget));
    let handle = builder.telemetry(Arc::new(seen.clone())).build().unwrap().start().unwrap();
    let id = bed.crash(&handle).await;
    let held = async || handle.incident(&id).await.unwrap().held.is_some();
    assert!(settle(&bed.clock, &handle, Duration::from_secs(600), held).await);
    let journal = |line: &String| line.starts_with("journal ") && !line.ends_with(" ok");
    assert!(!seen.all().iter().any(journal), "{:#?}", seen.all());
    seen.has("journal reserve ok");
}
