//! Gemini against a server that answers what a test says, and the router against models that do.
#![allow(clippy::unwrap_used)]

mod advise;
mod diagnose;
mod fix;
mod gemini;
mod router;
mod says;
mod testkit;
