//! Modules that a file did not import before.

use aegis_core::model::{Case, Fix, GateReport};
use aegis_core::policy::{Guardrail, Touched};

use super::{is_python, needs_files};
use crate::verify::gates::{deny, pass};
use crate::verify::source::Facts;

const GATE: &str = "new-imports";

/// Denies a module that a file did not import before, but for the service's own.
///
/// It needs the files: where only the fix is at hand, it says so and lets a person look.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct NewImports;

impl NewImports {
    /// The rule; it has no settings.
    pub fn new() -> Self {
        Self
    }
}

impl Guardrail for NewImports {
    fn check(&self, _case: &Case, fix: &Fix) -> GateReport {
        needs_files(GATE, fix)
    }

    fn inspect(&self, _case: &Case, _fix: &Fix, touched: &Touched<'_>) -> GateReport {
        let mut found = Vec::new();
        for change in touched.changes.iter().filter(|c| is_python(&c.path)) {
            let of = |text: &Option<String>| Facts::of(text.as_deref().unwrap_or_default()).imports;
            let (before, after) = (of(&change.before), of(&change.after));
            let strange = after.difference(&before).filter(|m| !own(m, touched.files));
            let path = &change.path;
            found.extend(strange.map(|m| format!("{path} imports {m}, which it did not before")));
        }
        if found.is_empty() { pass(GATE, "no new import") } else { deny(GATE, found.join("; ")) }
    }
}

/// Whether a module is a file or a folder of the service.
fn own(module: &str, files: &[String]) -> bool {
    let file = format!("{module}.py");
    let folder = format!("{module}/");
    files.iter().any(|f| {
        let f = f.strip_prefix("src/").unwrap_or(f);
        *f == file || (f.starts_with(&folder) && f.ends_with(".py"))
    })
}

#[cfg(test)]
mod tests {
    use aegis_core::model::{FixKind, GateAnswer};
    use aegis_core::patch::{FileChange, Patch, Tier};
    use aegis_core::testkit::mint;

    use super::*;

    #[test]
    fn an_import_that_was_not_there_is_denied_but_for_the_services_own() {
        let files = ["shop/cart.py".to_owned(), "src/tools.py".to_owned()];
        let fix = Fix::new(FixKind::Patch(Patch::new("b".into(), Vec::new())), "t", "test");
        let of = |after: &str| {
            let changes = [FileChange {
                path: "shop/cart.py".into(),
                before: Some("import json\n".into()),
                after: Some(after.into()),
                tier: Tier::Exact,
            }];
            let touched = Touched::new(&changes, &files);
            NewImports::new().inspect(&mint::case("s", "i"), &fix, &touched)
        };
        assert_eq!(of("import json\nx = 1\n").answer, GateAnswer::Pass);
        assert_eq!(of("from json import loads\n").answer, GateAnswer::Pass);
        assert_eq!(of("from shop.money import x\nimport tools\n").answer, GateAnswer::Pass);
        assert_eq!(of("import json\ndef f():\n    import os\n").answer, GateAnswer::Deny);
        let both = of("import json, leftpad\nimport os\n").reason;
        assert!(both.contains("imports leftpad") && both.contains("imports os"), "{both}");
    }
}
