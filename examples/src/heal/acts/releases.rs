//! Releases that a person makes.

use aegis_core::machine::Incident;

use super::super::Failure;
use super::super::play::Play;
use super::super::scenario::Scenario;
use crate::staging::release::{self, Change};

/// A person releases `change`, and the watch of it ends.
pub(super) async fn watched(
    play: &mut Play<'_>,
    scenario: Scenario,
    change: Change,
) -> Result<(), Failure> {
    play.mark(scenario.name())?;
    if !play.run.released.iter().any(|name| name == scenario.name()) {
        let repository = play.scene.repository.clone();
        let made = move || release::release(&repository, change);
        let commit = tokio::task::spawn_blocking(made).await??;
        play.run.released.push(scenario.name().to_owned());
        play.run.write(&play.scene.state)?;
        play.say(format!("a person releases {}", &commit[..7]));
    }
    let over = |i: &Incident| i.phase.is_terminal();
    play.until("the release was not decided", |all| all.iter().any(over)).await?;
    // Visitors see that what was slow or broken is so no more.
    play.pass(play.pace.between).await
}
