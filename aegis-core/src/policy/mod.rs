//! What may happen without a person, and the proof that it may. Pure.

mod autonomy;
mod budget;
mod clearance;
mod freeze;
mod gate;
mod guardrail;
#[cfg(test)]
mod remedy_tests;
mod standing;
#[cfg(test)]
mod tests;
mod tier;

pub use autonomy::{Autonomy, AutonomyRules};
pub use budget::{Budget, Limit};
pub use clearance::{Clearance, Permit};
pub use freeze::{Control, Freeze, WeeklyFreeze};
pub use gate::{Decision, Policy, PolicyConfig, Question, Refusal, Ruling};
pub use guardrail::{
    Guardrail, ProtectedPaths, Secrets, SizeLimit, Touched, Unicode, check_all, inspect_all,
};
pub use standing::Standing;
pub use tier::{Tier, Tiers};
