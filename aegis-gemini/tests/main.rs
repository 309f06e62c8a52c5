//! Gemini and the router against what stands in for models, and against the real one where there is a key.
#![allow(clippy::unwrap_used)]

mod advise;
mod aimock;
mod diagnose;
mod fix;
mod gemini;
mod live;
mod router;
mod says;
mod testkit;
