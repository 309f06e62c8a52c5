//! CPython tracebacks.

/// Joins the lines of a log into traces.
#[derive(Debug, Default)]
pub struct Collector {}
