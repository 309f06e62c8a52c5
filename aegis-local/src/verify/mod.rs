//! Proving a fix on a Python service: isolated, against its own tests and its own failure.
//!
//! [`PythonVerifier`] exports the base, asks its guardrails ([`standard_guardrails`]), then runs in namespaces of their own
//! ([`isolation`]): the suite on the base (cached) and on the patched tree with coverage, and the
//! failure itself, by the request that failed or by a small call of the function that raised, on the
//! base and then several times on the patched tree. Gates come first; what passes is scored.
//!
//! # What runs the suite
//!
//! The service's test command is `pytest ...` or `python -m pytest ...`, or `python -m unittest ...`
//! with unittest's own arguments. A suite of unittest is run by a script of ours that takes these, since
//! unittest writes no report. Another program that starts pytest in the end, `make test` for one, is told
//! what to report by pytest's environment; the coverage of the changed lines is not to be had there.
//!
//! # Recording the call that failed
//!
//! A failure that needs an unusual argument, and whose request is not known, can be made again where
//! the service recorded the call. [`RECORDER`] is a Python module of one file that needs nothing but
//! the standard library, 3.9 or later. Put it beside the service as `aegis_recorder.py`, and start the
//! service by `python -m aegis_recorder app.py`, or have it call `aegis_recorder.install()` early.
//! After a traceback of an uncaught exception, of a thread, or of a log record with `exc_info`, it
//! writes one line to the same place: `aegis-locals: {...}`, with the parameters of the innermost
//! function of the service's own code, as literals. Values of names that sound secret are left out,
//! the rest is redacted at intake like all text, and what is missing is filled by the search.
//! `traceback.print_exc` is not hooked: log such exceptions by `logger.exception` instead.
//!
//! The line is text from production. Only literals of it are used, in the sandbox, and a call counts
//! only if it raises the same exception at the same place, twice from a clean start.
//!
//! A revert of a release is proven in the same way on the tree that the deployer ships: what has to
//! hold for new code is not asked of it, a clean merge is.
//!
//! A service in Rust is proven by [`cargo`]'s verifier, as far as `cargo test` goes.
//!
//! What it does not promise: the code under test shares an interpreter with the test runner, so that
//! code written to deceive the runner can; and a patch that passes everything may still be wrong.

mod base;
mod cache;
mod canary;
pub mod capture;
pub mod cargo;
mod command;
mod config;
mod deep;
pub mod environment;
mod gates;
mod ground;
mod guard;
mod harness;
mod hunks;
pub mod isolation;
pub mod junit;
mod mutate;
mod probe;
mod prove;
mod pytest;
mod renamed;
mod reproduce;
mod revert;
mod runner;
mod score;
mod source;
mod suite;
mod tool;
mod unittest;
mod verifier;
mod wanted;
mod warming;
mod workbench;
pub mod workspace;

/// The recorder, a Python module of one file: write it into the service's folder as `aegis_recorder.py`
/// and start the service by `python -m aegis_recorder app.py`.
pub const RECORDER: &str = include_str!("../../python/aegis_recorder.py");

pub use base::BaseSuite;
pub use config::VerifierConfig;
pub use gates::GATES;
pub use guard::{DangerousCode, FailsOpen, MagicValues, NewImports, standard_guardrails};
pub use verifier::PythonVerifier;
pub use warming::Warming;
