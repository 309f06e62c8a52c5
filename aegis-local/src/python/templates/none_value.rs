//! Something that is `None` where a value was needed.

use ruff_python_ast::{AnyNodeRef, CmpOp, Expr, ExprCall, Stmt};
use ruff_text_size::Ranged;

use super::super::fault::{Fault, Rewrite, Trouble};
use super::super::source::{Module, Place, Site, is_name, is_pure};
use super::super::value::{Annotation, Kind};
use super::Scene;

/// What the message says was done to `None`.
enum Use<'m> {
    Attribute(&'m str),
    Subscript,
    Iterate,
    Call,
    Operate { op: &'m str, left: bool, right: bool },
    Length,
    Convert,
    Membership,
}

fn read(message: &str) -> Option<Use<'_>> {
    if let Some(rest) = message.split("'NoneType' object has no attribute '").nth(1) {
        return Some(Use::Attribute(rest.split('\'').next().unwrap_or(rest)));
    }
    if message.contains("argument of type 'NoneType' is not") {
        return Some(Use::Membership);
    }
    if message.contains("NoneType") && message.contains("not subscriptable")
        || message.contains("'NoneType' object does not support item")
    {
        return Some(Use::Subscript);
    }
    if message.contains("NoneType") && message.contains("iterable")
        || message.contains("unpack non-iterable NoneType")
    {
        return Some(Use::Iterate);
    }
    if message.contains("'NoneType' object is not callable") {
        return Some(Use::Call);
    }
    if message.contains("object of type 'NoneType' has no len()") {
        return Some(Use::Length);
    }
    if message.contains("unsupported operand type") || message.contains("not supported between") {
        let op = match message.split_once("for ") {
            Some((_, rest)) => rest.split(':').next().unwrap_or("").trim(),
            None => message.split('\'').nth(1).unwrap_or(""),
        };
        let op = op.split(' ').next().unwrap_or(op);
        let types = message.rsplit_once(": ").or_else(|| message.split_once("instances of "));
        let (left, right) = types?.1.split_once(" and ")?;
        let (left, right) = (left.contains("NoneType"), right.contains("NoneType"));
        return (left || right).then_some(Use::Operate { op, left, right });
    }
    if message.contains("can only concatenate") && message.contains("\"NoneType\"")
        || message.contains("must be str, not NoneType")
    {
        return Some(Use::Operate { op: "+", left: false, right: true });
    }
    (message.contains("not 'NoneType'")
        || message.contains("passed to NoneType.__format__")
        || message.contains("NoneType found")
        || message.contains("not NoneType"))
    .then_some(Use::Convert)
}

pub(super) fn faults<'a>(scene: &Scene<'a>, place: &Place<'a>, all: &mut Vec<Fault<'a>>) {
    let Some(used) = read(scene.message) else { return };
    for (site, weight) in scene.sites(place) {
        for base in bases(&used, &site, place) {
            let likely = likelihood(scene, place, base);
            if likely > 0.0 {
                all.push(fault(scene, place, &site, base, &used, weight * likely));
            }
        }
    }
}

/// The parts of an expression that can be the `None` of the message.
fn bases<'a>(used: &Use<'_>, site: &Site<'a>, place: &Place<'a>) -> Vec<&'a Expr> {
    match (used, site.expr) {
        (Use::Attribute(name), Expr::Attribute(a)) if a.attr.as_str() == *name => vec![&*a.value],
        (Use::Subscript, Expr::Subscript(s)) => vec![&*s.value],
        (Use::Call, Expr::Call(c)) => vec![&*c.func],
        (Use::Length, Expr::Call(c)) if is_name(&c.func, "len") => {
            c.arguments.args.iter().collect()
        }
        (Use::Operate { op, left, right }, Expr::BinOp(b)) if b.op.as_str() == *op => {
            let sides = [(left, &*b.left), (right, &*b.right)];
            sides.into_iter().filter(|(is, _)| **is).map(|(_, e)| e).collect()
        }
        (Use::Operate { op, left, right }, Expr::Compare(c))
            if c.ops.len() == 1 && c.ops[0].as_str() == *op =>
        {
            let sides = [(left, &*c.left), (right, &c.comparators[0])];
            sides.into_iter().filter(|(is, _)| **is).map(|(_, e)| e).collect()
        }
        (Use::Membership, Expr::Compare(c)) if matches!(c.ops[0], CmpOp::In | CmpOp::NotIn) => {
            vec![&c.comparators[0]]
        }
        (Use::Convert, Expr::Call(c)) => {
            c.arguments.args.iter().filter(|a| !a.is_literal_expr()).collect()
        }
        (Use::Operate { op, right: true, .. }, e)
            if matches!(place.stmt, Stmt::AugAssign(a)
                if a.value.range() == e.range() && op.trim_end_matches('=') == a.op.as_str()) =>
        {
            vec![e]
        }
        (Use::Iterate, e) if is_iterated(site, place) => vec![e],
        (Use::Convert, e) if matches!(site.parents.last(), Some(AnyNodeRef::InterpolatedElement(i)) if i.format_spec.is_some()) =>
        {
            vec![e]
        }
        _ => Vec::new(),
    }
}

