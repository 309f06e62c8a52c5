//! How large a fix may be.

use serde::{Deserialize, Serialize};

use super::{Guardrail, Touched};
use crate::model::{Case, Fix, GateAnswer, GateReport};
use crate::patch::{Edit, count_changed};

const GATE: &str = "size";

/// Denies patches that are larger than a fix should be, and those that change nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct SizeLimit {
    /// Most files, 3 unless set.
    pub files: usize,
    /// Most lines removed and added together, 60 unless set.
    pub lines: usize,
}

impl Default for SizeLimit {
    fn default() -> Self {
        Self { files: 3, lines: 60 }
    }
}

impl SizeLimit {
    /// At most `files` files, and `lines` lines removed and added together.
    pub fn new(files: usize, lines: usize) -> Self {
        Self { files, lines }
    }

    fn about(&self, files: usize, lines: usize) -> GateReport {
        let says = format!("{files} files and {lines} changed lines");
        if files > self.files || lines > self.lines {
            let why = format!("{says}; at most {} and {} are allowed", self.files, self.lines);
            return GateReport::new(GATE, GateAnswer::Deny, why);
        }
        if files == 0 || lines == 0 {
            return GateReport::new(GATE, GateAnswer::Deny, "nothing changes");
        }
        GateReport::new(GATE, GateAnswer::Pass, says)
    }
}

impl Guardrail for SizeLimit {
    fn check(&self, _case: &Case, fix: &Fix) -> GateReport {
        let Some(patch) = fix.patch() else {
            return GateReport::new(GATE, GateAnswer::Pass, "no patch");
        };
        self.about(patch.paths().len(), patch.edits.iter().map(changed).sum())
    }

    fn inspect(&self, _case: &Case, _fix: &Fix, touched: &Touched<'_>) -> GateReport {
        self.about(touched.changes.len(), count_changed(touched.changes))
    }
}

/// Lines that an edit adds or removes; context that stands in both is not counted.
fn changed(edit: &Edit) -> usize {
    match edit {
        // An empty file is a change as well.
        Edit::Create { text, .. } => text.lines().count().max(1),
        // The size of a deleted file is not known here; deleting one is never small.
        Edit::Delete { .. } => usize::MAX / 1024,
        Edit::Replace { search, replace, .. } | Edit::Hunk { search, replace, .. } => {
            let (old, new): (Vec<&str>, Vec<&str>) =
                (search.lines().collect(), replace.lines().collect());
            let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
            let room = old.len().min(new.len()) - head;
            let tail = old.iter().rev().zip(new.iter().rev()).take(room);
            let tail = tail.take_while(|(a, b)| a == b).count();
            (old.len() - head - tail) + (new.len() - head - tail)
        }
    }
}
