//! A draft on the source: it fits, exactly and within what is allowed, or is refused with the reason.

use std::collections::BTreeMap;
use std::error::Error as _;

use aegis_core::model::{Case, Fix, FixKind};
use aegis_core::patch::{self, Edit, FileChange, Patch, Tier, apply};
use aegis_core::redact::Redactor;
use aegis_core::{Confidence, ErrorKind, Revision};

use super::answer::Draft;
use super::limits::Limits;
use super::{Blamed, exact, near};
use crate::answer::cut;
use crate::context::Shown;

/// Above it nobody's word counts before anything is proven.
const MOST_CLAIMED: f64 = 0.8;

/// What is left of a claim where the place had to be guessed, or the function was written anew.
const LOOSE: f64 = 0.9;

/// Most lines of all blocks of a candidate: far more than policy lets change, and quick to compare.
const MOST_LINES: usize = 2_000;

/// Longest reason, in bytes.
const REASON: usize = 600;

/// What drafts are placed on.
#[derive(Debug)]
pub(super) struct Ground<'a> {
    pub(super) case: &'a Case,
    pub(super) base: &'a Revision,
    pub(super) blamed: &'a [Blamed<'a>],
    /// The only files that can be changed.
    pub(super) shown: &'a BTreeMap<String, Shown>,
    /// Paths of all files.
    pub(super) files: &'a [String],
    pub(super) limits: &'a Limits,
    pub(super) redactor: &'a Redactor,
}

/// A draft that fits.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    /// Its author is not known here.
    pub(super) fix: Fix,
    pub(super) changes: Vec<FileChange>,
}

