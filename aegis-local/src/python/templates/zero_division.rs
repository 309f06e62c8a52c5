//! A divisor that is zero.

use ruff_python_ast::{Expr, ExprRef, Number, Operator, Stmt};

use super::super::fault::{Fault, Trouble};
use super::super::source::{Place, Site, is_name, is_pure};
use super::super::value::{Kind, kind_of};
use super::{Scene, length_of, operand};

pub(super) fn faults<'a>(scene: &Scene<'a>, place: &Place<'a>, all: &mut Vec<Fault<'a>>) {
    for (site, weight) in scene.sites(place) {
        let divisor = match site.expr {
            Expr::BinOp(b) if divides(b.op) && fits(scene, b.op) => &*b.right,
            Expr::Call(c) if is_name(&c.func, "divmod") && c.arguments.args.len() == 2 => {
                &c.arguments.args[1]
            }
            _ => continue,
        };
        // `"%s" % name` formats.
        if let Expr::BinOp(b) = site.expr
            && b.op == Operator::Mod
            && kind_of(&b.left, scene.module) == Kind::Str
        {
            continue;
        }
        all.extend(fault(scene, place, site, divisor, weight));
    }
    // `total /= count`: the whole statement is what fails.
    if let Stmt::AugAssign(assign) = place.stmt
        && divides(assign.op)
    {
        let sites = place.sites();
        if let Some(site) =
            sites.into_iter().find(|s| ExprRef::from(s.expr) == ExprRef::from(&*assign.value))
            && let Some(mut found) = fault(scene, place, site, &assign.value, 1.0)
        {
            // There is no expression to put a value in the place of.
            found.kind = Kind::Other;
            all.push(found);
        }
    }
}

fn divides(op: Operator) -> bool {
    matches!(op, Operator::Div | Operator::FloorDiv | Operator::Mod)
}

/// Whether the message can be about this operator.
fn fits(scene: &Scene<'_>, op: Operator) -> bool {
    let message = scene.message;
    match op {
        Operator::Div => !message.contains("modulo") && !message.contains("floor"),
        Operator::Mod => message.contains("modulo") || !message.contains("float floor"),
        _ => true,
    }
}

fn fault<'a>(
    scene: &Scene<'a>,
    place: &Place<'a>,
    site: Site<'a>,
    divisor: &'a Expr,
    weight: f64,
) -> Option<Fault<'a>> {
    if is_nonzero_literal(divisor) {
        return None;
    }
    let floor = matches!(site.expr, Expr::BinOp(b) if b.op != Operator::Div);
    let mut fault = scene.fault(Trouble::Zero, place, site, divisor);
    fault.weight = weight;
    if floor && fault.kind == Kind::Unknown {
        fault.kind = Kind::Int;
    }
    if let Some(counted) = length_of(divisor).filter(|x| is_pure(x)) {
        let text = scene.module.slice(counted);
        fault.bad = format!("not {text}");
        fault.good = text.to_owned();
        fault.says = format!("{text} is empty");
        fault.subject = scene.subject(place, counted);
        return Some(fault);
    }
    if let Expr::BinOp(b) = divisor
        && b.op == Operator::Sub
        && is_pure(divisor)
        && !b.right.is_number_literal_expr()
    {
        let (left, right) = (scene.module.slice(&*b.left), scene.module.slice(&*b.right));
        fault.bad = format!("{left} == {right}");
        fault.good = format!("{left} != {right}");
        fault.says = format!("{left} equals {right}");
        return Some(fault);
    }
    let (text, binding) = scene.testable(place, divisor);
    let tested = if binding.is_some() { text } else { operand(&text, divisor) };
    fault.bad = format!("{tested} == 0");
    fault.good = format!("{tested} != 0");
    fault.says = format!("{} is 0", scene.module.slice(divisor));
    fault.binding = binding;
    Some(fault)
}

fn is_nonzero_literal(expr: &Expr) -> bool {
    match expr {
        Expr::NumberLiteral(n) => match &n.value {
            Number::Int(i) => i.as_i64() != Some(0),
            Number::Float(f) => *f != 0.0,
            Number::Complex { .. } => true,
        },
        Expr::UnaryOp(u) => is_nonzero_literal(&u.operand),
        _ => false,
    }
}
