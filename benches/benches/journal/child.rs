//! This bench as a process of its own, to be killed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aegis_core::machine::Incident;
use aegis_core::planner::{PlannerConfig, ServiceConfig};
use aegis_core::policy::{Autonomy, PolicyConfig};
use aegis_core::port::{Journal, SystemClock};
use aegis_core::testkit::World;
use aegis_core::testkit::stages::{Shop, honest};
use aegis_core::{Error, Revision};
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;

use crate::Result;
use crate::many::{MANY, connect};

/// Names the role of a child process.
pub(crate) const ROLE: &str = "AEGIS_BENCH_ROLE";
/// Where its journal is.
pub(crate) const JOURNAL: &str = "AEGIS_BENCH_JOURNAL";

/// Incidents that are claimed at once.
const BATCH: usize = 64;
/// Loads at the same time.
const LOADS: usize = 16;
/// How long a planner may take before the rest is given up.
const PATIENCE: Duration = Duration::from_secs(20);

/// The role of this process, where it is a child.
pub(crate) fn role() -> Option<String> {
    std::env::var(ROLE).ok()
}

/// Plays a role until the parent ends it, or ends itself.
pub(crate) async fn play(role: &str) -> Result<()> {
    let journal = connect(&std::env::var(JOURNAL)?, 8).await?;
    match role {
        "hold" => hold(&*journal).await,
        "replay" => replay(journal).await,
        "drive" => drive(journal).await,
        _ => Err(format!("no role is named {role}").into()),
    }
}

/// Waits for a line of the parent's; at its end, this process ends too.
async fn told() -> Result<()> {
    let read = || std::io::stdin().read_line(&mut String::new());
    if tokio::task::spawn_blocking(read).await?? == 0 {
        std::process::exit(0);
    }
    Ok(())
}

/// Claims half, and the rest once it is told to.
async fn hold(journal: &dyn Journal) -> Result<()> {
    let (owner, ttl) = (aegis_sql::owner(), Duration::from_secs(600));
    let mut held = 0;
    while held < MANY / 2 {
        held += journal.claim(&owner, &[], ttl, BATCH.min(MANY / 2 - held)).await?.len();
    }
    println!("holds");
    told().await?;
    while held < MANY {
        held += journal.claim(&owner, &[], ttl, BATCH).await?.len();
        println!("more");
    }
    told().await
}

/// Claims every incident, and makes of each what its records say.
async fn replay(journal: Arc<dyn Journal>) -> Result<()> {
    let (owner, ttl) = (aegis_sql::owner(), Duration::from_secs(600));
    let (mut loads, mut incidents) = (JoinSet::new(), Vec::with_capacity(MANY));
    loop {
        let leases = journal.claim(&owner, &[], ttl, BATCH).await?;
        if leases.is_empty() {
            break;
        }
        for lease in leases {
            if loads.len() >= LOADS
                && let Some(loaded) = loads.join_next().await
            {
                incidents.push(loaded??);
            }
            let journal = Arc::clone(&journal);
            loads.spawn(async move {
                let missing = || Error::not_found("a claimed incident is missing");
                let stored = journal.load(&lease.incident).await?.ok_or_else(missing)?;
                Incident::replay(&stored.entries)
            });
        }
    }
    while let Some(loaded) = loads.join_next().await {
        incidents.push(loaded??);
    }
    if incidents.len() < MANY {
        return Err(format!("{} incidents were replayed, not {MANY}", incidents.len()).into());
    }
    println!("all {}", memory()?);
    told().await
}

/// Drives every incident by a planner.
async fn drive(journal: Arc<dyn Journal>) -> Result<()> {
    let clock = Arc::new(SystemClock);
    let shop = Shop::new(World::new(clock, Revision::new("4f2a9c1")));
    let config = PlannerConfig::new();
    let planner = honest(&shop, PolicyConfig::new(Autonomy::Propose))
        .service(ServiceConfig::new("shop"))
        .config(config)
        .journal(journal)
        .owner(aegis_sql::owner())
        .build()?
        .start()?;
    let mut changes = planner.changes();
    let (start, mut driven) = (Instant::now(), 0);
    while driven < MANY as u64 {
        let left = PATIENCE.saturating_sub(start.elapsed());
        match tokio::time::timeout(left, changes.recv()).await {
            Ok(Ok(_)) => driven += 1,
            Ok(Err(RecvError::Lagged(missed))) => driven += missed,
            Ok(Err(RecvError::Closed)) => return Err("the planner ended".into()),
            Err(_) => break,
        }
    }
    println!("driven {driven} of {MANY}, {}", memory()?);
    tokio::time::sleep(config.lease / 2).await;
    println!("renewed {}", memory()?);
    told().await
}

/// What this process takes at this moment, and took at most.
fn memory() -> Result<String> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let of = |name: &str| {
        let kib =
            status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next());
        kib.and_then(|kib| kib.parse::<u64>().ok()).map(|kib| kib / 1_024).unwrap_or_default()
    };
    Ok(format!("{} MiB resident, {} MiB at most", of("VmRSS:"), of("VmHWM:")))
}
