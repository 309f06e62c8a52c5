//! The static gates of a patch on a Python service, as guardrails that a host can add to.

mod added;
mod dangerous;
mod imports;
mod magic;
mod opens;

use std::sync::Arc;

use aegis_core::model::{Fix, GateAnswer, GateReport};
use aegis_core::policy::{Guardrail, ProtectedPaths, Secrets, SizeLimit, Unicode};

use added::Added;
pub(super) use dangerous::Before;
pub use dangerous::DangerousCode;
pub use imports::NewImports;
pub use magic::MagicValues;
pub use opens::FailsOpen;

/// What [`PythonVerifier`](super::PythonVerifier) asks about a patch unless it is told otherwise:
/// protected paths, size, Unicode, secrets, new imports, dangerous code, magic values, failing open.
pub fn standard_guardrails() -> Vec<Arc<dyn Guardrail>> {
    vec![
        Arc::new(ProtectedPaths::default()),
        Arc::new(SizeLimit::default()),
        Arc::new(Unicode::new()),
        Arc::new(Secrets::default()),
        Arc::new(NewImports::new()),
        Arc::new(DangerousCode::new()),
        Arc::new(MagicValues::new()),
        Arc::new(FailsOpen::new()),
    ]
}

/// Whether a file is Python source.
fn is_python(path: &str) -> bool {
    has_extension(path, &["py", "pyi", "pyw"])
}

/// Whether a file's name ends with one of these, without regard to case.
pub(super) fn has_extension(path: &str, extensions: &[&str]) -> bool {
    let own = path.rsplit_once('.').map(|(_, extension)| extension);
    own.is_some_and(|own| extensions.iter().any(|ext| own.eq_ignore_ascii_case(ext)))
}

/// Most findings that a report names.
const MOST: usize = 8;

/// The report on findings, the worst first and in their order otherwise.
pub(super) fn report(gate: &str, mut found: Vec<(GateAnswer, String)>) -> GateReport {
    found.sort_by_key(|(answer, _)| std::cmp::Reverse(*answer));
    let Some((worst, _)) = found.first() else {
        return GateReport::new(gate, GateAnswer::Pass, "adds nothing dangerous");
    };
    let shown: Vec<&str> = found.iter().take(MOST).map(|(_, text)| text.as_str()).collect();
    let more = found.len().saturating_sub(MOST);
    let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
    GateReport::new(gate, *worst, shown.join("; ") + &rest)
}

/// What a rule says that can't be asked with the fix alone.
pub(super) fn needs_files(gate: &str, fix: &Fix) -> GateReport {
    match fix.patch() {
        None => GateReport::new(gate, GateAnswer::Pass, "no patch"),
        Some(_) => GateReport::new(gate, GateAnswer::Hold, "needs the files before and after"),
    }
}
