//! The pure parts: the machine, traces, redaction, the judge and the detector.
//!
//! The machine's records are those of real heals: a planner over the testkit's stages heals an error
//! that comes back, and its journal is what is measured.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aegis_core::detect::{DetectConfig, Detector};
use aegis_core::judge::Statistical;
use aegis_core::machine::{Entry, Incident, Phase, Record, Settings};
use aegis_core::model::{
    Baseline, Case, Diagnosis, Event, Evidence, Exercise, Fix, Metric, MetricEvidence, Point,
    Signal, Summary,
};
use aegis_core::planner::{Planner, ServiceConfig};
use aegis_core::policy::{Autonomy, Budget, PolicyConfig};
use aegis_core::port::{Clock, Intake, Journal, MemoryJournal, Receipt};
use aegis_core::redact::{Redactor, Untrusted};
use aegis_core::stage::FixGenerator;
use aegis_core::testkit::stages::{KnowsTheLine, Passes, Shop, numbered};
use aegis_core::testkit::{ManualClock, World, settle};
use aegis_core::{Error, Result, Revision, Timestamp, trace};
use async_trait::async_trait;
use criterion::{BatchSize, Criterion, Throughput};

const RECORDS: usize = 1_000;
const LOOKS: i64 = 30;
const TRACE: &str = "Traceback (most recent call last):
  File \"/srv/shop/app.py\", line 88, in handle
    return view(request)
  File \"/usr/lib/python3.12/functools.py\", line 35, in inner
    return func(*args)
  File \"/srv/shop/views.py\", line 41, in average
    return mean(prices(request.cart))
  File \"/srv/shop/stats.py\", line 7, in mean
    return sum(xs) / len(xs)
ZeroDivisionError: division by zero
";
const LOG: &str = "2024-05-01T10:00:00Z INFO order 4711 of kim@example.org took 12 ms from 10.1.2.3
2024-05-01T10:00:01Z WARN retry with Authorization: Bearer abcdefghijklmnopqrstuvwx0123456789
2024-05-01T10:00:02Z INFO GET /orders/4711?token=5f2b8c1d9e3a7f60 200
";

/// Offers a fix that it never offered before.
#[derive(Debug, Default)]
struct Inventive(AtomicUsize);

#[async_trait]
impl FixGenerator for Inventive {
    async fn generate(&self, _case: &Case, diagnosis: &Diagnosis) -> Result<Vec<Fix>> {
        let n = self.0.fetch_add(1, Ordering::Relaxed);
        Ok(vec![numbered(n, diagnosis.base.clone())])
    }
}

/// The journal of an incident whose error comes back after each heal, until it has at least `records`
/// records, and [`RECORDS`] at most.
async fn heals(records: usize) -> Result<Vec<Entry>> {
    let clock = ManualClock::new(Timestamp::from_ms(1_700_000_000_000));
    let world = World::new(Arc::new(clock.clone()), Revision::new("0".repeat(40)));
    let journal = Arc::new(MemoryJournal::new());
    let mut budget = Budget::default();
    budget.submits_per_incident = u64::MAX;
    budget.submits_per_day = u64::MAX;
    budget.merges_per_incident = u64::MAX;
    budget.merges_per_day = u64::MAX;
    let mut policy = PolicyConfig::new(Autonomy::Auto).with_budget(budget);
    policy.futile_fixes = u64::MAX;
    let settings = Settings::default().with_damping(Duration::ZERO, Duration::ZERO);
    let handle = Planner::builder(policy)
        .metrics(Shop::new(world.clone()))
        .diagnoser(KnowsTheLine(world.clone()))
        .fixes(Inventive::default())
        .verifier(Passes(95))
        .deployer(world)
        .judge(Statistical::default())
        .service(ServiceConfig::new("shop").with_settings(settings))
        .journal(Arc::clone(&journal) as Arc<dyn Journal>)
        .clock(Arc::new(clock.clone()))
        .build()?
        .start()?;
    loop {
        let error = Signal::error("shop".into(), clock.now(), Untrusted::new(TRACE));
        let receipt = handle.report(Event::Signal(error)).await?;
        let (Receipt::Opened(id) | Receipt::Reopened(id)) = receipt else {
            return Err(Error::internal(format!("the crash opened nothing: {receipt:?}")));
        };
        let healed = async || handle.incident(&id).await.is_ok_and(|i| i.phase == Phase::Healed);
        if !settle(&clock, &handle, Duration::from_secs(3_600), healed).await {
            let incident = handle.incident(&id).await?;
            return Err(Error::internal(format!("{} {:?}", incident.phase, incident.why)));
        }
        let entries = journal.load(&id).await?.map(|stored| stored.entries).unwrap_or_default();
        if entries.len() >= records {
            handle.shutdown().await?;
            return Ok(entries.into_iter().take(RECORDS).collect());
        }
    }
}

