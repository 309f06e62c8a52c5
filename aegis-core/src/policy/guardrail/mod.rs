//! Rules about what a fix may touch, whoever wrote it; one file a rule.
//!
//! A rule is asked in two places. Policy asks [`Guardrail::check`] before every write, with nothing
//! but the fix. A verifier that can read the repository asks [`Guardrail::inspect`], which sees the
//! files before and after.

mod names;
mod paths;
mod secrets;
mod size;
#[cfg(test)]
mod tests;
mod unicode;
mod written;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

pub use paths::ProtectedPaths;
pub use secrets::Secrets;
pub use size::SizeLimit;
pub use unicode::Unicode;

use crate::model::{Case, Fix, GateAnswer, GateReport};
use crate::patch::FileChange;

/// A rule about fixes. Pure: asked again after a crash and before every write.
///
/// Its report carries the rule's name as the gate. Where it panics, a person is asked.
///
/// ```
/// use aegis_core::model::{Case, Fix, GateAnswer, GateReport};
/// use aegis_core::policy::{Guardrail, Touched};
///
/// /// Translations are somebody else's.
/// #[derive(Debug)]
/// struct Translations;
///
/// impl Guardrail for Translations {
///     fn check(&self, _case: &Case, fix: &Fix) -> GateReport {
///         let mut paths = fix.patch().into_iter().flat_map(|patch| patch.paths());
///         match paths.find(|path| path.ends_with(".po")) {
///             Some(path) => GateReport::new("translations", GateAnswer::Hold, path),
///             None => GateReport::new("translations", GateAnswer::Pass, "none is touched"),
///         }
///     }
/// }
/// ```
pub trait Guardrail: std::fmt::Debug + Send + Sync + 'static {
    /// What it says about `fix`, from what the fix itself holds.
    fn check(&self, case: &Case, fix: &Fix) -> GateReport;

    /// What it says about `fix` where the files can be read; [`check`](Self::check) unless it has
    /// more to say.
    fn inspect(&self, case: &Case, fix: &Fix, touched: &Touched<'_>) -> GateReport {
        let _ = touched;
        self.check(case, fix)
    }
}

/// What a fix does to the files of a repository.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Touched<'a> {
    /// The files that change, before and after.
    pub changes: &'a [FileChange],
    /// Paths of all files before the change, relative to the repository's root.
    pub files: &'a [String],
}

impl<'a> Touched<'a> {
    /// `changes` in a repository that holds `files`.
    pub fn new(changes: &'a [FileChange], files: &'a [String]) -> Self {
        Self { changes, files }
    }
}

/// Asks every rule about `fix`, in order; one that panics is a [`GateAnswer::Hold`].
pub fn check_all(rules: &[Arc<dyn Guardrail>], case: &Case, fix: &Fix) -> Vec<GateReport> {
    rules.iter().map(|rule| held(|| rule.check(case, fix))).collect()
}

/// Asks every rule about `fix` and the files it touches, in order; one that panics is a
/// [`GateAnswer::Hold`].
pub fn inspect_all(
    rules: &[Arc<dyn Guardrail>],
    case: &Case,
    fix: &Fix,
    touched: &Touched<'_>,
) -> Vec<GateReport> {
    rules.iter().map(|rule| held(|| rule.inspect(case, fix, touched))).collect()
}

/// A guardrail may be the host's code: one that panics lets nothing pass without a person.
fn held(ask: impl FnOnce() -> GateReport) -> GateReport {
    catch_unwind(AssertUnwindSafe(ask))
        .unwrap_or_else(|_| GateReport::new("guardrail", GateAnswer::Hold, "a guardrail panicked"))
}

/// What a rule found, as its report; several findings are all named, up to a bound.
fn report(gate: &str, findings: &[String], otherwise: impl Into<String>) -> GateReport {
    const MOST: usize = 5;
    if findings.is_empty() {
        return GateReport::new(gate, GateAnswer::Pass, otherwise);
    }
    let mut why = findings[..findings.len().min(MOST)].join("; ");
    if findings.len() > MOST {
        why.push_str(&format!("; and {} more", findings.len() - MOST));
    }
    GateReport::new(gate, GateAnswer::Deny, why)
}
