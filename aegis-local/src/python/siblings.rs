//! What other functions do in the same case: guards that are already in the package.

use ruff_python_ast::{CmpOp, ExceptHandler, Expr, Stmt, UnaryOp};
use ruff_text_size::{Ranged, TextSize};

use super::fault::Trouble;
use super::source::{Function, Module, is_name, sites};
use super::value::{Annotation, Kind, kind_of};

/// What a guard does in its case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// Gives this value.
    Give(String, Kind),
    /// Gives the key that was looked up.
    Key,
    /// Raises this.
    Raise(String),
}

/// A guard found in a function.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    /// The function it is in.
    pub(super) function: String,
    pub(super) path: String,
    /// The guard as written, one line.
    pub(super) quoted: String,
    /// Last part of what it tests; for a lookup, the table.
    pub(super) subject: String,
    /// The function whose result is tested.
    pub(super) callee: Option<String>,
    /// The attribute or method that is then taken of it.
    pub(super) member: Option<String>,
    pub(super) trouble: Trouble,
    pub(super) answer: Answer,
    /// Whether the value stands for what is taken of the subject, not for a larger result.
    pub(super) direct: bool,
    /// Return type of its function.
    pub(super) returns: Kind,
}

/// Every guard of a module, but for those in the function that starts at `except`.
pub(super) fn guards(module: &Module, except: Option<TextSize>) -> Vec<Guard> {
    let mut found = Vec::new();
    for function in module.functions() {
        if Some(function.def.range.start()) == except {
            continue;
        }
        let mut reader = Reader { module, function, found: &mut found };
        for stmt in function.statements() {
            reader.statement(stmt);
        }
    }
    found
}

struct Reader<'a, 'b> {
    module: &'a Module,
    function: Function<'a>,
    found: &'b mut Vec<Guard>,
}

