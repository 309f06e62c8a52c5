//! What a guarded expression is worth, and why: read from the source, ranked by how clearly it says so.

use ruff_python_ast::{AnyNodeRef, Expr};
use ruff_text_size::Ranged;

use super::constants::{Constant, words};
use super::docstring::{Reading, promises};
use super::fault::{Fault, Trouble};
use super::habits::is_scalar;
use super::siblings::{Answer, Guard, guards};
use super::source::{Module, names_in};
use super::value::{Annotation, Kind, kind_of_text};

/// What happens in the case that failed.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Act {
    /// This value stands in its place.
    Give(String, Kind),
    /// This statement raises.
    Raise(String),
    /// The work is left out.
    Skip,
}

/// What the value stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// The function's result.
    Result,
    /// The expression that failed.
    Value,
    /// Both: they are the same here.
    Either,
}

/// Where a meaning was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Documented,
    Sibling,
    Constant,
    Annotation,
    Usage,
}

impl Origin {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Documented => "documented",
            Self::Sibling => "sibling",
            Self::Constant => "constant",
            Self::Annotation => "annotation",
            Self::Usage => "usage",
        }
    }
}

/// One possible meaning.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Meaning {
    pub(super) act: Act,
    pub(super) scope: Scope,
    pub(super) origin: Origin,
    /// One sentence: what was read, and where.
    pub(super) why: String,
    /// How clearly it says so, up to 1.0.
    pub(super) rank: f64,
}

/// Every meaning of a fault, clearest first.
pub(super) fn meanings(module: &Module, peers: &[Module], fault: &Fault<'_>) -> Vec<Meaning> {
    let function = fault.place.function();
    let mut reader = Reader {
        module,
        fault,
        result: function
            .and_then(|f| f.def.returns.as_deref())
            .map_or(Annotation::UNKNOWN, Annotation::of),
        whole: is_whole(fault),
        scales: is_scaled(fault),
        found: Vec::new(),
    };
    reader.documented();
    reader.siblings(peers);
    reader.constants();
    reader.annotated();
    reader.skipped();
    let mut found = reader.found;
    found.sort_by(|a, b| b.rank.total_cmp(&a.rank));
    found
}

pub(super) struct Reader<'a> {
    pub(super) module: &'a Module,
    pub(super) fault: &'a Fault<'a>,
    pub(super) result: Annotation,
    pub(super) whole: bool,
    pub(super) scales: bool,
    pub(super) found: Vec<Meaning>,
}

