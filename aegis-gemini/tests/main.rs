//! Gemini against a server that answers what a test says.
#![allow(clippy::unwrap_used)]

mod gemini;
