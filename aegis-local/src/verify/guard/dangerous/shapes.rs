//! What is dangerous by its shape: handlers, methods, assignments.

use ruff_python_ast::visitor::{Visitor, walk_stmt};
use ruff_python_ast::{ExceptHandlerExceptHandler, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange};

use super::names::Origin;
use super::scan::Scan;
use super::table::{BUILTINS, COMPARISONS, HOOKS};

/// How much a handler catches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Breadth {
    /// Failed assertions.
    Assertions,
    /// Every error.
    Errors,
    /// Exits and what a test runner raises too.
    Everything,
}

impl Breadth {
    /// The rule about a handler that swallows this.
    pub(super) fn swallows(self) -> &'static str {
        match self {
            Self::Assertions => "assertions",
            Self::Errors => "swallows-errors",
            Self::Everything => "swallows-everything",
        }
    }
}

/// How much an expression after `except` catches, where that is much.
pub(super) fn breadth(kind: &Expr) -> Option<Breadth> {
    let name = match kind {
        Expr::Name(name) => name.id.as_str(),
        Expr::Attribute(attribute) => attribute.attr.as_str(),
        Expr::Tuple(tuple) => return tuple.elts.iter().filter_map(breadth).max(),
        _ => return None,
    };
    match name {
        "BaseException" | "SystemExit" | "KeyboardInterrupt" | "GeneratorExit"
        | "BaseExceptionGroup" => Some(Breadth::Everything),
        "Exception" | "ExceptionGroup" => Some(Breadth::Errors),
        "AssertionError" => Some(Breadth::Assertions),
        _ => None,
    }
}

/// Whether an expression is dotted names alone.
pub(super) fn is_only_named(kind: &Expr) -> bool {
    match kind {
        Expr::Name(_) => true,
        Expr::Attribute(attribute) => is_only_named(&attribute.value),
        Expr::Tuple(tuple) => tuple.elts.iter().all(is_only_named),
        _ => false,
    }
}

fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::List(list) => list.elts.is_empty(),
        Expr::Tuple(tuple) => tuple.elts.iter().all(is_constant),
        Expr::Dict(dict) => dict.items.is_empty(),
        Expr::UnaryOp(unary) => is_constant(&unary.operand),
        _ => expr.is_literal_expr(),
    }
}

/// Whether a statement does nothing about an error.
fn does_nothing(stmt: &Stmt) -> bool {
    match stmt {
        Stmt::Pass(_) | Stmt::Continue(_) | Stmt::Break(_) => true,
        Stmt::Return(back) => back.value.as_deref().is_none_or(is_constant),
        Stmt::Expr(alone) => alone.value.is_literal_expr(),
        _ => false,
    }
}

/// Statements of one function: what it contains of others is theirs.
#[derive(Default)]
struct Flow {
    raises: bool,
    leaves: bool,
}

impl<'a> Visitor<'a> for Flow {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::FunctionDef(_) | Stmt::ClassDef(_) => return,
            Stmt::Raise(_) => self.raises = true,
            Stmt::Return(_) => self.leaves = true,
            _ => {}
        }
        walk_stmt(self, stmt);
    }
}

impl Flow {
    fn of(body: &[Stmt]) -> Self {
        let mut flow = Self::default();
        flow.visit_body(body);
        flow
    }
}

impl Scan {
    pub(super) fn handler(&mut self, except: &ExceptHandlerExceptHandler) {
        let breadth = match except.type_.as_deref() {
            None => Some(Breadth::Everything),
            Some(kind) => breadth(kind),
        };
        let Some(breadth) = breadth else { return };
        let range = except.range();
        if except.body.iter().all(does_nothing) {
            self.add_named(breadth.swallows(), "except", range);
        } else if breadth == Breadth::Everything && !Flow::of(&except.body).raises {
            self.add_named("catches-everything", "except", range);
        }
    }

    pub(super) fn shape(&mut self, stmt: &Stmt) {
        match stmt {
            Stmt::FunctionDef(function) => {
                let name = function.name.as_str();
                let (at, member) = (function.name.range(), self.member(name));
                if COMPARISONS.contains(&name) {
                    self.add_named("comparison-methods", member.clone(), at);
                    for stmt in &function.body {
                        self.add_named("comparison-bodies", member.clone(), stmt.range());
                    }
                } else if HOOKS.contains(&name) {
                    self.add_named("hooks", member, at);
                } else if name.starts_with("pytest_") {
                    self.add_named("test-runner", member, at);
                } else if BUILTINS.contains(&name) && self.classes.is_empty() {
                    self.add_named("rebinds-a-builtin", name, at);
                }
            }
            Stmt::ClassDef(class) if BUILTINS.contains(&class.name.as_str()) => {
                self.add_named("rebinds-a-builtin", class.name.as_str(), class.name.range());
            }
            Stmt::Try(all) => {
                let last = all.finalbody.first().zip(all.finalbody.last());
                if let Some((first, last)) = last.filter(|_| Flow::of(&all.finalbody).leaves) {
                    let range = TextRange::new(first.start(), last.end());
                    self.add_named("swallows-everything", "finally", range);
                }
            }
            Stmt::Assign(assign) => self.targets(&assign.targets),
            Stmt::Delete(delete) => self.targets(&delete.targets),
            Stmt::AugAssign(assign) => self.target(&assign.target),
            Stmt::AnnAssign(assign) => self.target(&assign.target),
            Stmt::For(each) => self.target(&each.target),
            Stmt::With(with) => {
                for item in &with.items {
                    self.targets(item.optional_vars.as_deref());
                }
            }
            _ => {}
        }
    }

    fn targets<'e>(&mut self, targets: impl IntoIterator<Item = &'e Expr>) {
        for target in targets {
            self.target(target);
        }
    }

    fn target(&mut self, target: &Expr) {
        match target {
            Expr::Attribute(attribute) => {
                self.patches(&attribute.value, attribute.attr.as_str(), attribute.range());
            }
            Expr::Tuple(tuple) => self.targets(&tuple.elts),
            Expr::List(list) => self.targets(&list.elts),
            Expr::Starred(starred) => self.target(&starred.value),
            _ => {}
        }
    }

    /// An attribute that is set on something of others.
    pub(super) fn patches(&mut self, of: &Expr, attr: &str, range: TextRange) {
        if COMPARISONS.contains(&attr) || matches!(attr, "__class__" | "__name__" | "__module__") {
            return self.add_named("monkeypatching", format!("?.{attr}"), range);
        }
        let of_a_class = match of {
            Expr::Call(call) => call.func.as_name_expr().is_some_and(|n| n.id.as_str() == "type"),
            Expr::Attribute(attribute) => attribute.attr.as_str() == "__class__",
            _ => false,
        };
        if of_a_class {
            return self.add_named("monkeypatching", format!("type.{attr}"), range);
        }
        let Some(root) = root(of) else { return };
        let path = self.names.paths(of).into_iter().next();
        let key = format!("{}.{attr}", path.unwrap_or_else(|| root.to_owned()));
        let class_like = root.starts_with(char::is_uppercase);
        match self.names.origin(root) {
            Some(Origin::Module) => self.add_named("monkeypatching", key, range),
            Some(Origin::Member) if class_like => self.add_named("monkeypatching", key, range),
            Some(_) => self.add_named("patches-an-import", key, range),
            None => {}
        }
    }
}

/// The name that a chain of attributes begins with.
fn root(mut expr: &Expr) -> Option<&str> {
    while let Expr::Attribute(attribute) = expr {
        expr = &attribute.value;
    }
    expr.as_name_expr().map(|name| name.id.as_str())
}