impl Reader<'_> {
    fn documented(&mut self) {
        let Some(function) = self.fault.place.function() else { return };
        let constants: Vec<Constant<'_>> =
            self.module.constants().into_iter().filter(|c| is_scalar(c)).collect();
        let parameters: Vec<&str> = function
            .def
            .parameters
            .iter_non_variadic_params()
            .map(|p| p.parameter.name.as_str())
            .collect();
        let subject = &self.fault.subject;
        let mut about: Vec<String> = vec![subject.name.clone(), subject.text.clone()];
        about.extend(self.fault.names.iter().cloned());
        about.extend(subject.key.clone());
        about.extend(subject.member.clone());
        let name = function.def.name.as_str();
        let comment = self.module.comment_at(self.fault.place.stmt);
        let sources = [
            (function.docstring(), format!("the docstring of `{name}`")),
            (Some(comment.as_str()), "the comment at this statement".to_owned()),
        ];
        let reading = Reading {
            constants: &constants,
            parameters: &parameters,
            about: &about,
            wanted: self.fault.kind,
        };
        for (text, source) in &sources {
            let Some(text) = text else { continue };
            for promise in promises(text, &reading) {
                let why = format!("{source} says: “{}”", shorten(&promise.clause));
                let rank = 0.72 + 0.2 * promise.score.min(1.0);
                if promise.raises {
                    self.documented_raise(&promise.text, why, rank);
                    continue;
                }
                let kind = kind_of_text(&promise.text, self.module);
                let (text, kind) = self.fitted(&promise.text, kind);
                let local = kind.fits(self.fault.kind)
                    || kind == Kind::NoneType && !self.result_is_known() && self.is_stored();
                let overall = self.result.takes(kind);
                let scopes: &[(Scope, f64)] = if promise.resolved && local && !self.whole {
                    &[(Scope::Value, 1.0), (Scope::Result, 0.8)]
                } else if self.whole || (self.scales && is_zero(&text)) {
                    &[(Scope::Either, 1.0)]
                } else if promise.part && local {
                    &[(Scope::Value, 1.0), (Scope::Result, 0.8)]
                } else {
                    &[(Scope::Result, 1.0), (Scope::Value, 0.75)]
                };
                for &(scope, factor) in scopes {
                    let allowed = match scope {
                        Scope::Result => overall,
                        Scope::Value => local,
                        Scope::Either => overall,
                    };
                    // Where only one reading is possible it is the right one.
                    let factor = if overall && local { factor } else { 1.0 };
                    if allowed {
                        self.push(
                            Act::Give(text.clone(), kind),
                            scope,
                            Origin::Documented,
                            why.clone(),
                            rank * factor,
                        );
                    }
                }
            }
        }
    }

    fn documented_raise(&mut self, error: &str, why: String, rank: f64) {
        if self.module.binds(error) && !error.ends_with("Error") {
            let says = &self.fault.says;
            let text = format!("raise {error}(\"{}\")", says.replace('"', "'"));
            self.push(Act::Raise(text), Scope::Result, Origin::Documented, why, rank * 0.9);
        }
    }

    fn result_is_known(&self) -> bool {
        self.result.kind != Kind::Unknown
    }

    /// Whether the expression's value is kept as it is, not computed with.
    fn is_stored(&self) -> bool {
        matches!(
            self.fault.site.parents.last(),
            Some(
                AnyNodeRef::StmtAssign(_)
                    | AnyNodeRef::ExprDict(_)
                    | AnyNodeRef::ExprList(_)
                    | AnyNodeRef::ExprListComp(_)
                    | AnyNodeRef::ExprDictComp(_)
            )
        )
    }

    /// A zero in the number type that the place wants.
    fn fitted(&self, text: &str, kind: Kind) -> (String, Kind) {
        let wanted = self.result.kind;
        match (text, kind, wanted) {
            (_, Kind::Int, Kind::Float)
                if text.bytes().all(|b| b.is_ascii_digit() || b == b'-') =>
            {
                (format!("{text}.0"), Kind::Float)
            }
            ("0.0", Kind::Float, Kind::Int) => ("0".to_owned(), Kind::Int),
            _ => (text.to_owned(), kind),
        }
    }

    fn siblings(&mut self, peers: &[Module]) {
        let start = self.fault.place.function().map(|f| f.def.range.start());
        let own = guards(self.module, start).into_iter().map(|g| (g, true));
        let others = peers.iter().flat_map(|peer| guards(peer, None)).map(|g| (g, false));
        let all: Vec<(Guard, bool)> = own.chain(others).collect();
        for (guard, here) in all {
            self.sibling(&guard, here);
        }
    }

    fn sibling(&mut self, guard: &Guard, here: bool) {
        let fault = self.fault;
        // `if not x` sees an empty, a zero and a missing subject alike.
        let alike = guard.trouble == fault.trouble
            || guard.trouble == Trouble::Short && fault.trouble != Trouble::Missing
            || guard.trouble == Trouble::Zero && fault.trouble == Trouble::Short;
        if !alike {
            return;
        }
        let subject = &fault.subject;
        let same_subject = words(&guard.subject) == words(&subject.name);
        let same_callee = guard.callee.is_some() && guard.callee == subject.callee;
        let same_member = guard.member.is_some() && guard.member == subject.member;
        let same_result = guard.returns != Kind::Unknown && guard.returns == self.result.kind;
        let mut rank = match (same_subject || same_callee, same_member) {
            (true, true) => 0.88,
            (true, false) if guard.member.is_none() || subject.member.is_none() => 0.84,
            (true, false) => 0.66,
            (false, true) => 0.7,
            (false, false) if same_result && guard.trouble == fault.trouble && here => 0.62,
            (false, false) => return,
        };
        if !here {
            rank -= 0.03;
        }
        if same_subject && guard.subject != subject.name {
            rank -= 0.04;
        }
        let place = if here { String::new() } else { format!(" in {}", guard.path) };
        let why = format!(
            "`{}`{place} handles the same case: `{}`",
            guard.function,
            shorten(&guard.quoted)
        );
        match &guard.answer {
            Answer::Raise(text) => {
                if (same_subject || same_callee) && self.resolves(text.trim_start_matches("raise "))
                {
                    self.push(
                        Act::Raise(text.clone()),
                        Scope::Result,
                        Origin::Sibling,
                        why,
                        rank * 0.95,
                    );
                }
            }
            Answer::Key => {
                let Some(key) = subject.key.clone() else { return };
                let scope = if self.whole { Scope::Either } else { Scope::Value };
                let act = Act::Give(key, Kind::Unknown);
                self.push(act, scope, Origin::Sibling, why, rank);
            }
            Answer::Give(text, kind) => {
                if !here && !self.resolves(text) {
                    return;
                }
                // What stands for one thing of the subject says nothing of another, but that there
                // is none.
                let another = guard.member.is_some() && subject.member.is_some() && !same_member;
                if another && !is_empty(text) {
                    return;
                }
                let local = kind.fits(fault.kind);
                let own = self.whole && !kind.fits(fault.kind) && *kind != Kind::NoneType;
                let overall = self.result.takes(*kind) && !own;
                let numeric = self.scales && is_zero(text);
                let scope = match (self.whole || numeric, guard.direct) {
                    (true, _) if overall => Scope::Either,
                    (_, true) if local => Scope::Value,
                    (_, false) if overall && (same_result || self.result.kind == Kind::Unknown) => {
                        Scope::Result
                    }
                    _ if local && !overall => Scope::Value,
                    _ if overall => {
                        rank *= 0.8;
                        Scope::Result
                    }
                    _ => return,
                };
                let (text, kind) = self.fitted(text, *kind);
                self.push(Act::Give(text, kind), scope, Origin::Sibling, why, rank);
            }
        }
    }

    /// Whether every name of a piece of source means something at the place.
    fn resolves(&self, text: &str) -> bool {
        let Ok(parsed) = ruff_python_parser::parse_expression(text) else { return false };
        let function = self.fault.place.function();
        names_in(parsed.expr()).into_iter().all(|name| {
            self.module.binds(name)
                || matches!(name, "str" | "set" | "dict" | "list" | "tuple" | "float" | "int")
                || name.ends_with("Error")
                || function.is_some_and(|f| {
                    f.def.parameters.includes(name)
                        || f.assigned_before(name, self.fault.place.stmt.start()).is_some()
                })
        })
    }

    pub(super) fn push(&mut self, act: Act, scope: Scope, origin: Origin, why: String, rank: f64) {
        let known = self.found.iter_mut().find(|m| m.act == act && m.scope == scope);
        match known {
            Some(known) if known.rank >= rank => {}
            Some(known) => *known = Meaning { act, scope, origin, why, rank },
            None => self.found.push(Meaning { act, scope, origin, why, rank }),
        }
    }
}

