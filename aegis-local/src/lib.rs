//! The embedded default of Aegis: everything that needs no account and no network service.
//!
//! [`local::Local`] looks after one Python service in one Git repository on one machine, and composes
//! the rest of this crate for it. Each part stands alone too:
//!
//! - [`sources`]: health, access logs, `/metrics` pages, host and process load, error logs, and a
//!   `tracing` layer by which a Rust service reports its own errors;
//! - [`python`]: diagnosis of tracebacks, and fixes by template on the syntax tree;
//! - [`verify`]: reproduction and tests, isolated in namespaces of their own;
//! - [`git`] and [`supervise`]: branch, checks, merge and revert on a plain repository, and the
//!   process that runs what was merged;
//! - [`notify`]: webhooks, Slack, the log.
//!
//! Reading an access log as a source of numbers:
//!
//! ```
//! use std::time::Duration;
//!
//! use aegis_core::model::{Metric, Query};
//! use aegis_core::stage::MetricSource;
//! use aegis_local::sources::AccessLog;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("access.log");
//! std::fs::write(&path, concat!(
//!     r#"127.0.0.1 - - [10/Oct/2000:13:55:36 +0000] "GET /items/7 HTTP/1.1" 200 2326"#, "\n",
//!     r#"127.0.0.1 - - [10/Oct/2000:13:55:37 +0000] "GET /items/8 HTTP/1.1" 500 17"#, "\n",
//! ))?;
//! let log = AccessLog::new(path);
//! let then = aegis_core::Timestamp::from_ms(971_186_140_000);
//! let metrics = vec![Metric::ErrorRate, Metric::RouteRequests("GET /items/{id}".into())];
//! let query = Query::new("shop".into(), then, Duration::from_secs(60), metrics.clone());
//! let samples = log.sample(&query).await?;
//! let value = |metric| samples.get(metric).and_then(|r| r.last()).map(|p| p.value);
//! assert_eq!(value(&metrics[0]), Some(0.5));
//! assert_eq!(value(&metrics[1]), Some(2.0));
//! # Ok(())
//! # }
//! ```
// But for `sandbox::sys`, which says why.
#![deny(unsafe_code)]
#![deny(missing_docs)]

mod background;
pub mod git;
mod http;
pub mod local;
pub mod notify;
pub mod python;
pub mod requests;
pub mod sandbox;
pub mod service;
pub mod sources;
pub mod supervise;
pub mod verify;
