//! Tests inside of source files: a fix leaves them as they are.

use aegis_core::model::{Case, Fix, GateReport};
use aegis_core::patch::FileChange;
use aegis_core::policy::{Guardrail, Touched};
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

use super::super::super::gates::{deny, pass};
use super::super::super::guard::needs_files;
use super::super::is_rust;
use super::super::source::{Source, read};

const GATE: &str = "inline-tests";

/// Denies patches that add, change or remove tests in the files that they change: items under
/// `#[cfg(test)]`, functions under an attribute whose name ends with `test`, and examples in the
/// documentation.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct InlineTests;

impl InlineTests {
    /// The rule; it has no settings.
    pub fn new() -> Self {
        Self
    }
}

/// The tests of a file, as they stand there.
fn tests(source: &Source<'_>) -> Vec<String> {
    let mut found = Tests { source: source.text, found: Vec::new() };
    found.visit_file(&source.tree);
    found.found.extend(examples(source.text));
    found.found.sort();
    found.found
}

struct Tests<'t> {
    source: &'t str,
    found: Vec<String>,
}

impl Tests<'_> {
    /// Whether it is a test as a whole; its text is kept then.
    fn take(&mut self, attributes: &[syn::Attribute], span: proc_macro2::Span) -> bool {
        let is = attributes.iter().any(is_test);
        if is {
            self.found.push(self.source.get(span.byte_range()).unwrap_or_default().to_owned());
        }
        is
    }
}

fn is_test(attribute: &syn::Attribute) -> bool {
    let named = |path: &syn::Path| {
        let last = path.segments.last().map(|s| s.ident.to_string()).unwrap_or_default();
        last.ends_with("test") || last.starts_with("test") || last.contains("case")
    };
    match &attribute.meta {
        syn::Meta::List(list) if list.path.is_ident("cfg") || list.path.is_ident("cfg_attr") => {
            let words = super::super::source::flat(&list.tokens);
            words.iter().any(|word| word.to_string() == "test")
        }
        meta => named(meta.path()),
    }
}

impl<'ast> Visit<'ast> for Tests<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !self.take(&item.attrs, item.span()) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if !self.take(&item.attrs, item.span()) {
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if !self.take(&item.attrs, item.span()) {
            visit::visit_item_impl(self, item);
        }
    }

    fn visit_item_macro(&mut self, item: &'ast syn::ItemMacro) {
        let name = item.mac.path.segments.last().map(|s| s.ident.to_string()).unwrap_or_default();
        if matches!(name.as_str(), "proptest" | "quickcheck") {
            self.found
                .push(self.source.get(item.span().byte_range()).unwrap_or_default().to_owned());
        }
    }
}

/// The code examples of a file's documentation, one text for each.
fn examples(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Option<String> = None;
    for line in text.lines() {
        let line = line.trim_start();
        let doc = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"));
        match (doc.map(str::trim_start), &mut open) {
            (Some(doc), None) if doc.starts_with("```") || doc.starts_with("~~~") => {
                open = Some(doc.to_owned());
            }
            (Some(doc), Some(text)) => {
                text.push('\n');
                text.push_str(doc);
                if doc.starts_with("```") || doc.starts_with("~~~") {
                    found.extend(open.take());
                }
            }
            (None, Some(_)) => found.extend(open.take()),
            _ => {}
        }
    }
    found.extend(open);
    found
}

impl Guardrail for InlineTests {
    fn check(&self, _case: &Case, fix: &Fix) -> GateReport {
        needs_files(GATE, fix)
    }

    fn inspect(&self, _case: &Case, _fix: &Fix, touched: &Touched<'_>) -> GateReport {
        let of = |text: &Option<String>| text.as_deref().map_or(Ok(Vec::new()), |t| read(t, tests));
        let changed = |change: &&FileChange| of(&change.before) != of(&change.after);
        let found = touched.changes.iter().filter(|c| is_rust(&c.path)).filter(changed);
        let found: Vec<&str> = found.map(|change| change.path.as_str()).collect();
        match found[..] {
            [] => pass(GATE, "tests in the changed files stay as they are"),
            _ => {
                deny(GATE, format!("changes tests in {}: leave them as they are", found.join(", ")))
            }
        }
    }
}

#[cfg(test)]
mod held {
    use super::*;

    const FILE: &str = "/// Doubles.\n///\n/// ```\n/// assert_eq!(a::double(2), 4);\n/// ```\npub fn \
                        double(n: u8) -> u8 {\n    n * 2\n}\n\n#[tokio::test]\nasync fn alone() {}\n\n\
                        proptest! {\n    fn p() {}\n}\n\n#[cfg(all(test, unix))]\nmod tests {\n    \
                        #[test]\n    fn doubles() {}\n}\n";

    #[test]
    fn every_kind_of_test_is_held_and_the_code_is_not() {
        let of = |text: &str| read(text, tests);
        let before = of(FILE);
        assert_eq!(before.as_ref().map(Vec::len), Ok(4));
        for (from, to) in [
            ("double(2), 4", "double(2), 5"),
            ("async fn alone() {}", "async fn alone() { return }"),
            ("fn p() {}", "fn q() {}"),
            ("    #[test]\n    fn doubles() {}\n", ""),
            ("all(test, unix)", "all(test, windows)"),
        ] {
            assert_ne!(of(&FILE.replace(from, to)), before, "{from}");
        }
        for (from, to) in [("    n * 2", "    n + n"), ("Doubles.", "Twice.")] {
            assert_eq!(of(&FILE.replace(from, to)), before, "{from}");
        }
    }
}
