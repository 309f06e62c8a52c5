//! The stage: a Python environment, and the shop with its history.

mod error;
pub mod hub;
mod mail;
pub mod model;
pub mod prometheus;
pub mod release;
pub mod script;
pub mod shop;
pub mod venv;

pub use error::StagingError;
