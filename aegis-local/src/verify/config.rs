//! Bounds of a verification.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use aegis_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::gates::GATES;
use super::isolation::{Limits, Tier};
use super::reproduce::Bounds;
use crate::sandbox::Program;

/// Bounds of a verification; the defaults suit a small Python service, [`for_cargo`](Self::for_cargo) a
/// Rust package. What names a failure, faults or a search is for Python alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct VerifierConfig {
    /// How often the failure must stay away on the patched tree: 3.
    pub repeats: u32,
    /// How often the suite runs on the base, so that tests that do not always end the same way
    /// show: 3.
    pub base_runs: u32,
    /// Faults that are put into the changed lines, to see whether tests notice: 4.
    pub faults: usize,
    /// Milliseconds for everything that is asked of a patch once its base is known: 900,000. What
    /// does not fit is named, and lowers the score.
    pub deadline_ms: u64,
    /// Gates that are left out, to measure what they are good for: none. Each is reported as a cap,
    /// so that nothing merges on such a verification.
    pub without: BTreeSet<String>,
    /// Milliseconds that one run of the suite may take: 120,000.
    pub suite_ms: u64,
    /// Milliseconds until the service has to be healthy: 10,000.
    pub start_ms: u64,
    /// Milliseconds for one replayed request: 5,000.
    pub request_ms: u64,
    /// Calls of the search for small inputs: 500.
    pub search_calls: u32,
    /// Milliseconds of that search: 2,000.
    pub search_ms: u64,
    /// Bytes of resident memory for everything in one run: 2 GiB.
    pub memory: u64,
    /// Bytes of disk for each private folder of a run, held in memory: 256 MiB.
    pub disk: u64,
    /// Processes in one run: 256.
    pub processes: u64,
    /// Host paths that the service needs, shown to it read-only.
    pub visible: Vec<PathBuf>,
    /// Folder for trees and runs; the system's temporary folder where it is not set.
    pub scratch: Option<PathBuf>,
    /// Whether code under test may run in the Reduced tier where the Strong one is not to be had:
    /// false. What was proven there is proposed at most, never merged without a person.
    pub allow_reduced: bool,
    /// The program that serves as the sandbox's helper; found as
    /// [`Program::find`](crate::sandbox::Program::find) does where it is not set.
    pub helper: Option<PathBuf>,
}

impl Default for VerifierConfig {
    fn default() -> Self {
        Self {
            repeats: 3,
            base_runs: 3,
            faults: 4,
            deadline_ms: 900_000,
            without: BTreeSet::new(),
            suite_ms: 120_000,
            start_ms: 10_000,
            request_ms: 5_000,
            search_calls: 500,
            search_ms: 2_000,
            memory: 2 << 30,
            disk: 256 << 20,
            processes: 256,
            visible: Vec::new(),
            scratch: None,
            allow_reduced: false,
            helper: None,
        }
    }
}

impl VerifierConfig {
    /// Leaves a gate out; see [`without`](Self::without).
    ///
    /// Errors: `Invalid` where no gate has this name, with those that there are.
    pub fn without_gate(mut self, gate: &str) -> Result<Self> {
        if !GATES.contains(&gate) && !super::cargo::GATES.contains(&gate) {
            let all = GATES.join(", ");
            return Err(Error::invalid(format!("no gate {gate}; there are {all}, inline-tests")));
        }
        self.without.insert(gate.to_owned());
        Ok(self)
    }

    /// Bounds for what has to be compiled first, in each run: 10 minutes a run, an hour in all, 4 GiB of
    /// memory, 2 GiB of disk.
    pub fn for_cargo() -> Self {
        Self {
            suite_ms: 600_000,
            deadline_ms: 3_600_000,
            memory: 4 << 30,
            disk: 2 << 30,
            ..Self::default()
        }
    }

    /// Lets code under test run in the Reduced tier where the Strong one is not to be had.
    #[must_use]
    pub fn with_allow_reduced(mut self, allowed: bool) -> Self {
        self.allow_reduced = allowed;
        self
    }

    /// The folder for trees and runs.
    pub(super) fn scratch(&self) -> PathBuf {
        self.scratch.clone().unwrap_or_else(std::env::temp_dir)
    }

    /// The tiers that code under test may run in, the best first.
    pub(super) fn tiers(&self) -> &'static [Tier] {
        if self.allow_reduced { &[Tier::Strong, Tier::Reduced] } else { &[Tier::Strong] }
    }

    /// The sandbox's helper. Errors: `Denied` where there is none.
    pub(super) fn helper(&self) -> Result<Program> {
        self.helper.as_ref().map_or_else(Program::find, |path| Ok(Program::at(path)))
    }

    pub(super) fn limits(&self) -> Limits {
        Limits::default()
            .with_wall(Duration::from_millis(self.suite_ms))
            .with_cpu(self.suite_ms.div_ceil(1_000).max(Limits::default().cpu))
            .with_memory(self.memory)
            .with_disk(self.disk)
            .with_processes(self.processes)
    }

    pub(super) fn bounds(&self) -> Bounds {
        Bounds {
            start_ms: self.start_ms,
            request_ms: self.request_ms,
            calls: self.search_calls,
            search_ms: self.search_ms,
        }
    }
}
