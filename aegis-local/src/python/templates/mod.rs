//! The templates: from an exception and its line to the faults that can have raised it.

mod index_error;
mod missing_key;
mod none_value;
mod zero_division;

use ruff_python_ast::{AnyNodeRef, Expr, ExprCall, Operator};
use ruff_text_size::Ranged;

use super::fault::{Binding, Fault, Subject, Trouble};
use super::siblings::{callee_of, last_part};
use super::source::{Module, Place, Site, is_name, is_pure, names_in};
use super::value::{Annotation, Kind, item_kind, kind_of};

/// What a template looks at.
#[derive(Debug)]
pub(super) struct Scene<'a> {
    pub(super) module: &'a Module,
    /// Other modules of the package.
    pub(super) peers: &'a [Module],
    /// The line that failed, from 1.
    pub(super) line: u32,
    /// Last part of the exception's type.
    pub(super) kind: &'a str,
    pub(super) message: &'a str,
}

/// Everything that can have raised the exception on that line, likeliest first.
pub(super) fn faults<'a>(scene: &Scene<'a>) -> Vec<Fault<'a>> {
    let mut all = Vec::new();
    for place in scene.module.places(scene.line) {
        match scene.kind {
            "ZeroDivisionError" | "DivisionByZero" | "InvalidOperation" | "DivisionUndefined" => {
                zero_division::faults(scene, &place, &mut all);
            }
            "StatisticsError" | "IndexError" | "ValueError" => {
                index_error::faults(scene, &place, &mut all);
            }
            "KeyError" => missing_key::faults(scene, &place, &mut all),
            "AttributeError" | "TypeError" => none_value::faults(scene, &place, &mut all),
            _ => {}
        }
    }
    all.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    all
}

impl<'a> Scene<'a> {
    /// The expressions of a place that cover the line; those that start on it count as likelier.
    fn sites(&self, place: &Place<'a>) -> Vec<(Site<'a>, f64)> {
        place
            .sites()
            .into_iter()
            .filter_map(|site| {
                let first = self.module.line_of(site.expr.start());
                let last = self.module.line_of(site.expr.end());
                // A chain over several lines is reported where its attribute stands.
                let own = match site.expr {
                    Expr::Attribute(a) => self.module.line_of(a.attr.start()),
                    _ => first,
                };
                (first <= self.line && self.line <= last).then_some((
                    site,
                    if own == self.line || first == self.line { 1.0 } else { 0.8 },
                ))
            })
            .collect()
    }

    /// The expression together with the attributes, calls and subscripts chained onto it.
    fn climb(&self, place: &Place<'a>, site: &Site<'a>) -> Site<'a> {
        let all = place.sites();
        let mut current = site.clone();
        loop {
            let range = current.expr.range();
            let up = match current.parents.last() {
                Some(AnyNodeRef::ExprAttribute(a)) => Some(a.range()),
                Some(AnyNodeRef::ExprSubscript(s)) if s.value.range().contains_range(range) => {
                    Some(s.range())
                }
                Some(AnyNodeRef::ExprCall(c)) if c.func.range().contains_range(range) => {
                    Some(c.range())
                }
                _ => None,
            };
            let depth = current.parents.len();
            let next = up.and_then(|up| {
                all.iter().find(|s| s.expr.range() == up && s.parents.len() + 1 == depth)
            });
            match next {
                Some(next) => current = next.clone(),
                None => return current,
            }
        }
    }

    /// The subject of a test on `expr`.
    fn subject(&self, place: &Place<'a>, expr: &Expr) -> Subject {
        Subject {
            name: last_part(expr).unwrap_or_default(),
            text: self.module.slice(expr).to_owned(),
            callee: place
                .function()
                .and_then(|f| callee_of(self.module, f, expr, place.stmt.start())),
            ..Subject::default()
        }
    }

    /// A fault at `site`, with nothing said yet about its test.
    fn fault(
        &self,
        trouble: Trouble,
        place: &Place<'a>,
        site: Site<'a>,
        tested: &Expr,
    ) -> Fault<'a> {
        let kind = self.kind_at(place, &site);
        Fault {
            trouble,
            place: place.clone(),
            kind,
            subject: self.subject(place, tested),
            names: names_in(tested).into_iter().map(str::to_owned).collect(),
            site,
            bad: String::new(),
            good: String::new(),
            says: String::new(),
            binding: None,
            rewrites: Vec::new(),
            weight: 1.0,
        }
    }

    /// The type that an expression has, or that its surroundings ask for.
    fn kind_at(&self, place: &Place<'a>, site: &Site<'a>) -> Kind {
        let own = kind_of(site.expr, self.module);
        if own != Kind::Unknown {
            return own;
        }
        match site.parents.last() {
            Some(AnyNodeRef::StmtReturn(_)) => place
                .function()
                .and_then(|f| f.def.returns.as_deref())
                .map_or(Kind::Unknown, |r| Annotation::of(r).kind),
            Some(AnyNodeRef::ExprTuple(t)) if returned(site) => {
                let at = t.elts.iter().position(|e| e.range() == site.expr.range());
                result_item(place, at.unwrap_or(0))
            }
            Some(
                AnyNodeRef::ExprList(_) | AnyNodeRef::ExprListComp(_) | AnyNodeRef::ExprDict(_),
            ) if returned(site) => result_item(place, 0),
            Some(AnyNodeRef::StmtAnnAssign(a)) => Annotation::of(&a.annotation).kind,
            Some(AnyNodeRef::StmtFor(_)) => Kind::List,
            Some(AnyNodeRef::Comprehension(c)) if c.iter.range() == site.expr.range() => Kind::List,
            Some(AnyNodeRef::ExprBinOp(b)) => {
                let left = b.left.range() == site.expr.range();
                let other = kind_of(if left { &b.right } else { &b.left }, self.module);
                match (b.op, other) {
                    (Operator::Add, Kind::Str) => Kind::Str,
                    (_, Kind::Int | Kind::Float) => other,
                    (Operator::Sub | Operator::Div, _) => Kind::Float,
                    _ => Kind::Unknown,
                }
            }
            Some(AnyNodeRef::Arguments(_)) => match site.parents.iter().rev().nth(1) {
                Some(AnyNodeRef::ExprCall(c)) => argument_kind(c),
                _ => Kind::Unknown,
            },
            _ => Kind::Unknown,
        }
    }

    /// A name for a call's result that nothing in the function uses.
    fn binding(&self, place: &Place<'a>, call: &Expr) -> Binding {
        let function = place.function();
        let hint = match call {
            Expr::Call(c) => last_part(&c.func).unwrap_or_default(),
            Expr::Await(a) => last_part(&a.value).unwrap_or_default(),
            other => last_part(other).unwrap_or_default(),
        };
        let argument = call.as_call_expr().and_then(|c| c.arguments.args.first());
        let key = argument.and_then(Expr::as_string_literal_expr).map(|s| s.value.to_str());
        let base = match (hint.as_str(), key) {
            ("get", Some(key)) if is_identifier(key) => key.to_lowercase(),
            ("split" | "rsplit" | "splitlines" | "partition", _) => "parts".to_owned(),
            ("sum", _) => "total".to_owned(),
            ("len" | "count", _) => "count".to_owned(),
            ("match" | "search" | "fullmatch", _) => "match".to_owned(),
            (name, _) => {
                let short = ["find_", "get_", "load_", "fetch_", "lookup_", "read_", "compute_"]
                    .iter()
                    .find_map(|prefix| name.trim_start_matches('_').strip_prefix(prefix));
                match short {
                    Some(rest) if is_identifier(rest) => rest.to_owned(),
                    _ => "found".to_owned(),
                }
            }
        };
        let body = function.map_or("", |f| self.module.slice(f.def));
        let taken = |name: &str| {
            self.module.binds(name)
                || is_keyword(name)
                || body.split(|c: char| !c.is_alphanumeric() && c != '_').any(|w| w == name)
        };
        let mut name = base.clone();
        if taken(&name) {
            name = format!("{base}_value");
        }
        let mut n = 2;
        while taken(&name) {
            name = format!("{base}_{n}");
            n += 1;
        }
        Binding { range: call.range(), name }
    }

    /// The text to test an expression by, bound to a name first where it can't be read twice.
    fn testable(&self, place: &Place<'a>, expr: &Expr) -> (String, Option<Binding>) {
        if is_pure(expr) {
            return (self.module.slice(expr).to_owned(), None);
        }
        let binding = self.binding(place, expr);
        (binding.name.clone(), Some(binding))
    }
}

