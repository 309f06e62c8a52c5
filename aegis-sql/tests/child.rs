//! The test binary as a process of its own, to be killed.

use std::io::{BufRead as _, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;

use aegis_core::port::Journal as _;
use aegis_sql::{SqliteJournal, owner};

use crate::shop::{LONG, held, new};

const ROLE: &str = "AEGIS_SQL_CHILD_ROLE";
const FILE: &str = "AEGIS_SQL_CHILD_FILE";

/// Starts `program`, this binary or a copy of it, in `role` on the journal at `file`.
pub(crate) fn command(program: &Path, role: &str, file: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(["--exact", "child::entry", "--ignored", "--nocapture", "--test-threads=1"]);
    command.env(ROLE, role).env(FILE, file).stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

/// A child that is killed with SIGKILL when dropped.
pub(crate) struct Running(pub(crate) Child, pub(crate) Lines<BufReader<ChildStdout>>);

impl Running {
    pub(crate) fn start(role: &str, file: &Path) -> Self {
        let program = std::env::current_exe().unwrap();
        let mut child = command(&program, role, file).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self(child, lines)
    }

    /// The rest of the next line that starts with `word`; `None` at the end of its output.
    pub(crate) fn next(&mut self, word: &str) -> Option<String> {
        self.1.by_ref().find_map(|line| {
            // The harness writes without a line end before the child's first line.
            let line = line.unwrap();
            line.split_once(word).map(|(_, rest)| rest.trim().to_owned())
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[ignore = "a child process that other tests start"]
fn entry() {
    let role = std::env::var(ROLE).expect("only other tests start this");
    let file = std::env::var(FILE).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        match role.split_once(' ') {
            Some(("commit", prefix)) => commit(Path::new(&file), prefix).await,
            Some(("claim", _)) => claim(Path::new(&file)).await,
            Some(("migrate", _)) => {
                let answer = SqliteJournal::create_or_open(&file).await;
                println!("answer {}", answer.map_or_else(|e| e.to_string(), |_| "ok".into()));
            }
            _ => panic!("no role is named {role}"),
        }
    });
}

/// Four producers commit for ever, each to an incident of its own, and say what was acknowledged.
async fn commit(file: &Path, prefix: &str) {
    let journal = Arc::new(SqliteJournal::create_or_open(file).await.unwrap());
    for n in 0..4 {
        journal.open(new(&format!("{prefix}-{n}"))).await.unwrap();
    }
    let leases = journal.claim(&owner(), &[], LONG, 10_000).await.unwrap();
    let mine = leases.into_iter().filter(|l| l.incident.as_str().starts_with(prefix));
    let produce = |lease: aegis_core::port::Lease| {
        let journal = Arc::clone(&journal);
        tokio::spawn(async move {
            for seq in 1.. {
                let acknowledged = journal.commit(held(&lease, seq, prefix_of(seq))).await.unwrap();
                println!("ack {} {acknowledged}", lease.incident);
            }
        })
    };
    for producer in mine.map(produce).collect::<Vec<_>>() {
        producer.await.unwrap();
    }
}

/// Texts of different lengths, so that records end at different places of a page.
fn prefix_of(seq: u64) -> &'static str {
    const TEXT: &str = "a hold that is written in a few more words each time, up to a length";
    &TEXT[..usize::try_from(seq).unwrap() % TEXT.len()]
}

/// Takes every lease and keeps it until it is killed.
async fn claim(file: &Path) {
    let journal = SqliteJournal::connect(file).await.unwrap();
    let leases = journal.claim(&owner(), &[], LONG, 10).await.unwrap();
    println!("claimed {}", leases.len());
    // Ends when the parent does.
    let mut line = String::new();
    let _ = std::io::stdin().read_line(&mut line);
}
