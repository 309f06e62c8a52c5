//! The scenarios, played one after the other.

mod bugs;
mod holds;
mod releases;
mod storms;

use std::time::Duration;

use aegis_core::policy::{Autonomy, AutonomyRules, Budget, PolicyConfig};

use super::play::Play;
use super::scenario::Scenario;
use super::{Failure, Options};
use crate::staging::release::Change;
use crate::staging::script::Bug;
use crate::terminal::Tone;

/// Plays every scenario that was asked for and is not done yet.
pub(super) async fn all(play: &mut Play<'_>) -> Result<(), Failure> {
    let scenarios = play.options.scenarios();
    for (number, scenario) in scenarios.iter().enumerate() {
        if play.run.done.iter().any(|done| done == scenario.name()) {
            continue;
        }
        let (of, title) = (scenarios.len(), scenario.title());
        play.terminal.line(Tone::Title, format!("{} of {of}: {title}", number + 1));
        one(play, *scenario).await.map_err(|e| format!("{}: {e}", scenario.name()))?;
        play.visitors(&[]);
        play.run.done.push(scenario.name().to_owned());
        play.run.write(&play.scene.state)?;
        play.pass(play.pace.between).await?;
    }
    play.say("every page that was mended is asked once more");
    play.visitors(&scenarios.iter().flat_map(|s| mended(*s, play.options)).collect::<Vec<_>>());
    play.pass(AFTER).await
}

/// Visitors of mended pages at the end, to show that they work.
const AFTER: Duration = Duration::from_secs(4);

/// The bugs that are gone for good once a scenario is over.
fn mended(scenario: Scenario, options: &Options) -> Vec<Bug> {
    match scenario {
        Scenario::CrashBugs if options.autonomy == Autonomy::Auto => options.bugs.clone(),
        Scenario::Freeze => vec![Bug::Voucher],
        Scenario::KillSwitch => vec![Bug::Bundle],
        Scenario::Approve => vec![Bug::Sizes],
        Scenario::Propose => vec![Bug::Payment],
        Scenario::Budget => vec![Bug::Loyalty],
        Scenario::Storm => vec![Bug::Gauge],
        Scenario::Model => vec![Bug::Unmendable],
        _ => Vec::new(),
    }
}

async fn one(play: &mut Play<'_>, scenario: Scenario) -> Result<(), Failure> {
    match scenario {
        Scenario::CrashBugs => bugs::at_once(play).await,
        Scenario::Trap => bugs::trap(play).await,
        Scenario::Futile => bugs::futile(play).await,
        Scenario::NoTemplate => bugs::handed_over(play, "no-template", Bug::Unmendable).await,
        Scenario::Model => bugs::healed(play, "model", Bug::Unmendable).await,
        Scenario::FullPool => bugs::handed_over(play, "full-pool", Bug::Pool).await,
        Scenario::Flapping => bugs::flapping(play).await,
        Scenario::Freeze => holds::freeze(play).await,
        Scenario::KillSwitch => holds::kill_switch(play).await,
        Scenario::Approve => holds::approve(play).await,
        Scenario::Propose => holds::propose(play).await,
        Scenario::Budget => holds::budget(play).await,
        Scenario::Storm => storms::many(play).await,
        Scenario::StormOfOne => storms::one(play).await,
        Scenario::RaisesNone => releases::watched(play, scenario, Change::RaisesNone).await,
        Scenario::LatencyTwice => releases::watched(play, scenario, Change::LatencyTwice).await,
        Scenario::LatencyThird => releases::watched(play, scenario, Change::LatencyThird).await,
        Scenario::SlowRamp => releases::watched(play, scenario, Change::SlowRamp).await,
        Scenario::ColdCache => {
            play.visitors_of_the_stock();
            releases::watched(play, scenario, Change::ColdCache).await
        }
    }
}

/// What the shop's owner allows: everything, but that fixes of sizes need a word and payments a hand.
/// Three merges of one incident, so that the breaker stops the third and not the budget.
pub(super) fn policy(options: &Options) -> PolicyConfig {
    let mut budget = Budget::default();
    budget.merges_per_incident = 3;
    budget.reverts_per_incident = 3;
    (budget.submits_per_day, budget.merges_per_day, budget.reverts_per_day) = (200, 100, 100);
    let rules = AutonomyRules::new(options.autonomy).with_error("IndexError", Autonomy::Approve);
    PolicyConfig::new(options.autonomy).with_autonomy(rules).with_budget(budget)
}
