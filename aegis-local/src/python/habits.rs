//! Meanings that nothing spells out: a constant beside, the annotation, how the value is used.

use ruff_python_ast::{AnyNodeRef, Stmt};

use super::constants::{Constant, is_default_word, words};
use super::fault::{Fault, Trouble};
use super::meaning::{Act, Origin, Reader, Scope, is_zero, shorten};
use super::value::{Annotation, Kind, is_fixed_tuple};

impl Reader<'_> {
    pub(super) fn constants(&mut self) {
        let Some(function) = self.fault.place.function() else { return };
        let subject = &self.fault.subject;
        let mut about = words(&subject.name);
        about.extend(subject.member.iter().flat_map(|m| words(m)));
        about.extend(subject.key.iter().flat_map(|k| words(k)));
        about.extend(words(function.def.name.as_str()));
        for constant in self.module.constants().into_iter().filter(is_scalar) {
            let name = words(constant.name);
            let default = name.iter().any(|w| {
                is_default_word(w)
                    || matches!(
                        w.as_str(),
                        "no" | "empty" | "none" | "guest" | "nobody" | "placeholder"
                    )
            });
            let shared = name.iter().any(|w| about.contains(w));
            let comment_says = !constant.comment.is_empty()
                && promises_absence(&constant.comment)
                && (shared || words(&constant.comment).iter().any(|w| about.contains(w)));
            if constant.name != constant.name.to_uppercase()
                || !constant.kind.fits(self.fault.kind)
                || !(default && shared || comment_says)
            {
                continue;
            }
            let (rank, why) = if comment_says {
                (
                    0.84,
                    format!(
                        "the comment at `{}` says: “{}”",
                        constant.name,
                        shorten(&constant.comment)
                    ),
                )
            } else {
                (0.75, format!("`{}` is the default that stands beside it", constant.name))
            };
            let scope = if self.whole { Scope::Either } else { Scope::Value };
            self.push(
                Act::Give(constant.name.to_owned(), constant.kind),
                scope,
                Origin::Constant,
                why,
                rank,
            );
        }
        for p in function.def.parameters.iter_non_variadic_params() {
            let name = p.parameter.name.as_str();
            let kind =
                p.parameter.annotation.as_deref().map_or(Kind::Unknown, |a| Annotation::of(a).kind);
            if matches!(name, "default" | "fallback") && kind.fits(self.fault.kind) {
                let scope = if self.whole { Scope::Either } else { Scope::Value };
                let why = format!("the caller hands in `{name}` for this case");
                self.push(Act::Give(name.to_owned(), kind), scope, Origin::Constant, why, 0.8);
            }
        }
    }

    pub(super) fn annotated(&mut self) {
        let trouble = self.fault.trouble;
        let weight = match trouble {
            Trouble::Zero | Trouble::Short => 0.6,
            Trouble::Nothing => 0.52,
            Trouble::Missing => 0.48,
        };
        let name = self.fault.place.function().map_or("it", |f| f.def.name.as_str()).to_owned();
        if self.result.optional && self.result.kind != Kind::NoneType {
            let why = format!("the annotation of `{name}` allows None");
            let scope = if self.whole { Scope::Either } else { Scope::Result };
            let act = Act::Give("None".to_owned(), Kind::NoneType);
            self.push(act, scope, Origin::Annotation, why, weight + 0.06);
        }
        let fixed = self
            .fault
            .place
            .function()
            .and_then(|f| f.def.returns.as_deref())
            .is_some_and(is_fixed_tuple);
        let usable = self.result.kind != Kind::NoneType && !fixed;
        if let Some(empty) = self.result.kind.empty().filter(|_| usable) {
            let why = format!(
                "the annotation of `{name}` asks for {:?}, and {empty} is its empty value",
                self.result.kind
            );
            let numeric = self.scales && is_zero(empty);
            let scope = if self.whole || numeric { Scope::Either } else { Scope::Result };
            // The empty container for a crash deep inside drops the rest: less likely.
            let deep = match (scope, is_part_of_display(self.fault)) {
                (Scope::Either, _) => 1.0,
                (_, true) => 0.65,
                (_, false) => 0.85,
            };
            // A container that nobody gave is an empty one; a text or a number that nobody gave may
            // be anything, and its type does not say what.
            let container =
                matches!(self.result.kind, Kind::List | Kind::Tuple | Kind::Dict | Kind::Set);
            let guess = trouble == Trouble::Nothing && !container;
            let deep = if guess { deep * 0.9 } else { deep };
            let act = Act::Give(empty.to_owned(), self.result.kind);
            self.push(act, scope, Origin::Annotation, why, weight * deep);
        }
        // What the expression is used as.
        if let (Some(empty), false) = (self.fault.kind.empty(), self.fault.kind == Kind::NoneType) {
            let (why, rank) = match (trouble, self.fault.kind) {
                (Trouble::Zero, _) => ("a ratio over nothing counts as zero".to_owned(), 0.5),
                (Trouble::Nothing, Kind::List | Kind::Tuple | Kind::Dict | Kind::Set)
                    if self.fault.subject.text == self.module.slice(self.fault.site.expr) =>
                {
                    ("None holds nothing to go through".to_owned(), 0.6)
                }
                (_, kind) => (format!("{empty} is the empty {kind:?} that its use asks for"), 0.42),
            };
            let act = Act::Give(empty.to_owned(), self.fault.kind);
            self.push(act, Scope::Value, Origin::Usage, why, rank);
        }
    }

    pub(super) fn skipped(&mut self) {
        let stmt = self.fault.place.stmt;
        let in_loop = self.fault.place.enclosing_loop().is_some();
        let valueless = matches!(stmt, Stmt::Expr(_) | Stmt::AugAssign(_) | Stmt::Delete(_));
        let returns = self.fault.place.function().is_some_and(|f| f.returns_value());
        if in_loop && !stmt.is_return_stmt() {
            let why = "there is nothing to do for such an item, and the others are still handled";
            self.push(Act::Skip, Scope::Value, Origin::Usage, why.to_owned(), 0.56);
        } else if valueless || !returns && !stmt.is_return_stmt() {
            let why = "the statement has no value, so leaving it out leaves the rest as it is";
            self.push(Act::Skip, Scope::Value, Origin::Usage, why.to_owned(), 0.56);
        }
    }
}

pub(super) fn is_scalar(constant: &Constant<'_>) -> bool {
    !matches!(constant.kind, Kind::Dict) && constant.values == Kind::Unknown
}

fn promises_absence(text: &str) -> bool {
    let said = words(text);
    const LACK: [&str; 19] = [
        "no",
        "not",
        "none",
        "never",
        "without",
        "unknown",
        "missing",
        "empty",
        "nothing",
        "nobody",
        "other",
        "else",
        "default",
        "unlisted",
        "absent",
        "guest",
        "anonymous",
        "rest",
        "fallback",
    ];
    said.iter().any(|w| LACK.contains(&w.as_str()))
}

/// Whether the failing expression is one entry of a larger result.
fn is_part_of_display(fault: &Fault<'_>) -> bool {
    fault.site.parents.iter().any(|parent| {
        matches!(
            parent,
            AnyNodeRef::ExprDict(_) | AnyNodeRef::ExprList(_) | AnyNodeRef::ExprTuple(_)
        )
    })
}
