//! Storms of errors, logged by the shop's nightly job.

use std::fs::OpenOptions;
use std::process::Stdio;

use aegis_core::machine::{Incident, Phase};
use aegis_core::model::IncidentKind;

use super::super::Failure;
use super::super::play::Play;
use super::holds;
use crate::staging::script::Bug;

/// Different errors of the storm.
const KINDS: u32 = 500;
/// Traces of the one error.
const TRACES: u32 = 10_000;

/// A fix is ready, and waits in a freeze, when a storm breaks out. The freeze is lifted, and still
/// nothing is shipped until the storm is over.
pub(super) async fn many(play: &mut Play<'_>) -> Result<(), Failure> {
    play.mark("bug-in-storm")?;
    holds::begin_freeze(play, "the night's stocktaking").await?;
    play.visitors(&[Bug::Gauge]);
    play.until_held().await?;
    // What opened a moment before a storm counts as a part of it.
    play.pass(play.pace.planner.storm.within).await?;
    play.mark("storm")?;
    nightly(play, KINDS, KINDS).await?;
    let umbrella = |i: &Incident| i.case.kind == IncidentKind::Storm;
    let all = play.until("no umbrella incident", |all| all.iter().any(umbrella)).await?;
    let opened: Vec<&Incident> = all.iter().filter(|i| umbrella(i)).collect();
    let [storm] = opened[..] else { return Err("more than one umbrella incident".into()) };
    holds::end_freeze(play).await?;
    play.pass(play.pace.shown * 3).await?;
    play.say("the operator finds the supplier's feed broken, has it mended, and says so");
    play.handle()?.resume(&storm.case.incident, "operator").await?;
    play.until_in(Phase::SelfResolved).await?;
    play.mark("bug-in-storm")?;
    play.until_in(Phase::Healed).await.map(drop)
}

/// Many traces of one error are one incident.
pub(super) async fn one(play: &mut Play<'_>) -> Result<(), Failure> {
    play.mark("storm-one-error")?;
    nightly(play, TRACES, 1).await?;
    play.until_in(Phase::AwaitingHuman).await?;
    // The log is longer than the incident took.
    play.pass(play.pace.shown * 2).await
}

/// Runs the nightly job, whose standard error is one of the shop's logs.
async fn nightly(play: &mut Play<'_>, traces: u32, kinds: u32) -> Result<(), Failure> {
    let kind = if kinds == 1 { "of one kind" } else { "all different" };
    play.say(format!("the nightly job logs {traces} errors, {kind}"));
    let log = play.scene.nightly_log();
    let errors = OpenOptions::new().create(true).append(true).open(&log)?;
    let job = tokio::process::Command::new(play.scene.python())
        .args(["-m", "shop.nightly", "--traces", &traces.to_string()])
        .args(["--kinds", &kinds.to_string()])
        .current_dir(play.scene.tree().await?)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(errors)
        .kill_on_drop(true)
        .spawn()?
        .wait()
        .await?;
    if job.success() { Ok(()) } else { Err(format!("the nightly job failed: {job}").into()) }
}
