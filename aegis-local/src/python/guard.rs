//! From a fault and its meanings to candidates: an early exit, a value in place, a skipped statement.

use ruff_python_ast::{AnyNodeRef, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange, TextSize};

use super::edit::Change;
use super::fault::{Fault, Rewrite, Trouble};
use super::meaning::{Act, Meaning, Origin, Scope};
use super::source::Module;
use super::wrap::{fit_title, refuses_binding, wrap};

/// A change with what it means.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) changes: Vec<Change>,
    pub(super) title: String,
    pub(super) meaning: String,
    pub(super) claimed: f64,
    pub(super) author: String,
}

/// Candidates for one fault; `others` are the faults of the same line.
pub(super) fn candidates(
    module: &Module,
    fault: &Fault<'_>,
    others: &[Fault<'_>],
    meanings: &[Meaning],
) -> Vec<Candidate> {
    let writer = Writer { module, fault, others };
    let mut all = Vec::new();
    for rewrite in &fault.rewrites {
        if let Rewrite::Fixed { range, text, title, why, claimed } = rewrite {
            all.push(Candidate {
                changes: vec![Change::new(*range, text.clone())],
                title: title.clone(),
                meaning: why.clone(),
                claimed: claimed * fault.weight,
                author: format!("template:{}/usage", fault.trouble.template()),
            });
        }
    }
    for meaning in meanings {
        match &meaning.act {
            Act::Give(value, kind) => {
                if meaning.scope != Scope::Value {
                    all.extend(writer.early(meaning, &format!("return {value}"), value));
                    all.extend(writer.whole_result(meaning, value));
                }
                if meaning.scope != Scope::Result {
                    all.extend(writer.rewritten(meaning, value, *kind));
                    all.extend(writer.in_place(meaning, value));
                }
            }
            Act::Raise(text) => all.extend(writer.early(meaning, text, text)),
            Act::Skip => all.extend(writer.skip(meaning)),
        }
    }
    all
}

struct Writer<'a> {
    module: &'a Module,
    fault: &'a Fault<'a>,
    others: &'a [Fault<'a>],
}

