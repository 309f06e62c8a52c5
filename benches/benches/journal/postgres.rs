//! PostgreSQL: the journal beside `pgbench`, which runs the very statement of a commit.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use aegis_core::machine::Phase;
use aegis_core::port::{Filter, Journal, Lease};
use aegis_sql::PostgresJournal;
use aegis_sql::testkit::{COMMIT_RECORDS, Cluster};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::Result;
use crate::many::connect;
use crate::rounds::{Producers, ROUNDS, held, median};

const CLIENTS: [u32; 3] = [1, 8, 32];
/// `pgbench` counts whole seconds.
const ROUND: Duration = Duration::from_secs(1);
/// The id of the first client's incident: `pgbench` makes ids of numbers only.
const FIRST: u64 = 1_000_000_000_000;

/// The statement as a script: each client moves an incident of its own on.
fn script() -> String {
    let mut sql = String::new();
    let mut rest = COMMIT_RECORDS;
    while let Some((before, after)) = rest.split_once('$') {
        let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        let (number, after) = after.split_at(end);
        sql.push_str(before);
        sql.push_str(&match number {
            // Variables hold numbers and words that are given once, and no arrays of numbers.
            "6" | "4" => String::from(":next"),
            "7" | "8" => String::from("ARRAY[:next]"),
            _ => format!(":p{number}"),
        });
        rest = after;
    }
    format!(
        "\\set p1 {FIRST} + :client_id
\\if :known = 0
SELECT seq AS p3 FROM incident WHERE id = :p1::text \\gset
\\set known 1
\\endif
\\set next :p3 + 1
{sql}{rest};
\\set p3 :next
"
    )
}

/// `pgbench` with its script, and what every client's statement has in common.
struct Bare {
    program: PathBuf,
    folder: TempDir,
    url: String,
    values: [String; 6],
}

impl Bare {
    fn new(program: PathBuf, url: String, lease: &Lease) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("script"), script())?;
        let body = serde_json::to_string(&held(1_000))?;
        let quoted = body.replace('\\', "\\\\").replace('"', "\\\"");
        let values = [
            format!("p2={}", lease.fence.0),
            format!("p5={}", Phase::Submitting.name()),
            String::from("p9={held}"),
            format!("p10={{\"{quoted}\"}}"),
            format!("p11={{\"\\\\x{}\"}}", "07".repeat(32)),
            String::from("known=0"),
        ];
        Ok(Self { program, folder, url, values })
    }

    /// Transactions a second of one run, and how many.
    fn rate(&self, clients: u32) -> Result<(f64, u64)> {
        let threads =
            std::thread::available_parallelism()?.min(usize::try_from(clients)?.try_into()?);
        let mut command = Command::new(&self.program);
        command.args(["-n", "-M", "prepared", "-T", &ROUND.as_secs().to_string()]);
        command.args(["-c", &clients.to_string(), "-j", &threads.to_string()]);
        for value in &self.values {
            command.args(["-D", value]);
        }
        command.arg("-f").arg(self.folder.path().join("script")).arg(&self.url);
        let output = command.env("PGOPTIONS", "-c search_path=aegis").output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        let find = |start: &str| {
            let line = said.lines().find_map(|line| line.strip_prefix(start))?;
            line.split(' ').next().map(str::to_owned)
        };
        let count = find("number of transactions actually processed: ");
        match (find("tps = "), count, output.status.success()) {
            (Some(rate), Some(count), true) => Ok((rate.parse()?, count.parse()?)),
            _ => Err(format!("pgbench: {}", String::from_utf8_lossy(&output.stderr)).into()),
        }
    }
}

/// The sum of the sequences of all clients' incidents.
async fn written(journal: &dyn Journal) -> Result<u64> {
    let all = journal.list(&Filter::new().limit(200)).await?;
    let clients = all.iter().filter(|summary| summary.id.as_str().starts_with('1'));
    Ok(clients.map(|summary| summary.seq).sum())
}

/// Alternates between `pgbench` and the journal, so that both see the same server and the same disk.
pub(crate) fn ratios(runtime: &Runtime, cluster: &Cluster) -> Result<()> {
    let seconds = ROUND.as_secs();
    println!("postgresql: transitions a second, median of {ROUNDS} rounds of {seconds} s");
    runtime.block_on(PostgresJournal::migrate(&cluster.url()))?;
    let journal = runtime.block_on(connect(&cluster.url(), 1))?;
    let most = CLIENTS.into_iter().max().unwrap_or_default();
    let ids: Vec<String> = (0..u64::from(most)).map(|n| (FIRST + n).to_string()).collect();
    let of_clients = runtime.block_on(Producers::new(Arc::clone(&journal), &ids))?;
    let bare = match (cluster.installed("pgbench"), of_clients.leases.first()) {
        (Some(program), Some((lease, _))) => Some(Bare::new(program, cluster.url(), lease)?),
        _ => {
            println!("  pgbench is not installed, the comparison is skipped: on Debian it is in");
            println!("  postgresql, before version 10 in postgresql-contrib");
            None
        }
    };
    for clients in CLIENTS {
        let ids: Vec<String> = (0..clients).map(|n| format!("c{clients}-{n:02}")).collect();
        let own = runtime.block_on(connect(&cluster.url(), clients))?;
        let mut producers = runtime.block_on(Producers::new(own, &ids))?;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            ours.push(runtime.block_on(producers.rate(ROUND))?);
            let Some(bare) = &bare else { continue };
            let before = runtime.block_on(written(&*journal))?;
            let (rate, count) = bare.rate(clients)?;
            let moved = runtime.block_on(written(&*journal))? - before;
            if moved != count {
                return Err(format!("{moved} of pgbench's {count} transactions moved a row").into());
            }
            theirs.push(rate);
        }
        let (ours, theirs) = (median(ours), median(theirs));
        print!("  {clients:>2} clients: journal {ours:>7.0}");
        match bare {
            Some(_) => println!("   pgbench {theirs:>7.0}   {:.2} of pgbench", ours / theirs),
            None => println!(),
        }
    }
    Ok(())
}
