//! Wrappers over stages.
