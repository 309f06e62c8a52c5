//! A sequence that is empty or too short.

use ruff_python_ast::{Expr, ExprContext, ExprSubscript, Number, Operator, UnaryOp};
use ruff_text_size::{Ranged, TextRange};

use super::super::fault::{Fault, Rewrite, Trouble};
use super::super::source::{Place, Site, is_pure};
use super::super::value::Kind;
use super::{Scene, length_of};

/// Functions of `statistics` that need something to count.
const AVERAGES: [&str; 6] = ["mean", "fmean", "median", "mode", "median_low", "median_high"];

pub(super) fn faults<'a>(scene: &Scene<'a>, place: &Place<'a>, all: &mut Vec<Fault<'a>>) {
    let message = scene.message;
    let empties = message.contains("empty") || message.contains("at least");
    match scene.kind {
        "ValueError" if !empties => return,
        _ => {}
    }
    for (site, weight) in scene.sites(place) {
        match site.expr {
            Expr::Subscript(s)
                if scene.kind == "IndexError"
                    && !message.contains("pop")
                    && !message.contains("empty")
                    && !s.slice.is_slice_expr()
                    && !s.slice.is_string_literal_expr()
                    && s.ctx == ExprContext::Load =>
            {
                all.extend(subscript(scene, place, &site, s, weight));
            }
            Expr::Call(call) => {
                let Some(sequence) = emptied(scene, call) else { continue };
                let whole = scene.climb(place, &site);
                let mut fault = on_empty(scene, place, whole, sequence);
                fault.weight = weight;
                if matches!(&*call.func, Expr::Name(n) if matches!(n.id.as_str(), "max" | "min"))
                    && !call
                        .arguments
                        .keywords
                        .iter()
                        .any(|k| k.arg.as_ref().is_some_and(|a| a.as_str() == "default"))
                {
                    let end = call.arguments.range().end() - ruff_text_size::TextSize::new(1);
                    let bare = matches!(call.arguments.args.first(), Some(Expr::Generator(g)) if !g.parenthesized);
                    if bare {
                        // A generator with a second argument needs parentheses of its own.
                        let inner = scene.module.slice(&call.arguments.args[0]);
                        fault.rewrites.push(Rewrite::Around {
                            range: call.arguments.args[0].range(),
                            before: format!("({inner}), default="),
                            after: String::new(),
                            fits: Vec::new(),
                        });
                    } else {
                        fault.rewrites.push(Rewrite::Around {
                            range: TextRange::empty(end),
                            before: ", default=".to_owned(),
                            after: String::new(),
                            fits: Vec::new(),
                        });
                    }
                }
                all.push(fault);
            }
            _ => {}
        }
    }
}

/// The sequence that a call fails on when it is empty.
fn emptied<'a>(scene: &Scene<'_>, call: &'a ruff_python_ast::ExprCall) -> Option<&'a Expr> {
    let first = call.arguments.args.first();
    match (&*call.func, scene.kind) {
        (Expr::Name(n), "ValueError") => matches!(n.id.as_str(), "max" | "min").then_some(first?),
        (Expr::Attribute(a), "IndexError") => match a.attr.as_str() {
            "pop" | "popleft" if scene.message.contains("pop") => Some(&a.value),
            "choice" if scene.message.contains("empty") => first,
            _ => None,
        },
        (Expr::Attribute(a), "StatisticsError") => {
            AVERAGES.contains(&a.attr.as_str()).then_some(first?)
        }
        (Expr::Name(n), "StatisticsError") => AVERAGES.contains(&n.id.as_str()).then_some(first?),
        _ => None,
    }
}

fn on_empty<'a>(
    scene: &Scene<'a>,
    place: &Place<'a>,
    site: Site<'a>,
    sequence: &'a Expr,
) -> Fault<'a> {
    let mut fault = scene.fault(Trouble::Short, place, site, sequence);
    let (text, binding) = scene.testable(place, sequence);
    fault.bad = format!("not {text}");
    fault.good = text;
    fault.says = format!("{} is empty", scene.module.slice(sequence));
    if binding.is_some() {
        let listed = sequence.is_generator_expr();
        if listed {
            // A generator is true even when it yields nothing: there is no test for it.
            fault.weight = 0.3;
        }
    }
    fault.binding = binding;
    fault
}

fn subscript<'a>(
    scene: &Scene<'a>,
    place: &Place<'a>,
    site: &Site<'a>,
    s: &'a ExprSubscript,
    weight: f64,
) -> Option<Fault<'a>> {
    let whole = scene.climb(place, site);
    let index = constant(&s.slice);
    // An index that is made from the length is out of range only where there is nothing at all.
    let text = scene.module.slice(&*s.value);
    let by_length = super::calls_in(&s.slice)
        .into_iter()
        .any(|call| length_of(call).is_some_and(|x| scene.module.slice(x) == text));
    if matches!(index, Some(0 | -1)) || by_length {
        let mut fault = on_empty(scene, place, whole, &s.value);
        // Where a line also takes a later item, that one is missing more often.
        fault.weight = weight * 0.97;
        return Some(fault);
    }
    let mut fault = scene.fault(Trouble::Short, place, whole, &s.value);
    let (text, binding) = scene.testable(place, &s.value);
    fault.binding = binding;
    fault.weight = weight;
    fault.names.extend(super::names_in(&s.slice).into_iter().map(str::to_owned));
    let key = scene.module.slice(&*s.slice);
    match index {
        Some(n) if n > 0 => {
            fault.bad = format!("len({text}) <= {n}");
            fault.good = format!("len({text}) > {n}");
            fault.says = format!("{text} has no item {n}");
        }
        Some(n) => {
            fault.bad = format!("len({text}) < {}", -n);
            fault.good = format!("len({text}) >= {}", -n);
            fault.says = format!("{text} has fewer than {} items", -n);
        }
        None if is_pure(&s.slice) && scene.kind_of_index(&s.slice) => {
            // Counting up from an index of the same sequence can't go below it.
            let up = matches!(&*s.slice, Expr::BinOp(b) if b.op == Operator::Add);
            if up {
                fault.bad = format!("{key} >= len({text})");
                fault.good = format!("{key} < len({text})");
            } else {
                fault.bad = format!("not -len({text}) <= {key} < len({text})");
                fault.good = format!("-len({text}) <= {key} < len({text})");
            }
            fault.says = format!("{text} has no item {key}");
            fault.weight *= if fault.binding.is_some() { 0.5 } else { 0.92 };
        }
        None => return None,
    }
    fault.subject.key = Some(key.to_owned());
    Some(fault)
}

impl Scene<'_> {
    /// Whether an index can be a number at all.
    fn kind_of_index(&self, index: &Expr) -> bool {
        matches!(super::kind_of(index, self.module), Kind::Int | Kind::Unknown)
    }
}

/// The value of a constant index.
fn constant(index: &Expr) -> Option<i64> {
    match index {
        Expr::NumberLiteral(n) => match &n.value {
            Number::Int(i) => i.as_i64(),
            _ => None,
        },
        Expr::UnaryOp(u) if u.op == UnaryOp::USub => constant(&u.operand).map(|n| -n),
        _ => None,
    }
}
