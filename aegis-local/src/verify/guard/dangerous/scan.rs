//! Every use of something that a rule is about, in one file.

use std::collections::HashSet;

use ruff_python_ast::visitor::{Visitor, walk_except_handler, walk_expr, walk_keyword, walk_stmt};
use ruff_python_ast::{ExceptHandler, Expr, ExprCall, ExprContext, Keyword, Stmt};
use ruff_python_parser::parse_module;
use ruff_text_size::{Ranged, TextRange};

use super::names::{Names, meanings, text};
use super::row::{Before, Row};
use super::shapes;
use super::table::{BUILTINS, COMPARISONS, ROWS, is_telltale, of};
use crate::python::is_deep;

/// One use.
#[derive(Debug)]
pub(super) struct Use {
    pub(super) row: &'static Row,
    /// What exactly is used, to find the same in the file before.
    pub(super) key: String,
    pub(super) range: TextRange,
}

/// The uses of a file; nothing where it can't be read.
pub(super) fn uses(source: &str) -> Option<Vec<Use>> {
    if is_deep(source) {
        return None;
    }
    let parsed = parse_module(source).ok()?;
    let body = &parsed.syntax().body;
    let mut scan = Scan {
        names: Names::of(body),
        found: Vec::new(),
        classes: Vec::new(),
        plain: HashSet::new(),
        tricks_only: false,
        in_class_body: false,
    };
    scan.visit_body(body);
    Some(scan.found)
}

pub(super) struct Scan {
    pub(super) names: Names,
    found: Vec<Use>,
    /// The classes around.
    pub(super) classes: Vec<String>,
    /// Uses of the environment that are a plain look at one variable, of modules that are looked
    /// into, and of functions that are called.
    plain: HashSet<TextRange>,
    /// In annotations and after `except` a name is only named.
    tricks_only: bool,
    pub(super) in_class_body: bool,
}

impl Scan {
    pub(super) fn add(&mut self, row: &'static Row, key: impl Into<String>, range: TextRange) {
        if !self.tricks_only || row.before == Before::Nothing {
            self.found.push(Use { row, key: key.into(), range });
        }
    }

    pub(super) fn add_named(&mut self, row: &str, key: impl Into<String>, range: TextRange) {
        self.add(of(row), key, range);
    }

    fn path(&mut self, path: &str, range: TextRange) {
        for meaning in meanings(path) {
            if let Some(row) = ROWS.iter().find(|row| row.is_about(&meaning)) {
                self.add(row, meaning, range);
                return;
            }
        }
    }

    fn attribute(&mut self, attr: &str, range: TextRange) {
        if let Some(row) = ROWS.iter().find(|row| row.attributes.contains(&attr)) {
            self.add(row, format!(".{attr}"), range);
        }
        if COMPARISONS.contains(&attr) && !matches!(attr, "__eq__" | "__ne__" | "__hash__") {
            self.add_named("internals", format!(".{attr}"), range);
        }
    }

    fn named_only(&mut self, expr: &Expr) {
        let before = std::mem::replace(&mut self.tricks_only, true);
        self.visit_expr(expr);
        self.tricks_only = before;
    }

    fn call(&mut self, call: &ExprCall) {
        let range = call.range();
        let arguments = &call.arguments;
        let first = arguments.find_positional(0);
        self.plain.insert(call.func.range());
        for path in self.names.paths(&call.func) {
            self.path(&path, range);
            self.environment_call(&path, call);
            match path.as_str() {
                "io.open" | "codecs.open" => self.opens(call, 1, true),
                "operator.attrgetter" | "operator.methodcaller"
                    if first.and_then(text).is_none() =>
                {
                    self.add_named("reflection", path, range);
                }
                "contextlib.suppress" => {
                    let row = arguments.args.iter().filter_map(shapes::breadth).max();
                    if let Some(breadth) = row {
                        self.add_named(breadth.swallows(), "suppress", range);
                    }
                }
                _ => {}
            }
        }
        match &*call.func {
            Expr::Name(name) => match name.id.as_str() {
                reader @ ("getattr" | "setattr" | "delattr" | "hasattr") => {
                    self.by_name(reader, call);
                }
                "open" => self.opens(call, 1, true),
                all @ ("globals" | "locals" | "vars") => self.add_named("reflection", all, range),
                "type" if arguments.args.len() > 1 => {
                    self.add_named("class-machinery", "type", range);
                }
                _ => {}
            },
            Expr::Attribute(attribute) if attribute.attr.as_str() == "open" => {
                self.opens(call, 0, false);
                self.opens(call, 1, false);
            }
            _ => {}
        }
    }

