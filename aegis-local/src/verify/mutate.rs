//! Small faults put into the changed lines: tests that check them notice.

use aegis_core::patch::{FileChange, changed_lines};
use ruff_python_ast::visitor::{Visitor, walk_expr, walk_stmt};
use ruff_python_ast::{BoolOp, CmpOp, Expr, Number, Operator, Stmt, UnaryOp};
use ruff_python_parser::parse_module;
use ruff_text_size::{Ranged, TextRange};

/// One fault: the file with it, and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mutant {
    /// The whole patch, with the fault in one of its files.
    pub(super) changes: Vec<FileChange>,
    /// `shop/stats.py:4: < in place of <=`.
    pub(super) what: String,
}

/// At most `most` faults, spread over the changed lines; each still parses.
pub(super) fn mutants(changes: &[FileChange], most: usize) -> Vec<Mutant> {
    let mut all = Vec::new();
    for (at, change) in changes.iter().enumerate() {
        let Some(after) = change.after.as_deref().filter(|_| change.path.ends_with(".py")) else {
            continue;
        };
        let touched: Vec<_> = changed_lines(change);
        for fault in faults(after) {
            let line = line_of(after, fault.range);
            if !touched.iter().any(|r| (r.first..=r.last).contains(&line)) {
                continue;
            }
            let mut text = after.to_owned();
            text.replace_range(fault.range.to_std_range(), &fault.by);
            if parse_module(&text).is_err() {
                continue;
            }
            let was = &after[fault.range.to_std_range()];
            let mut changes = changes.to_vec();
            changes[at].after = Some(text);
            let what = format!("{}:{line}: {} in place of {}", change.path, fault.by, was.trim());
            all.push(Mutant { changes, what });
        }
    }
    let step = all.len().div_ceil(most.max(1)).max(1);
    all.into_iter().step_by(step).collect()
}

#[derive(Debug)]
struct Fault {
    range: TextRange,
    by: String,
}

fn line_of(text: &str, range: TextRange) -> u32 {
    let before = &text[..range.start().to_usize()];
    u32::try_from(before.matches('\n').count() + 1).unwrap_or(u32::MAX)
}

fn faults(source: &str) -> Vec<Fault> {
    let mut finder = Finder { source, faults: Vec::new() };
    if let Ok(parsed) = parse_module(source) {
        finder.visit_body(&parsed.syntax().body);
    }
    finder.faults
}

struct Finder<'a> {
    source: &'a str,
    faults: Vec<Fault>,
}

impl Finder<'_> {
    fn text(&self, range: TextRange) -> &str {
        &self.source[range.to_std_range()]
    }

    fn put(&mut self, range: TextRange, by: impl Into<String>) {
        self.faults.push(Fault { range, by: by.into() });
    }

    /// Puts another operator between two operands.
    fn between(&mut self, left: &Expr, right: &Expr, was: &str, by: &str) {
        let gap = TextRange::new(left.end(), right.start());
        if let Some(at) = self.text(gap).find(was) {
            let text = self.text(gap);
            let other = format!("{}{by}{}", &text[..at], &text[at + was.len()..]);
            self.put(gap, other);
        }
    }
}

impl<'a> Visitor<'a> for Finder<'_> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::If(s) => {
                let test = format!("not ({})", self.text(s.test.range()));
                self.put(s.test.range(), test);
            }
            Stmt::Return(s) => {
                if let Some(value) = s.value.as_deref().filter(|v| !v.is_none_literal_expr()) {
                    self.put(value.range(), "None");
                }
            }
            // A text alone says something to people only.
            Stmt::Expr(s) if s.value.is_string_literal_expr() => return,
            _ => {}
        }
        walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Compare(e) => {
                if let ([op], [right]) = (&*e.ops, &*e.comparators)
                    && let Some((was, by)) = other_comparison(*op)
                {
                    self.between(&e.left, right, was, by);
                }
            }
            Expr::BoolOp(e) => {
                let (was, by) = match e.op {
                    BoolOp::And => ("and", "or"),
                    BoolOp::Or => ("or", "and"),
                };
                if let [left, right] = &e.values[..] {
                    self.between(left, right, was, by);
                }
            }
            Expr::UnaryOp(e) if e.op == UnaryOp::Not => {
                let operand = format!("({})", self.text(e.operand.range()));
                self.put(e.range(), operand);
            }
            Expr::BinOp(e) => {
                let swapped = match e.op {
                    Operator::Add => Some(("+", "-")),
                    Operator::Sub => Some(("-", "+")),
                    Operator::Mult => Some(("*", "+")),
                    Operator::Div => Some(("/", "*")),
                    _ => None,
                };
                if let Some((was, by)) = swapped {
                    self.between(&e.left, &e.right, was, by);
                }
            }
            Expr::NumberLiteral(e) => match &e.value {
                Number::Int(_) | Number::Float(_) => {
                    let more = format!("({} + 1)", self.text(e.range()));
                    self.put(e.range(), more);
                }
                Number::Complex { .. } => {}
            },
            Expr::BooleanLiteral(e) => {
                self.put(e.range(), if e.value { "False" } else { "True" });
            }
            Expr::StringLiteral(e) => {
                let by = if e.value.is_empty() { "'mutant'" } else { "''" };
                self.put(e.range(), by);
            }
            Expr::NoneLiteral(e) => self.put(e.range(), "0"),
            _ => {}
        }
        walk_expr(self, expr);
    }
}

fn other_comparison(op: CmpOp) -> Option<(&'static str, &'static str)> {
    Some(match op {
        CmpOp::Eq => ("==", "!="),
        CmpOp::NotEq => ("!=", "=="),
        CmpOp::Lt => ("<", "<="),
        CmpOp::LtE => ("<=", "<"),
        CmpOp::Gt => (">", ">="),
        CmpOp::GtE => (">=", ">"),
        CmpOp::Is => ("is", "is not"),
        CmpOp::IsNot => ("is not", "is"),
        CmpOp::In => ("in", "not in"),
        CmpOp::NotIn => ("not in", "in"),
    })
}

#[cfg(test)]
mod tests {
    use aegis_core::patch::Tier;

    use super::*;

    fn of(after: &str, most: usize) -> Vec<String> {
        let change = FileChange {
            path: "a.py".into(),
            before: Some("def f(v, n):\n    return n / v\n".into()),
            after: Some(after.into()),
            tier: Tier::Exact,
        };
        mutants(&[change], most).into_iter().map(|m| m.what).collect()
    }

    const AFTER: &str =
        "def f(v, n):\n    if v == 0 and not n:\n        return 0.0\n    return n / v\n";

    #[test]
    fn faults_stand_in_changed_lines_alone() {
        let all = of(AFTER, 100);
        for what in [
            "a.py:2: not (v == 0 and not n) in place of v == 0 and not n",
            "a.py:2:  !=  in place of ==",
            "a.py:2:  or  in place of and",
            "a.py:2: (n) in place of not n",
            "a.py:2: (0 + 1) in place of 0",
            "a.py:3: None in place of 0.0",
            "a.py:3: (0.0 + 1) in place of 0.0",
        ] {
            assert!(all.iter().any(|w| w == what), "{what} is not in {all:?}");
        }
        assert_eq!(all.len(), 7);
    }

    #[test]
    fn few_faults_are_spread_over_the_patch() {
        let (all, few) = (of(AFTER, 100), of(AFTER, 2));
        assert_eq!(few, [all[0].clone(), all[4].clone()]);
    }
}
