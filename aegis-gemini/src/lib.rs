//! Aegis asks language models.
//!
//! [`model`] is what any provider's model is asked and answers, [`gemini`] the connection to Gemini,
//! [`router`] decides which model is asked what, within quotas and budgets.
//! Text leaves only as [`Redacted`](aegis_core::redact::Redacted), and there is no connection without
//! a [`DataPolicy`](gemini::DataPolicy).
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod context;
pub mod fix;
pub mod gemini;
pub mod model;
pub mod prompt;
pub mod router;
