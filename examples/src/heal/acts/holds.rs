//! Fixes that are ready, and what holds them until it is lifted.

use std::time::Duration;

use aegis_core::machine::{Phase, Why};
use aegis_core::policy::{Budget, Freeze};
use aegis_core::port::{Clock as _, SystemClock};
use aegis_core::{EffectKey, EffectKind, IncidentId};

use super::super::Failure;
use super::super::play::Play;
use crate::staging::release;
use crate::staging::script::Bug;

const HOUR: Duration = Duration::from_secs(3_600);
/// Who lifts what is held.
const OPERATOR: &str = "operator";

pub(super) async fn freeze(play: &mut Play<'_>) -> Result<(), Failure> {
    play.mark("freeze")?;
    begin_freeze(play, "the autumn catalogue goes out").await?;
    play.visitors(&[Bug::Voucher]);
    shown(play).await?;
    end_freeze(play).await?;
    healed(play).await
}

pub(super) async fn begin_freeze(play: &Play<'_>, why: &str) -> Result<(), Failure> {
    let from = SystemClock.now();
    let freeze = Freeze { from, to: from.plus(HOUR), why: why.to_owned() };
    Ok(play.handle()?.freeze(freeze).await?)
}

pub(super) async fn end_freeze(play: &mut Play<'_>) -> Result<(), Failure> {
    play.say("the freeze is lifted");
    let mut control = play.journal.control().await?;
    control.freezes.clear();
    Ok(play.handle()?.set_control(control).await?)
}

pub(super) async fn kill_switch(play: &mut Play<'_>) -> Result<(), Failure> {
    play.mark("kill-switch")?;
    play.handle()?.pause("the operator looks at something").await?;
    play.visitors(&[Bug::Bundle]);
    shown(play).await?;
    play.say("the kill switch is lifted");
    play.handle()?.unpause().await?;
    healed(play).await
}

pub(super) async fn budget(play: &mut Play<'_>) -> Result<(), Failure> {
    play.mark("budget")?;
    let usual = super::policy(play.options);
    let mut spent = usual.budget;
    spent.merges_per_day = merged_today(play).await?;
    play.say(format!(
        "the owner allows {} merges a day, as many as there were",
        spent.merges_per_day
    ));
    play.plan(usual.clone().with_budget(spent)).await?;
    play.visitors(&[Bug::Loyalty]);
    shown(play).await?;
    play.say("the owner allows more");
    play.plan(usual).await?;
    healed(play).await
}

/// How many merges the journal has counted today.
async fn merged_today(play: &Play<'_>) -> Result<u64, Failure> {
    let key = EffectKey {
        service: "shop".into(),
        incident: IncidentId::new("none"),
        attempt: 1,
        kind: EffectKind::Merge,
    };
    let limits = Budget::default().limits(&key, SystemClock.now());
    let day = limits.iter().find(|l| l.counter.contains("/day/")).ok_or("no budget by day")?;
    Ok(play.journal.used(&day.counter).await?)
}

pub(super) async fn approve(play: &mut Play<'_>) -> Result<(), Failure> {
    play.mark("approve")?;
    play.visitors(&[Bug::Sizes]);
    let waiting = play.until_in(Phase::AwaitingHuman).await?;
    play.pass(play.pace.shown).await?;
    let Some(Why::Approval { fix, .. }) = waiting.why else {
        return Err("it does not wait for approval".into());
    };
    play.say(format!("the operator approves {}", fix.short()));
    play.handle()?.approve(&waiting.case.incident, fix, OPERATOR).await?;
    healed(play).await
}

pub(super) async fn propose(play: &mut Play<'_>) -> Result<(), Failure> {
    play.mark("propose")?;
    play.visitors(&[Bug::Payment]);
    let waiting = play.until_in(Phase::AwaitingHuman).await?;
    play.pass(play.pace.shown).await?;
    let branch = waiting.key(EffectKind::Submit).branch();
    play.say(format!("a person merges {branch}"));
    let repository = play.scene.repository.clone();
    tokio::task::spawn_blocking(move || release::merge(&repository, &branch)).await??;
    healed(play).await
}

async fn shown(play: &mut Play<'_>) -> Result<(), Failure> {
    play.until_held().await?;
    play.pass(play.pace.shown).await
}

async fn healed(play: &mut Play<'_>) -> Result<(), Failure> {
    play.until_in(Phase::Healed).await.map(drop)
}