fn machine(c: &mut Criterion, entries: &[Entry]) -> Result<()> {
    let heal = entries.split(|entry| matches!(entry.record, Record::Reopened(_))).next();
    let Some((first, rest)) = heal.and_then(<[Entry]>::split_first) else {
        return Err(Error::internal("the heal left no records"));
    };
    let begun = Incident::begin(first)?;
    // Each look carries all evidence so far; the records before the first are measured apart, too.
    let looks = |entry: &Entry| matches!(entry.record, Record::Looked { .. });
    let until_watched = rest.split(looks).next().unwrap_or(rest);
    let mut group = c.benchmark_group("machine");
    for (name, records) in [("a heal until it is watched", until_watched), ("a whole heal", rest)] {
        group.throughput(Throughput::Elements(records.len() as u64));
        group.bench_function(format!("step+apply, each record of {name}"), |b| {
            b.iter_batched(
                || begun.clone(),
                |mut incident| {
                    for entry in records {
                        black_box(incident.step(black_box(entry.at)));
                        incident.apply(black_box(entry));
                    }
                    incident
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.throughput(Throughput::Elements(entries.len() as u64));
    group.bench_function("replay of 1,000 records", |b| {
        b.iter(|| Incident::replay(black_box(entries)));
    });
    let json = serde_json::to_vec(entries).map_err(|e| Error::internal(e.to_string()))?;
    group.bench_function("replay of 1,000 records from JSON", |b| {
        b.iter(|| {
            let entries: serde_json::Result<Vec<Entry>> = serde_json::from_slice(black_box(&json));
            entries.map(|entries| Incident::replay(&entries))
        });
    });
    group.finish();
    Ok(())
}

fn text(c: &mut Criterion) {
    let mut group = c.benchmark_group("text");
    group.bench_function("trace: parse and fingerprint", |b| {
        b.iter(|| trace::parse(black_box(TRACE)).iter().map(trace::Trace::fingerprint).count());
    });
    let log = Untrusted::new(LOG.chars().cycle().take(10 * 1_024).collect::<String>());
    let redactor = Redactor::standard();
    group.throughput(Throughput::Bytes(log.len() as u64));
    group.bench_function("redaction of 10 KiB", |b| b.iter(|| redactor.redact(black_box(&log))));
    group.finish();
}

/// A watch of seven metrics that ends after 30 looks with nothing wrong.
fn evidence() -> Evidence {
    let at = |look: i64| Timestamp::from_ms(look * 10_000);
    let metrics = [
        (Metric::ErrorRate, 0.002),
        (Metric::LatencyP95, 0.180),
        (Metric::LatencyP99, 0.310),
        (Metric::RequestRate, 40.0),
        (Metric::Cpu, 0.35),
        (Metric::Memory, 0.55),
        (Metric::Health, 1.0),
    ];
    let wobble = |value: f64, look: i64| value * (1.0 + 0.02 * (look % 3) as f64);
    let normal = metrics.iter().filter_map(|(metric, value)| {
        let summary = Summary::of((0..60).map(|look| wobble(*value, look)), 24_000)?;
        Some((metric.clone(), summary))
    });
    let baseline = Baseline::new(at(0), normal.collect());
    let mut evidence = Evidence::new(Revision::new("4f2a9c1"), at(0), at(LOOKS), baseline);
    for (metric, value) in metrics {
        let mut seen = MetricEvidence::new(metric);
        (0..LOOKS).for_each(|look| seen.push(Some(wobble(value, look)), 400));
        evidence.metrics.push(seen);
    }
    evidence.now = at(LOOKS);
    evidence.looks = 30;
    evidence.exercise = Exercise::new(5);
    evidence.exercise.requests = Some(300);
    evidence
}

fn numbers(c: &mut Criterion) {
    let mut group = c.benchmark_group("numbers");
    let (judge, evidence) = (Statistical::default(), evidence());
    group.bench_function("verdict on 30 looks at 7 metrics", |b| {
        b.iter(|| judge.decide(black_box(&evidence)));
    });
    let mut detector = Detector::new(Metric::LatencyP95, DetectConfig::default());
    let mut sample = 0_u32;
    group.bench_function("detector: one sample", |b| {
        b.iter(|| {
            sample = sample.wrapping_add(1);
            let value = 0.1 + 0.001 * f64::from(sample % 7);
            detector.observe(black_box(Some(Point::new(Timestamp::from_ms(0), value))))
        });
    });
    group.finish();
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    // Cargo says what is measured; else each is tried or listed, for which one heal is enough.
    let measured = std::env::args().any(|argument| argument == "--bench");
    let records = if measured { RECORDS } else { 1 };
    let entries = tokio::runtime::Runtime::new()?.block_on(heals(records))?;
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .sample_size(50)
        .configure_from_args();
    machine(&mut criterion, &entries)?;
    text(&mut criterion);
    numbers(&mut criterion);
    criterion.final_summary();
    Ok(())
}
