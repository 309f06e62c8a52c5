//! The embedded default of Aegis: everything that needs no account and no network service.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod git;
mod http;
pub mod local;
pub mod notify;
pub mod python;
pub mod requests;
pub mod service;
pub mod sources;
pub mod supervise;
pub mod verify;
