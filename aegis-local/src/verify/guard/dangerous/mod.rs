//! Code that has no place in a fix: back doors, and tricks on the tests.

mod names;
mod row;
mod scan;
mod shapes;
mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use aegis_core::model::{Case, Fix, GateAnswer, GateReport};
use aegis_core::patch::FileChange;
use aegis_core::policy::{Guardrail, Touched};
use serde::{Deserialize, Serialize};

pub(in crate::verify) use self::row::Before;
use self::row::Row;
use self::scan::Use;
use self::table::of;
use super::{Added, is_python, needs_files, report};

const GATE: &str = "dangerous-code";

/// Looks at the syntax tree of added lines for what no fix needs.
///
/// What a file did before by the same name it may go on doing, where that is an honest use: a file
/// that opens files for writing may do so in its fix. Tricks on the test runner, the interpreter and
/// the coverage are denied whatever stood there before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct DangerousCode {
    /// Rules that are not asked, by the name that reports give in brackets.
    pub allowed: BTreeSet<String>,
}

/// How a use was found.
struct Finding {
    line: usize,
    answer: GateAnswer,
    text: String,
}

impl DangerousCode {
    /// All rules.
    pub fn new() -> Self {
        Self::default()
    }

    /// Leaves the rule `name` out.
    #[must_use]
    pub fn with_allowed(mut self, name: impl Into<String>) -> Self {
        self.allowed.insert(name.into());
        self
    }

    /// Every rule by name, with what it is against.
    pub fn rules() -> impl Iterator<Item = (&'static str, &'static str)> {
        table::ROWS.iter().map(|row| (row.name, row.why))
    }

    fn find(&self, change: &FileChange) -> Vec<Finding> {
        let Some(after) = change.after.as_deref() else { return Vec::new() };
        let added = Added::of(change, after);
        let path = &change.path;
        let finding = |line: usize, row: &Row, answer, key: &str| {
            let key: String = key.chars().take(60).flat_map(char::escape_debug).collect();
            let text = format!("{path}:{line}: {key} {} ({})", row.why, row.name);
            Finding { line, answer, text }
        };
        let Some(uses) = scan::uses(after) else {
            let row = of("unread");
            let asked = !self.allowed.contains(row.name);
            let why = "it nests too deeply or does not parse:";
            return asked.then(|| finding(1, row, row.answer, why)).into_iter().collect();
        };
        let before = change.before.as_deref().and_then(scan::uses).unwrap_or_default();
        let mut found = Vec::new();
        let pragma = of("coverage-pragma");
        for (at, line) in after.split('\n').enumerate() {
            let asked = added.has(at) && !self.allowed.contains(pragma.name);
            if asked && hides_from_coverage(line) {
                found.push(finding(at + 1, pragma, pragma.answer, "pragma: no cover"));
            }
        }
        for used in uses.iter().filter(|used| !self.allowed.contains(used.row.name)) {
            let Some(line) = added.first_in(used.range) else { continue };
            if let Some(answer) = answer(used, &before) {
                found.push(finding(line, used.row, answer, &used.key));
            }
        }
        found.sort_by(|a, b| (a.line, &a.text).cmp(&(b.line, &b.text)));
        found.dedup_by(|a, b| a.text == b.text);
        found
    }
}

/// What a use means beside what the file did before; nothing where it may stay.
fn answer(used: &Use, before: &[Use]) -> Option<GateAnswer> {
    let same = |other: &&Use| other.row.name == used.row.name;
    let known = before.iter().filter(same).any(|other| other.key == used.key);
    let like = before.iter().any(|other| other.row.name == used.row.name);
    match used.row.before {
        Before::Allowed if known => None,
        Before::Allowed if like => Some(GateAnswer::Cap),
        Before::Capped if known => Some(GateAnswer::Cap),
        Before::Allowed | Before::Capped | Before::Nothing => Some(used.row.answer),
    }
}

/// Whether coverage leaves the line out: it looks for its marks in the line's text.
fn hides_from_coverage(line: &str) -> bool {
    let squeezed: String = line.to_lowercase().split_whitespace().collect();
    squeezed.contains("pragma:nocover") || squeezed.contains("pragma:nobranch")
}

impl Guardrail for DangerousCode {
    fn check(&self, _case: &Case, fix: &Fix) -> GateReport {
        needs_files(GATE, fix)
    }

    fn inspect(&self, _case: &Case, _fix: &Fix, touched: &Touched<'_>) -> GateReport {
        let python = touched.changes.iter().filter(|c| is_python(&c.path));
        let found = python.flat_map(|change| self.find(change)).map(|f| (f.answer, f.text));
        report(GATE, found.collect())
    }
}
