//! Marks in a copy of the changed files: which of the changed lines run.
//!
//! No tool of the compiler's version has to be there for it. A mark notes its line once, in front of a
//! statement, of a match arm's value or of a closure's; it stands on the line itself, so that no line
//! moves. A line that no statement begins on is run with the smallest that it is part of. What a
//! constant function does is not measured, and a package without the standard library not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use aegis_core::patch::{FileChange, changed_lines};
use proc_macro2::{Span, TokenTree};
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

use super::source::{self, Source, flat};

/// Name of the file in which marks note lines.
pub(super) const LINES: &str = "lines.txt";

/// Name of the variable that says where that is.
pub(super) const VARIABLE: &str = "AEGIS_LINES";

/// The file with its marks, and its changed lines that can run. `number` stands for the file.
///
/// Errors: where it does not parse.
pub(super) fn mark(
    change: &FileChange,
    text: &str,
    number: usize,
) -> Result<(String, BTreeSet<u32>), String> {
    let changed: BTreeSet<u32> =
        changed_lines(change).into_iter().flat_map(|lines| lines.first..=lines.last).collect();
    source::read(text, |source| {
        let mut places = Places::default();
        places.visit_file(&source.tree);
        places.marked(source, &changed, number)
    })
}

/// What can be marked.
#[derive(Debug, Default)]
struct Places {
    units: Vec<Unit>,
    /// Depth of functions that run.
    runs: usize,
}

/// A stretch of code that runs as one.
#[derive(Debug)]
struct Unit {
    lines: Range<usize>,
    bytes: Range<usize>,
    /// Whether it needs braces of its own.
    bare: bool,
}

impl Places {
    fn add(&mut self, span: Span, bare: bool) {
        let lines = span.start().line..span.end().line + 1;
        self.units.push(Unit { lines, bytes: span.byte_range(), bare });
    }

    fn within(&mut self, constant: bool, walk: impl FnOnce(&mut Self)) {
        let runs = std::mem::replace(&mut self.runs, usize::from(!constant));
        walk(self);
        self.runs = runs;
    }

    fn marked(
        &self,
        source: &Source<'_>,
        changed: &BTreeSet<u32>,
        number: usize,
    ) -> (String, BTreeSet<u32>) {
        let mut marks: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
        for line in code_lines(source).into_iter().filter(|line| changed.contains(line)) {
            let at = line as usize;
            let around = self.units.iter().enumerate().filter(|(_, u)| u.lines.contains(&at));
            if let Some((unit, _)) = around.min_by_key(|(_, unit)| unit.bytes.len()) {
                marks.entry(unit).or_default().push(line);
            }
        }
        let lines = marks.values().flatten().copied().collect();
        let mut insert: Vec<(usize, usize, String)> = Vec::new();
        for (unit, lines) in marks {
            let unit = &self.units[unit];
            let (open, close) = if unit.bare { ("{ ", " }") } else { ("", "") };
            // Of what begins at one place the larger comes first, of what ends at one the smaller.
            let size = unit.bytes.len();
            insert.push((
                unit.bytes.start,
                usize::MAX - size,
                format!("{open}{}", note(number, &lines)),
            ));
            insert.push((unit.bytes.end, size, close.to_owned()));
        }
        insert.sort();
        let mut text = String::with_capacity(source.text.len() + 512);
        let mut at = 0;
        for (place, _, mark) in insert {
            text.push_str(source.text.get(at..place).unwrap_or_default());
            text.push_str(&mark);
            at = place;
        }
        text.push_str(source.text.get(at..).unwrap_or_default());
        (text, lines)
    }
}

/// Code that notes lines the first time that it runs.
fn note(number: usize, lines: &[u32]) -> String {
    let noted: String = lines.iter().map(|line| format!("{number}:{line}\\n")).collect();
    format!(
        "{{ static SEEN: ::std::sync::atomic::AtomicBool = ::std::sync::atomic::AtomicBool::new(false); \
         if !SEEN.swap(true, ::std::sync::atomic::Ordering::Relaxed) {{ \
         if let Some(path) = ::std::env::var_os(\"{VARIABLE}\") {{ \
         if let Ok(mut file) = ::std::fs::OpenOptions::new().append(true).create(true).open(path) {{ \
         let _ = ::std::io::Write::write_all(&mut file, b\"{noted}\"); }} }} }} }} "
    )
}

/// Lines with something on them that is more than the end of something else.
fn code_lines(source: &Source<'_>) -> BTreeSet<u32> {
    let mut lines = BTreeSet::new();
    for token in flat(&source.tokens) {
        let span = match &token {
            TokenTree::Punct(mark) if matches!(mark.as_char(), ';' | ',') => continue,
            TokenTree::Ident(word) if word == "else" => continue,
            TokenTree::Group(group) => group.span_open(),
            other => other.span(),
        };
        lines.extend(u32::try_from(span.start().line));
    }
    lines
}

