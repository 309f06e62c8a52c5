//! A key that is not in a table.

use ruff_python_ast::{AnyNodeRef, Expr, ExprContext, ExprSubscript, Stmt};
use ruff_text_size::Ranged;

use super::super::fault::{Fault, Rewrite, Trouble};
use super::super::source::{Module, Place, Site, is_pure};
use super::super::value::Kind;
use super::Scene;

pub(super) fn faults<'a>(scene: &Scene<'a>, place: &Place<'a>, all: &mut Vec<Fault<'a>>) {
    for (site, weight) in scene.sites(place) {
        match site.expr {
            Expr::Subscript(s) if !s.slice.is_slice_expr() => {
                let Some(likely) = key_fits(scene, &s.slice) else { continue };
                if is_class(scene.module, &s.value) {
                    continue;
                }
                subscript(scene, place, &site, s, weight * likely, all);
            }
            // `table.pop(key)`
            Expr::Call(c) if c.arguments.args.len() == 1 && c.arguments.keywords.is_empty() => {
                let Expr::Attribute(a) = &*c.func else { continue };
                let key = &c.arguments.args[0];
                let Some(likely) = key_fits(scene, key) else { continue };
                if !matches!(a.attr.as_str(), "pop" | "remove") {
                    continue;
                }
                let mut fault = looked_up(scene, place, site.clone(), &a.value, key);
                fault.weight = weight * likely * 0.95;
                if a.attr.as_str() == "pop" {
                    let end = ruff_text_size::TextRange::empty(key.end());
                    fault.rewrites.push(Rewrite::Around {
                        range: end,
                        before: ", ".to_owned(),
                        after: String::new(),
                        fits: Vec::new(),
                    });
                }
                all.push(fault);
            }
            _ => {}
        }
    }
}

/// How likely the key is the one of the message; `None` where it can't be.
fn key_fits(scene: &Scene<'_>, key: &Expr) -> Option<f64> {
    let message = scene.message.trim();
    match key {
        Expr::StringLiteral(s) => {
            let inner = message.trim_matches(['\'', '"']);
            (message.is_empty() || inner == s.value.to_str()).then_some(1.0)
        }
        Expr::NumberLiteral(_) => {
            (message.is_empty() || message == scene.module.slice(key)).then_some(1.0)
        }
        Expr::FString(_) => Some(0.9),
        _ if key.is_literal_expr() => None,
        _ => Some(0.95),
    }
}

/// An `Enum` or another class has no `get`.
fn is_class(module: &Module, base: &Expr) -> bool {
    base.as_name_expr().is_some_and(|n| module.class(&n.id).is_some())
}

fn looked_up<'a>(
    scene: &Scene<'a>,
    place: &Place<'a>,
    site: Site<'a>,
    table: &Expr,
    key: &Expr,
) -> Fault<'a> {
    let mut fault = scene.fault(Trouble::Missing, place, site, table);
    let (table_text, key_text) = (scene.module.slice(table), scene.module.slice(key));
    fault.names.extend(super::names_in(key).into_iter().map(str::to_owned));
    fault.bad = format!("{key_text} not in {table_text}");
    fault.good = format!("{key_text} in {table_text}");
    fault.says = format!("{key_text} is not in {table_text}");
    fault.subject.key = Some(key_text.to_owned());
    if let Some(known) = table.as_name_expr().and_then(|n| scene.module.constant_named(&n.id)) {
        fault.kind = known.values;
    }
    fault
}

fn subscript<'a>(
    scene: &Scene<'a>,
    place: &Place<'a>,
    site: &Site<'a>,
    s: &'a ExprSubscript,
    weight: f64,
    all: &mut Vec<Fault<'a>>,
) {
    let (table, key) = (scene.module.slice(&*s.value), scene.module.slice(&*s.slice));
    let updated = match place.stmt {
        Stmt::AugAssign(a) if a.target.range() == s.range() => Some(a),
        _ => None,
    };
    if let Some(assign) = updated {
        all.extend(counted(scene, place, site, s, assign, weight));
        return;
    }
    if s.ctx == ExprContext::Store {
        return;
    }
    if s.ctx == ExprContext::Del {
        let mut fault = looked_up(scene, place, site.clone(), &s.value, &s.slice);
        fault.weight = weight;
        if matches!(place.stmt, Stmt::Delete(d) if d.targets.len() == 1) {
            fault.rewrites.push(Rewrite::Fixed {
                range: place.stmt.range(),
                text: format!("{table}.pop({key}, None)"),
                title: format!("Delete {key} only where {table} has it"),
                why: format!("Deleting what is not there leaves {table} as it is."),
                claimed: 0.7,
            });
        }
        all.push(fault);
        return;
    }
    let whole = scene.climb(place, site);
    let chained = whole.expr.range() != site.expr.range();
    if let Some(fixed) = grouped(scene, place, site, s).or_else(|| recounted(scene, place, site, s))
    {
        let mut fault = looked_up(scene, place, whole, &s.value, &s.slice);
        fault.weight = weight;
        fault.rewrites.push(fixed);
        all.push(fault);
        return;
    }
    let mut fault = looked_up(scene, place, whole.clone(), &s.value, &s.slice);
    fault.weight = weight;
    if chained {
        // What is chained onto the value decides which defaults can stand there.
        fault.kind = scene.kind_at(place, &whole);
    } else if fault.kind == Kind::Unknown {
        fault.kind = scene.kind_at(place, site);
    }
    let pure = is_pure(&s.value) && is_pure(&s.slice);
    let fits = chained.then(|| chained_onto(site));
    if fits.as_ref().is_none_or(|kinds| !kinds.is_empty()) {
        fault.rewrites.push(Rewrite::Around {
            range: s.range(),
            before: format!("{table}.get({key}, "),
            after: ")".to_owned(),
            fits: fits.unwrap_or_default(),
        });
    }
    if !pure {
        // The test would evaluate the call a second time.
        let (text, binding) =
            scene.testable(place, if is_pure(&s.value) { &s.slice } else { &s.value });
        if is_pure(&s.value) {
            fault.bad = format!("{text} not in {table}");
            fault.good = format!("{text} in {table}");
        } else if is_pure(&s.slice) {
            fault.bad = format!("{key} not in {text}");
            fault.good = format!("{key} in {text}");
        } else {
            fault.weight *= 0.5;
        }
        fault.binding = binding;
    }
    all.push(fault);
}

