//! Ten thousand open incidents: how long a claim takes, how long it takes to have all of them back
//! after a process was killed, and how much memory those take that wait for a person.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aegis_core::machine::{Phase, Record};
use aegis_core::model::{Diagnosis, SignalKind, Symptom};
use aegis_core::port::{Journal, Lease};
use aegis_core::testkit::mint::{incident, redacted};
use aegis_core::{Error, Fingerprint, Revision, Timestamp, trace};
use aegis_sql::{PostgresConfig, PostgresJournal, SqliteJournal};
use tokio::runtime::Runtime;

use crate::Result;
use crate::child::{JOURNAL, ROLE};
use crate::rounds::{LONG, percentile, recorded};

/// Open incidents.
pub(crate) const MANY: usize = 10_000;
/// Claims that are timed.
const CLAIMS: usize = 500;
/// Writers that prepare the incidents.
const WRITERS: usize = 32;

/// A child process, killed with SIGKILL when it is dropped.
struct Running {
    child: Child,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    since: Instant,
}

impl Running {
    fn start(role: &str, journal: &str) -> Result<Self> {
        let since = Instant::now();
        let mut command = Command::new(std::env::current_exe()?);
        command.env(ROLE, role).env(JOURNAL, journal);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = child.stdin.take().ok_or("no input")?;
        let lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
        Ok(Self { child, input, lines, since })
    }

    /// The rest of its next line, which must start with `word`.
    fn next(&mut self, word: &str) -> Result<String> {
        let line = self.lines.next().ok_or("a child process ended early")??;
        let rest = line.strip_prefix(word).ok_or_else(|| format!("a child said {line}"))?;
        Ok(rest.trim().to_owned())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Connects to a journal by its URL or its path.
pub(crate) async fn connect(journal: &str, connections: u32) -> Result<Arc<dyn Journal>> {
    Ok(if journal.starts_with("postgres://") {
        let config = PostgresConfig::new().with_connections(connections);
        Arc::new(PostgresJournal::connect_with(journal, config).await?)
    } else {
        Arc::new(SqliteJournal::connect(journal).await?)
    })
}

/// An error with a stack trace of ordinary size, of a kind of its own.
fn symptom(n: usize) -> Symptom {
    let mut text = String::from("Traceback (most recent call last):\n");
    for frame in 0..12 {
        let line = 20 + frame * 7;
        text.push_str(&format!(
            "  File \"/srv/shop/orders/part_{frame}.py\", line {line}, in handle_{n}_{frame}\n    \
             return self.next(request, prices, customer)\n"
        ));
    }
    text.push_str(&format!("KeyError: 'price-{n}'\n"));
    let trace = trace::parse(&text).into_iter().next_back();
    let print = Fingerprint::of(["many", &n.to_string()]);
    let title = redacted(&format!("KeyError: 'price-{n}' in handle_{n}_11"));
    Symptom::new(Timestamp::from_ms(1), print, SignalKind::Error(trace), title)
        .with_detail(redacted(&text))
        .with_source("log:stderr")
}

/// Does `write` for all of `all`, several at a time.
async fn spread<T, F>(all: Vec<T>, write: impl Fn(T) -> F) -> Result<()>
where
    F: Future<Output = Result<(), Error>> + Send + 'static,
{
    let mut tasks = tokio::task::JoinSet::new();
    for one in all {
        if tasks.len() == WRITERS
            && let Some(done) = tasks.join_next().await
        {
            done??;
        }
        tasks.spawn(write(one));
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}

/// Opens them all, each diagnosed without a result, so that it waits for a person.
async fn open(journal: &Arc<dyn Journal>) -> Result<()> {
    spread((0..MANY).collect(), |n| {
        let (journal, new) =
            (Arc::clone(journal), incident(&format!("many-{n:05}"), "shop", symptom(n)));
        async move { journal.open(new).await.map(drop) }
    })
    .await?;
    let leases = journal.claim("bench", &[], LONG, MANY).await?;
    spread(leases, |lease| {
        let journal = Arc::clone(journal);
        async move {
            let diagnosis = Diagnosis::new(Revision::new("4f2a9c1"), "bench", Vec::new());
            let diagnosed = Record::Diagnosed(Box::new(diagnosis));
            journal.commit(recorded(&lease, 1, diagnosed, Phase::AwaitingHuman)).await?;
            journal.release(&lease).await
        }
    })
    .await
}

/// Claims one incident at a time while half of all are another process', and renews each: a durable
/// write of one row, beside which the claim is to be seen. Milliseconds each of both.
async fn claims(journal: &dyn Journal) -> Result<[Vec<f64>; 2]> {
    let (owner, ttl) = (aegis_sql::owner(), Duration::from_secs(60));
    let [mut claimed, mut renewed] = [const { Vec::new() }; 2];
    let mut leases: Vec<Lease> = Vec::with_capacity(CLAIMS);
    let ms = |start: Instant| start.elapsed().as_secs_f64() * 1_000.0;
    for _ in 0..CLAIMS {
        let start = Instant::now();
        let mut one = journal.claim(&owner, &[], ttl, 1).await?;
        claimed.push(ms(start));
        let lease = one.pop().ok_or("nothing was free")?;
        let start = Instant::now();
        journal.renew(&lease).await?;
        renewed.push(ms(start));
        leases.push(lease);
    }
    for lease in &leases {
        journal.release(lease).await?;
    }
    Ok([claimed, renewed])
}

/// Measures on a journal at this path or URL, which holds nothing else that is free.
pub(crate) fn measure(runtime: &Runtime, name: &str, at: &str) -> Result<()> {
    let journal = runtime.block_on(async {
        if !at.starts_with("postgres://") {
            SqliteJournal::migrate(at).await?;
        }
        let journal = connect(at, 32).await?;
        open(&journal).await.map(|()| journal)
    })?;
    println!("{name}: {MANY} open incidents");

    let mut holder = Running::start("hold", at)?;
    holder.next("holds")?;
    let took = runtime.block_on(claims(&*journal))?;
    let claim_and_renewal =
        ["a claim of one, half are another's", "one durable write, at that time"];
    for (what, mut took) in claim_and_renewal.into_iter().zip(took) {
        let [median, late] = [50, 99].map(|percent| percentile(&mut took, percent));
        println!("  {what:<37} {median:>6.2} ms   99th {late:.2} ms");
    }

    // Killed while it claims the rest.
    holder.input.write_all(b"go\n")?;
    holder.next("more")?;
    drop(holder);
    let mut replay = Running::start("replay", at)?;
    let memory = replay.next("all")?;
    let took = replay.since.elapsed().as_secs_f64();
    println!("  claimed and replayed after a SIGKILL   {took:>6.2} s    {memory}");

    // Killed while it holds all of them.
    drop(replay);
    let mut driver = Running::start("drive", at)?;
    let driven = driver.next("driven")?;
    let took = driver.since.elapsed().as_secs_f64();
    println!("  driven by a planner after a SIGKILL    {took:>6.2} s    {driven}");
    println!("  resident once it has renewed them      {}", driver.next("renewed")?);
    Ok(())
}
