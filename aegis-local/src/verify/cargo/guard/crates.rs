//! Crates that a file did not use before.

use std::collections::BTreeSet;

use aegis_core::model::{Case, Fix, GateReport};
use aegis_core::policy::{Guardrail, Touched};

use super::super::super::gates::{deny, pass};
use super::super::super::guard::needs_files;
use super::super::is_rust;
use super::super::source::{Source, read};
use super::uses::paths;

const GATE: &str = "new-imports";

/// Denies a crate that a file did not use before, but for the standard library and the package's own
/// modules. Manifests are protected, so that a crate that is no dependency does not compile anyway.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct NewCrates;

impl NewCrates {
    /// The rule; it has no settings.
    pub fn new() -> Self {
        Self
    }
}

/// Names that paths begin with and that may be crates: of two parts or more, in small letters.
fn roots(source: &Source<'_>) -> BTreeSet<String> {
    let small = |name: &String| {
        name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    let may = paths(source).into_iter().filter(|named| named.path.len() > 1);
    may.filter_map(|named| named.path.into_iter().next()).filter(small).collect()
}

fn is_own(name: &str, files: &[String]) -> bool {
    const KNOWN: [&str; 6] = ["std", "core", "alloc", "crate", "self", "super"];
    let primitive = ["str", "char", "bool", "f32", "f64", "usize", "isize"].contains(&name)
        || name.strip_prefix(['u', 'i']).is_some_and(|n| n.parse::<u8>().is_ok());
    let (file, folder) = (format!("/{name}.rs"), format!("/{name}/"));
    let module = || files.iter().any(|f| f.ends_with(&file) || format!("/{f}").contains(&folder));
    KNOWN.contains(&name) || primitive || module()
}

impl Guardrail for NewCrates {
    fn check(&self, _case: &Case, fix: &Fix) -> GateReport {
        needs_files(GATE, fix)
    }

    fn inspect(&self, _case: &Case, _fix: &Fix, touched: &Touched<'_>) -> GateReport {
        let of = |text: &Option<String>| {
            text.as_deref().and_then(|text| read(text, roots).ok()).unwrap_or_default()
        };
        let mut found = Vec::new();
        for change in touched.changes.iter().filter(|c| is_rust(&c.path)) {
            let (before, after) = (of(&change.before), of(&change.after));
            let strange = after.difference(&before).filter(|name| !is_own(name, touched.files));
            let path = &change.path;
            found
                .extend(strange.map(|name| format!("{path} uses {name}, which it did not before")));
        }
        if found.is_empty() { pass(GATE, "no new crate") } else { deny(GATE, found.join("; ")) }
    }
}

#[cfg(test)]
mod tests {
    use aegis_core::model::{FixKind, GateAnswer};
    use aegis_core::patch::{FileChange, Patch, Tier};
    use aegis_core::testkit::mint;

    use super::*;

    #[test]
    fn a_crate_that_was_not_used_is_denied_but_for_the_packages_own_modules() {
        let files =
            ["src/lib.rs".to_owned(), "src/money.rs".to_owned(), "src/web/mod.rs".to_owned()];
        let fix = Fix::new(FixKind::Patch(Patch::new("b".into(), Vec::new())), "t", "test");
        let of = |after: &str| {
            let changes = [FileChange {
                path: "src/lib.rs".into(),
                before: Some("use serde::Serialize;\nmod money;\n".into()),
                after: Some(after.into()),
                tier: Tier::Exact,
            }];
            NewCrates::new().inspect(&mint::case("s", "i"), &fix, &Touched::new(&changes, &files))
        };
        let own = "use std::cmp::max;\nuse serde::Deserialize;\nfn f(n: u8) {\n    money::of(u8::MAX);\n    \
                   web::go();\n    Option::Some(1);\n}\n";
        assert_eq!(of(own).answer, GateAnswer::Pass, "{}", of(own).reason);
        let other = "fn f() {\n    reqwest::get(\"a\");\n}\n";
        assert_eq!(of(other).answer, GateAnswer::Deny);
        assert!(of("use rand::random;\n").reason.contains("uses rand"));
    }
}
