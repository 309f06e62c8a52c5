//! Where the searched lines stand in a file.

use std::borrow::Cow;

use similar::TextDiff;

use super::Tier;
use super::lines::Line;
use crate::error::{Error, Result};

/// Most lines that are compared when a search fits nowhere and the nearest is looked for.
const MAX_COMPARED: usize = 2_000;

/// Most places that are named where a search fits in several.
const MAX_PLACES: usize = 5;

/// Longest line that is compared or shown, in characters.
const MAX_SHOWN: usize = 160;

/// One place that fits.
#[derive(Debug)]
pub(super) struct Found<'a> {
    pub(super) start: usize,
    pub(super) tier: Tier,
    pub(super) indentation: Indentation<'a>,
}

/// How the file is indented against the search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Indentation<'a> {
    Same,
    More(&'a str),
    Less(&'a str),
}

impl Indentation<'_> {
    /// A line of the replacement, indented as the file is.
    pub(super) fn shift<'l>(self, line: &'l str) -> Result<Cow<'l, str>> {
        if line.trim().is_empty() {
            return Ok(Cow::Borrowed(line));
        }
        match self {
            Self::Same => Ok(Cow::Borrowed(line)),
            Self::More(extra) => Ok(Cow::Owned(format!("{extra}{line}"))),
            Self::Less(extra) => line.strip_prefix(extra).map(Cow::Borrowed).ok_or_else(|| {
                Error::invalid(format!(
                    "the replacement can't be indented as the file is: {:?}",
                    shown(line)
                ))
            }),
        }
    }
}

/// The only place where `search` fits, by the strictest tier that fits anywhere; of several the one
/// at the index `hint`.
pub(super) fn find<'a>(
    file: &'a [Line<'_>],
    search: &[&'a str],
    hint: Option<usize>,
) -> Result<Found<'a>> {
    for tier in Tier::ALL {
        let mut places = Vec::new();
        if search.len() <= file.len() {
            for start in 0..=file.len() - search.len() {
                let window = &file[start..start + search.len()];
                if let Some(indentation) = fits(window, search, tier) {
                    places.push(Found { start, tier, indentation });
                }
                if places.len() > MAX_PLACES {
                    break;
                }
            }
        }
        match places.len() {
            0 => {}
            1 => return places.pop().ok_or_else(|| Error::internal("a place was lost")),
            _ => {
                let hinted = hint.and_then(|start| {
                    let window = file.get(start..start.checked_add(search.len())?)?;
                    Some(Found { start, tier, indentation: fits(window, search, tier)? })
                });
                return hinted.ok_or_else(|| several(places.iter().map(|p| p.start)));
            }
        }
    }
    Err(Error::not_found(format!("the search fits nowhere; {}", nearest(file, search))))
}

/// Why none of the places that fit is taken; each is the index of its first line.
pub(super) fn several(places: impl Iterator<Item = usize>) -> Error {
    let mut lines: Vec<String> = places.take(MAX_PLACES + 1).map(|p| (p + 1).to_string()).collect();
    let more = if lines.len() > MAX_PLACES { " and more" } else { "" };
    lines.truncate(MAX_PLACES);
    Error::invalid(format!(
        "the search fits in several places, at lines {}{more}; add lines around it",
        lines.join(", ")
    ))
}

fn fits<'a>(window: &'a [Line<'_>], search: &[&'a str], tier: Tier) -> Option<Indentation<'a>> {
    let mut pairs = window.iter().zip(search);
    match tier {
        Tier::Exact => pairs.all(|(l, s)| l.text == **s).then_some(Indentation::Same),
        Tier::TrailingSpace => {
            pairs.all(|(l, s)| l.text.trim_end() == s.trim_end()).then_some(Indentation::Same)
        }
        Tier::Indentation => {
            let mut common = None;
            for (line, search) in pairs {
                let (line, search) = (line.text.trim_end(), search.trim_end());
                if line.is_empty() && search.is_empty() {
                    continue;
                }
                let found = shift_between(line, search)?;
                if *common.get_or_insert(found) != found {
                    return None;
                }
            }
            common
        }
    }
}

/// How `line` is indented against `search`, where they are equal otherwise.
fn shift_between<'a>(line: &'a str, search: &'a str) -> Option<Indentation<'a>> {
    let blank = |s: &str| s.chars().all(|c| c == ' ' || c == '\t');
    if line.is_empty() || search.is_empty() {
        return None;
    }
    if line == search {
        return Some(Indentation::Same);
    }
    if let Some(extra) = line.strip_suffix(search).filter(|e| blank(e)) {
        return Some(Indentation::More(extra));
    }
    search.strip_suffix(line).filter(|e| blank(e)).map(Indentation::Less)
}

/// The line that comes closest to the first line of the search that says something.
fn nearest(file: &[Line<'_>], search: &[&str]) -> String {
    let wanted = search.iter().find(|s| !s.trim().is_empty()).copied().unwrap_or_default().trim();
    let wanted = shown(wanted);
    let best = file
        .iter()
        .enumerate()
        .filter(|(_, line)| !line.text.trim().is_empty())
        .take(MAX_COMPARED)
        .map(|(at, line)| {
            let text = shown(line.text.trim());
            let ratio = TextDiff::from_chars(wanted, text).ratio();
            (ratio, at, text)
        })
        // The first of equals, so that the message is the same on every run.
        .reduce(|best, next| if next.0 > best.0 { next } else { best });
    match best {
        Some((_, at, text)) => format!("{wanted:?} is nearest to line {}, {text:?}", at + 1),
        None => String::from("the file is blank"),
    }
}

fn shown(text: &str) -> &str {
    text.char_indices().nth(MAX_SHOWN).map_or(text, |(end, _)| &text[..end])
}
