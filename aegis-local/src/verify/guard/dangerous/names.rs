//! What a dotted name means by the imports of its file.

use std::collections::HashMap;

use ruff_python_ast::visitor::{Visitor, walk_stmt};
use ruff_python_ast::{Expr, Operator, Stmt};

/// Modules that are reached through others: `json.codecs.sys`.
const CARRIED: &[&str] =
    &["os", "sys", "builtins", "importlib", "ctypes", "gc", "subprocess", "posix"];

/// Modules that count without an import: a star import may have brought them.
const KNOWN: &[&str] =
    &["os", "sys", "builtins", "pytest", "_pytest", "unittest", "importlib", "ctypes"];

/// Most things that one name is followed to.
const MAX_BINDINGS: usize = 16;

/// How a name came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    /// `import x`: a module.
    Module,
    /// `from x import y`: a module, a class or a value.
    Member,
    /// A class of this file.
    Class,
}

/// The names that a file imports or defines as classes, wherever it does.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// All that each name is bound to: which of them holds at a place is not asked.
    known: HashMap<String, Vec<(String, Origin)>>,
}

impl Names {
    pub(super) fn of(body: &[Stmt]) -> Self {
        let mut names = Self::default();
        names.visit_body(body);
        names
    }

    fn bind(&mut self, name: &str, path: String, origin: Origin) {
        let all = self.known.entry(name.to_owned()).or_default();
        if all.len() < MAX_BINDINGS && all.iter().all(|(known, _)| *known != path) {
            all.push((path, origin));
        }
    }

    /// How the name came to be, the gravest first.
    pub(super) fn origin(&self, name: &str) -> Option<Origin> {
        self.known.get(name).and_then(|all| all.iter().map(|(_, origin)| *origin).min())
    }

    /// The dotted names of an expression, from its imports on; `?` stands for what is not a name.
    pub(super) fn paths(&self, expr: &Expr) -> Vec<String> {
        match expr {
            Expr::Name(name) => {
                let id = name.id.as_str();
                let bound = self.known.get(id).into_iter().flatten();
                let imported = bound.filter(|(_, origin)| *origin != Origin::Class);
                let mut paths: Vec<String> = imported.map(|(path, _)| path.clone()).collect();
                if KNOWN.contains(&id) && paths.iter().all(|path| path != id) {
                    paths.push(id.to_owned());
                }
                paths
            }
            Expr::Attribute(attribute) => member(self.paths(&attribute.value), &attribute.attr),
            Expr::Call(call) => {
                let reader = call.func.as_name_expr().is_some_and(|f| f.id.as_str() == "getattr");
                let argument = |at| call.arguments.find_positional(at).filter(|_| reader);
                match (argument(0), argument(1).and_then(text)) {
                    (Some(of), Some(attr)) => member(self.paths(of), &attr),
                    _ => Vec::new(),
                }
            }
            _ => Vec::new(),
        }
    }
}

/// An attribute of any of `bases`.
fn member(mut bases: Vec<String>, attr: &str) -> Vec<String> {
    if bases.is_empty() {
        bases.push("?".to_owned());
    }
    // Longer than any name that a rule is about.
    bases.retain(|base| base.len() < 1_000);
    bases.iter().map(|base| format!("{base}.{attr}")).collect()
}

/// All that a dotted name may mean: itself, and a module that it is reached through.
pub(super) fn meanings(path: &str) -> Vec<String> {
    let mut all = Vec::new();
    let imported = !path.starts_with('?');
    if imported {
        all.push(path.to_owned());
    }
    for (at, _) in path.match_indices('.') {
        let rest = path[at + 1..].trim_start_matches('_');
        let first = rest.split('.').next().unwrap_or_default();
        // Of what is no import only a module with something in it is taken for one.
        if CARRIED.contains(&first) && (imported || rest.contains('.')) {
            all.push(rest.to_owned());
        }
    }
    all
}

/// The text of a literal, pieces put together.
pub(super) fn text(expr: &Expr) -> Option<String> {
    match expr {
        Expr::StringLiteral(literal) => Some(literal.value.to_str().to_owned()),
        Expr::BytesLiteral(literal) => {
            Some(String::from_utf8_lossy(&literal.value.bytes().collect::<Vec<_>>()).into_owned())
        }
        Expr::BinOp(sum) if sum.op == Operator::Add => Some(text(&sum.left)? + &text(&sum.right)?),
        _ => None,
    }
}

impl<'a> Visitor<'a> for Names {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::Import(import) => {
                for alias in &import.names {
                    let full = alias.name.as_str();
                    let first = full.split('.').next().unwrap_or(full);
                    let (name, path) = match &alias.asname {
                        Some(name) => (name.as_str(), full),
                        None => (first, first),
                    };
                    self.bind(name, path.to_owned(), Origin::Module);
                }
            }
            Stmt::ImportFrom(import) => {
                // A leading dot keeps the service's own modules apart.
                let dots = if import.level > 0 { "." } else { "" };
                let module = import.module.as_ref().map_or("", |m| m.as_str());
                for alias in &import.names {
                    let name = alias.asname.as_ref().unwrap_or(&alias.name).as_str();
                    let path = format!("{dots}{module}.{}", alias.name);
                    self.bind(name, path, Origin::Member);
                }
            }
            Stmt::ClassDef(class) => {
                self.bind(class.name.as_str(), String::new(), Origin::Class);
            }
            _ => {}
        }
        walk_stmt(self, stmt);
    }

    // No statement is inside of an expression.
    fn visit_expr(&mut self, _: &'a Expr) {}
}
