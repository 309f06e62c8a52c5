//! A search that almost fits, in the words of the file.

use similar::{DiffOp, TextDiff};

/// How alike search and place must be: characters in common, of both, in the lines' order.
const ALIKE: f64 = 0.9;

/// Longest line that is compared by characters; a longer one is equal or is not.
const LONGEST: usize = 400;

/// Longest search that is compared, in lines.
const MOST_LINES: usize = 60;

/// Longest file that is looked through, in lines.
const MOST_FILE: usize = 10_000;

/// `search` and `replace` with the lines of the file that the search means, where exactly one place of
/// `text` comes close. The indentation stays as it was written: whoever applies it shifts it.
///
/// Lines that search and replacement share become the file's in both.
pub(super) fn corrected(
    text: &str,
    search: &str,
    replace: &str,
) -> Result<Option<(String, String)>, String> {
    let file: Vec<&str> = text.lines().collect();
    let (old, new): (Vec<&str>, Vec<&str>) = (search.lines().collect(), replace.lines().collect());
    let long = old.len() > MOST_LINES || file.len() > MOST_FILE;
    if long || old.iter().all(|line| line.trim().is_empty()) {
        return Ok(None);
    }
    let (all, wanted): (Vec<Line<'_>>, Vec<Line<'_>>) = (sized(&file), sized(&old));
    let mut places = all.windows(old.len()).enumerate();
    let mut places = std::iter::from_fn(|| {
        places.find(|(_, window)| is_alike(window, &wanted)).map(|(at, _)| at)
    });
    let place = match (places.next(), places.next()) {
        (None, _) => return Ok(None),
        (Some(place), None) => place,
        (Some(one), Some(other)) => {
            let (one, other) = (one + 1, other + 1);
            return Err(format!(
                "the search fits nowhere as it stands, and comes near to lines {one} and {other}; \
                 copy the lines of the file, and more of them"
            ));
        }
    };
    let meant: Vec<String> = old.iter().zip(&file[place..]).map(|(o, f)| indented(o, f)).collect();
    let mut after: Vec<&str> = Vec::new();
    for op in TextDiff::from_slices(&old, &new).ops() {
        match op {
            DiffOp::Equal { .. } => after.extend(meant[op.old_range()].iter().map(String::as_str)),
            _ => after.extend(&new[op.new_range()]),
        }
    }
    let lines = |lines: &[&str]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    let before: Vec<&str> = meant.iter().map(String::as_str).collect();
    Ok(Some((lines(&before), lines(&after))))
}

/// The file's line behind the indentation of the search.
fn indented(search: &str, line: &str) -> String {
    let indentation = &search[..search.len() - search.trim_start().len()];
    let line = line.trim_start();
    if line.is_empty() { String::new() } else { format!("{indentation}{line}") }
}

/// A line without its indentation, and how many characters that has.
type Line<'a> = (&'a str, f64);

fn sized<'a>(lines: &[&'a str]) -> Vec<Line<'a>> {
    lines.iter().map(|line| (line.trim(), line.trim().chars().count() as f64)).collect()
}

fn is_alike(place: &[Line<'_>], search: &[Line<'_>]) -> bool {
    let all: f64 = place.iter().chain(search).map(|(_, size)| size).sum();
    // What may differ before it is too much.
    let mut left = all * (1.0 - ALIKE) + 1e-6;
    for ((a, size), (b, other)) in place.iter().zip(search) {
        let both = size + other;
        if left < both * (1.0 - bound(a, b)) {
            return false;
        }
        left -= both * (1.0 - ratio(a, b));
        if left < 0.0 {
            return false;
        }
    }
    true
}

fn ratio(a: &str, b: &str) -> f64 {
    if a == b {
        return 1.0;
    }
    if a.len().max(b.len()) > LONGEST {
        return 0.0;
    }
    f64::from(TextDiff::from_chars(a, b).ratio())
}

/// No ratio is above it: what they have in common in any order, where a byte is a character.
fn bound(a: &str, b: &str) -> f64 {
    if a == b || !a.is_ascii() || !b.is_ascii() {
        return 1.0;
    }
    let mut counts = [0i32; 256];
    a.bytes().for_each(|byte| counts[usize::from(byte)] += 1);
    let common = b.bytes().filter(|byte| {
        let count = &mut counts[usize::from(*byte)];
        *count -= 1;
        *count >= 0
    });
    2.0 * common.count() as f64 / (a.len() + b.len()) as f64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const FILE: &str = "def mean(values):\n    total = sum(values)\n    return total / len(values)\n\n\
                        def other(values):\n    return len(values)\n";

    #[test]
    fn a_search_with_a_slip_gets_the_lines_of_the_file() {
        let search = "total = sum( values)\nreturn total / len(values)\n";
        let replace = "total = sum( values)\nreturn total / len(values) if values else 0.0\n";
        let (before, after) = corrected(FILE, search, replace).unwrap().unwrap();
        assert_eq!(before, "total = sum(values)\nreturn total / len(values)\n");
        assert_eq!(after, "total = sum(values)\nreturn total / len(values) if values else 0.0\n");
    }

    #[test]
    fn what_is_less_alike_or_in_two_places_is_not_taken() {
        let far = "total = product(numbers)\nreturn total\n";
        assert_eq!(corrected(FILE, far, "x\n").unwrap(), None);
        let twice = "a = first_of(values)\nb = 1\na = first_of(valuez)\n";
        let why = corrected(twice, "a = first_of(valeus)\n", "x\n").unwrap_err();
        assert!(why.contains("lines 1 and 3"), "{why}");
    }

    #[test]
    fn nine_tenths_are_enough_and_less_is_not() {
        let line = "abcdefghijklmnopqrst";
        let with = |slips: usize| format!("{}{}\n", "_".repeat(slips), &line[slips..]);
        assert!(corrected(line, &with(2), "x\n").unwrap().is_some());
        assert!(corrected(line, &with(3), "x\n").unwrap().is_none());
    }
}
