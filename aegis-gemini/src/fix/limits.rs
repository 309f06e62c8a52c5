//! What policy forbids: said to the model, and held against its answer.

use std::sync::Arc;

use aegis_core::model::{Case, Fix, GateAnswer};
use aegis_core::patch::FileChange;
use aegis_core::policy::{
    Guardrail, ProtectedPaths, Secrets, SizeLimit, Touched, Unicode, check_all, inspect_all,
};
use aegis_core::redact::Redactor;

/// Policy as far as a draft can know it.
#[derive(Debug, Clone, Default)]
pub(super) struct Limits {
    pub(super) protected: ProtectedPaths,
    pub(super) size: SizeLimit,
}

impl Limits {
    /// What is forbidden, for the system text.
    pub(super) fn said(&self) -> String {
        let Self { protected, size } = self;
        format!(
            "What policy forbids, and refuses unseen (`*` stands for anything)\n\
             - Files in folders of these names, at any depth: {}\n\
             - Files of these names, in any folder: {}\n\
             - More than {} files, or more than {} lines removed and added together.\n",
            protected.folders.join(", "),
            protected.files.join(", "),
            size.files,
            size.lines
        )
    }

    /// Refuses what policy would.
    pub(super) fn check(
        &self,
        case: &Case,
        fix: &Fix,
        changes: &[FileChange],
        files: &[String],
        redactor: &Redactor,
    ) -> Result<(), String> {
        let rules: [Arc<dyn Guardrail>; 4] = [
            Arc::new(self.protected.clone()),
            Arc::new(self.size),
            Arc::new(Unicode::new()),
            Arc::new(Secrets::new(redactor.clone())),
        ];
        let mut reports = check_all(&rules, case, fix);
        reports.extend(inspect_all(&rules, case, fix, &Touched::new(changes, files)));
        match reports.into_iter().find(|report| report.answer != GateAnswer::Pass) {
            Some(report) => Err(format!("policy forbids it, {}: {}", report.gate, report.reason)),
            None => Ok(()),
        }
    }
}