impl<'ast> Visit<'ast> for Places {
    fn visit_item_fn(&mut self, f: &'ast syn::ItemFn) {
        self.within(f.sig.constness.is_some(), |s| visit::visit_item_fn(s, f));
    }

    fn visit_impl_item_fn(&mut self, f: &'ast syn::ImplItemFn) {
        self.within(f.sig.constness.is_some(), |s| visit::visit_impl_item_fn(s, f));
    }

    fn visit_trait_item_fn(&mut self, f: &'ast syn::TraitItemFn) {
        self.within(f.sig.constness.is_some(), |s| visit::visit_trait_item_fn(s, f));
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.within(true, |s| visit::visit_item_const(s, item));
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        self.within(true, |s| visit::visit_item_static(s, item));
    }

    fn visit_expr_const(&mut self, block: &'ast syn::ExprConst) {
        self.within(true, |s| visit::visit_expr_const(s, block));
    }

    fn visit_type(&mut self, _: &'ast syn::Type) {}

    fn visit_stmt(&mut self, statement: &'ast syn::Stmt) {
        if self.runs > 0 && !matches!(statement, syn::Stmt::Item(_)) {
            self.add(statement.span(), false);
        }
        visit::visit_stmt(self, statement);
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        if self.runs > 0 && !matches!(*arm.body, syn::Expr::Block(_)) {
            self.add(arm.body.span(), true);
        }
        visit::visit_arm(self, arm);
    }

    fn visit_expr_closure(&mut self, closure: &'ast syn::ExprClosure) {
        if self.runs > 0 && !matches!(*closure.body, syn::Expr::Block(_)) {
            self.add(closure.body.span(), true);
        }
        visit::visit_expr_closure(self, closure);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use aegis_core::patch::Tier;

    use super::*;

    /// The file with `M1,2` for the mark of lines 1 and 2.
    fn marked(before: &str, after: &str) -> (String, Vec<u32>) {
        let change = FileChange {
            path: "a.rs".into(),
            before: Some(before.into()),
            after: Some(after.into()),
            tier: Tier::Exact,
        };
        let (mut text, lines) = mark(&change, after, 7).unwrap();
        let lines: Vec<u32> = lines.into_iter().collect();
        assert!(source::read(&text, |_| ()).is_ok(), "{text}");
        assert_eq!(text.lines().count(), after.lines().count(), "no line moves");
        for n in 1..=lines.len() {
            for some in lines.windows(n) {
                let short: Vec<String> = some.iter().map(u32::to_string).collect();
                text = text.replace(&note(7, some), &format!("M{} ", short.join(",")));
            }
        }
        (text, lines)
    }

    #[test]
    fn a_mark_stands_before_each_changed_statement_on_its_line() {
        let before = "fn f(v: &[i64]) -> i64 {\n    v[0]\n}\n";
        let after = "fn f(v: &[i64]) -> i64 {\n    if v.is_empty() {\n        return 0;\n    }\n    \
                     // Why.\n    v[0]\n}\n";
        let (text, lines) = marked(before, after);
        assert_eq!(lines, [2, 3]);
        let expected = after.replace("    if v", "    M2 if v").replace("return", "M3 return");
        assert_eq!(text, expected);
    }

    #[test]
    fn arms_and_closures_are_marked_by_themselves_and_long_statements_once() {
        let after = "fn f(v: Option<i64>) -> i64 {\n    let w = v\n        .map(|n| n + 1)\n        \
                     .unwrap_or(2);\n    match w {\n        0 => 1,\n        n => n,\n    }\n}\n";
        let (text, lines) = marked("", after);
        assert_eq!(lines, [1, 2, 3, 4, 5, 6, 7].into_iter().filter(|l| *l > 1).collect::<Vec<_>>());
        let expected = "fn f(v: Option<i64>) -> i64 {\n    M2,4 let w = v\n        .map(|n| { M3 n + \
                        1 })\n        .unwrap_or(2);\n    M5 match w {\n        0 => { M6 1 },\n        \
                        n => { M7 n },\n    }\n}\n";
        // Lines 2 and 4 are no window of what follows each other.
        assert_eq!(text.replace(&note(7, &[2, 4]), "M2,4 "), expected);
    }

    #[test]
    fn what_can_not_be_measured_and_what_does_not_run_have_no_mark() {
        let after = "use std::fmt;\n\nconst N: usize = { 1 };\n\npub const fn f() -> u8 {\n    let a = \
                     1;\n    a\n}\n\nstruct S {\n    a: [u8; { 1 }],\n}\n\nfn g() {\n    const M: u8 = \
                     { 2 };\n    fn h() {\n        print!(\"a\");\n    }\n    h()\n}\n";
        let (text, lines) = marked("", after);
        assert_eq!(lines, [17, 19]);
        let expected = after.replace("print!", "M17 print!").replace("    h()\n", "    M19 h()\n");
        assert_eq!(text, expected);
    }
}