fn is_iterated(site: &Site<'_>, place: &Place<'_>) -> bool {
    let range = site.expr.range();
    match site.parents.last() {
        Some(AnyNodeRef::StmtFor(f)) => f.iter.range() == range,
        Some(AnyNodeRef::Comprehension(c)) => c.iter.range() == range,
        Some(AnyNodeRef::ExprStarred(_) | AnyNodeRef::ExprYieldFrom(_)) => true,
        Some(AnyNodeRef::StmtAssign(a)) => {
            a.value.range() == range
                && a.targets.iter().any(|t| t.is_tuple_expr() || t.is_list_expr())
        }
        Some(AnyNodeRef::Arguments(_)) => match site.parents.iter().rev().nth(1) {
            Some(AnyNodeRef::ExprCall(c)) => {
                super::argument_kind(c) == Kind::List
                    || matches!(&*c.func, Expr::Attribute(a) if matches!(a.attr.as_str(), "extend" | "update" | "union" | "fromkeys"))
            }
            _ => false,
        },
        _ => {
            let _ = place;
            false
        }
    }
}

fn fault<'a>(
    scene: &Scene<'a>,
    place: &Place<'a>,
    site: &Site<'a>,
    base: &'a Expr,
    used: &Use<'_>,
    weight: f64,
) -> Fault<'a> {
    // What is guarded: the whole chain that hangs on the base, or the base itself where only it is
    // to be replaced.
    let whole = match used {
        Use::Iterate => site.clone(),
        Use::Operate { .. } | Use::Length | Use::Membership | Use::Convert => {
            if base.range() == site.expr.range() { site.clone() } else { scene.climb(place, site) }
        }
        _ => scene.climb(place, site),
    };
    let mut fault = scene.fault(Trouble::Nothing, place, whole, base);
    let (text, binding) = if is_pure(base) {
        (scene.module.slice(base).to_owned(), None)
    } else {
        scene.testable(place, base)
    };
    fault.bad = format!("{text} is None");
    fault.good = format!("{text} is not None");
    fault.says = match &binding {
        Some(_) => format!("{} is None", scene.module.slice(base)),
        None => format!("{text} is None"),
    };
    fault.binding = binding;
    fault.weight = weight;
    fault.subject.member = match (used, site.expr) {
        (Use::Attribute(name), _) => Some((*name).to_owned()),
        (Use::Subscript, Expr::Subscript(s)) => Some(scene.module.slice(&*s.slice).to_owned()),
        _ => None,
    };
    if matches!(used, Use::Iterate) {
        fault.kind = Kind::List;
    }
    if let Use::Operate { op, .. } = used {
        fault.rewrites.extend(neutral(scene, base, op));
    }
    fault
}

/// `None` adds nothing: the neutral value of the other operand's type in its place.
fn neutral(scene: &Scene<'_>, base: &Expr, op: &str) -> Option<Rewrite> {
    if !is_pure(base) || !matches!(op.trim_end_matches('='), "+" | "-") {
        return None;
    }
    let has = |kind: &str| {
        let quoted = [format!("'{kind}'"), format!("concatenate {kind}")];
        quoted.iter().any(|q| scene.message.contains(q.as_str()))
    };
    let value = match () {
        () if has("str") => "\"\"",
        () if has("list") => "[]",
        () if has("tuple") => "()",
        () if has("float") => "0.0",
        () if has("int") || has("Decimal") || has("decimal.Decimal") => "0",
        () => return None,
    };
    let text = scene.module.slice(base);
    let open = scene.module.text.get(..base.start().to_usize()).is_some_and(|t| t.ends_with('('));
    let shut = scene.module.text.get(base.end().to_usize()..).is_some_and(|t| t.starts_with(')'));
    let choice = format!("{text} if {text} is not None else {value}");
    Some(Rewrite::Fixed {
        range: base.range(),
        text: if open && shut { choice } else { format!("({choice})") },
        title: format!("Count {text} as {value} when it is None"),
        why: format!("None adds nothing: {value} leaves the other operand as it is."),
        claimed: 0.58,
    })
}

