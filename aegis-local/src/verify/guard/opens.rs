//! Checks that let through what they were not made for.

use aegis_core::model::{Case, Fix, GateAnswer, GateReport};
use aegis_core::patch::FileChange;
use aegis_core::policy::{Guardrail, Touched};
use ruff_python_ast::visitor::{Visitor, walk_except_handler, walk_stmt};
use ruff_python_ast::{BoolOp, ExceptHandler, Expr, Stmt, UnaryOp};
use ruff_python_parser::parse_module;
use ruff_text_size::Ranged;

use super::{Added, is_python, needs_files};
use crate::python::is_deep;
use crate::verify::gates::pass;

const GATE: &str = "fails-open";

/// Words in the name of a function that decides who or what is let through.
const LETS: &[&str] = &[
    "access",
    "admin",
    "allow",
    "allowed",
    "allows",
    "auth",
    "authenticate",
    "authenticated",
    "authorise",
    "authorised",
    "authorize",
    "authorized",
    "can",
    "check",
    "checks",
    "enter",
    "enters",
    "grant",
    "granted",
    "login",
    "may",
    "permission",
    "permit",
    "permits",
    "permitted",
    "safe",
    "signed",
    "trust",
    "trusted",
    "valid",
    "validate",
    "verified",
    "verifies",
    "verify",
];

/// Words in the name of one that decides who is kept out.
const KEEPS_OUT: &[&str] =
    &["banned", "blocked", "denied", "deny", "expired", "forbidden", "locked", "revoked"];

/// Holds a fix for a person by which a check, told by its name, answers an odd case with anything but a
/// no: `return True` in added lines, or another answer in a branch that the fix adds.
///
/// Whether to let an unknown user in can't be seen from outside: every test that passed still passes.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct FailsOpen;

impl FailsOpen {
    /// The rule; it has no settings.
    pub fn new() -> Self {
        Self
    }

    fn find(change: &FileChange) -> Vec<String> {
        let Some(after) = change.after.as_deref().filter(|text| !is_deep(text)) else {
            return Vec::new();
        };
        let Ok(parsed) = parse_module(after) else { return Vec::new() };
        let mut look = Look {
            path: &change.path,
            source: after,
            before: change.before.as_deref().unwrap_or_default(),
            added: Added::of(change, after),
            check: None,
            branch: false,
            found: Vec::new(),
        };
        look.visit_body(&parsed.syntax().body);
        look.found
    }
}

impl Guardrail for FailsOpen {
    fn check(&self, _case: &Case, fix: &Fix) -> GateReport {
        needs_files(GATE, fix)
    }

    fn inspect(&self, _case: &Case, _fix: &Fix, touched: &Touched<'_>) -> GateReport {
        let python = touched.changes.iter().filter(|c| is_python(&c.path));
        let found: Vec<String> = python.flat_map(Self::find).collect();
        if found.is_empty() {
            return pass(GATE, "no check answers an odd case with a yes");
        }
        GateReport::new(GATE, GateAnswer::Hold, found.join("; "))
    }
}

/// A function that decides, and what it answers to keep somebody out.
#[derive(Debug, Clone)]
struct Check<'a> {
    name: &'a str,
    no: bool,
}

impl<'a> Check<'a> {
    fn of(name: &'a str) -> Option<Self> {
        let has = |words: &[&str]| name.split('_').any(|word| words.contains(&word));
        match (has(KEEPS_OUT), has(LETS)) {
            (true, _) => Some(Self { name, no: true }),
            (false, true) => Some(Self { name, no: false }),
            _ => None,
        }
    }

    /// Whether an answer is a no, whatever comes in.
    fn is_no(&self, expr: &Expr) -> bool {
        match expr {
            Expr::NoneLiteral(_) => !self.no,
            Expr::BooleanLiteral(literal) => literal.value == self.no,
            _ => false,
        }
    }

    /// Whether an answer may be a yes, whatever comes in.
    fn is_yes(&self, expr: &Expr) -> bool {
        match expr {
            Expr::BooleanLiteral(literal) => literal.value != self.no,
            Expr::If(choice) => self.is_yes(&choice.body) || self.is_yes(&choice.orelse),
            Expr::BoolOp(all) if (all.op == BoolOp::Or) != self.no => {
                all.values.iter().any(|value| self.is_yes(value))
            }
            Expr::UnaryOp(unary) if unary.op == UnaryOp::Not => self.is_no(&unary.operand),
            _ => false,
        }
    }
}

struct Look<'a> {
    path: &'a str,
    source: &'a str,
    before: &'a str,
    added: Added,
    check: Option<Check<'a>>,
    /// Within a branch that was added.
    branch: bool,
    found: Vec<String>,
}

impl<'a> Look<'a> {
    fn answers(&mut self, stmt: &Stmt, answer: &Expr, leaves: bool) {
        let Some(check) = &self.check else { return };
        let Some(line) = self.added.first_in(stmt.range()) else { return };
        let odd = leaves && self.branch && !check.is_no(answer) && !self.stood(stmt);
        if check.is_yes(answer) || odd {
            let (path, name) = (self.path, check.name);
            self.found.push(format!("{path}:{line}: {name} answers an odd case with a yes"));
        }
    }

    /// Whether the statement's line stood in the file before, deeper or not.
    fn stood(&self, stmt: &Stmt) -> bool {
        let text = self.source[stmt.range()].trim();
        self.before.lines().any(|line| line.trim() == text)
    }

    fn within(&mut self, branch: bool, walk: impl FnOnce(&mut Self)) {
        let outer = self.branch;
        self.branch |= branch;
        walk(self);
        self.branch = outer;
    }
}

impl<'a> Visitor<'a> for Look<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::FunctionDef(function) => {
                let check = Check::of(function.name.as_str());
                let outer = std::mem::replace(&mut self.check, check);
                let branch = std::mem::take(&mut self.branch);
                walk_stmt(self, stmt);
                (self.check, self.branch) = (outer, branch);
            }
            Stmt::Return(back) => {
                if let Some(value) = back.value.as_deref() {
                    self.answers(stmt, value, true);
                }
            }
            Stmt::Assign(assign) => self.answers(stmt, &assign.value, false),
            Stmt::If(choice) => {
                let added = self.added.first_in(choice.test.range()).is_some();
                self.within(added, |look| walk_stmt(look, stmt));
            }
            Stmt::Match(choice) => {
                let added = self.added.first_in(choice.subject.range()).is_some();
                self.within(added, |look| walk_stmt(look, stmt));
            }
            _ => walk_stmt(self, stmt),
        }
    }

    fn visit_except_handler(&mut self, handler: &'a ExceptHandler) {
        let ExceptHandler::ExceptHandler(except) = handler;
        let added = except.type_.as_ref().map_or(except.range(), |kind| kind.range());
        let added = self.added.first_in(added).is_some();
        self.within(added, |look| walk_except_handler(look, handler));
    }
}

#[cfg(test)]
#[path = "opens_tests.rs"]
mod tests;
