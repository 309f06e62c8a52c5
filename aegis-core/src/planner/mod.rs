//! The planner: the only async code of the core.
//!
//! It owns a runtime, takes events in, drives each incident through its machine, watches releases
//! and recovers what an earlier process left. Hosts talk to it through its [`Handle`].

mod blame;
mod builder;
mod claim;
mod clean;
mod config;
mod crew;
mod driver;
mod elsewhere;
mod engine;
mod figures;
mod handle;
mod intake;
mod lease;
mod look;
mod mail;
mod measured;
mod news;
mod normal;
mod notices;
mod observer;
mod operator;
mod pulse;
mod report;
mod shared;
mod sightings;
mod sources;
mod steps;
mod storm;
mod switch;
mod watches;
mod writes;

pub use builder::{Builder, DynPlanner, Planner, Unset};
pub use config::{PlannerConfig, ServiceConfig, StormConfig};
pub use handle::{Change, Handle};
pub use notices::notice;
pub use operator::Operator;
