//! What the examples share: the stage they play on and the traffic in front of it.
//!
//! [`staging`] prepares a Python environment and the shop, a small web shop whose Git history is
//! the same on every machine. [`traffic`] sends requests to a service and writes down the answers.
//! [`heal`] plays `make heal` on them, [`terminal`] shows it, [`report`] reads its journal, [`operate`]
//! is a person's hands on it, [`replicas`] are several processes on one; [`chat`] is another provider of
//! language models.
//!
//! ```no_run
//! use aegis_examples::staging::{script, shop, venv};
//! use aegis_examples::traffic::{Traffic, TrafficConfig};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let python = venv::prepare("target/venv".as_ref())?;
//! let shop = shop::build("target/shop".as_ref())?;
//! println!("{} at {}, run by {}", shop.repo.display(), shop.head, python.python.display());
//!
//! // ... start the shop on port 8000, then:
//! let config = TrafficConfig::new(([127, 0, 0, 1], 8000).into(), "transcript.jsonl".into());
//! let traffic = Traffic::start(config, script::requests(&script::Bug::CRASHES))?;
//! let totals = traffic.stop().await?;
//! println!("{} requests, {} errors", totals.requests, totals.errors);
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

pub mod chat;
pub mod heal;
pub mod operate;
pub mod replicas;
pub mod report;
pub mod staging;
pub mod terminal;
pub mod traffic;

/// The code of the README, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}
