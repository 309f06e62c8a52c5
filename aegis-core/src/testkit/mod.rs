//! What tests of hosts and adapters need (feature `testkit`).
//!
//! [`ManualClock`] makes time an argument, [`World`] is a remote in memory,
//! [`Sources`] a repository, [`stages`] are small
//! honest stages over it, [`Chaos`] makes any stage misbehave, [`mint`] gets clearances from the
//! real policy gate, [`conformance`] holds the suites that every
//! adapter should pass, and [`fuzz`] what must hold for any input.

mod chaos;
mod clock;
pub mod conformance;
pub mod fuzz;
pub mod mint;
mod sources;
pub mod stages;
mod world;

pub use chaos::{Chaos, Mischief};
pub use clock::{ManualClock, settle, soon};
pub use sources::Sources;
pub use world::{Branch, Remote, World};
