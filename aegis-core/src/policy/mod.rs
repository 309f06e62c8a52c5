//! What may happen without a person, and the proof that it may.

mod autonomy;
mod clearance;

pub use autonomy::Autonomy;
pub use clearance::{Clearance, Permit};