    /// `getattr` and the like.
    fn by_name(&mut self, reader: &str, call: &ExprCall) {
        let range = call.range();
        let named = call.arguments.find_positional(1);
        let Some(attr) = named.and_then(text) else {
            return self.add_named("reflection", reader, range);
        };
        if !named.is_some_and(Expr::is_string_literal_expr) {
            // Nobody puts together what could be written.
            self.add_named("reflection", reader, range);
        }
        self.attribute(&attr, range);
        let Some(target) = call.arguments.find_positional(0) else { return };
        self.plain.insert(target.range());
        for path in self.names.paths(target) {
            self.path(&format!("{path}.{attr}"), range);
        }
        if matches!(reader, "setattr" | "delattr") {
            self.patches(target, &attr, range);
        }
    }

    /// A file that is opened to be written to.
    fn opens(&mut self, call: &ExprCall, position: usize, sure: bool) {
        let Some(mode) = call.arguments.find_argument_value("mode", position) else { return };
        match text(mode) {
            Some(mode) => {
                let is_mode = !mode.is_empty() && mode.chars().all(|c| "rwxabt+U".contains(c));
                if is_mode && mode.contains(['w', 'x', 'a', '+']) {
                    self.add_named("writes-files", "open", call.range());
                }
            }
            None if sure => self.add_named("opens-unseen", "open", call.range()),
            None => {}
        }
    }

    /// `os.environ`, by what is done with it.
    fn environment_call(&mut self, path: &str, call: &ExprCall) {
        let literal = call.arguments.find_positional(0).is_some_and(|a| text(a).is_some());
        if path == "os.getenv" && !literal {
            self.add_named("reads-environment", path, call.range());
        }
        let Some(method) = path.strip_prefix("os.environ.") else { return };
        let Expr::Attribute(attribute) = &*call.func else { return };
        match method {
            "get" if literal => {}
            "get" => self.add_named("reads-environment", path, call.range()),
            "update" | "setdefault" | "pop" | "popitem" | "clear" | "__setitem__"
            | "__delitem__" => self.add_named("environment", path, call.range()),
            _ => return,
        }
        self.plain.insert(attribute.value.range());
    }

    fn is_environment(&self, expr: &Expr) -> bool {
        self.means(expr, &["os.environ"])
    }

    fn means(&self, expr: &Expr, what: &[&str]) -> bool {
        let paths = self.names.paths(expr);
        paths.iter().flat_map(|path| meanings(path)).any(|meaning| what.contains(&meaning.as_str()))
    }

