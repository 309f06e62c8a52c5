//! A parsed module: its statements by line, its functions, and what a statement evaluates.

use ruff_python_ast::visitor::source_order::{SourceOrderVisitor, TraversalSignal, walk_expr};
use ruff_python_ast::{
    AnyNodeRef, ExceptHandler, Expr, ModModule, Stmt, StmtClassDef, StmtFunctionDef,
};
use ruff_python_parser::Parsed;
use ruff_text_size::{Ranged, TextSize};

use super::syntax::{self, SyntaxError, line_at, line_starts};

/// One file, parsed.
#[derive(Debug)]
pub(super) struct Module {
    pub(super) path: String,
    pub(super) text: String,
    parsed: Parsed<ModModule>,
    starts: Vec<usize>,
}

/// A statement on the line asked for, and what surrounds it.
#[derive(Debug, Clone)]
pub(super) struct Place<'a> {
    /// From the outermost statement to `stmt`, which is the last.
    pub(super) chain: Vec<&'a Stmt>,
    pub(super) stmt: &'a Stmt,
}

/// An expression of a statement, with the nodes around it from the statement inwards.
#[derive(Debug, Clone)]
pub(super) struct Site<'a> {
    pub(super) expr: &'a Expr,
    pub(super) parents: Vec<AnyNodeRef<'a>>,
}

/// A function.
#[derive(Debug, Clone, Copy)]
pub(super) struct Function<'a> {
    pub(super) def: &'a StmtFunctionDef,
}

impl Module {
    pub(super) fn parse(path: &str, text: &str) -> Result<Self, SyntaxError> {
        Ok(Self {
            path: path.to_owned(),
            text: text.to_owned(),
            parsed: syntax::parse(path, text)?,
            starts: line_starts(text),
        })
    }

    pub(super) fn body(&self) -> &[Stmt] {
        &self.parsed.syntax().body
    }

    /// The source of a node.
    pub(super) fn slice(&self, node: impl Ranged) -> &str {
        self.text.get(node.start().to_usize()..node.end().to_usize()).unwrap_or_default()
    }

    pub(super) fn line_of(&self, at: TextSize) -> u32 {
        line_at(&self.starts, at)
    }

    /// Byte offset of the start of a line, from 1; the end of the text beyond the last.
    pub(super) fn line_start(&self, line: u32) -> usize {
        let index = line.saturating_sub(1) as usize;
        self.starts.get(index).copied().unwrap_or(self.text.len())
    }

    /// A line, from 1, without its end.
    pub(super) fn line(&self, line: u32) -> &str {
        let text = self.text.get(self.line_start(line)..self.line_start(line + 1));
        text.unwrap_or_default().trim_end_matches(['\n', '\r'])
    }

    pub(super) fn line_count(&self) -> u32 {
        let ends_open = !self.text.ends_with('\n') && !self.text.is_empty();
        u32::try_from(self.starts.len()).unwrap_or(u32::MAX) - u32::from(!ends_open)
    }

    /// The line end that the file uses.
    pub(super) fn newline(&self) -> &'static str {
        if self.text.contains("\r\n") { "\r\n" } else { "\n" }
    }

    /// The white space before a statement that stands first on its line; `None` where it does not.
    pub(super) fn indent_of(&self, stmt: &Stmt) -> Option<&str> {
        let start = stmt.start().to_usize();
        let before = self.text.get(self.line_start(self.line_of(stmt.start()))..start)?;
        before.chars().all(|c| c == ' ' || c == '\t').then_some(before)
    }

    /// One step of indentation, as the file does it.
    pub(super) fn indent_step(&self) -> String {
        let first = self.text.lines().find(|line| {
            line.starts_with([' ', '\t']) && !line.trim_start_matches([' ', '\t']).is_empty()
        });
        let inner = self.functions().into_iter().find_map(|f| {
            let (outer, body) = (self.line_of(f.def.name.start()), f.def.body.first()?);
            let outer_indent = self.line(outer).len() - self.line(outer).trim_start().len();
            self.indent_of(body).and_then(|indent| indent.get(outer_indent..)).map(str::to_owned)
        });
        match (inner, first) {
            (Some(step), _) if !step.is_empty() => step,
            (_, Some(line)) if line.starts_with('\t') => "\t".to_owned(),
            _ => "    ".to_owned(),
        }
    }

    /// Every statement that covers a line, outermost first.
    pub(super) fn places(&self, line: u32) -> Vec<Place<'_>> {
        let mut places = Vec::new();
        self.descend(self.body(), &mut Vec::new(), line, &mut places);
        places
    }

    fn descend<'a>(
        &'a self,
        body: &'a [Stmt],
        chain: &mut Vec<&'a Stmt>,
        line: u32,
        places: &mut Vec<Place<'a>>,
    ) {
        for stmt in body {
            if self.line_of(stmt.start()) > line || self.line_of(stmt.end()) < line {
                continue;
            }
            chain.push(stmt);
            places.push(Place { chain: chain.clone(), stmt });
            for inner in children(stmt) {
                self.descend(inner, chain, line, places);
            }
            chain.pop();
        }
    }

    /// All functions and methods, in source order of their nesting.
    pub(super) fn functions(&self) -> Vec<Function<'_>> {
        let mut functions = Vec::new();
        collect_functions(self.body(), &mut functions);
        functions
    }

    /// The class of that name at the top level.
    pub(super) fn class(&self, name: &str) -> Option<&StmtClassDef> {
        self.body().iter().find_map(|stmt| match stmt {
            Stmt::ClassDef(class) if class.name.as_str() == name => Some(class),
            _ => None,
        })
    }

    /// Whether a name is bound at the top level: an import, a definition, an assignment.
    pub(super) fn binds(&self, name: &str) -> bool {
        self.body().iter().any(|stmt| match stmt {
            Stmt::Import(import) => import.names.iter().any(|alias| {
                let whole = alias.asname.as_ref().unwrap_or(&alias.name).as_str();
                whole.split('.').next() == Some(name)
            }),
            Stmt::ImportFrom(import) => import
                .names
                .iter()
                .any(|alias| alias.asname.as_ref().unwrap_or(&alias.name).as_str() == name),
            Stmt::FunctionDef(def) => def.name.as_str() == name,
            Stmt::ClassDef(class) => class.name.as_str() == name,
            Stmt::Assign(assign) => {
                assign.targets.iter().any(|t| t.as_name_expr().is_some_and(|n| n.id == *name))
            }
            Stmt::AnnAssign(assign) => assign.target.as_name_expr().is_some_and(|n| n.id == *name),
            _ => false,
        })
    }
}

