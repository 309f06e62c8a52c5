//! What tests of hosts and adapters need (feature `testkit`).
//!
//! [`ManualClock`] makes time an argument, [`mint`] gets clearances from the real policy gate, and
//! [`conformance`] holds the suites that every adapter should pass.

mod clock;
pub mod conformance;
pub mod mint;

pub use clock::ManualClock;
