//! Integration tests of the core: the machine, the planner over fakes, and what must not compile.
#![allow(clippy::unwrap_used)]

mod apart;
mod bed;
mod brought;
mod compile;
mod conformance;
mod discount;
mod fair;
mod faults;
mod flaky;
mod flap;
mod fuzz;
mod heal;
mod hints;
mod histories;
mod hostile;
mod normal;
mod operate;
mod pipeline;
mod poison;
mod recover;
mod remedy;
mod storm;
mod switch;
mod telemetry;
