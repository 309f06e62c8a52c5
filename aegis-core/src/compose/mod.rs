//! Wrappers over stages: free functions and structs, one file each.
//!
//! They are no methods, since those would clash on a type that is two stages at once.

pub mod diagnose;
pub mod fix;
pub mod judge;
pub mod verify;

mod advised;
mod and_then;
mod by_service;
mod instrument;
mod or_else;
mod timeout;

pub use by_service::{ByService, by_service};
pub use instrument::{Instrumented, instrument};
pub use timeout::{Timeout, timeout};
