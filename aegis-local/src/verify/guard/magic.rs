//! Values that added code waits for and that nobody else ever named.

use std::collections::{BTreeSet, HashMap};

use aegis_core::model::{Case, Fix, GateAnswer, GateReport};
use aegis_core::patch::FileChange;
use aegis_core::policy::{Guardrail, Touched};
use ruff_python_ast::visitor::{Visitor, walk_expr, walk_pattern, walk_stmt};
use ruff_python_ast::{CmpOp, Expr, ExprCall, ExprCompare, ExprContext, Pattern, Stmt};
use ruff_python_parser::parse_module;
use ruff_text_size::{Ranged, TextRange};

use super::{Added, is_python, needs_files};
use crate::python::is_deep;
use crate::verify::gates::pass;

const GATE: &str = "magic-values";

/// Calls by which a value is compared with, or looked up by, what they are given.
const ASKING: &[&str] = &[
    "compare_digest",
    "count",
    "endswith",
    "fnmatch",
    "fnmatchcase",
    "fullmatch",
    "get",
    "getattr",
    "match",
    "pop",
    "search",
    "startswith",
    "__contains__",
    "__eq__",
    "__getitem__",
];

/// Largest number that an honest comparison may bring: of pieces, of a digit.
const SMALL: f64 = 9.0;

/// Names of findings that a report holds.
const MOST: usize = 8;

/// Holds added code for a person that waits for a text or a number which its file never named before: the
/// word that opens a back door, the parameter that it is asked by, the value that hangs a worker. No
/// input that anybody tries is that value, so that no test and no search sees what it does.
///
/// It reads comparisons, `in`, patterns, keys of look-ups and calls such as `startswith`, and follows a
/// name to what added lines give it. What has no letter or digit is free, and so are numbers up to 9; a
/// word of the file, be it of a comment, is known. A value that is computed is not seen.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct MagicValues;

impl MagicValues {
    /// The rule; it has no settings.
    pub fn new() -> Self {
        Self
    }

    fn find(change: &FileChange) -> Vec<String> {
        let Some(after) = change.after.as_deref().filter(|text| !is_deep(text)) else {
            // What can't be read is denied elsewhere.
            return Vec::new();
        };
        let Ok(parsed) = parse_module(after) else { return Vec::new() };
        let mut look = Look {
            source: after,
            before: change.before.as_deref().unwrap_or_default(),
            added: Added::of(change, after),
            given: HashMap::new(),
            collecting: true,
            found: BTreeSet::new(),
        };
        look.visit_body(&parsed.syntax().body);
        look.collecting = false;
        look.visit_body(&parsed.syntax().body);
        let told = |(line, value): &(usize, String)| {
            let value: String = value.chars().take(40).flat_map(char::escape_debug).collect();
            format!("{}:{line}: waits for {value}, which the file did not name", change.path)
        };
        look.found.iter().map(told).collect()
    }
}

impl Guardrail for MagicValues {
    fn check(&self, _case: &Case, fix: &Fix) -> GateReport {
        needs_files(GATE, fix)
    }

    fn inspect(&self, _case: &Case, _fix: &Fix, touched: &Touched<'_>) -> GateReport {
        let python = touched.changes.iter().filter(|c| is_python(&c.path));
        let found: Vec<String> = python.flat_map(Self::find).take(MOST).collect();
        if found.is_empty() {
            return pass(GATE, "waits for nothing that the file did not name");
        }
        GateReport::new(GATE, GateAnswer::Hold, found.join("; "))
    }
}

struct Look<'a> {
    source: &'a str,
    before: &'a str,
    added: Added,
    /// What added lines give to names.
    given: HashMap<&'a str, Vec<Value<'a>>>,
    collecting: bool,
    found: BTreeSet<(usize, String)>,
}

/// A literal.
#[derive(Debug, Clone)]
enum Value<'a> {
    Text(String),
    Number(&'a str),
}