/// The types that the next link of the chain works on.
fn chained_onto(site: &Site<'_>) -> Vec<Kind> {
    match site.parents.last() {
        Some(AnyNodeRef::ExprAttribute(a)) => match a.attr.as_str() {
            "strip" | "lower" | "upper" | "title" | "split" | "encode" | "replace" | "format"
            | "startswith" | "endswith" | "capitalize" | "rstrip" | "lstrip" | "casefold"
            | "splitlines" | "join" | "zfill" | "isdigit" => vec![Kind::Str],
            "get" | "items" | "keys" | "values" => vec![Kind::Dict],
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// `counts[key] += 1` starts from the neutral value of its operator.
fn counted<'a>(
    scene: &Scene<'a>,
    place: &Place<'a>,
    site: &Site<'a>,
    s: &'a ExprSubscript,
    assign: &'a ruff_python_ast::StmtAugAssign,
    weight: f64,
) -> Option<Fault<'a>> {
    use ruff_python_ast::Operator::{Add, BitOr, Sub};
    let (table, key) = (scene.module.slice(&*s.value), scene.module.slice(&*s.slice));
    let added = scene.module.slice(&*assign.value);
    let start = match (super::kind_of(&assign.value, scene.module), assign.op) {
        (Kind::Str, Add) => "\"\"",
        (Kind::List, Add) => "[]",
        (Kind::Set, BitOr) => "set()",
        (Kind::Float, Add | Sub) => "0.0",
        (_, Add | Sub | BitOr) => "0",
        _ => return None,
    };
    let mut fault = looked_up(scene, place, site.clone(), &s.value, &s.slice);
    fault.weight = weight;
    // The target of an assignment can't be guarded in place.
    fault.kind = Kind::Other;
    let operator = assign.op.as_str();
    let added = if assign.value.is_bin_op_expr() || assign.value.is_if_expr() {
        format!("({added})")
    } else {
        added.to_owned()
    };
    fault.rewrites.push(Rewrite::Fixed {
        range: assign.range(),
        text: format!("{table}[{key}] = {table}.get({key}, {start}) {operator} {added}"),
        title: format!("Count from {start} when {key} is not in {table}"),
        why: format!(
            "A key that {table} does not hold yet counts as {start} before `{operator}=`."
        ),
        claimed: 0.86,
    });
    is_pure(&s.value).then_some(fault)
}

/// `counts[key] = counts[key] + 1` starts from the neutral value as well.
fn recounted<'a>(
    scene: &Scene<'a>,
    place: &Place<'a>,
    site: &Site<'a>,
    s: &'a ExprSubscript,
) -> Option<Rewrite> {
    use ruff_python_ast::Operator::{Add, Sub};
    let assign = place.stmt.as_assign_stmt()?;
    let (table, key) = (scene.module.slice(&*s.value), scene.module.slice(&*s.slice));
    let own = assign.targets.iter().any(|t| scene.module.slice(t) == scene.module.slice(s));
    let Some(AnyNodeRef::ExprBinOp(sum)) = site.parents.last() else { return None };
    if !own || !matches!(sum.op, Add | Sub) || sum.left.range() != s.range() {
        return None;
    }
    let start = match super::kind_of(&sum.right, scene.module) {
        Kind::Str => "\"\"",
        Kind::List => "[]",
        Kind::Float => "0.0",
        _ => "0",
    };
    Some(Rewrite::Fixed {
        range: s.range(),
        text: format!("{table}.get({key}, {start})"),
        title: format!("Count from {start} when {key} is not in {table}"),
        why: format!("A key that {table} does not hold yet counts as {start}."),
        claimed: 0.86,
    })
}

/// `groups[key].append(x)` starts an empty group.
fn grouped<'a>(
    scene: &Scene<'a>,
    place: &Place<'a>,
    site: &Site<'a>,
    s: &'a ExprSubscript,
) -> Option<Rewrite> {
    let (table, key) = (scene.module.slice(&*s.value), scene.module.slice(&*s.slice));
    let start = match site.parents.last()? {
        AnyNodeRef::ExprAttribute(a) if place.stmt.is_expr_stmt() => match a.attr.as_str() {
            "append" | "extend" | "insert" => "[]",
            "add" | "discard" => "set()",
            "setdefault" => "{}",
            _ => return None,
        },
        AnyNodeRef::ExprSubscript(outer) if outer.ctx == ExprContext::Store => "{}",
        _ => return None,
    };
    Some(Rewrite::Fixed {
        range: s.range(),
        text: format!("{table}.setdefault({key}, {start})"),
        title: format!("Start {table} with {start} when {key} is not in it"),
        why: format!(
            "The first entry under a key starts from {start}, as the later ones add to it."
        ),
        claimed: 0.86,
    })
}