    fn reads(&mut self, expr: &Expr) {
        match expr {
            Expr::Name(name) => {
                let id = name.id.as_str();
                let range = name.range();
                if let Some(row) = ROWS.iter().find(|row| row.names.contains(&id)) {
                    self.add(row, id, range);
                }
                if name.ctx != ExprContext::Load && BUILTINS.contains(&id) {
                    self.add_named("rebinds-a-builtin", id, range);
                }
                let compares = COMPARISONS.contains(&id) && name.ctx == ExprContext::Store;
                if compares && self.in_class_body {
                    self.add_named("comparison-methods", self.member(id), range);
                }
                let load = name.ctx == ExprContext::Load && !self.plain.contains(&range);
                match id {
                    "open" if load => self.add_named("opens-unseen", id, range),
                    "getattr" | "setattr" | "delattr" | "vars" | "globals" | "locals" if load => {
                        self.add_named("reflection", id, range);
                    }
                    _ => {}
                }
                for path in self.names.paths(expr) {
                    self.path(&path, range);
                }
            }
            Expr::Attribute(attribute) => {
                let (attr, range) = (attribute.attr.as_str(), attribute.range());
                if !self.is_environment(&attribute.value) {
                    self.plain.insert(attribute.value.range());
                }
                self.attribute(attr, range);
                if attr == "__dict__" && !self.names.paths(&attribute.value).is_empty() {
                    self.add_named("reflection", "__dict__", range);
                }
                for path in self.names.paths(expr) {
                    self.path(&path, range);
                }
            }
            Expr::Call(call) => self.call(call),
            Expr::Subscript(subscript) if self.is_environment(&subscript.value) => {
                let literal = text(&subscript.slice).is_some();
                if subscript.ctx != ExprContext::Load {
                    self.add_named("environment", "os.environ[]", subscript.range());
                }
                if !literal && subscript.ctx == ExprContext::Load {
                    self.add_named("reads-environment", "os.environ[]", subscript.range());
                }
                self.plain.insert(subscript.value.range());
            }
            Expr::Compare(compare) if text(&compare.left).is_some() => {
                let sides = compare.comparators.iter().filter(|side| self.is_environment(side));
                let plain: Vec<TextRange> = sides.map(Ranged::range).collect();
                self.plain.extend(plain);
            }
            Expr::StringLiteral(_) | Expr::BytesLiteral(_) | Expr::BinOp(_) => {
                let Some(text) = text(expr) else { return };
                if is_telltale(&text) {
                    self.add_named("test-environment", text, expr.range());
                } else if COMPARISONS.contains(&text.as_str()) {
                    self.add_named("comparison-methods", text, expr.range());
                }
            }
            _ => {}
        }
        let (range, named) = (expr.range(), matches!(expr, Expr::Name(_) | Expr::Attribute(_)));
        if named && !self.plain.contains(&range) {
            if self.is_environment(expr) {
                self.add_named("whole-environment", "os.environ", range);
            } else if self.means(expr, &["os", "sys"]) {
                self.add_named("module-as-value", "a module", range);
            }
        }
    }

    /// A member of the class around.
    pub(super) fn member(&self, name: &str) -> String {
        format!("{}.{name}", self.classes.join("."))
    }

    fn imports(&mut self, stmt: &Stmt) {
        match stmt {
            Stmt::Import(import) => {
                for alias in &import.names {
                    self.path(alias.name.as_str(), alias.range());
                }
            }
            Stmt::ImportFrom(import) if import.level == 0 => {
                let module = import.module.as_ref().map_or("", |m| m.as_str());
                for alias in &import.names {
                    self.path(&format!("{module}.{}", alias.name), alias.range());
                    if alias.name.as_str() == "*" {
                        self.add_named("class-machinery", format!("{module}.*"), alias.range());
                    }
                }
            }
            _ => {}
        }
    }
}

impl<'a> Visitor<'a> for Scan {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        self.imports(stmt);
        self.shape(stmt);
        // A text that stands alone is for readers; only one switch of the runner's is in such.
        if let Stmt::Expr(alone) = stmt
            && let Some(text) = text(&alone.value)
        {
            if text.contains("PYTEST_DONT_REWRITE") {
                self.add_named("test-environment", text, stmt.range());
            }
            return;
        }
        let outer = self.in_class_body;
        self.in_class_body = match stmt {
            Stmt::ClassDef(_) => true,
            Stmt::FunctionDef(_) => false,
            _ => outer,
        };
        match stmt {
            Stmt::ClassDef(class) => {
                self.classes.push(class.name.to_string());
                walk_stmt(self, stmt);
                self.classes.pop();
            }
            _ => walk_stmt(self, stmt),
        }
        self.in_class_body = outer;
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        self.reads(expr);
        walk_expr(self, expr);
    }

    fn visit_annotation(&mut self, expr: &'a Expr) {
        self.named_only(expr);
    }

    fn visit_keyword(&mut self, keyword: &'a Keyword) {
        let never = |value: &Expr| value.as_boolean_literal_expr().is_some_and(|it| !it.value);
        match keyword.arg.as_ref().map(|arg| arg.as_str()) {
            Some("metaclass") => {
                self.add_named("class-machinery", "metaclass", keyword.range());
            }
            Some("verify" | "verify_ssl") if never(&keyword.value) => {
                self.add_named("unverified-peers", "verify=False", keyword.range());
            }
            _ => {}
        }
        walk_keyword(self, keyword);
    }

    fn visit_except_handler(&mut self, handler: &'a ExceptHandler) {
        let ExceptHandler::ExceptHandler(except) = handler;
        self.handler(except);
        match except.type_.as_deref() {
            Some(kind) if shapes::is_only_named(kind) => {
                self.named_only(kind);
                self.visit_body(&except.body);
            }
            _ => walk_except_handler(self, handler),
        }
    }
}
