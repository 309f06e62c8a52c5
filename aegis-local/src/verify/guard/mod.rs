//! The static gates of a patch on a Python service, as guardrails that a host can add to.

mod dangerous;
mod imports;

use std::sync::Arc;

use aegis_core::model::{Fix, GateAnswer, GateReport};
use aegis_core::policy::{Guardrail, ProtectedPaths, Secrets, SizeLimit, Unicode};

pub use dangerous::DangerousCode;
pub use imports::NewImports;

/// What [`PythonVerifier`](super::PythonVerifier) asks about a patch unless it is told otherwise:
/// protected paths, size, Unicode, secrets, new imports, dangerous code.
pub fn standard_guardrails() -> Vec<Arc<dyn Guardrail>> {
    vec![
        Arc::new(ProtectedPaths::default()),
        Arc::new(SizeLimit::default()),
        Arc::new(Unicode::new()),
        Arc::new(Secrets::default()),
        Arc::new(NewImports::new()),
        Arc::new(DangerousCode::new()),
    ]
}

/// Whether a file is Python source.
fn is_python(path: &str) -> bool {
    let extension = path.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    matches!(extension.as_deref(), Some("py" | "pyi" | "pyw"))
}

/// What a rule says that can't be asked with the fix alone.
pub(super) fn needs_files(gate: &str, fix: &Fix) -> GateReport {
    match fix.patch() {
        None => GateReport::new(gate, GateAnswer::Pass, "no patch"),
        Some(_) => GateReport::new(gate, GateAnswer::Hold, "needs the files before and after"),
    }
}
