//! What tests of hosts and adapters need (feature `testkit`).
//!
//! [`ManualClock`] makes time an argument, [`World`] is a remote in memory, [`stages`] are small
//! honest stages over it, [`Chaos`] makes any stage misbehave, [`mint`] gets clearances from the
//! real policy gate, and [`conformance`] holds the suites that every adapter should pass.

mod chaos;
mod clock;
pub mod conformance;
pub mod mint;
pub mod stages;
mod world;

pub use chaos::{Chaos, Mischief};
pub use clock::{ManualClock, settle};
pub use world::{Branch, Remote, World};
