//! Aegis asks language models.
//!
//! - [`model`] is what any provider's model is asked and answers, [`gemini`] the connection to Gemini;
//! - [`router`] decides which model is asked what, within quotas and budgets;
//! - [`diagnose`], [`fix`] and [`advise`] are the stages: causes, patches, advice on a release;
//! - [`context`] is what they show a model, [`prompt`] how they say it, [`calibrate`] what a model's
//!   confidence is worth.
//!
//! All but [`gemini`] serves any provider: plug another in by [`LanguageModel`](model::LanguageModel).
//!
//! Text leaves only as [`Redacted`](aegis_core::redact::Redacted), and there is no connection without
//! a [`DataPolicy`](gemini::DataPolicy).
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod advise;
mod answer;
pub mod calibrate;
pub mod context;
pub mod diagnose;
pub mod fix;
pub mod gemini;
pub mod model;
pub mod prompt;
pub mod router;
#[cfg(feature = "testkit")]
pub mod testkit;
