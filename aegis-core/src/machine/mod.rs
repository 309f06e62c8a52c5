//! The incident state machine: pure, without clock or I/O.
//!
//! [`Incident::step`] says what to do next, [`Incident::apply`] is the only mutator, and replaying the
//! journaled [`Entry`]s gives the same incident as living through them.

mod answer;
mod apply;
mod fold;
mod incident;
mod phase;
mod record;
mod said;
mod settings;
mod step;
#[cfg(test)]
mod tests;
mod tries;
mod words;

pub use incident::{Incident, OpenEffect, Span, Watch};
pub use phase::{AfterWithdraw, Phase, Why};
pub use record::{Entry, Opened, Record, Said, StageFailure, SwitchBack};
pub use settings::Settings;
pub use step::{Effect, Step};
pub use tries::Tries;
