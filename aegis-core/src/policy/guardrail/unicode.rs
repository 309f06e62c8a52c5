//! Text that reads differently to a person and to a machine.

use std::collections::HashSet;

use unicode_normalization::UnicodeNormalization as _;
use unicode_security::{RestrictionLevel, RestrictionLevelDetection as _, skeleton};

use super::names::names;
use super::written::Written;
use super::{Guardrail, Touched, report};
use crate::model::{Case, Fix, GateReport};
use crate::patch::is_hidden;

const GATE: &str = "unicode";

/// Denies added lines that hold characters nobody sees, and names that pass for others.
///
/// Characters: controls but for the tab, a carriage return that ends no line, bidirectional
/// controls, zero-width and other invisible ones, in strings and comments too. One variation
/// selector after a pictograph is a part of it.
///
/// Names, where whole files are at hand: those that the parser or a reader takes for ASCII
/// ([UTS #39] skeletons, NFKC as Python has it), and those that mix scripts beyond "highly
/// restrictive". Names that stood in the file before may be used. Text in strings and comments may
/// be in any script; in an f-string what stands in braces is code.
///
/// [UTS #39]: https://www.unicode.org/reports/tr39/
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Unicode;

impl Unicode {
    /// The rule; it has no settings.
    pub fn new() -> Self {
        Self
    }

    fn about(all: &[Written<'_>]) -> GateReport {
        let mut findings = Vec::new();
        for written in all {
            let mut added = HashSet::new();
            for (number, line) in written.added() {
                added.insert(number);
                let line = line.strip_suffix('\r').unwrap_or(line);
                // A mark of the byte order that the file has had at its start.
                let marked = number == 1 && written.before.starts_with('\u{feff}');
                let line = line.strip_prefix('\u{feff}').filter(|_| marked).unwrap_or(line);
                if let Some(c) = hidden(line) {
                    let place = written.place(number);
                    let code = u32::from(c);
                    findings.push(format!("{place}: U+{code:04X} can't be seen by a reader"));
                }
            }
            // A place in a file does not show what is a string and what is not.
            if !written.whole || written.after.is_ascii() {
                continue;
            }
            let before: HashSet<&str> =
                names(written.path, written.before).into_iter().map(|(_, name)| name).collect();
            for (number, name) in names(written.path, written.after) {
                if added.contains(&number) && !before.contains(name) {
                    let place = written.place(number);
                    findings.extend(deceit(name).map(|why| format!("{place}: {why}")));
                }
            }
        }
        findings.dedup();
        report(GATE, &findings, "reads as it runs")
    }
}

/// The first character that nobody sees.
fn hidden(line: &str) -> Option<char> {
    let mut last = ' ';
    for c in line.chars() {
        let emoji = c == '\u{fe0f}' && last >= '\u{2000}' && !is_hidden(last);
        if c != '\t' && is_hidden(c) && !emoji {
            return Some(c);
        }
        last = c;
    }
    None
}

/// Why a name reads as another, where it does.
fn deceit(name: &str) -> Option<String> {
    if name.is_ascii() {
        return None;
    }
    let shown: String = name.chars().take(40).flat_map(char::escape_default).collect();
    let folded: String = name.nfkc().collect();
    if folded.is_ascii() {
        return Some(format!("the name {shown} means {folded}"));
    }
    let likeness: String = skeleton(name).collect();
    if likeness.is_ascii() {
        return Some(format!("the name {shown} looks like {likeness}"));
    }
    if !folded.as_str().check_restriction_level(RestrictionLevel::HighlyRestrictive) {
        return Some(format!("the name {shown} mixes scripts"));
    }
    None
}

impl Guardrail for Unicode {
    fn check(&self, _case: &Case, fix: &Fix) -> GateReport {
        Self::about(&Written::by_fix(fix))
    }

    fn inspect(&self, _case: &Case, _fix: &Fix, touched: &Touched<'_>) -> GateReport {
        Self::about(&Written::by_changes(touched.changes))
    }
}
