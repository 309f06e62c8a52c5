//! Applying edits, exact first and looser only where exact fails.

use std::collections::BTreeMap;

use super::find::{self, Found};
use super::lines::{self, Line};
use super::path::check_path;
use super::{Edit, FileChange};
use crate::error::{Error, ErrorKind, Result};

/// Largest file that is edited, in bytes, before or after.
const MAX_FILE: usize = 4 << 20;

/// How closely the searched lines had to match, strictest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Byte for byte.
    Exact,
    /// But for white space at line ends.
    TrailingSpace,
    /// But for a common indentation, which the replacement then gets too.
    Indentation,
}

impl Tier {
    /// Strictest first.
    pub const ALL: [Self; 3] = [Self::Exact, Self::TrailingSpace, Self::Indentation];
}

/// Applies `edits` to the files in `before`, all or none.
///
/// `before` holds the files that exist, path to text; those that no edit names are left alone. Each
/// edit sees the result of the ones before it. Line ends are not part of a match: a file keeps its
/// own (`\n` or `\r\n`), and whether its last line has one. A hunk is put in place byte for byte
/// where it fits like that, and as a replacement otherwise. The changes come back in path order.
///
/// # Errors
///
/// [`ErrorKind::Invalid`] for a path that [`check_path`] refuses, an empty search in a file that
/// exists, a search that fits in several places, an edit that changes nothing, and a file over
/// 4 MiB; [`ErrorKind::NotFound`] for a file that is not there and a search that fits nowhere;
/// [`ErrorKind::Conflict`] for a creation where a file is. The message gives the number of the
/// edit, from 1, its path, and the lines that came near.
pub fn apply(edits: &[Edit], before: &BTreeMap<String, String>) -> Result<Vec<FileChange>> {
    let mut changes: BTreeMap<&str, FileChange> = BTreeMap::new();
    for (at, edit) in edits.iter().enumerate() {
        let path = edit.path();
        let fault = |e: Error| {
            let mut wrapped = Error::new(e.kind(), format!("edit {} of {path:?}", at + 1));
            wrapped = wrapped.with_source(e);
            wrapped
        };
        check_path(path).map_err(fault)?;
        let change = changes.entry(path).or_insert_with(|| {
            let text = before.get(path).cloned();
            FileChange {
                path: path.to_owned(),
                before: text.clone(),
                after: text,
                tier: Tier::Exact,
            }
        });
        let (after, tier) = apply_one(edit, change.after.as_deref()).map_err(fault)?;
        change.after = after;
        change.tier = change.tier.max(tier);
    }
    for change in changes.values() {
        if change.before == change.after {
            return Err(Error::invalid(format!(
                "the edits of {:?} cancel each other out",
                change.path
            )));
        }
        // Git can't hold a file and a folder of the same name.
        let folders = change.path.match_indices('/').map(|(i, _)| &change.path[..i]);
        for folder in folders.filter(|_| change.after.is_some()) {
            let there = match changes.get(folder) {
                Some(other) => other.after.is_some(),
                None => before.contains_key(folder),
            };
            if there {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    format!("{:?} needs a folder where the file {folder:?} is", change.path),
                ));
            }
        }
    }
    Ok(changes.into_values().collect())
}

