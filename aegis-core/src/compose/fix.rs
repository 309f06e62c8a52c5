//! Wrappers over fix generators.

pub use super::or_else::{OrElse, or_else};
