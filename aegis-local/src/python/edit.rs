//! Changes of byte ranges, and the whole-line edit that a patch carries.

use aegis_core::patch::Edit;
use ruff_text_size::TextRange;

use super::source::Module;

/// A text that takes the place of a range; an empty range is an insertion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) range: TextRange,
    pub(super) text: String,
}

impl Change {
    pub(super) fn new(range: TextRange, text: impl Into<String>) -> Self {
        Self { range, text: text.into() }
    }
}

/// The text after the changes; `None` where two of them overlap.
pub(super) fn apply(text: &str, changes: &[Change]) -> Option<String> {
    let mut sorted: Vec<&Change> = changes.iter().collect();
    sorted.sort_by_key(|c| (c.range.start(), c.range.end()));
    let mut out = String::with_capacity(text.len() + 64);
    let mut at = 0;
    for change in sorted {
        let (start, end) = (change.range.start().to_usize(), change.range.end().to_usize());
        out.push_str(text.get(at..start)?);
        out.push_str(&change.text);
        at = end;
    }
    out.push_str(text.get(at..)?);
    Some(out)
}

/// The changes as one replacement of whole lines that fits in one place of the file.
pub(super) fn whole_lines(module: &Module, changes: &[Change]) -> Option<Edit> {
    let first = changes.iter().map(|c| c.range.start()).min()?;
    let last = changes.iter().map(|c| c.range.end()).max()?;
    let (mut from, mut to) = (module.line_of(first), module.line_of(last));
    let lines = module.line_count();
    loop {
        let (start, end) = (module.line_start(from), module.line_start(to + 1));
        let search = module.text.get(start..end)?;
        if !search.trim().is_empty() && occurrences(&module.text, search) == 1 {
            let inner: Vec<Change> = changes.to_vec();
            let whole = apply(&module.text, &inner)?;
            let grown = whole.len() + search.len() - module.text.len();
            let replace = whole.get(start..start + grown)?;
            return Some(Edit::Replace {
                path: module.path.clone(),
                search: search.to_owned(),
                replace: replace.to_owned(),
            });
        }
        if from > 1 {
            from -= 1;
        } else if to < lines {
            to += 1;
        } else {
            return None;
        }
        // The line before may repeat as well; the one behind often tells them apart.
        if from > 1 && (to - from) % 3 == 2 && to < lines {
            to += 1;
        }
    }
}

/// In how many places whole lines occur, white space at line ends aside, as an applier would look.
fn occurrences(text: &str, search: &str) -> usize {
    let wanted: Vec<&str> = search.lines().map(str::trim).collect();
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    lines.windows(wanted.len()).filter(|window| *window == wanted.as_slice()).count()
}
