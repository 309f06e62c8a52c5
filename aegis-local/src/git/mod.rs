//! A plain Git repository: its source is read, and fixes are shipped through it.
//!
//! Everything is done on objects by libgit2. The `git` program is never run, so that no hook, filter
//! or fsmonitor of the repository ever is, and untrusted trees are never checked out to be merged.
//! Branches move by compare-and-swap; work that may interleave takes a lock of the process and one
//! of the state folder.
//!
//! [`GitRepository`] reads, [`GitDeployer`] ships. What it ships is on branches that people see
//! (`aegis/fix-<incident>`, `aegis/revert-<incident>`); what it has to remember about them is under
//! `refs/aegis/`, so that the repository alone answers after a crash.

mod checkout;
mod checks;
mod deployer;
mod error;
mod export;
mod find;
mod ledger;
mod lock;
mod merge;
mod read;
mod refs;
mod repository;
mod revert;
mod site;
mod submit;
mod take_back;
mod tree;
mod withdraw;

pub use aegis_core::port::{Refusal, Running, RunningRevision};
pub use checks::{CheckResult, Checks, CommandChecks};
pub use deployer::{GitDeployer, GitDeployerBuilder};
pub use repository::GitRepository;
pub use take_back::TakenBack;