impl<'a> Reader<'a, '_> {
    fn statement(&mut self, stmt: &'a Stmt) {
        if let Stmt::If(branch) = stmt
            && let Some((tested, trouble, true)) = test(&branch.test)
            && let Some(answer) = self.answer(branch.body.first())
        {
            self.push(tested, trouble, answer, stmt, None);
        }
        if let Stmt::Try(attempt) = stmt {
            self.handlers(attempt);
        }
        for site in sites(stmt) {
            match site.expr {
                Expr::If(choice) => {
                    if let Some((tested, trouble, bad)) = test(&choice.test) {
                        let (value, other) = if bad {
                            (&choice.body, &choice.orelse)
                        } else {
                            (&choice.orelse, &choice.body)
                        };
                        if let Some(answer) = self.give(value) {
                            self.push(tested, trouble, answer, stmt, Some(other));
                        }
                    }
                }
                Expr::BoolOp(or) if or.op.is_or() && or.values.len() == 2 => {
                    if let Some(answer) = self.give(&or.values[1]) {
                        self.push(&or.values[0], Trouble::Nothing, answer, stmt, None);
                    }
                }
                Expr::Call(call) => self.lookup(call, stmt),
                _ => {}
            }
        }
    }

    /// `table.get(key, value)`
    fn lookup(&mut self, call: &'a ruff_python_ast::ExprCall, stmt: &'a Stmt) {
        let Expr::Attribute(method) = &*call.func else { return };
        let args = &call.arguments.args;
        if method.attr.as_str() == "get"
            && args.len() == 2
            && self.module.slice(&args[0]) == self.module.slice(&args[1])
        {
            self.push(&method.value, Trouble::Missing, Answer::Key, stmt, None);
            return;
        }
        if method.attr.as_str() == "get"
            && args.len() == 2
            && let Some(answer) = self.give(&args[1])
        {
            self.push(&method.value, Trouble::Missing, answer, stmt, None);
        }
    }

    /// `try: return table[key]` / `except KeyError: return value`
    fn handlers(&mut self, attempt: &'a ruff_python_ast::StmtTry) {
        let Some(first) = attempt.body.first() else { return };
        for ExceptHandler::ExceptHandler(handler) in &attempt.handlers {
            let caught = handler.type_.as_deref().map(|t| self.module.slice(t)).unwrap_or_default();
            let trouble = match caught {
                "ZeroDivisionError" => Trouble::Zero,
                "KeyError" => Trouble::Missing,
                "IndexError" => Trouble::Short,
                "AttributeError" | "TypeError" => Trouble::Nothing,
                _ => continue,
            };
            let Some(answer) = self.answer(handler.body.first()) else { continue };
            for site in sites(first) {
                let tested = match (trouble, site.expr) {
                    (Trouble::Missing | Trouble::Short, Expr::Subscript(s)) => &*s.value,
                    (Trouble::Zero, Expr::BinOp(b)) => &*b.right,
                    (Trouble::Nothing, Expr::Attribute(a)) => &*a.value,
                    _ => continue,
                };
                self.push(tested, trouble, answer.clone(), first, None);
                break;
            }
        }
    }

    fn answer(&self, first: Option<&'a Stmt>) -> Option<Answer> {
        match first? {
            Stmt::Return(r) => match r.value.as_deref() {
                Some(value) => self.give(value),
                None => Some(Answer::Give("None".to_owned(), Kind::NoneType)),
            },
            Stmt::Assign(assign) => self.give(&assign.value),
            Stmt::Raise(raise) => {
                let exc = raise.exc.as_deref()?;
                Some(Answer::Raise(format!("raise {}", self.module.slice(exc))))
            }
            _ => None,
        }
    }

    /// A value that can stand elsewhere: literals and constants, nothing computed.
    fn give(&self, value: &'a Expr) -> Option<Answer> {
        let plain = match value {
            Expr::Name(name) => self.module.constant_named(&name.id).is_some(),
            Expr::List(list) => list.elts.iter().all(Expr::is_literal_expr),
            Expr::Tuple(tuple) => tuple.elts.iter().all(Expr::is_literal_expr),
            Expr::Dict(dict) => dict.items.iter().all(|i| {
                i.key.as_ref().is_some_and(Expr::is_literal_expr) && i.value.is_literal_expr()
            }),
            Expr::UnaryOp(u) => u.op == UnaryOp::USub && u.operand.is_literal_expr(),
            Expr::Call(call) => {
                call.arguments.is_empty()
                    && call.func.as_name_expr().is_some_and(|n| {
                        matches!(n.id.as_str(), "set" | "dict" | "list" | "tuple" | "str")
                    })
            }
            Expr::StringLiteral(_) => !self.module.slice(value).contains('\n'),
            _ => value.is_literal_expr(),
        };
        let text = self.module.slice(value);
        (plain && !text.contains('\n'))
            .then(|| Answer::Give(text.to_owned(), kind_of(value, self.module)))
    }

    fn push(
        &mut self,
        tested: &'a Expr,
        trouble: Trouble,
        answer: Answer,
        stmt: &'a Stmt,
        other: Option<&'a Expr>,
    ) {
        let Some(subject) = last_part(tested) else { return };
        let text = self.module.slice(tested);
        let (member, direct) = match other {
            Some(other) => (member_of(self.module, other, text), true),
            None if trouble == Trouble::Missing => (None, true),
            None => self.rest(text, stmt),
        };
        let line = self.module.line_of(stmt.start());
        let mut quoted = self.module.line(line).trim().to_owned();
        if quoted.ends_with(':') {
            quoted = format!("{quoted} {}", self.module.line(line + 1).trim());
        }
        let returns =
            self.function.def.returns.as_deref().map_or(Kind::Unknown, |r| Annotation::of(r).kind);
        self.found.push(Guard {
            function: self.function.def.name.to_string(),
            path: self.module.path.clone(),
            quoted,
            callee: callee_of(self.module, self.function, tested, stmt.start()),
            subject,
            member,
            trouble,
            answer,
            direct,
            returns,
        });
    }

    /// What the function goes on to take of the subject after the guard, and whether it then
    /// returns just that.
    fn rest(&self, text: &str, guard: &Stmt) -> (Option<String>, bool) {
        for stmt in self.function.statements() {
            if stmt.start() <= guard.end() {
                continue;
            }
            for site in sites(stmt) {
                if let Some(member) = member_of(self.module, site.expr, text) {
                    let direct = stmt
                        .as_return_stmt()
                        .and_then(|r| r.value.as_deref())
                        .is_some_and(|value| starts_from(value, text, self.module));
                    return (Some(member), direct);
                }
            }
        }
        (None, false)
    }
}

