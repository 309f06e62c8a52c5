//! The source around the frames of the service's own code.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use aegis_core::model::{Case, Location};
use aegis_core::patch::LineRange;
use aegis_core::port::FileEntry;
use aegis_core::trace::{line_of, locate};
use aegis_core::{Result, Revision};

use super::{Gatherer, SOURCE};

/// Files that are shown.
const FILES: usize = 5;

/// Largest file of which lines are shown, in bytes.
const MAX_FILE: usize = 1 << 20;

/// Most lines before and after a place that are shown.
const AROUND: u32 = 60;

/// How lines of the source are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lines {
    /// Each after its number.
    Numbered,
    /// As they stand in the file.
    Plain,
}

/// A file of which lines are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shown {
    /// The file, relative to the repository's root.
    pub path: String,
    /// Its whole text, as it is: nothing to be sent.
    pub text: String,
    /// The lines that the data is about, from 1, the first one first.
    pub about: Vec<u32>,
    /// The lines that are shown, sorted and apart.
    pub ranges: Vec<LineRange>,
    /// The text without secrets.
    pub(super) redacted: String,
}

impl Shown {
    fn new(path: &str, text: String, redacted: String, about: Vec<u32>) -> Self {
        Self { path: path.to_owned(), text, about, ranges: Vec::new(), redacted }
    }

    /// How many lines the file has.
    pub fn line_count(&self) -> u32 {
        u32::try_from(self.text.lines().count()).unwrap_or(u32::MAX)
    }

    /// Shows `around` lines on each side of each place.
    fn open(&mut self, around: u32) {
        let count = self.line_count();
        let mut about = self.about.clone();
        about.sort_unstable();
        self.ranges.clear();
        for line in about {
            let first = line.saturating_sub(around).max(1);
            let last = line.saturating_add(around).min(count);
            match self.ranges.last_mut() {
                Some(before) if first <= before.last.saturating_add(1) => before.last = last,
                _ => self.ranges.push(LineRange { first, last }),
            }
        }
    }

    fn size(&self) -> usize {
        self.text(Lines::Numbered).len()
    }

    /// What is shown of it. Where a secret took several lines, numbers would be wrong and are left out.
    pub(super) fn text(&self, lines: Lines) -> String {
        let whole: Vec<&str> = self.redacted.lines().collect();
        let count = self.line_count();
        let moved = usize::try_from(count).is_ok_and(|count| count != whole.len());
        let mut text = String::new();
        for range in &self.ranges {
            let (first, last) = (range.first, range.last);
            let _ = writeln!(text, "file {}, lines {first} to {last} of {count}:", self.path);
            let from = usize::try_from(first - 1).unwrap_or(usize::MAX);
            for (number, line) in (first..=last).zip(whole.iter().skip(from)) {
                let _ = match lines {
                    Lines::Numbered if !moved => writeln!(text, "{number:>5} | {line}"),
                    _ => writeln!(text, "{line}"),
                };
            }
        }
        text
    }
}

/// Where in which files to look: `focus` first, then the trace's own frames, the innermost first.
pub(super) fn places(
    files: &[FileEntry],
    case: &Case,
    focus: &[Location],
) -> Vec<(String, Wanted)> {
    let mut all: Vec<(String, Wanted)> = Vec::new();
    for place in focus {
        add(&mut all, &place.path, place.line, None);
    }
    let paths = || files.iter().filter(|file| file.regular).map(|file| file.path.as_str());
    let traces = case.symptoms.iter().filter_map(|symptom| symptom.trace());
    for exception in traces.flat_map(|trace| &trace.exceptions) {
        for frame in exception.frames.iter().rev().filter(|frame| frame.in_app) {
            if let (Some(found), Some(line)) = (locate(&frame.path, paths()), frame.line) {
                add(&mut all, &found.path, line, frame.source.clone());
            }
        }
    }
    all
}

/// Lines of a file, each with its text where that was printed.
type Wanted = Vec<(u32, Option<String>)>;

fn add(all: &mut Vec<(String, Wanted)>, path: &str, line: u32, source: Option<String>) {
    let room = all.len() < FILES;
    match all.iter_mut().find(|(known, _)| known == path) {
        Some((_, wanted)) => wanted.push((line, source)),
        None if room => all.push((path.to_owned(), vec![(line, source)])),
        None => {}
    }
}

impl Gatherer {
    /// Reads the files and opens as much of each as the budget lets.
    pub(super) async fn show(
        &self,
        base: &Revision,
        places: &[(String, Wanted)],
    ) -> Result<BTreeMap<String, Shown>> {
        let mut shown = Vec::new();
        for (path, wanted) in places {
            let Some(bytes) = self.repository.read(base, path).await? else { continue };
            let Some(text) = String::from_utf8(bytes).ok().filter(|t| t.len() <= MAX_FILE) else {
                continue;
            };
            let mut about: Vec<u32> = Vec::new();
            for (line, source) in wanted {
                let line = line_of(&text, *line, source.as_deref()).map(|moved| moved.line);
                about.extend(line.filter(|line| !about.contains(line)));
            }
            let redacted = self.redactor.redact_str(&text).as_str().to_owned();
            shown.push(Shown::new(path, text, redacted, about));
        }
        // The first files are the likeliest: the last ones shrink first, and go first.
        let budget = self.bytes(SOURCE);
        let mut left = budget;
        shown.retain_mut(|file: &mut Shown| {
            let fits = [AROUND, 25, 10, 3].into_iter().find(|around| {
                file.open(*around);
                file.size() <= left
            });
            left -= fits.map_or(0, |_| file.size());
            fits.is_some() && !file.ranges.is_empty()
        });
        Ok(shown.into_iter().map(|file| (file.path.clone(), file)).collect())
    }
}
