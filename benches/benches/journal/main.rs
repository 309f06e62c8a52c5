//! The journals beside what the disk and the database can do, and with ten thousand open incidents.
//!
//! A busy disk changes every figure tenfold, so that a bare loop runs in the same run, round by round
//! with the journal, and the ratio is what counts. `AEGIS_BENCH_DIR` chooses the disk of SQLite.

mod child;
mod many;
mod postgres;
mod rounds;
mod sqlite;

use std::time::Duration;

use aegis_sql::testkit::Cluster;
use criterion::{Criterion, Throughput};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use rounds::transition;

type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

fn folder() -> std::io::Result<TempDir> {
    match std::env::var_os("AEGIS_BENCH_DIR") {
        Some(dir) => tempfile::tempdir_in(dir),
        None => tempfile::tempdir(),
    }
}

/// One commit at a time, as criterion measures it.
fn commit(criterion: &mut Criterion, runtime: &Runtime) -> Result<()> {
    let folder = folder()?;
    let (_, mut bench) = runtime.block_on(sqlite::producers(&folder.path().join("aegis.db"), 1))?;
    let Some((lease, mut seq)) = bench.leases.pop() else { return Ok(()) };
    let mut group = criterion.benchmark_group("journal");
    group.throughput(Throughput::Elements(1)).sample_size(20);
    group.warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1));
    group.bench_function("sqlite/commit", |b| {
        b.iter(|| match runtime.block_on(bench.journal.commit(transition(&lease, seq))) {
            Ok(next) => seq = next,
            Err(e) => panic!("a commit failed: {e}"),
        });
    });
    group.finish();
    Ok(())
}

/// Everything that takes long.
fn figures(runtime: &Runtime) -> Result<()> {
    sqlite::ratios(runtime)?;
    let folder = folder()?;
    let file = folder.path().join("many.db");
    many::measure(runtime, "sqlite", &file.display().to_string())?;
    match Cluster::start() {
        Ok(cluster) => {
            postgres::ratios(runtime, &cluster)?;
            many::measure(runtime, "postgresql", &cluster.url())
        }
        Err(e) => {
            println!("postgresql: skipped, {e}");
            Ok(())
        }
    }
}

fn main() -> Result<()> {
    let runtime = Runtime::new()?;
    if let Some(role) = child::role() {
        return runtime.block_on(child::play(&role));
    }
    // Cargo says `--bench` when figures are wanted; test runners list and try the bench alone.
    if std::env::args().any(|arg| arg == "--bench") {
        figures(&runtime)?;
    }
    let mut criterion = Criterion::default().without_plots().configure_from_args();
    commit(&mut criterion, &runtime)?;
    criterion.final_summary();
    Ok(())
}
