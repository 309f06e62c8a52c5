//! Parts that benches and `evaluate` share.
#![forbid(unsafe_code)]

pub mod prometheus;

/// What a measure comes to, or why there is none.
pub type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;