impl<'a> Place<'a> {
    /// The innermost function around the statement.
    pub(super) fn function(&self) -> Option<Function<'a>> {
        let (_, outer) = self.chain.split_last()?;
        let at = outer.iter().rposition(|stmt| stmt.is_function_def_stmt())?;
        outer[at].as_function_def_stmt().map(|def| Function { def })
    }

    /// The statements around this one inside its function, outermost first.
    pub(super) fn within_function(&self) -> &[&'a Stmt] {
        let outer = &self.chain[..self.chain.len().saturating_sub(1)];
        let from = outer
            .iter()
            .rposition(|s| s.is_function_def_stmt() || s.is_class_def_stmt())
            .map_or(0, |at| at + 1);
        &outer[from..]
    }

    /// The innermost loop around the statement inside its function.
    pub(super) fn enclosing_loop(&self) -> Option<&'a Stmt> {
        self.within_function().iter().rev().find(|s| s.is_for_stmt() || s.is_while_stmt()).copied()
    }

    /// Every expression that the statement itself evaluates, not those of statements inside it.
    pub(super) fn sites(&self) -> Vec<Site<'a>> {
        sites(self.stmt)
    }
}

impl<'a> Function<'a> {
    /// The docstring, where there is one.
    pub(super) fn docstring(&self) -> Option<&'a str> {
        docstring(&self.def.body)
    }

    /// The parameter's annotation and whether its default is `None`.
    pub(super) fn parameter(&self, name: &str) -> Option<(Option<&'a Expr>, bool)> {
        self.def.parameters.iter_non_variadic_params().find_map(|p| {
            (p.parameter.name.as_str() == name).then(|| {
                let none = p.default.as_deref().is_some_and(Expr::is_none_literal_expr);
                (p.parameter.annotation.as_deref(), none)
            })
        })
    }

    /// Every statement of the function, not those of functions inside it, in source order.
    pub(super) fn statements(&self) -> Vec<&'a Stmt> {
        fn collect<'a>(body: &'a [Stmt], all: &mut Vec<&'a Stmt>) {
            for stmt in body {
                all.push(stmt);
                if !stmt.is_function_def_stmt() && !stmt.is_class_def_stmt() {
                    for inner in children(stmt) {
                        collect(inner, all);
                    }
                }
            }
        }
        let mut all = Vec::new();
        collect(&self.def.body, &mut all);
        all
    }

    /// The value that was last assigned to a local name before an offset.
    pub(super) fn assigned_before(&self, name: &str, before: TextSize) -> Option<&'a Expr> {
        self.statements().into_iter().rev().find_map(|stmt| {
            if stmt.end() > before {
                return None;
            }
            match stmt {
                Stmt::Assign(a) if a.targets.iter().any(|t| is_name(t, name)) => {
                    Some(a.value.as_ref())
                }
                Stmt::AnnAssign(a) if is_name(&a.target, name) => a.value.as_deref(),
                _ => None,
            }
        })
    }

    /// Whether the function hands a value back anywhere.
    pub(super) fn returns_value(&self) -> bool {
        self.statements().iter().any(|stmt| {
            stmt.as_return_stmt()
                .and_then(|r| r.value.as_deref())
                .is_some_and(|v| !v.is_none_literal_expr())
        })
    }

    /// Whether the function is a generator.
    pub(super) fn yields(&self) -> bool {
        self.statements().iter().flat_map(|s| sites(s)).any(|site| {
            matches!(site.expr, Expr::Yield(_) | Expr::YieldFrom(_))
                && !site.parents.iter().any(|p| matches!(p, AnyNodeRef::ExprLambda(_)))
        })
    }
}

