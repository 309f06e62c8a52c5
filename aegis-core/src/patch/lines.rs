//! A file as lines that remember how they ended.

use std::borrow::Cow;
use std::ops::Range;

/// One line and its end: `\n`, `\r\n`, or nothing for a last line without one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) eol: &'static str,
}

/// The lines of a file.
pub(super) fn split(text: &str) -> Vec<Line<'_>> {
    text.split_inclusive('\n')
        .map(|line| {
            let (text, eol) = match line.strip_suffix('\n') {
                None => (line, ""),
                Some(rest) => match rest.strip_suffix('\r') {
                    Some(rest) => (rest, "\r\n"),
                    None => (rest, "\n"),
                },
            };
            Line { text: Cow::Borrowed(text), eol }
        })
        .collect()
}

/// The lines of an edit, without their ends.
pub(super) fn plain(text: &str) -> Vec<&str> {
    let text = match text.strip_suffix('\n') {
        Some(rest) => rest,
        None if text.is_empty() => return Vec::new(),
        None => text,
    };
    text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).collect()
}

/// The line end that is in use at a place, or else in the file.
pub(super) fn dominant(place: &[Line<'_>], file: &[Line<'_>]) -> &'static str {
    place.iter().chain(file).map(|line| line.eol).find(|eol| !eol.is_empty()).unwrap_or("\n")
}

/// The file with `added` where `range` was; whether the last line has an end stays as it was.
pub(super) fn join(file: &[Line<'_>], range: Range<usize>, added: Vec<Line<'_>>) -> String {
    let ended = file.last().is_none_or(|line| !line.eol.is_empty());
    let eol = dominant(&[], file);
    let all: Vec<&Line<'_>> =
        file[..range.start].iter().chain(&added).chain(&file[range.end..]).collect();
    let mut out = String::new();
    for (at, line) in all.iter().enumerate() {
        out.push_str(&line.text);
        let last = at + 1 == all.len();
        match line.eol {
            _ if last && !ended => {}
            "" => out.push_str(eol),
            eol => out.push_str(eol),
        }
    }
    out
}