/// Whether the display or comprehension around a site is what the function returns.
fn returned(site: &Site<'_>) -> bool {
    site.parents.len() == 2 && matches!(site.parents[0], AnyNodeRef::StmtReturn(_))
}

/// The type of an item of the function's result.
fn result_item(place: &Place<'_>, at: usize) -> Kind {
    let returns = place.function().and_then(|f| f.def.returns.as_deref());
    returns.map_or(Kind::Unknown, |annotation| item_kind(annotation, at))
}

/// What a well-known function wants of its argument.
fn argument_kind(call: &ExprCall) -> Kind {
    match &*call.func {
        Expr::Name(n) => match n.id.as_str() {
            "len" | "sum" | "sorted" | "list" | "tuple" | "set" | "max" | "min" | "any" | "all"
            | "enumerate" | "zip" | "map" | "filter" | "reversed" => Kind::List,
            "int" | "float" | "round" | "abs" => Kind::Int,
            _ => Kind::Unknown,
        },
        Expr::Attribute(a) if a.attr.as_str() == "join" => Kind::List,
        _ => Kind::Unknown,
    }
}

/// Whether parentheses are needed before a comparison can follow.
fn operand(text: &str, expr: &Expr) -> String {
    let simple = matches!(
        expr,
        Expr::Name(_) | Expr::Attribute(_) | Expr::Subscript(_) | Expr::Call(_) | Expr::BinOp(_)
    ) || expr.is_literal_expr();
    if simple { text.to_owned() } else { format!("({text})") }
}

/// The argument of `len(x)`.
fn length_of(expr: &Expr) -> Option<&Expr> {
    let call = expr.as_call_expr()?;
    (is_name(&call.func, "len") && call.arguments.args.len() == 1).then(|| &call.arguments.args[0])
}

/// The calls in an expression.
fn calls_in(expr: &Expr) -> Vec<&Expr> {
    use ruff_python_ast::visitor::source_order::{SourceOrderVisitor, walk_expr};
    struct Calls<'a>(Vec<&'a Expr>);
    impl<'a> SourceOrderVisitor<'a> for Calls<'a> {
        fn visit_expr(&mut self, expr: &'a Expr) {
            if expr.is_call_expr() {
                self.0.push(expr);
            }
            walk_expr(self, expr);
        }
    }
    let mut calls = Calls(Vec::new());
    calls.visit_expr(expr);
    calls.0
}

fn is_identifier(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn is_keyword(text: &str) -> bool {
    const WORDS: [&str; 36] = [
        "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del",
        "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is",
        "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with",
        "yield", "None", "True", "False", "print",
    ];
    WORDS.contains(&text)
}
