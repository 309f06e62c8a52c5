//! Three processes on one PostgreSQL journal; one of them is killed in the middle of its work.
//!
//! With `--kills N` so many are killed, at moments of chance, and others take their places. With
//! `--database URL` the journal is in a database of yours, in the schema `aegis`; otherwise in a
//! private server that ends with this program.

use std::collections::BTreeSet;
use std::error::Error;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aegis_core::machine::Phase;
use aegis_core::planner::Operator;
use aegis_core::port::Filter;
use aegis_examples::replicas::{SERVICES, build, count, replica};
use aegis_examples::terminal::{Terminal, Tone};
use aegis_sql::PostgresJournal;
use aegis_sql::testkit::Cluster;

const PATIENCE: Duration = Duration::from_secs(120);

/// A process that is killed when dropped.
struct Replica(Child);

impl Drop for Replica {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [word, url, repository, state] = &words[..]
        && word == "--replica"
    {
        return Ok(replica(url, PathBuf::from(repository), PathBuf::from(state)).await?);
    }
    let (mut database, mut kills) = (None, 1);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let value = words.next().ok_or(USAGE)?;
        match word.as_str() {
            "--database" => database = Some(value.as_str()),
            "--kills" => kills = value.parse().map_err(|_| USAGE)?,
            _ => return Err(USAGE.into()),
        }
    }
    play(database, kills).await
}

const USAGE: &str = "usage: replicas [--kills N] [--database postgres://user@host/database]";

/// A number of chance below `most`.
fn chance(most: u64) -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(0) % most
}

async fn play(database: Option<&str>, mut kills: u32) -> Result<(), Box<dyn Error>> {
    let mut terminal = Terminal::stdout();
    let folder = tempfile::tempdir()?;
    let (repository, state) = (folder.path().join("services.git"), folder.path().join("state"));
    build(&repository)?;
    std::fs::create_dir(&state)?;
    let cluster = database.is_none().then(Cluster::start).transpose()?;
    let url = match (&cluster, database) {
        (Some(cluster), _) => cluster.url(),
        (None, url) => url.unwrap_or_default().to_owned(),
    };
    let operator = Operator::new(std::sync::Arc::new(PostgresJournal::create_or_open(&url).await?));
    let before: BTreeSet<_> =
        operator.list(&Filter::new()).await?.into_iter().map(|s| s.id).collect();

    let start = || -> std::io::Result<Replica> {
        let mut child = Command::new(std::env::current_exe()?);
        child.arg("--replica").arg(&url).arg(&repository).arg(&state).stdin(Stdio::null());
        child.spawn().map(Replica)
    };
    let mut replicas = vec![start()?, start()?, start()?];
    terminal.line(Tone::Title, "three processes look after six broken services");
    let began = Instant::now();
    let mut known = std::collections::BTreeMap::new();
    let mut next = Instant::now() + Duration::from_millis(chance(1_000));
    let healed = loop {
        let mut incidents = operator.list(&Filter::new()).await?;
        incidents.retain(|s| !before.contains(&s.id));
        for s in &incidents {
            if known.insert(s.id.clone(), s.phase) != Some(s.phase) {
                terminal.line(Tone::Plain, format!("{:>7}  {}", s.service, s.phase));
            }
        }
        let done = incidents.iter().filter(|s| s.phase == Phase::Healed).count();
        let shipping = |s: &aegis_core::port::Summary| {
            matches!(
                s.phase,
                Phase::Submitting | Phase::Merging | Phase::GoingLive | Phase::Watching
            )
        };
        if kills > 0 && Instant::now() > next && incidents.iter().any(shipping) {
            kills -= 1;
            let one = usize::try_from(chance(replicas.len() as u64))?;
            drop(replicas.swap_remove(one));
            terminal.line(Tone::Bad, "one process is killed");
            if kills > 0 {
                replicas.push(start()?);
            }
            next = Instant::now() + Duration::from_millis(chance(4_000));
        }
        if done == SERVICES.len() || began.elapsed() > PATIENCE {
            break incidents;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    for s in healed.iter().filter(|s| s.phase != Phase::Healed) {
        let why = operator.incident(&s.id).await?.why;
        let why = why.map(|why| why.to_string()).unwrap_or_default();
        terminal.line(Tone::Bad, format!("{:>7}  {}: {why}", s.service, s.phase));
    }
    let counts = count(&repository)?;
    terminal.text(Tone::Title, "");
    let mut right = healed.len() == SERVICES.len();
    for (service, times) in counts {
        let of: Vec<_> = healed.iter().filter(|s| s.service.as_str() == service).collect();
        let phases: Vec<&str> = of.iter().map(|s| s.phase.name()).collect();
        let well = phases == ["Healed"] && times == 1;
        right &= well;
        let tone = if well { Tone::Good } else { Tone::Bad };
        let phases = phases.join(", ");
        terminal.text(tone, format!("{service:>7}  {phases}, mended {times} time(s)"));
    }
    if right {
        terminal.text(Tone::Good, "each incident once, each fix once, none lost");
        return Ok(());
    }
    Err("an incident was lost, or a fix was made twice".into())
}
