//! Wrappers over verifiers.

pub use super::and_then::{AndThen, and_then};
