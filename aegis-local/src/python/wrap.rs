//! Conditional expressions in the text: where they need parentheses, and where a binding can't stand.

use ruff_python_ast::AnyNodeRef;
use ruff_text_size::{Ranged, TextRange};

use super::edit::Change;
use super::fault::Fault;
use super::source::Module;

/// Whether a binding can't stand inside this node.
pub(super) fn refuses_binding(node: &AnyNodeRef<'_>, binding: TextRange) -> bool {
    match node {
        AnyNodeRef::ExprLambda(_) | AnyNodeRef::StmtClassDef(_) => true,
        AnyNodeRef::Comprehension(c) => c.iter.range().contains_range(binding),
        _ => false,
    }
}

/// The conditional expression around a site, with parentheses where the surroundings need them.
pub(super) fn wrap(
    module: &Module,
    fault: &Fault<'_>,
    good: &str,
    value: &str,
    whole: bool,
) -> Vec<Change> {
    let range = fault.site.expr.range();
    let (mut open, mut close) = ("", "");
    if needs_parentheses(module, fault) {
        (open, close) = ("(", ")");
    }
    let tail = format!(" if {good} else {value}{close}");
    if whole && fault.binding.is_some() {
        // The call moved into the test: its name stands where it was.
        if let Some(binding) = &fault.binding {
            let (start, end) = (range.start(), range.end());
            let before = module.slice(TextRange::new(start, binding.range.start()));
            let after = module.slice(TextRange::new(binding.range.end(), end));
            let text = format!("{open}{before}{}{after}{tail}", binding.name);
            return vec![Change::new(range, text)];
        }
    }
    let mut changes = vec![Change::new(TextRange::empty(range.end()), tail)];
    if !open.is_empty() {
        changes.push(Change::new(TextRange::empty(range.start()), open));
    }
    changes
}

fn needs_parentheses(module: &Module, fault: &Fault<'_>) -> bool {
    let range = fault.site.expr.range();
    let before = module.text.get(..range.start().to_usize()).unwrap_or_default().trim_end();
    let after = module.text.get(range.end().to_usize()..).unwrap_or_default().trim_start();
    let wrapped = before.ends_with('(') && after.starts_with(')');
    match fault.site.parents.last() {
        Some(
            AnyNodeRef::StmtReturn(_)
            | AnyNodeRef::StmtAssign(_)
            | AnyNodeRef::StmtAnnAssign(_)
            | AnyNodeRef::StmtAugAssign(_)
            | AnyNodeRef::StmtExpr(_)
            | AnyNodeRef::StmtFor(_)
            | AnyNodeRef::StmtIf(_)
            | AnyNodeRef::Arguments(_)
            | AnyNodeRef::Keyword(_)
            | AnyNodeRef::ExprList(_)
            | AnyNodeRef::ExprTuple(_)
            | AnyNodeRef::ExprSet(_)
            | AnyNodeRef::ExprDict(_)
            | AnyNodeRef::ExprListComp(_)
            | AnyNodeRef::ExprSetComp(_)
            | AnyNodeRef::ExprDictComp(_)
            | AnyNodeRef::ExprGenerator(_)
            | AnyNodeRef::ExprLambda(_)
            | AnyNodeRef::InterpolatedElement(_),
        ) => false,
        _ => !wrapped,
    }
}

/// A title of at most 72 characters.
pub(super) fn fit_title(title: &str, says: &str) -> String {
    let clean: String = title.split_whitespace().collect::<Vec<_>>().join(" ");
    if clean.chars().count() <= 72 {
        return clean;
    }
    let short = clean.replace(&format!(" when {says}"), "");
    if short != clean && short.chars().count() <= 72 {
        return short;
    }
    short.chars().take(69).chain("...".chars()).collect()
}
