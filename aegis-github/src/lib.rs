//! Aegis on GitHub.
//!
//! [`GitHub`] is the connection: as whom, within which limits. [`GitHubRepository`] reads a service's
//! source by it, without a checkout and without Git. [`GitHubDeployer`] ships fixes by pull requests,
//! [`ActionsVerifier`] proves them by the repository's own checks.
//! [`Pipelines`] tells how its workflows do, and what failed in them; [`PipelineDiagnoser`] says what to
//! change in a workflow that broke its own pipeline, for a person to apply or to merge.
//!
//! With the feature `webhooks`, `Webhooks` hears what GitHub sends, so that the planner looks at once
//! and not only in its own time.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod client;
mod config;
mod deploy;
mod graphql;
mod pipelines;
mod repository;
#[cfg(feature = "testkit")]
pub mod testkit;
#[cfg(feature = "webhooks")]
mod webhooks;

pub use client::GitHub;
pub use config::{AppKey, Credentials, GitHubConfig};
pub use deploy::{
    ActionsVerifier, ActionsVerifierBuilder, GitHubChecks, GitHubDeployer, GitHubDeployerBuilder,
    GitHubReleases, Live, MergeMethod,
};
pub use pipelines::{Cause, Conclusion, PipelineDiagnoser, PipelineEvents, Pipelines, cause_of};
pub use repository::GitHubRepository;
#[cfg(feature = "webhooks")]
pub use webhooks::{Heard, Refusal, Verdict, Webhooks};
