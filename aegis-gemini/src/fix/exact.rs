//! Edits that say exactly what changes, and no more.

use std::collections::BTreeMap;

use aegis_core::patch::{Edit, FileChange, Tier, apply};
use similar::{DiffOp, TextDiff};

/// Most lines around a place that tell it from others.
const AROUND: usize = 40;

/// Lines of one file that change: those of before, and what takes their place.
#[derive(Debug, Clone, Copy)]
struct Place {
    old: (usize, usize),
    new: (usize, usize),
}

/// Edits that make each change from the text before at [`Tier::Exact`]: the lines that differ, with as
/// many around them as make them the only ones. However an edit was written, it comes out as the same.
pub(super) fn edits(changes: &[FileChange]) -> Result<Vec<Edit>, String> {
    let mut all = Vec::new();
    for change in changes {
        let path = change.path.clone();
        match (&change.before, &change.after) {
            (None, Some(text)) => all.push(Edit::Create { path, text: text.clone() }),
            (Some(_), None) => all.push(Edit::Delete { path }),
            (Some(before), Some(after)) => all.extend(replaces(&path, before, after)?),
            (None, None) => {}
        }
    }
    Ok(all)
}

fn replaces(path: &str, before: &str, after: &str) -> Result<Vec<Edit>, String> {
    let lines = |text| str::split_inclusive(text, '\n').collect::<Vec<&str>>();
    let (old, new) = (lines(before), lines(after));
    let places = places(&old, &new);
    let (Some(first), Some(last)) = (places.first(), places.last()) else {
        return Err(format!("{path}: it changes nothing"));
    };
    let whole = Place { old: (first.old.0, last.old.1), new: (first.new.0, last.new.1) };
    for places in [places.as_slice(), &[whole]] {
        let only = places.iter().map(|place| alone(*place, &old, &new));
        let edits: Vec<Edit> = only.map(|place| replace(path, place, &old, &new)).collect();
        if does(&edits, path, before, after) {
            return Ok(edits);
        }
    }
    let edits = vec![hunk(path, alone(whole, &old, &new), &old, &new)];
    does(&edits, path, before, after)
        .then_some(edits)
        .ok_or_else(|| format!("{path}: it can't be written as an exact edit; change fewer lines"))
}

fn places(old: &[&str], new: &[&str]) -> Vec<Place> {
    let mut all: Vec<Place> = Vec::new();
    for op in TextDiff::from_slices(old, new).ops() {
        let (o, n) = (op.old_range(), op.new_range());
        match (op, all.last_mut()) {
            (DiffOp::Equal { .. }, _) => {}
            (_, Some(last)) if last.old.1 == o.start => (last.old.1, last.new.1) = (o.end, n.end),
            _ => all.push(Place { old: (o.start, o.end), new: (n.start, n.end) }),
        }
    }
    all
}

/// The place with lines around it until it stands only once in the file, or is too long.
fn alone(mut place: Place, old: &[&str], new: &[&str]) -> Place {
    let all: Vec<&str> = old.iter().map(|line| line.trim_end_matches(['\r', '\n'])).collect();
    for added in 0..AROUND {
        let (from, to) = place.old;
        let search = &all[from..to];
        let mut places = all.windows(search.len().max(1)).filter(|window| *window == search);
        let once = places.next().is_some() && places.next().is_none();
        let (up, down) = (from > 0, to < all.len());
        if once || !(up || down) {
            return place;
        }
        if up && (added % 2 == 0 || !down) {
            (place.old.0, place.new.0) = (from - 1, place.new.0.saturating_sub(1));
        } else {
            (place.old.1, place.new.1) = (to + 1, (place.new.1 + 1).min(new.len()));
        }
    }
    place
}

fn replace(path: &str, place: Place, old: &[&str], new: &[&str]) -> Edit {
    let search = old[place.old.0..place.old.1].concat();
    let replace = new[place.new.0..place.new.1].concat();
    // An end of the line is no part of what is searched, and its absence none of what is put there.
    let ended = |text: String| match text.strip_suffix('\n') {
        None if !text.is_empty() => text + "\n",
        _ => text,
    };
    Edit::Replace { path: path.to_owned(), search: ended(search), replace: ended(replace) }
}

/// Byte for byte and by its line, where ends of lines change or too many lines are alike.
fn hunk(path: &str, place: Place, old: &[&str], new: &[&str]) -> Edit {
    Edit::Hunk {
        path: path.to_owned(),
        line: u32::try_from(place.old.0 + 1).unwrap_or(u32::MAX),
        search: old[place.old.0..place.old.1].concat(),
        replace: new[place.new.0..place.new.1].concat(),
    }
}

fn does(edits: &[Edit], path: &str, before: &str, after: &str) -> bool {
    let files = BTreeMap::from([(path.to_owned(), before.to_owned())]);
    let changes = apply(edits, &files).unwrap_or_default();
    matches!(&changes[..], [change] if change.tier == Tier::Exact
        && change.after.as_deref() == Some(after))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn of(before: &str, after: &str) -> Vec<Edit> {
        replaces("a.py", before, after).unwrap()
    }

    fn replace(search: &str, replace: &str) -> Edit {
        Edit::Replace { path: "a.py".into(), search: search.into(), replace: replace.into() }
    }

    #[test]
    fn an_edit_holds_the_lines_that_change_and_no_others() {
        assert_eq!(
            of("a\nb\nc\nd\n", "a\nB\nc\nD\n"),
            [replace("b\n", "B\n"), replace("d\n", "D\n")]
        );
        assert_eq!(of("a\nb\nc\n", "a\nc\n"), [replace("b\n", "")]);
    }

    #[test]
    fn lines_that_stand_twice_get_their_neighbours() {
        assert_eq!(of("x\na\nx\nb\n", "x\na\ny\nb\n"), [replace("a\nx\n", "a\ny\n")]);
        assert_eq!(of("a\nb\n", "a\nnew\nb\n"), [replace("a\n", "a\nnew\n")]);
    }

    #[test]
    fn a_place_that_an_earlier_edit_makes_ambiguous_is_put_into_one_edit() {
        let (before, after) = ("a\nb\nc\n", "c\nb\nC\n");
        assert_eq!(of(before, after), [replace("a\nb\nc\n", "c\nb\nC\n")]);
    }

    #[test]
    fn an_end_of_the_last_line_that_changes_takes_a_hunk() {
        let (before, after) = ("a\n\nb", "a\n");
        assert!(matches!(&of(before, after)[..], [Edit::Hunk { line: 2, .. }]));
    }

    #[test]
    fn a_place_among_many_lines_that_are_alike_takes_a_hunk() {
        let lines = "x\n".repeat(300);
        let middle = format!("{}X\n{}", "x\n".repeat(150), "x\n".repeat(149));
        assert!(matches!(&of(&lines, &middle)[..], [Edit::Hunk { .. }]));
    }

    #[test]
    fn ends_of_lines_stay_as_the_file_has_them() {
        assert_eq!(of("a\r\nb\r\n", "a\r\nc\r\n"), [replace("b\r\n", "c\r\n")]);
        assert_eq!(of("a\nb", "a\nc"), [replace("b\n", "c\n")]);
    }
}
