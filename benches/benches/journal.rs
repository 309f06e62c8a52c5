//! Durable transitions a second of the journal on SQLite, beside what the disk itself can do.
//!
//! A busy disk changes every figure tenfold, so that the bare `fdatasync` loop runs in the same run,
//! round by round with the journal, and the ratio is what counts. `AEGIS_BENCH_DIR` chooses the disk.

use std::fs::File;
use std::hint::black_box;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aegis_core::machine::{Entry, Opened, Phase, Record, Settings};
use aegis_core::model::{IncidentKind, SignalKind, Symptom};
use aegis_core::port::{Batch, Journal as _, Lease, NewIncident, SlotChange};
use aegis_core::testkit::mint::redacted;
use aegis_core::{IncidentId, Result, ServiceName, Timestamp};
use aegis_sql::SqliteJournal;
use criterion::{Criterion, Throughput};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// About what one commit writes to the write-ahead log: two frames of a page each.
const BARE: [u8; 8_192] = [7; 8_192];
/// The size at which SQLite begins to write over its log: a file that grows syncs more slowly.
const LOG: u64 = 4 * 1_024 * 1_024;
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_millis(300);

fn folder() -> std::io::Result<TempDir> {
    match std::env::var_os("AEGIS_BENCH_DIR") {
        Some(dir) => tempfile::tempdir_in(dir),
        None => tempfile::tempdir(),
    }
}

fn new(id: &str) -> NewIncident {
    let at = Timestamp::from_ms(0);
    let (incident, service) = (IncidentId::new(id), ServiceName::new("shop"));
    let kind = IncidentKind::Crash;
    let first = Symptom::new(at, id.into(), SignalKind::Error(None), redacted("it broke"));
    let opened = Opened::new(incident.clone(), service.clone(), kind, first, Settings::default());
    NewIncident {
        id: incident,
        service,
        fingerprint: id.into(),
        kind,
        at,
        opened: Record::Opened(Box::new(opened)),
        reopen: None,
    }
}

fn transition(lease: &Lease, seq: u64) -> Batch {
    let at = Timestamp::from_ms(seq.cast_signed());
    let record = Record::Held { why: "the weekly freeze".into(), until: at };
    Batch {
        incident: lease.incident.clone(),
        expected_seq: seq,
        fence: lease.fence,
        entries: vec![Entry { seq: seq + 1, at, record }],
        effects: vec![],
        letters: Vec::new(),
        phase: Phase::Submitting,
        slot: SlotChange::Keep,
    }
}

/// A journal with incidents under lease, each with the sequence of its last record.
struct Bench {
    journal: Arc<SqliteJournal>,
    producers: Vec<(Lease, u64)>,
}

impl Bench {
    async fn new(file: &Path, producers: usize) -> Result<Self> {
        let journal = Arc::new(SqliteJournal::create_or_open(file).await?);
        for n in 0..producers {
            journal.open(new(&format!("i{n:02}"))).await?;
        }
        let leases = journal.claim("bench", &[], Duration::from_secs(3_600), producers).await?;
        Ok(Self { journal, producers: leases.into_iter().map(|lease| (lease, 1)).collect() })
    }

    /// Commits from every producer at once until `ends`; returns how many.
    async fn until(&mut self, ends: Instant) -> Result<u64> {
        let produce = |(lease, first): (Lease, u64)| {
            let journal = Arc::clone(&self.journal);
            tokio::spawn(async move {
                let mut seq = first;
                while Instant::now() < ends {
                    seq = journal.commit(transition(&lease, seq)).await?;
                }
                Ok::<_, aegis_core::Error>((lease, seq, seq - first))
            })
        };
        let tasks: Vec<_> = self.producers.drain(..).map(produce).collect();
        let mut count = 0;
        for task in tasks {
            let joined = task.await.map_err(|e| aegis_core::Error::internal(e.to_string()))?;
            let (lease, seq, committed) = joined?;
            count += committed;
            self.producers.push((lease, seq));
        }
        Ok(count)
    }
}

fn bare(file: &mut File, ends: Instant) -> std::io::Result<u64> {
    let mut count = 0;
    while Instant::now() < ends {
        file.seek(SeekFrom::Start(count * BARE.len() as u64 % LOG))?;
        file.write_all(black_box(&BARE))?;
        file.sync_data()?;
        count += 1;
    }
    Ok(count)
}

/// Alternates between the bare loop and the journal, so that both see the same disk.
fn ratios(runtime: &Runtime) -> Result<()> {
    let folder = folder()?;
    let mut file = File::create(folder.path().join("bare"))?;
    for _ in 0..LOG / BARE.len() as u64 {
        file.write_all(&BARE)?;
    }
    file.sync_all()?;
    let mut lone = runtime.block_on(Bench::new(&folder.path().join("one.db"), 1))?;
    let mut crowd = runtime.block_on(Bench::new(&folder.path().join("many.db"), 64))?;
    let mut rates = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        for (n, rates) in rates.iter_mut().enumerate() {
            let start = Instant::now();
            let count = match n {
                0 => bare(&mut file, start + ROUND)?,
                1 => runtime.block_on(lone.until(start + ROUND))?,
                _ => runtime.block_on(crowd.until(start + ROUND))?,
            };
            rates.push(count as f64 / start.elapsed().as_secs_f64());
        }
    }
    let [bare, one, many] = rates.map(|mut rates| {
        rates.sort_by(f64::total_cmp);
        rates[rates.len() / 2]
    });
    let stats = crowd.journal.stats();
    let group = stats.writes as f64 / stats.transactions.max(1) as f64;
    println!("journal: median of {ROUNDS} rounds of {} ms", ROUND.as_millis());
    println!("  bare fdatasync loop   {bare:>8.0} /s");
    println!("  sqlite,  1 producer   {one:>8.0} /s   {:.2} of the bare loop", one / bare);
    println!("  sqlite, 64 producers  {many:>8.0} /s   {:.2} of the bare loop", many / bare);
    println!("  commits that share a transaction with 64 producers: {group:.1}");
    Ok(())
}

/// One commit at a time, as criterion measures it.
fn commit(criterion: &mut Criterion, runtime: &Runtime) -> Result<()> {
    let folder = folder()?;
    let mut bench = runtime.block_on(Bench::new(&folder.path().join("aegis.db"), 1))?;
    let Some((lease, mut seq)) = bench.producers.pop() else { return Ok(()) };
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

fn main() -> Result<()> {
    let runtime = Runtime::new()?;
    // Cargo says `--bench` when figures are wanted; test runners list and try the bench alone.
    if std::env::args().any(|arg| arg == "--bench") {
        ratios(&runtime)?;
    }
    let mut criterion = Criterion::default().without_plots().configure_from_args();
    commit(&mut criterion, &runtime)?;
    criterion.final_summary();
    Ok(())
}