pub(super) fn is_zero(text: &str) -> bool {
    matches!(text, "0" | "0.0")
}

fn is_empty(text: &str) -> bool {
    is_zero(text) || matches!(text, "None" | "\"\"" | "''" | "[]" | "{}" | "()" | "set()" | "False")
}

/// Whether the failing expression is all that the function returns.
fn is_whole(fault: &Fault<'_>) -> bool {
    fault.place.stmt.is_return_stmt() && fault.site.parents.len() == 1
}

/// Whether the result is the failing expression scaled and rounded, so that zero stays zero.
fn is_scaled(fault: &Fault<'_>) -> bool {
    fault.place.stmt.is_return_stmt()
        && fault.site.parents.iter().all(|parent| match parent {
            AnyNodeRef::StmtReturn(_) | AnyNodeRef::Arguments(_) | AnyNodeRef::ExprUnaryOp(_) => {
                true
            }
            AnyNodeRef::ExprCall(call) => match &*call.func {
                Expr::Name(n) => matches!(n.id.as_str(), "round" | "float" | "int" | "abs"),
                _ => false,
            },
            AnyNodeRef::ExprBinOp(b) => {
                use ruff_python_ast::Operator::{Div, FloorDiv, Mult};
                matches!(b.op, Mult | Div | FloorDiv)
            }
            _ => false,
        })
}

/// A quotation of bounded length.
pub(super) fn shorten(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() <= 160 {
        return text;
    }
    text.chars().take(157).chain("...".chars()).collect()
}
