//! SQLite: one producer beside plain sqlx, many beside the disk.

use std::fs::File;
use std::hint::black_box;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aegis_core::machine::Phase;
use aegis_core::port::{Journal as _, Lease};
use aegis_sql::SqliteJournal;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection as _, SqliteConnection};
use tokio::runtime::Runtime;

use crate::rounds::{LONG, Producers, ROUNDS, held, median, new, rate};
use crate::{Result, folder};

/// About what one commit writes to the write-ahead log: two frames of a page each.
const FRAMES: [u8; 8_192] = [7; 8_192];
/// The size at which SQLite begins to write over its log: a file that grows syncs more slowly.
const LOG: u64 = 4 * 1_024 * 1_024;
const ROUND: Duration = Duration::from_millis(300);

/// A journal in this file, and so many producers.
pub(crate) async fn producers(
    file: &Path,
    count: usize,
) -> Result<(Arc<SqliteJournal>, Producers)> {
    let journal = Arc::new(SqliteJournal::create_or_open(file).await?);
    let ids: Vec<String> = (0..count).map(|n| format!("i{n:02}")).collect();
    Ok((Arc::clone(&journal), Producers::new(journal, &ids).await?))
}

/// Writes and syncs, and nothing else.
struct Disk(File);

impl Disk {
    fn new(file: &Path) -> Result<Self> {
        let mut file = File::create(file)?;
        for _ in 0..LOG / FRAMES.len() as u64 {
            file.write_all(&FRAMES)?;
        }
        file.sync_all()?;
        Ok(Self(file))
    }

    fn rate(&mut self) -> Result<f64> {
        let (start, mut count) = (Instant::now(), 0);
        while start.elapsed() < ROUND {
            self.0.seek(SeekFrom::Start(count * FRAMES.len() as u64 % LOG))?;
            self.0.write_all(black_box(&FRAMES))?;
            self.0.sync_data()?;
            count += 1;
        }
        Ok(rate(count, start))
    }
}

/// The rows of a transition written to a journal's tables by plain sqlx, one transaction each.
struct Plain {
    conn: SqliteConnection,
    lease: Lease,
    seq: i64,
    body: String,
}

impl Plain {
    async fn new(file: &Path) -> Result<Self> {
        let journal = SqliteJournal::create_or_open(file).await?;
        journal.open(new("plain")).await?;
        let lease = journal.claim("bench", &[], LONG, 1).await?.pop().ok_or("nothing is free")?;
        journal.close().await;
        let options = SqliteConnectOptions::new()
            .filename(file)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true);
        let conn = SqliteConnection::connect_with(&options).await?;
        Ok(Self { conn, lease, seq: 1, body: serde_json::to_string(&held(1))? })
    }

    /// As a task of the runtime, like the journal's producers: it is woken as they are.
    async fn rate(mut self) -> Result<(Self, f64)> {
        let task = tokio::spawn(async move {
            let (start, first) = (Instant::now(), self.seq);
            while start.elapsed() < ROUND {
                self.commit().await?;
            }
            let rate = rate(self.seq.abs_diff(first), start);
            Ok((self, rate))
        });
        task.await?
    }

    async fn commit(&mut self) -> Result<()> {
        const MOVE: &str = "UPDATE incident SET seq = ?4, phase = ?5, updated_at = ?6, seal = ?7
            WHERE id = ?1 AND fence = ?2 AND seq = ?3 AND lease_owner IS NOT NULL";
        const WRITE: &str = "INSERT INTO journal (incident, seq, at, kind, body, digest)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let (id, next, hash) = (self.lease.incident.as_str(), self.seq + 1, [7_u8; 32]);
        let mut tx = self.conn.begin_with("BEGIN IMMEDIATE").await?;
        let moved = sqlx::query(MOVE).bind(id).bind(self.lease.fence.0.cast_signed());
        let moved = moved
            .bind(self.seq)
            .bind(next)
            .bind(Phase::Submitting.name())
            .bind(next)
            .bind(&hash[..]);
        if moved.execute(&mut *tx).await?.rows_affected() != 1 {
            return Err("the row was not moved".into());
        }
        let write = sqlx::query(WRITE).bind(id).bind(next).bind(next).bind("held");
        write.bind(self.body.as_str()).bind(&hash[..]).execute(&mut *tx).await?;
        tx.commit().await?;
        self.seq = next;
        Ok(())
    }
}

/// Alternates between the bare loops and the journal, so that all see the same disk.
pub(crate) fn ratios(runtime: &Runtime) -> Result<()> {
    let folder = folder()?;
    let file = |name: &str| folder.path().join(name);
    let mut disk = Disk::new(&file("disk"))?;
    let mut plain = runtime.block_on(Plain::new(&file("plain.db")))?;
    let (_, mut lone) = runtime.block_on(producers(&file("one.db"), 1))?;
    let (journal, mut crowd) = runtime.block_on(producers(&file("many.db"), 64))?;
    let mut rates = [const { Vec::new() }; 4];
    for _ in 0..ROUNDS {
        let alone = disk.rate()?;
        let (again, bare) = runtime.block_on(plain.rate())?;
        plain = again;
        let round = [
            alone,
            bare,
            runtime.block_on(lone.rate(ROUND))?,
            runtime.block_on(crowd.rate(ROUND))?,
        ];
        rates.iter_mut().zip(round).for_each(|(rates, rate)| rates.push(rate));
    }
    let [disk, plain, one, many] = rates.map(median);
    let stats = journal.stats();
    let group = stats.writes as f64 / stats.transactions.max(1) as f64;
    println!("sqlite: transitions a second, median of {ROUNDS} rounds of {} ms", ROUND.as_millis());
    println!("  bare fdatasync loop   {disk:>8.0}");
    println!("  bare sqlx loop        {plain:>8.0}   {:.2} of fdatasync", plain / disk);
    println!("  journal,  1 producer  {one:>8.0}   {:.2} of sqlx", one / plain);
    println!("  journal, 64 producers {many:>8.0}   {:.2} of fdatasync", many / disk);
    println!("  commits that share a transaction with 64 producers: {group:.1}");
    Ok(())
}