/// Whether an expression is just this name.
pub(super) fn is_name(expr: &Expr, name: &str) -> bool {
    expr.as_name_expr().is_some_and(|n| n.id == *name)
}

/// The docstring of a body.
pub(super) fn docstring(body: &[Stmt]) -> Option<&str> {
    let first = body.first()?.as_expr_stmt()?;
    first.value.as_string_literal_expr().map(|s| s.value.to_str())
}

/// The blocks of a compound statement, in source order.
pub(super) fn children(stmt: &Stmt) -> Vec<&[Stmt]> {
    match stmt {
        Stmt::FunctionDef(s) => vec![&s.body],
        Stmt::ClassDef(s) => vec![&s.body],
        Stmt::For(s) => vec![&s.body, &s.orelse],
        Stmt::While(s) => vec![&s.body, &s.orelse],
        Stmt::With(s) => vec![&s.body],
        Stmt::If(s) => {
            let clauses = s.elif_else_clauses.iter().map(|clause| &clause.body[..]);
            std::iter::once(&s.body[..]).chain(clauses).collect()
        }
        Stmt::Match(s) => s.cases.iter().map(|case| &case.body[..]).collect(),
        Stmt::Try(s) => {
            let handlers = s.handlers.iter().map(|ExceptHandler::ExceptHandler(h)| &h.body[..]);
            std::iter::once(&s.body[..])
                .chain(handlers)
                .chain([&s.orelse[..], &s.finalbody[..]])
                .collect()
        }
        _ => Vec::new(),
    }
}

fn collect_functions<'a>(body: &'a [Stmt], out: &mut Vec<Function<'a>>) {
    for stmt in body {
        if let Stmt::FunctionDef(def) = stmt {
            out.push(Function { def });
        }
        for inner in children(stmt) {
            collect_functions(inner, out);
        }
    }
}

/// Every expression that a statement itself evaluates, outer ones before those inside them.
pub(super) fn sites(stmt: &Stmt) -> Vec<Site<'_>> {
    let mut visitor = Sites { stack: Vec::new(), found: Vec::new() };
    visitor.visit_stmt(stmt);
    visitor.found
}

struct Sites<'a> {
    stack: Vec<AnyNodeRef<'a>>,
    found: Vec<Site<'a>>,
}

impl<'a> SourceOrderVisitor<'a> for Sites<'a> {
    fn enter_node(&mut self, node: AnyNodeRef<'a>) -> TraversalSignal {
        let nested = node.is_statement() && !self.stack.is_empty();
        self.stack.push(node);
        if nested { TraversalSignal::Skip } else { TraversalSignal::Traverse }
    }

    fn leave_node(&mut self, _node: AnyNodeRef<'a>) {
        self.stack.pop();
    }

    fn visit_annotation(&mut self, _expr: &'a Expr) {}

    fn visit_expr(&mut self, expr: &'a Expr) {
        self.found.push(Site { expr, parents: self.stack.clone() });
        walk_expr(self, expr);
    }
}

/// The names that a piece of an expression reads.
pub(super) fn names_in(expr: &Expr) -> Vec<&str> {
    struct Names<'a>(Vec<&'a str>);
    impl<'a> SourceOrderVisitor<'a> for Names<'a> {
        fn visit_expr(&mut self, expr: &'a Expr) {
            if let Expr::Name(name) = expr {
                self.0.push(name.id.as_str());
            }
            walk_expr(self, expr);
        }
    }
    let mut names = Names(Vec::new());
    names.visit_expr(expr);
    names.0
}

/// Whether reading an expression twice is the same as reading it once: names, attributes, constant
/// subscripts and arithmetic on them.
pub(super) fn is_pure(expr: &Expr) -> bool {
    match expr {
        Expr::Name(_) => true,
        Expr::Attribute(a) => is_pure(&a.value),
        Expr::Subscript(s) => is_pure(&s.value) && is_pure(&s.slice),
        Expr::BinOp(b) => is_pure(&b.left) && is_pure(&b.right),
        Expr::UnaryOp(u) => is_pure(&u.operand),
        Expr::Slice(s) => {
            [&s.lower, &s.upper, &s.step].into_iter().flatten().all(|part| is_pure(part))
        }
        Expr::Tuple(t) => t.elts.iter().all(is_pure),
        Expr::Call(c) => {
            let one = ["len", "int", "abs", "round"].iter().any(|name| is_name(&c.func, name));
            let two = ["min", "max"].iter().any(|name| is_name(&c.func, name))
                && c.arguments.args.len() > 1;
            (one || two) && c.arguments.keywords.is_empty() && c.arguments.args.iter().all(is_pure)
        }
        _ => expr.is_literal_expr(),
    }
}