impl Writer<'_> {
    /// `if bad: return value`, right before the statement.
    fn early(&self, meaning: &Meaning, exit: &str, value: &str) -> Option<Candidate> {
        let function = self.fault.place.function()?;
        if !self.fault.may_exit(self.module)
            || function.yields()
            || function.def.name.as_str() == "__init__"
        {
            return None;
        }
        let mut changes = vec![self.before(&format!("if {}:", self.fault.bad), exit)?];
        changes.extend(self.bound());
        let factor = if self.fault.depends_on_loop(self.module) { 0.6 } else { 1.0 };
        // A lookup that is the whole result reads better with its default than with a branch.
        let factor = match meaning.scope {
            Scope::Either if self.has_value_rewrite() => factor * 0.96,
            _ => factor,
        };
        let name = function.def.name.as_str();
        let says = &self.fault.says;
        let title = match &meaning.act {
            Act::Raise(text) => {
                let error = text.trim_start_matches("raise ").split('(').next().unwrap_or_default();
                format!("Raise {error} in {name} when {says}")
            }
            _ => format!("Return {value} from {name} when {says}"),
        };
        let does = match &meaning.act {
            Act::Raise(text) => format!("`{name}` does `{text}`"),
            _ => format!("`{name}` returns {value}"),
        };
        Some(self.candidate(changes, title, &does, meaning, factor))
    }

    /// `return (whole) if good else value`, where no statement can stand before.
    fn whole_result(&self, meaning: &Meaning, value: &str) -> Option<Candidate> {
        let function = self.fault.place.function()?;
        let returned = self.fault.place.stmt.as_return_stmt()?.value.as_deref()?;
        if self.fault.may_exit(self.module)
            || !self.fault.is_unconditional()
            || self.fault.binding.is_some()
        {
            return None;
        }
        let text = self.module.slice(returned);
        let text = if matches!(returned, Expr::If(_) | Expr::Lambda(_)) {
            format!("({text})")
        } else {
            text.to_owned()
        };
        let new = format!("{text} if {} else {value}", self.fault.good);
        let name = function.def.name.as_str();
        let title = format!("Return {value} from {name} when {}", self.fault.says);
        let does = format!("`{name}` returns {value}");
        let changes = vec![Change::new(returned.range(), new)];
        Some(self.candidate(changes, title, &does, meaning, 0.97))
    }

    /// The lookup with a default.
    fn rewritten(
        &self,
        meaning: &Meaning,
        value: &str,
        kind: super::value::Kind,
    ) -> Vec<Candidate> {
        let mut all = Vec::new();
        for rewrite in &self.fault.rewrites {
            let Rewrite::Around { range, before, after, fits } = rewrite else { continue };
            let fits = fits.is_empty() || fits.iter().any(|&f| kind.fits(f));
            let Some(value) = self.quoted(value).filter(|_| fits) else { continue };
            let changes = vec![Change::new(*range, format!("{before}{value}{after}"))];
            let title = format!("Use {value} when {}", self.fault.says);
            // What is chained onto the lookup would still change a value that is the whole result.
            let inner = self.fault.site.expr.range() != *range
                && self.fault.site.expr.range().contains_range(*range)
                && !range.is_empty();
            let factor = if inner && meaning.scope == Scope::Either { 0.88 } else { 1.0 };
            all.push(self.candidate(changes, title, &format!("{value} counts"), meaning, factor));
        }
        all
    }

    /// `(expression if good else value)` in place of the expression, wherever the line repeats it.
    fn in_place(&self, meaning: &Meaning, value: &str) -> Option<Candidate> {
        let value = self.quoted(value)?;
        let mut changes = Vec::new();
        let mut good = self.fault.good.clone();
        if let Some(binding) = &self.fault.binding {
            if self.fault.may_exit(self.module) {
                changes.extend(self.bound());
                let indent = self.module.indent_of(self.fault.place.stmt)?;
                let call = self.module.slice(binding.range);
                let line = format!("{indent}{} = {call}{}", binding.name, self.module.newline());
                changes.push(Change::new(self.line_start(), line));
            } else {
                if self.fault.site.parents.iter().any(|p| refuses_binding(p, binding.range)) {
                    return None;
                }
                let call = self.module.slice(binding.range);
                good = good.replacen(&binding.name, &format!("({} := {call})", binding.name), 1);
            }
        }
        changes.extend(wrap(self.module, self.fault, &good, &value, changes.is_empty()));
        for twin in self.others {
            let apart = twin.site.expr.range().intersect(self.fault.site.expr.range()).is_none();
            let same = twin.bad == self.fault.bad
                && twin.place.stmt.range() == self.fault.place.stmt.range();
            if same
                && apart
                && self.fault.binding.is_none()
                && self.fault.trouble != Trouble::Nothing
            {
                changes.extend(wrap(self.module, twin, &twin.good, &value, true));
            }
        }
        let mut factor = if self.has_value_rewrite() { 0.9 } else { 0.97 };
        if meaning.scope == Scope::Either && self.fault.may_exit(self.module) {
            factor = 0.9;
        }
        if self.fault.is_used_again(self.module) {
            factor *= 0.6;
        }
        let title = format!("Use {value} when {}", self.fault.says);
        Some(self.candidate(changes, title, &format!("{value} stands in"), meaning, factor))
    }

    /// Leaves the item or the statement out.
    fn skip(&self, meaning: &Meaning) -> Vec<Candidate> {
        let mut all = Vec::new();
        let test = format!("if {}:", self.fault.bad);
        let says = &self.fault.says;
        if self.fault.may_exit(self.module) && self.fault.place.enclosing_loop().is_some() {
            if let Some(change) = self.before(&test, "continue") {
                let changes = std::iter::once(change).chain(self.bound()).collect();
                let factor = if self.fault.depends_on_loop(self.module) { 1.0 } else { 0.7 };
                let title = format!("Skip the item when {says}");
                all.push(self.candidate(changes, title, "the item is skipped", meaning, factor));
            }
            return all;
        }
        if let Some(changes) = self.indented() {
            let title = format!("Leave the statement out when {says}");
            all.push(self.candidate(changes, title, "the statement is left out", meaning, 0.95));
        }
        let function = self.fault.place.function();
        let last = function.is_some_and(|f| {
            f.def.body.last().is_some_and(|s| s.range() == self.fault.place.stmt.range())
        });
        if self.fault.may_exit(self.module)
            && function.is_some_and(|f| !f.returns_value())
            && let Some(change) = self.before(&test, "return")
        {
            let changes = std::iter::once(change).chain(self.bound()).collect();
            let title = format!("Do nothing when {says}");
            let factor = if last { 1.0 } else { 0.85 };
            all.push(self.candidate(changes, title, "there is nothing to do", meaning, factor));
        }
        all
    }

    /// The statement one level deeper under `if good:`.
    fn indented(&self) -> Option<Vec<Change>> {
        let stmt = self.fault.place.stmt;
        let text = self.module.slice(stmt);
        let plain = matches!(stmt, Stmt::Expr(_) | Stmt::AugAssign(_) | Stmt::Delete(_));
        if !plain || !self.fault.may_exit(self.module) || self.fault.binding.is_some() {
            return None;
        }
        if text.contains("\"\"\"") || text.contains("'''") {
            return None;
        }
        let (indent, step) = (self.module.indent_of(stmt)?, self.module.indent_step());
        let newline = self.module.newline();
        let head = format!("{indent}if {}:{newline}{step}", self.fault.good);
        let mut changes = vec![Change::new(self.line_start(), head)];
        let (first, last) = (self.module.line_of(stmt.start()), self.module.line_of(stmt.end()));
        for line in first + 1..=last {
            let at = TextSize::try_from(self.module.line_start(line)).ok()?;
            changes.push(Change::new(TextRange::empty(at), step.clone()));
        }
        Some(changes)
    }

    fn candidate(
        &self,
        changes: Vec<Change>,
        title: String,
        does: &str,
        meaning: &Meaning,
        factor: f64,
    ) -> Candidate {
        let origin: Origin = meaning.origin;
        Candidate {
            changes,
            title: fit_title(&title, &self.fault.says),
            meaning: format!("When {}, {does}: {}.", self.fault.says, meaning.why),
            claimed: (meaning.rank * factor * self.fault.weight).min(0.95),
            author: format!("template:{}/{}", self.fault.trouble.template(), origin.as_str()),
        }
    }

    /// Lines before the statement: what is bound, the test, and what then happens.
    fn before(&self, test: &str, exit: &str) -> Option<Change> {
        let indent = self.module.indent_of(self.fault.place.stmt)?;
        let (step, newline) = (self.module.indent_step(), self.module.newline());
        let mut text = String::new();
        if let Some(binding) = &self.fault.binding {
            let call = self.module.slice(binding.range);
            text.push_str(&format!("{indent}{} = {call}{newline}", binding.name));
        }
        text.push_str(&format!("{indent}{test}{newline}{indent}{step}{exit}{newline}"));
        Some(Change::new(self.line_start(), text))
    }

    /// The call that was bound gives way to its name.
    fn bound(&self) -> Option<Change> {
        self.fault.binding.as_ref().map(|b| Change::new(b.range, b.name.clone()))
    }

    fn line_start(&self) -> TextRange {
        let line = self.module.line_of(self.fault.place.stmt.start());
        let at = TextSize::try_from(self.module.line_start(line)).unwrap_or_default();
        TextRange::empty(at)
    }

    fn has_value_rewrite(&self) -> bool {
        self.fault.rewrites.iter().any(|r| matches!(r, Rewrite::Around { .. }))
    }

    /// A value as it can stand at the place: inside an f-string with the other kind of quotes.
    fn quoted(&self, value: &str) -> Option<String> {
        let Some(AnyNodeRef::FString(string)) =
            self.fault.site.parents.iter().rev().find(|p| matches!(p, AnyNodeRef::FString(_)))
        else {
            return Some(value.to_owned());
        };
        let text = self.module.slice(*string).trim_start_matches(|c: char| c.is_ascii_alphabetic());
        let outer = text.chars().next()?;
        if !value.contains(outer) {
            return Some(value.to_owned());
        }
        let inner = if outer == '"' { '\'' } else { '"' };
        (!value.contains(inner)).then(|| value.replace(outer, &inner.to_string()))
    }
}
