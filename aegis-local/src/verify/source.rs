//! What gates and score read from Python source: imports, broad handlers, branches.

use std::collections::BTreeSet;

use ruff_python_ast::visitor::{Visitor, walk_except_handler, walk_stmt};
use ruff_python_ast::{ExceptHandler, Expr, Stmt};
use ruff_python_parser::parse_module;
use ruff_text_size::{Ranged, TextSize};

use crate::python::is_deep;

/// A file's facts; empty where it does not parse.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// Top-level names of imported modules; relative imports are left out.
    pub(super) imports: BTreeSet<String>,
    /// Lines of handlers that catch everything.
    pub(super) broad: BTreeSet<u32>,
    /// First line of each branch's body: `if`, `elif`, `else`, loops, handlers, cases.
    pub(super) branches: BTreeSet<u32>,
}

impl Facts {
    pub(super) fn of(source: &str) -> Self {
        let mut reader = Reader { source, facts: Self::default() };
        if is_deep(source) {
            return reader.facts;
        }
        if let Ok(parsed) = parse_module(source) {
            reader.visit_body(&parsed.syntax().body);
        }
        reader.facts
    }
}

struct Reader<'a> {
    source: &'a str,
    facts: Facts,
}

impl Reader<'_> {
    fn line(&self, at: TextSize) -> u32 {
        let before = self.source.get(..at.to_usize()).unwrap_or_default();
        u32::try_from(before.bytes().filter(|b| *b == b'\n').count() + 1).unwrap_or(u32::MAX)
    }

    fn branch(&mut self, body: &[Stmt]) {
        if let Some(first) = body.first() {
            let line = self.line(first.start());
            self.facts.branches.insert(line);
        }
    }

    fn import(&mut self, module: &str) {
        let root = module.split('.').next().unwrap_or(module);
        self.facts.imports.insert(root.to_owned());
    }
}

impl<'a> Visitor<'a> for Reader<'_> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::Import(import) => {
                for alias in &import.names {
                    self.import(alias.name.as_str());
                }
            }
            Stmt::ImportFrom(import) if import.level == 0 => {
                if let Some(module) = &import.module {
                    self.import(module.as_str());
                }
            }
            Stmt::If(s) => {
                self.branch(&s.body);
                for clause in &s.elif_else_clauses {
                    self.branch(&clause.body);
                }
            }
            Stmt::For(s) => {
                self.branch(&s.body);
                self.branch(&s.orelse);
            }
            Stmt::While(s) => {
                self.branch(&s.body);
                self.branch(&s.orelse);
            }
            Stmt::Match(s) => {
                for case in &s.cases {
                    self.branch(&case.body);
                }
            }
            _ => {}
        }
        walk_stmt(self, stmt);
    }

    fn visit_except_handler(&mut self, handler: &'a ExceptHandler) {
        let ExceptHandler::ExceptHandler(except) = handler;
        self.branch(&except.body);
        if except.type_.as_deref().is_none_or(catches_everything) {
            let line = self.line(except.start());
            self.facts.broad.insert(line);
        }
        walk_except_handler(self, handler);
    }
}

fn catches_everything(kind: &Expr) -> bool {
    match kind {
        Expr::Name(name) => matches!(name.id.as_str(), "Exception" | "BaseException"),
        Expr::Attribute(attr) => matches!(attr.attr.as_str(), "Exception" | "BaseException"),
        Expr::Tuple(tuple) => tuple.elts.iter().any(catches_everything),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_handlers_and_branches_are_found_wherever_they_are() {
        let facts = Facts::of(
            "import a.b\nfrom . import c\nfrom d import e\n\ndef f():\n    import g\n    if x:\n        \
             return 1\n    try:\n        pass\n    except (KeyError, Exception):\n        pass\n",
        );
        let names: Vec<&str> = facts.imports.iter().map(String::as_str).collect();
        assert_eq!(names, ["a", "d", "g"]);
        assert_eq!(facts.broad, BTreeSet::from([11]));
        assert_eq!(facts.branches, BTreeSet::from([8, 12]));
    }
}
