//! Bugs that sleep in the shop until visitors meet them.

use aegis_core::machine::{Incident, Phase};
use tokio::time::Instant;

use super::super::Failure;
use super::super::play::Play;
use crate::staging::script::Bug;
use crate::terminal::Tone;

/// How many times as many visitors meet the bugs that are left once the first fix is live.
const MORE: usize = 4;

/// Whether an incident is closed, or waits for a person.
fn settled(incident: &Incident) -> bool {
    incident.phase.is_terminal() || incident.phase == Phase::AwaitingHuman
}

/// Several crash bugs at once; while the first fix is watched, many more visitors meet those that are
/// left, and their errors must not be blamed on it. An incident that ended may be reopened by an error
/// that was on its way, so all have to be over for a second.
pub(super) async fn at_once(play: &mut Play<'_>) -> Result<(), Failure> {
    let bugs = play.options.bugs.clone();
    play.mark("crash-bugs")?;
    for bug in &bugs {
        let name = bug.exception().trim_end_matches([':', ' ']);
        play.terminal.line(Tone::Faint, format!("  {name}"));
    }
    play.deployer.lose_an_answer();
    play.visitors(&bugs);
    let over = |all: &[Incident]| all.len() >= bugs.len() && all.iter().all(settled);
    let watched = |all: &[Incident]| all.iter().any(|i| i.phase == Phase::Watching) || over(all);
    play.until("no fix went live", watched).await?;
    if bugs.len() > 1 {
        play.say("many more visitors meet the errors that are left");
        play.visitors(&bugs.repeat(MORE));
    }
    let mut since = None;
    loop {
        play.until("an incident did not end", over).await?;
        let first = *since.get_or_insert_with(Instant::now);
        play.pass(std::time::Duration::from_millis(250)).await?;
        if !over(&play.incidents().await?) {
            since = None;
        } else if first.elapsed() > std::time::Duration::from_secs(1) {
            return Ok(());
        }
    }
}

/// A fix that is right by every test and makes production worse is taken back; where another error
/// asks for the same diff, it is not shipped again.
pub(super) async fn trap(play: &mut Play<'_>) -> Result<(), Failure> {
    play.mark("trap")?;
    taken_back(play, Bug::Trap).await?;
    play.pass(play.pace.between).await?;
    play.say("the same function fails on another page; the same diff would mend it");
    play.mark("trap-again")?;
    play.visitors(&[Bug::TrapElsewhere]);
    play.until_in(Phase::AwaitingHuman).await.map(drop)
}

/// A fix that changes nothing is taken back.
pub(super) async fn futile(play: &mut Play<'_>) -> Result<(), Failure> {
    play.mark("futile")?;
    taken_back(play, Bug::Futile).await
}

/// Visitors meet `bug` until its fix is condemned; then they do something else, since the bug is back.
async fn taken_back(play: &mut Play<'_>, bug: Bug) -> Result<(), Failure> {
    if play.incidents().await?.iter().any(|i| i.phase == Phase::RolledBack) {
        return Ok(());
    }
    play.visitors(&[bug]);
    let gone = |i: &Incident| matches!(i.phase, Phase::Reverting | Phase::RolledBack);
    play.until("no fix was taken back", |all| all.iter().any(gone)).await?;
    play.visitors(&[]);
    play.until_in(Phase::RolledBack).await.map(drop)
}

/// What somebody can mend.
pub(super) async fn healed(play: &mut Play<'_>, row: &str, bug: Bug) -> Result<(), Failure> {
    play.mark(row)?;
    play.visitors(&[bug]);
    play.until_in(Phase::Healed).await.map(drop)
}

/// What nobody but a person can mend.
pub(super) async fn handed_over(play: &mut Play<'_>, row: &str, bug: Bug) -> Result<(), Failure> {
    play.mark(row)?;
    play.visitors(&[bug]);
    play.until_in(Phase::AwaitingHuman).await.map(drop)
}

/// An error that comes back after every fix: damped, and the third fix is not shipped.
pub(super) async fn flapping(play: &mut Play<'_>) -> Result<(), Failure> {
    play.mark("flapping")?;
    for (times, bug) in [(0, Bug::ComesBack1), (1, Bug::ComesBack2)] {
        play.visitors(&[bug]);
        let healed = |i: &Incident| i.phase == Phase::Healed && i.reopened == times;
        play.until("it was not healed", |all| all.iter().any(healed)).await?;
        play.visitors(&[]);
        play.pass(play.pace.between).await?;
        play.say("the error comes back");
    }
    play.visitors(&[Bug::ComesBack3]);
    let damped = |i: &Incident| i.reopened == 2;
    let all = play.until("it did not come back", |all| all.iter().any(damped)).await?;
    for held in all.iter().filter_map(|i| i.held.clone()) {
        play.terminal.line(Tone::Bad, format!("damped: {held}"));
    }
    play.until_in(Phase::AwaitingHuman).await.map(drop)
}
