//! Secrets that a fix would write into the source.

use super::written::Written;
use super::{Guardrail, Touched, report};
use crate::model::{Case, Fix, GateReport};
use crate::redact::Redactor;

const GATE: &str = "secrets";

/// Denies patches that write a secret, or one of the redactor's placeholders, which stand for a
/// secret that the author never saw.
///
/// What stood in the file before may stay. The report names the kind of secret, never the secret.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    redactor: Redactor,
}

impl Secrets {
    /// Looks for what `redactor` replaces.
    pub fn new(redactor: Redactor) -> Self {
        Self { redactor }
    }

    fn about(&self, all: &[Written<'_>]) -> GateReport {
        let mut findings = Vec::new();
        for written in all {
            let stood = |text: &str| written.before.contains(text);
            for placeholder in Redactor::placeholders(written.after).filter(|p| !stood(p)) {
                let path = written.path;
                findings.push(format!("{path}: the placeholder {placeholder} is no value"));
            }
            let found = self.redactor.secrets(written.after);
            for (rule, _) in found.iter().filter(|(_, secret)| !stood(secret)) {
                findings.push(format!("{}: holds what reads as a secret ({rule})", written.path));
            }
        }
        findings.dedup();
        report(GATE, &findings, "writes no secret")
    }
}

impl Guardrail for Secrets {
    fn check(&self, _case: &Case, fix: &Fix) -> GateReport {
        self.about(&Written::by_fix(fix))
    }

    fn inspect(&self, _case: &Case, _fix: &Fix, touched: &Touched<'_>) -> GateReport {
        self.about(&Written::by_changes(touched.changes))
    }
}
