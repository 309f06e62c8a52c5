//! What becomes of many series in one tick: polled, parsed, and judged.
//!
//! `evaluate prometheus` prints CPU, bytes and allocations of a whole tick, on a real Prometheus too.

use std::hint::black_box;
use std::time::Duration;

use aegis_benches::Result;
use aegis_benches::prometheus::{Answers, Fleet, Watch, answer};
use aegis_core::port::{Clock as _, SystemClock};
use aegis_prometheus::{Answer, Prometheus};
use criterion::{Criterion, Throughput};
use tokio::runtime::Builder;

const SERIES: usize = 10_000;
/// Moments of a matrix: those that a planner asks for where it has seen nothing so far.
const POINTS: u32 = 30;

/// Answers of a vector and of a matrix, beside plain JSON.
fn parse(criterion: &mut Criterion, services: usize) {
    let mut group = criterion.benchmark_group("prometheus answer");
    let now = SystemClock.now();
    for (name, points) in [("vector", None), ("matrix of 30 points", Some(POINTS))] {
        let body = answer(services, now, points);
        group.throughput(Throughput::Elements(services as u64 * u64::from(points.unwrap_or(1))));
        group.bench_function(name, |b| b.iter(|| Answer::read(black_box(body.as_bytes())).is_ok()));
        group.bench_function(format!("{name}, as serde_json::Value"), |b| {
            b.iter(|| serde_json::from_str::<serde_json::Value>(black_box(&body)).is_ok());
        });
    }
    group.finish();
}

fn tick(criterion: &mut Criterion, fleet: &Fleet) -> Result<()> {
    let server = Answers::start(fleet.services.len())?;
    let source = Prometheus::new(fleet.config(&server.base()))?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let poll = || {
        let query = fleet.query(SystemClock.now());
        runtime.block_on(source.sample_each(&fleet.services, &query))
    };
    let all = poll()?;
    let mut watch = Watch::new(fleet);
    watch.learn(&all);
    watch.release(&all, SystemClock.now());
    let mut group = criterion.benchmark_group(format!("tick of {} series", fleet.series()));
    group.throughput(Throughput::Elements(fleet.series() as u64));
    group.bench_function("poll", |b| b.iter(|| poll().is_ok()));
    group.bench_function("detect", |b| b.iter(|| watch.observe(black_box(&all))));
    group.bench_function("judge", |b| b.iter(|| watch.judge(black_box(&all))));
    group.finish();
    Ok(())
}

fn main() -> Result<()> {
    // Cargo says what is measured; else each is tried or listed, for which few are enough.
    let measured = std::env::args().any(|argument| argument == "--bench");
    let fleet = Fleet::new(if measured { SERIES } else { 20 });
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .sample_size(20)
        .without_plots()
        .configure_from_args();
    parse(&mut criterion, fleet.services.len());
    tick(&mut criterion, &fleet)?;
    criterion.final_summary();
    Ok(())
}
