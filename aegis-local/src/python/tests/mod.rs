//! Templates and diagnosis against small sources, some of them run by a real interpreter.
#![allow(clippy::unwrap_used, clippy::expect_used)]