/// What a test tests, which trouble it sees, and whether it is true in trouble.
fn test(expr: &Expr) -> Option<(&Expr, Trouble, bool)> {
    match expr {
        Expr::Compare(c) if c.ops.len() == 1 => {
            let (left, right) = (&*c.left, &c.comparators[0]);
            match c.ops[0] {
                CmpOp::Is | CmpOp::Eq if right.is_none_literal_expr() => {
                    Some((left, Trouble::Nothing, true))
                }
                CmpOp::IsNot | CmpOp::NotEq if right.is_none_literal_expr() => {
                    Some((left, Trouble::Nothing, false))
                }
                CmpOp::Eq | CmpOp::LtE if is_zero(right) => Some((left, Trouble::Zero, true)),
                CmpOp::NotEq | CmpOp::Gt if is_zero(right) => Some((left, Trouble::Zero, false)),
                CmpOp::NotIn => Some((right, Trouble::Missing, true)),
                CmpOp::In => Some((right, Trouble::Missing, false)),
                CmpOp::Lt | CmpOp::LtE => length_of(left).map(|x| (x, Trouble::Short, true)),
                _ => None,
            }
        }
        // An empty or zero or missing subject: which of them, its use decides.
        Expr::UnaryOp(u) if u.op == UnaryOp::Not => Some((&u.operand, Trouble::Short, true)),
        Expr::Name(_) | Expr::Attribute(_) => Some((expr, Trouble::Short, false)),
        _ => None,
    }
}

fn length_of(expr: &Expr) -> Option<&Expr> {
    let call = expr.as_call_expr()?;
    (is_name(&call.func, "len") && call.arguments.args.len() == 1).then(|| &call.arguments.args[0])
}

fn is_zero(expr: &Expr) -> bool {
    match expr.as_number_literal_expr().map(|n| &n.value) {
        Some(ruff_python_ast::Number::Int(i)) => i.as_i64() == Some(0),
        Some(ruff_python_ast::Number::Float(f)) => *f == 0.0,
        _ => false,
    }
}

/// The last name of `a.b.c`, the name of the function of a call.
pub(super) fn last_part(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Name(name) => Some(name.id.to_string()),
        Expr::Attribute(a) => Some(a.attr.to_string()),
        Expr::Subscript(s) => match &*s.slice {
            Expr::StringLiteral(key) => Some(key.value.to_str().to_owned()),
            _ => last_part(&s.value),
        },
        Expr::Call(call) if is_name(&call.func, "len") => {
            call.arguments.args.first().and_then(last_part)
        }
        Expr::Call(call) => last_part(&call.func),
        Expr::Await(a) => last_part(&a.value),
        Expr::Named(named) => last_part(&named.target),
        _ => None,
    }
}

/// The function whose result an expression is: called on the spot, or assigned before.
pub(super) fn callee_of(
    module: &Module,
    function: Function<'_>,
    expr: &Expr,
    before: TextSize,
) -> Option<String> {
    let call = match expr {
        Expr::Name(name) => function.assigned_before(&name.id, before + TextSize::new(1))?,
        other => other,
    };
    let call = call.as_await_expr().map_or(call, |a| &*a.value).as_call_expr()?;
    let name = last_part(&call.func)?;
    // `get` of a dict says little; with its table it says much.
    match &*call.func {
        Expr::Attribute(a) => Some(format!("{}.{name}", module.slice(&*a.value))),
        _ => Some(name),
    }
}

/// The attribute or method that an expression takes of `text`.
fn member_of(module: &Module, expr: &Expr, text: &str) -> Option<String> {
    match expr {
        Expr::Attribute(a) if module.slice(&*a.value) == text => Some(a.attr.to_string()),
        Expr::Attribute(a) => member_of(module, &a.value, text),
        Expr::Call(c) => member_of(module, &c.func, text),
        Expr::Subscript(s) if module.slice(&*s.value) == text => {
            Some(module.slice(&*s.slice).to_owned())
        }
        Expr::Subscript(s) => member_of(module, &s.value, text),
        _ => None,
    }
}

/// Whether a chain of attributes, calls and subscripts starts from `text`.
fn starts_from(expr: &Expr, text: &str, module: &Module) -> bool {
    let inner = match expr {
        Expr::Attribute(a) => &*a.value,
        Expr::Call(c) => &*c.func,
        Expr::Subscript(s) => &*s.value,
        _ => return false,
    };
    module.slice(inner) == text || starts_from(inner, text, module)
}