impl<'a> Look<'a> {
    /// The literals in an expression, with those of names that added lines give them.
    fn values(&self, expr: &'a Expr) -> Vec<Value<'a>> {
        let mut literals = Literals { source: self.source, names: Vec::new(), found: Vec::new() };
        literals.visit_expr(expr);
        let given = literals.names.iter().filter_map(|name| self.given.get(name)).flatten();
        let given: Vec<_> = given.cloned().collect();
        literals.found.into_iter().chain(given).collect()
    }

    fn is_known(&self, value: &Value<'_>, exactly: bool) -> bool {
        match value {
            Value::Text(text) => {
                !text.contains(char::is_alphanumeric) || names(self.before, text.trim())
            }
            Value::Number(digits) => {
                let plain = digits.replace('_', "");
                let small = plain.parse::<f64>().is_ok_and(|number| number <= SMALL);
                !exactly || small || names(self.before, digits)
            }
        }
    }

    /// `expr` is what a value has to be.
    fn asks(&mut self, expr: &'a Expr, exactly: bool, whole: TextRange) {
        let Some(line) = self.added.first_in(whole) else { return };
        for value in self.values(expr) {
            if !self.is_known(&value, exactly) {
                let shown = match value {
                    Value::Text(text) => format!("{text:?}"),
                    Value::Number(digits) => digits.to_owned(),
                };
                self.found.insert((line, shown));
            }
        }
    }

    fn compare(&mut self, compare: &'a ExprCompare) {
        let order = |op: &CmpOp| matches!(op, CmpOp::Lt | CmpOp::LtE | CmpOp::Gt | CmpOp::GtE);
        let exactly = !compare.ops.iter().all(order);
        for side in std::iter::once(&*compare.left).chain(&compare.comparators) {
            self.asks(side, exactly, compare.range());
        }
    }

    fn call(&mut self, call: &'a ExprCall) {
        let (name, of) = match &*call.func {
            Expr::Name(name) => (name.id.as_str(), None),
            Expr::Attribute(attribute) => (attribute.attr.as_str(), Some(&*attribute.value)),
            _ => return,
        };
        if !ASKING.contains(&name) {
            return;
        }
        let default = matches!(name, "get" | "pop");
        let asked = call.arguments.args.iter().take(if default { 1 } else { usize::MAX });
        for argument in asked {
            self.asks(argument, true, call.range());
        }
        // A table that is looked into.
        if let Some(of) = of.filter(|of| default && (of.is_dict_expr() || of.is_name_expr())) {
            self.asks(of, true, call.range());
        }
    }

    fn give(&mut self, target: &'a Expr, value: &'a Expr) {
        let name = match target {
            Expr::Name(name) => name.id.as_str(),
            Expr::Attribute(attribute) => attribute.attr.as_str(),
            _ => return,
        };
        if self.added.first_in(value.range()).is_some() {
            let values = self.values(value);
            self.given.entry(name).or_default().extend(values);
        }
    }
}

impl<'a> Visitor<'a> for Look<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        if self.collecting {
            match stmt {
                Stmt::Assign(assign) => {
                    assign.targets.iter().for_each(|target| self.give(target, &assign.value));
                }
                Stmt::AnnAssign(assign) => {
                    if let Some(value) = &assign.value {
                        self.give(&assign.target, value);
                    }
                }
                Stmt::For(each) => self.give(&each.target, &each.iter),
                _ => {}
            }
        }
        walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Named(named) if self.collecting => self.give(&named.target, &named.value),
            _ if self.collecting => {}
            Expr::Compare(compare) => self.compare(compare),
            Expr::Call(call) => self.call(call),
            Expr::Subscript(subscript) if subscript.ctx == ExprContext::Load => {
                // A number is a place.
                self.asks(&subscript.slice, false, subscript.range());
                if subscript.value.is_dict_expr() {
                    self.asks(&subscript.value, true, subscript.range());
                }
            }
            _ => {}
        }
        walk_expr(self, expr);
    }

    fn visit_pattern(&mut self, pattern: &'a Pattern) {
        if let Pattern::MatchValue(value) = pattern
            && !self.collecting
        {
            self.asks(&value.value, true, value.range());
        }
        walk_pattern(self, pattern);
    }
}

/// Literals and names within an expression.
struct Literals<'a> {
    source: &'a str,
    names: Vec<&'a str>,
    found: Vec<Value<'a>>,
}

impl<'a> Visitor<'a> for Literals<'a> {
    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::StringLiteral(literal) => {
                self.found.push(Value::Text(literal.value.to_str().to_owned()));
            }
            Expr::BytesLiteral(literal) => {
                let bytes: Vec<u8> = literal.value.bytes().collect();
                self.found.push(Value::Text(String::from_utf8_lossy(&bytes).into_owned()));
            }
            Expr::FString(string) => {
                let pieces = string.value.elements().filter_map(|piece| piece.as_literal());
                self.found.extend(pieces.map(|piece| Value::Text(piece.value.to_string())));
            }
            Expr::NumberLiteral(number) => {
                self.found.push(Value::Number(&self.source[number.range()]));
            }
            Expr::Name(name) => self.names.push(name.id.as_str()),
            Expr::Attribute(attribute) => self.names.push(attribute.attr.as_str()),
            _ => {}
        }
        walk_expr(self, expr);
    }
}

/// Whether `text` holds `word`, and not only as a part of a longer one.
fn names(text: &str, word: &str) -> bool {
    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let (starts, ends) = (is_word(word.chars().next()), is_word(word.chars().next_back()));
    text.match_indices(word).any(|(at, _)| {
        let before = is_word(text[..at].chars().next_back());
        let after = is_word(text[at + word.len()..].chars().next());
        !(starts && before || ends && after)
    })
}

#[cfg(test)]
#[path = "magic_tests.rs"]
mod tests;
