//! Suites that show whether an adapter keeps its contract.
