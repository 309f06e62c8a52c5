//! What the phases of an incident ask of its silence.

use aegis_core::machine::Phase;

/// What a phase means for a silence.
pub(super) enum Wish {
    /// There is one.
    Quiet,
    /// One that there is goes on.
    Renewed,
    /// There is none.
    Over,
    /// Nothing.
    Any,
}

impl Wish {
    pub(super) fn of(phase: Phase) -> Self {
        match phase {
            Phase::Submitting | Phase::Merging | Phase::GoingLive | Phase::Reverting => Self::Quiet,
            // A release of somebody else's is watched, too.
            Phase::Watching | Phase::Withdrawing => Self::Renewed,
            Phase::AwaitingHuman => Self::Over,
            phase if phase.is_terminal() => Self::Over,
            _ => Self::Any,
        }
    }
}