/// How likely it is that an expression is `None`; 0 where it can't be.
fn likelihood(scene: &Scene<'_>, place: &Place<'_>, base: &Expr) -> f64 {
    match base {
        Expr::Name(name) => {
            let name = name.id.as_str();
            if matches!(name, "self" | "cls") || imported(scene.module, name) {
                return 0.0;
            }
            let Some(function) = place.function() else { return 0.9 };
            if let Some(value) = function.assigned_before(name, place.stmt.start()) {
                return likelihood(scene, place, value).min(if is_name(value, name) {
                    0.9
                } else {
                    1.0
                });
            }
            match function.parameter(name) {
                Some((_, true)) => 1.0,
                Some((Some(annotation), false)) => {
                    let known = Annotation::of(annotation);
                    if known.optional { 1.0 } else { 0.8 }
                }
                Some((None, false)) => 0.92,
                None if is_loop_target(place, name) => 0.8,
                None => 0.9,
            }
        }
        Expr::Call(call) => call_likelihood(scene, call),
        Expr::Await(a) => likelihood(scene, place, &a.value),
        Expr::Attribute(a) => attribute_likelihood(scene, a.attr.as_str()),
        Expr::Subscript(_) => 0.88,
        Expr::NoneLiteral(_) => 1.0,
        Expr::If(_) | Expr::BoolOp(_) | Expr::Named(_) => 0.85,
        // Literals, displays, comprehensions and arithmetic are something.
        _ => 0.0,
    }
}

fn is_loop_target(place: &Place<'_>, name: &str) -> bool {
    place
        .within_function()
        .iter()
        .any(|stmt| stmt.as_for_stmt().is_some_and(|f| super::names_in(&f.target).contains(&name)))
}

fn imported(module: &Module, name: &str) -> bool {
    module.body().iter().any(|stmt| match stmt {
        Stmt::Import(i) => i.names.iter().any(|alias| {
            alias.asname.as_ref().unwrap_or(&alias.name).as_str().split('.').next() == Some(name)
        }),
        Stmt::ClassDef(c) => c.name.as_str() == name,
        Stmt::FunctionDef(f) => f.name.as_str() == name,
        _ => false,
    })
}

fn call_likelihood(scene: &Scene<'_>, call: &ExprCall) -> f64 {
    let (name, method) = match &*call.func {
        Expr::Name(n) => (n.id.as_str(), false),
        Expr::Attribute(a) => (a.attr.as_str(), true),
        _ => return 0.85,
    };
    let arguments = call.arguments.args.len() + call.arguments.keywords.len();
    if method && name == "get" {
        return if arguments <= 1 { 1.0 } else { 0.5 };
    }
    if matches!(
        name,
        "match"
            | "search"
            | "fullmatch"
            | "getenv"
            | "find_one"
            | "first"
            | "one_or_none"
            | "scalar_one_or_none"
            | "fetchone"
    ) {
        return 1.0;
    }
    if matches!(
        name,
        "str"
            | "int"
            | "float"
            | "list"
            | "dict"
            | "set"
            | "tuple"
            | "len"
            | "sum"
            | "sorted"
            | "round"
            | "repr"
            | "format"
            | "strip"
            | "lower"
            | "upper"
            | "split"
            | "join"
            | "replace"
            | "items"
            | "keys"
            | "values"
    ) {
        return 0.0;
    }
    let known = std::iter::once(scene.module)
        .chain(scene.peers)
        .flat_map(Module::functions)
        .find(|f| f.def.name.as_str() == name);
    match known {
        Some(f) => match f.def.returns.as_deref().map(Annotation::of) {
            Some(a) if a.optional => 1.0,
            Some(a) if a.kind != Kind::Unknown => 0.5,
            _ if f.docstring().is_some_and(|d| d.contains("None")) => 1.0,
            _ => 0.9,
        },
        // A class makes an object.
        None if name.starts_with(|c: char| c.is_ascii_uppercase()) => 0.0,
        None => 0.85,
    }
}

/// Whether a class of the package declares the attribute as optional.
fn attribute_likelihood(scene: &Scene<'_>, attribute: &str) -> f64 {
    let declared =
        std::iter::once(scene.module).chain(scene.peers).flat_map(Module::body).find_map(|stmt| {
            let class = stmt.as_class_def_stmt()?;
            class.body.iter().find_map(|inner| match inner {
                Stmt::AnnAssign(a) if is_name(&a.target, attribute) => {
                    Some(Annotation::of(&a.annotation))
                }
                _ => None,
            })
        });
    match declared {
        Some(a) if a.optional => 1.0,
        Some(_) => 0.75,
        None => 0.88,
    }
}
