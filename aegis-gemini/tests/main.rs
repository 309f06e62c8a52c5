//! Gemini and the router against what stands in for models, and against the real one where there is a key.
#![allow(clippy::unwrap_used)]

mod aimock;
mod gemini;
mod live;
mod router;
mod testkit;
