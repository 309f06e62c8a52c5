//! Wrappers over judges.

pub use super::advised::{AdvisedBy, advised_by};
