//! The stage: a Python environment, and the shop with its history.

mod error;
mod mail;
pub mod release;
pub mod script;
pub mod shop;
pub mod venv;

pub use error::StagingError;