fn apply_one(edit: &Edit, current: Option<&str>) -> Result<(Option<String>, Tier)> {
    let too_large = current.is_some_and(|text| text.len() > MAX_FILE);
    if too_large {
        return Err(Error::invalid(format!("the file is over {MAX_FILE} bytes")));
    }
    match (edit, current) {
        (Edit::Create { .. }, Some(_)) => {
            Err(Error::conflict("it exists; search for the lines to change, or delete it first"))
        }
        (Edit::Create { text, .. }, None) if text.len() > MAX_FILE => {
            Err(Error::invalid(format!("the new file is over {MAX_FILE} bytes")))
        }
        (Edit::Create { text, .. }, None) => Ok((Some(text.clone()), Tier::Exact)),
        (Edit::Delete { .. } | Edit::Replace { .. } | Edit::Hunk { .. }, None) => {
            Err(Error::not_found("no such file"))
        }
        (Edit::Delete { .. }, Some(_)) => Ok((None, Tier::Exact)),
        (Edit::Replace { search, replace, .. }, Some(text)) => {
            let (text, tier) = replace_in(text, search, replace, None)?;
            Ok((Some(text), tier))
        }
        (Edit::Hunk { line, search, replace, .. }, Some(text)) => {
            let hint = usize::try_from(*line).unwrap_or(usize::MAX).saturating_sub(1);
            let (text, tier) = match splice(text, search, replace, hint)? {
                Some(text) => (text, Tier::Exact),
                None => replace_in(text, search, replace, Some(hint))?,
            };
            Ok((Some(text), tier))
        }
    }
}

/// A hunk put in place byte for byte; nothing where its lines don't stand like that.
fn splice(text: &str, search: &str, replace: &str, hint: usize) -> Result<Option<String>> {
    if search.is_empty() && !text.is_empty() {
        return Err(Error::invalid("a hunk without a line of the file does not say where it goes"));
    }
    if search == replace {
        return Err(Error::invalid("it changes nothing"));
    }
    let whole = |text| str::split_inclusive(text, '\n').collect::<Vec<&str>>();
    let (file, wanted) = (whole(text), whole(search));
    let fits = |start: usize| {
        let end = start.checked_add(wanted.len());
        end.and_then(|end| file.get(start..end)).is_some_and(|window| window == wanted)
    };
    let mut places = (0..=file.len()).filter(|start| fits(*start));
    let start = match (places.next(), places.next()) {
        (None, _) => return Ok(None),
        (Some(start), None) => start,
        (Some(_), Some(_)) if fits(hint) => hint,
        (Some(a), Some(b)) => return Err(find::several([a, b].into_iter().chain(places))),
    };
    let (head, tail) = (file[..start].concat(), file[start + wanted.len()..].concat());
    if !tail.is_empty() && !replace.is_empty() && !replace.ends_with('\n') {
        return Err(Error::invalid("only the last line of a file can be without an end"));
    }
    if head.len() + replace.len() + tail.len() > MAX_FILE {
        return Err(Error::invalid(format!("the file would be over {MAX_FILE} bytes")));
    }
    Ok(Some(head + replace + &tail))
}

fn replace_in(
    text: &str,
    search: &str,
    replace: &str,
    hint: Option<usize>,
) -> Result<(String, Tier)> {
    let search = lines::plain(search);
    let replace = lines::plain(replace);
    if search.is_empty() {
        return Err(Error::invalid("an empty search makes a file, and this one exists"));
    }
    let file = lines::split(text);
    let Found { start, tier, indentation } = find::find(&file, &search, hint)?;
    // What search and replacement share stays as the file has it, loosely matched space included.
    let head = search.iter().zip(&replace).take_while(|(a, b)| a == b).count();
    let tail = search[head..]
        .iter()
        .rev()
        .zip(replace[head..].iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let (from, to) = (start + head, start + search.len() - tail);
    let eol = lines::dominant(&file[start..start + search.len()], &file);
    let mut added = Vec::new();
    for line in &replace[head..replace.len() - tail] {
        added.push(Line { text: indentation.shift(line)?, eol });
    }
    let unchanged = added.len() == to - from
        && added.iter().zip(&file[from..to]).all(|(a, b)| a.text == b.text);
    if unchanged {
        return Err(Error::invalid("it changes nothing"));
    }
    let size: usize = added.iter().map(|line| line.text.len() + 2).sum();
    if text.len() + size > MAX_FILE {
        return Err(Error::invalid(format!("the file would be over {MAX_FILE} bytes")));
    }
    Ok((lines::join(&file, from..to, added), tier))
}

#[cfg(test)]
#[path = "apply_tests.rs"]
mod tests;
