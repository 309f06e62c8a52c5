//! What changed lately in the lines that are shown.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use aegis_core::patch::{FileChange, Tier, changed_lines, unified};
use aegis_core::{Result, Revision};

use super::{Gatherer, Shown};

/// Changes of one file that are looked at.
const PER_FILE: usize = 3;

impl Gatherer {
    /// The newest changes of the lines that are shown, with who made them and when.
    pub(super) async fn changes(
        &self,
        base: &Revision,
        shown: &BTreeMap<String, Shown>,
    ) -> Result<String> {
        let mut text = String::new();
        for file in shown.values() {
            let path = Some(file.path.as_str());
            let commits = self.repository.history(base, path, PER_FILE + 1).await?;
            let safe = |text: &String| self.redactor.redact_str(text).as_str().to_owned();
            let mut after = Some(file.redacted.clone());
            // What the change before left is what this one began with.
            for pair in commits.windows(2) {
                let [commit, earlier] = pair else { break };
                let before = self.read(&earlier.revision, &file.path).await?.as_ref().map(safe);
                let change = FileChange {
                    path: file.path.clone(),
                    before: before.clone(),
                    after: after.take(),
                    tier: Tier::Exact,
                };
                after = before;
                let touched = changed_lines(&change);
                let seen = |line: &&u32| touched.iter().any(|range| near(range, **line));
                if !file.about.iter().any(|line| seen(&line)) {
                    continue;
                }
                let (short, at) = (commit.revision.short(), commit.at.as_ms());
                let (who, why) = (&commit.author, &commit.summary);
                let _ = writeln!(text, "commit {short} at {at} ms by {who}: {why}");
                text.push_str(&unified(&[change]));
            }
        }
        Ok(text)
    }

    async fn read(&self, at: &Revision, path: &str) -> Result<Option<String>> {
        let bytes = self.repository.read(at, path).await?;
        Ok(bytes.and_then(|bytes| String::from_utf8(bytes).ok()))
    }
}

/// Whether a change is within a few lines; older changes are counted as if the file had not grown since.
fn near(range: &aegis_core::patch::LineRange, line: u32) -> bool {
    range.first <= line.saturating_add(5) && line <= range.last.saturating_add(5)
}
