//! Telling a person: webhooks and the log.

mod log;
mod slack;
mod webhook;

pub use log::LogNotifier;
pub use webhook::Webhook;