impl Ground<'_> {
    /// All edits of `draft`, or the reason why they can't be.
    pub(super) fn place(&self, draft: &Draft) -> Result<Placed, String> {
        if draft.blocks.lines().count() > MOST_LINES {
            return Err(format!("its blocks take more than {MOST_LINES} lines"));
        }
        let edits = patch::parse(&draft.blocks).map_err(|e| format!("its blocks: {e}"))?;
        let mut texts: BTreeMap<String, Option<String>> = BTreeMap::new();
        let mut loose = false;
        for (number, edit) in (1..).zip(&edits) {
            let path = edit.path();
            self.may_touch(edit)?;
            let before = texts.get(path).cloned().unwrap_or_else(|| self.text(path));
            let (after, guessed) = self
                .edited(edit, before)
                .map_err(|why| format!("edit {number} of {path}: {}", cut(&why, REASON)))?;
            texts.insert(path.to_owned(), after);
            loose |= guessed;
        }
        let changes = texts.into_iter().map(|(path, after)| {
            let before = self.text(&path);
            FileChange { path, before, after, tier: Tier::Exact }
        });
        self.fix(&draft.title, &draft.meaning, changes.collect(), loose)
    }

    /// The fix that makes `changes`, in edits that are exact.
    pub(super) fn fix(
        &self,
        title: &str,
        meaning: &str,
        changes: Vec<FileChange>,
        loose: bool,
    ) -> Result<Placed, String> {
        for change in &changes {
            if let Some(line) = marker(change) {
                let path = &change.path;
                return Err(format!("{path}: the marker {line:?} is left in the text"));
            }
        }
        let patch = Patch::new(self.base.clone(), exact::edits(&changes)?);
        let claimed = self.claimed(&patch, loose);
        let fix =
            Fix::new(FixKind::Patch(patch), title, "").with_meaning(meaning).with_claimed(claimed);
        self.limits.check(self.case, &fix, &changes, self.files, self.redactor)?;
        Ok(Placed { fix, changes })
    }

    /// The text of `path` with `new` where `old` stands.
    pub(super) fn replaced(
        &self,
        path: &str,
        old: &str,
        new: &str,
    ) -> Result<Option<String>, String> {
        let (path, search, replace) = (path.to_owned(), old.to_owned(), new.to_owned());
        let edit = Edit::Replace { path, search, replace };
        applied(&edit, self.text(edit.path())).map_err(|e| beneath(&e))
    }

    fn text(&self, path: &str) -> Option<String> {
        self.shown.get(path).map(|file| file.text.clone())
    }

    fn may_touch(&self, edit: &Edit) -> Result<(), String> {
        let path = edit.path();
        if let Some(why) = self.limits.protected.protects(path) {
            return Err(format!("policy forbids it: {why}"));
        }
        if self.shown.contains_key(path) {
            return Ok(());
        }
        if !matches!(edit, Edit::Create { .. }) {
            let shown: Vec<&str> = self.shown.keys().map(String::as_str).collect();
            let shown = shown.join(", ");
            return Err(format!("{path} is not shown; only these can be changed: {shown}"));
        }
        // Some file systems don't tell letters of different case apart.
        let wanted = path.to_lowercase();
        let in_the_way = self.files.iter().find(|file| {
            let file = file.to_lowercase();
            file == wanted || is_in(&file, &wanted) || is_in(&wanted, &file)
        });
        in_the_way.map_or(Ok(()), |file| {
            Err(format!("{path} can't be made: {file} is there, and is not shown"))
        })
    }

    /// The text after `edit`, and whether its place had to be guessed.
    fn edited(&self, edit: &Edit, text: Option<String>) -> Result<(Option<String>, bool), String> {
        let path = edit.path();
        let nowhere = match applied(edit, text.clone()) {
            Ok(after) => return Ok((after, false)),
            Err(e) if e.kind() == ErrorKind::NotFound => beneath(&e),
            Err(e) => return Err(beneath(&e)),
        };
        let (Some(text), Edit::Replace { search, replace, .. }) = (text, edit) else {
            return Err(nowhere);
        };
        if let Some((search, replace)) = near::corrected(&text, search, replace)? {
            let edit = Edit::Replace { path: path.to_owned(), search, replace };
            // Why not would quote the file.
            let why =
                "the search comes near to lines that it can't be put on; copy them as they are";
            return applied(&edit, Some(text)).map(|after| (after, true)).map_err(|_| why.into());
        }
        // What came near is quoted from what was shown, never from the file.
        let redacted = self.redactor.redact_str(&text);
        match applied(edit, Some(redacted.as_str().to_owned())) {
            Ok(_) => Err("a line with a placeholder can't be searched for; leave it out".into()),
            Err(e) => Err(beneath(&e)),
        }
    }

    /// How sure whoever diagnosed it was of the place that `patch` mends.
    fn claimed(&self, patch: &Patch, loose: bool) -> Confidence {
        let paths = patch.paths();
        let mends = |blamed: &&Blamed<'_>| paths.contains(blamed.place.path.as_str());
        let hypothesis = self.blamed.iter().find(mends).or(self.blamed.first());
        let sure = hypothesis.map_or(0.0, |blamed| blamed.hypothesis.confidence.ratio());
        Confidence::from_ratio(sure.min(MOST_CLAIMED) * if loose { LOOSE } else { 1.0 })
    }
}

fn applied(edit: &Edit, text: Option<String>) -> aegis_core::Result<Option<String>> {
    let files = text.map(|text| (edit.path().to_owned(), text)).into_iter().collect();
    let changes = apply(std::slice::from_ref(edit), &files)?;
    Ok(changes.into_iter().next().and_then(|change| change.after))
}

/// What is wrong with an edit, without its number, which is that of one alone.
fn beneath(error: &aegis_core::Error) -> String {
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}

/// Whether `path` lies in the folder `folder`.
fn is_in(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// A line that is added and reads as a marker of a block.
fn marker(change: &FileChange) -> Option<&str> {
    let before = change.before.as_deref().unwrap_or_default();
    let marks = |line: &&str| {
        let bare = line.trim().trim_start_matches('\\');
        bare == "=======" || bare.starts_with("<<<<<<< ") || bare.starts_with(">>>>>>> ")
    };
    let mut added = change.after.as_deref().unwrap_or_default().lines().filter(marks);
    added.find(|line| !before.lines().any(|old| old == *line))
}
