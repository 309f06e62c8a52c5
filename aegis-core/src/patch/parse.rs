//! The text form of edits: SEARCH/REPLACE blocks under a path.
//!
//! ```text
//! shop/pricing.py
//! <<<<<<< SEARCH
//!     return total / count
//! =======
//!     return total / count if count else 0.0
//! >>>>>>> REPLACE
//! ```
//!
//! An empty SEARCH makes a file, the single line `<<<<<<< DELETE` under a path deletes one. A line
//! of content that reads as a marker is written with one `\` more in front, and `\ No newline at
//! end of file` after a content says that its last line has none.

use super::Edit;
use super::diff::NO_NEWLINE;
use super::path::check_path;
use crate::error::{Error, Result};

pub(super) const SEARCH: &str = "<<<<<<< SEARCH";
const DIVIDER: &str = "=======";
const REPLACE: &str = ">>>>>>> REPLACE";
pub(super) const DELETE: &str = "<<<<<<< DELETE";

/// Longest text that is read, in bytes.
pub(super) const MAX_TEXT: usize = 1 << 20;

/// Most edits that are read from one text.
pub(super) const MAX_EDITS: usize = 200;

/// Reads edits from text.
///
/// The path is the last line before a block that is neither blank nor a code fence; a further block
/// of the same file may go without. Other prose around the blocks is skipped. A path in backticks
/// or `**` and one that ends in `:` is accepted.
///
/// # Errors
///
/// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), naming the line, from 1, and what was
/// expected there; also for a text over 1 MiB, over 200 edits and no edit at all.
pub fn parse(text: &str) -> Result<Vec<Edit>> {
    if text.len() > MAX_TEXT {
        return Err(Error::invalid(format!(
            "the edits take {} bytes, at most {MAX_TEXT} are read",
            text.len()
        )));
    }
    let mut lines = text.strip_suffix('\n').unwrap_or(text).split('\n').enumerate();
    let mut edits: Vec<Edit> = Vec::new();
    let mut heading: Option<(usize, &str)> = None;
    let mut path: Option<String> = None;
    while let Some((at, line)) = lines.next() {
        let marker = line.trim_end_matches([' ', '\t', '\r']);
        match marker {
            SEARCH | DELETE => {}
            REPLACE => return Err(expected(at, line, "a path or `<<<<<<< SEARCH`")),
            _ if marker.trim().is_empty() || marker.trim_start().starts_with("```") => continue,
            _ => {
                heading = Some((at, marker));
                continue;
            }
        }
        if let Some((at, line)) = heading.take() {
            let name = undecorated(line);
            check_path(name).map_err(|e| {
                Error::invalid(format!("line {}: expected a path", at + 1)).with_source(e)
            })?;
            path = Some(name.to_owned());
        }
        let Some(path) = path.clone() else {
            return Err(expected(at, line, "a line with the path before it"));
        };
        if edits.len() == MAX_EDITS {
            return Err(Error::invalid(format!("line {}: at most {MAX_EDITS} edits", at + 1)));
        }
        if marker == DELETE {
            edits.push(Edit::Delete { path });
            continue;
        }
        let carriage = line.ends_with('\r');
        let search = content(&mut lines, DIVIDER, carriage)?;
        let replace = content(&mut lines, REPLACE, carriage)?;
        edits.push(if search.is_empty() {
            Edit::Create { path, text: replace }
        } else {
            Edit::Replace { path, search, replace }
        });
    }
    if edits.is_empty() {
        return Err(Error::invalid("expected a path and `<<<<<<< SEARCH`, found no edit"));
    }
    Ok(edits)
}

/// Writes edits as [`parse`] reads them.
///
/// What comes back is equal, except that a replacement of an empty search reads as a creation, and a
/// hunk as a replacement.
pub fn render(edits: &[Edit]) -> String {
    let mut out = String::new();
    for edit in edits {
        if !out.is_empty() {
            out.push('\n');
        }
        let (search, replace) = match edit {
            Edit::Delete { path } => {
                out.push_str(&format!("{path}\n{DELETE}\n"));
                continue;
            }
            Edit::Create { text, .. } => ("", text.as_str()),
            Edit::Replace { search, replace, .. } | Edit::Hunk { search, replace, .. } => {
                (search.as_str(), replace.as_str())
            }
        };
        out.push_str(&format!("{}\n{SEARCH}\n", edit.path()));
        push_content(&mut out, search);
        out.push_str(&format!("{DIVIDER}\n"));
        push_content(&mut out, replace);
        out.push_str(&format!("{REPLACE}\n"));
    }
    out
}

fn push_content(out: &mut String, text: &str) {
    if text.is_empty() {
        return;
    }
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        if marker_beneath(line).is_some() {
            out.push('\\');
        }
        out.push_str(line);
        out.push('\n');
    }
    if !text.ends_with('\n') {
        out.push_str(NO_NEWLINE);
        out.push('\n');
    }
}

/// The lines up to the marker `end`.
fn content<'a>(
    lines: &mut impl Iterator<Item = (usize, &'a str)>,
    end: &str,
    carriage: bool,
) -> Result<String> {
    let mut text = String::new();
    let mut closed = false;
    let mut last = 0;
    for (at, line) in lines {
        last = at;
        let line = if carriage { line.strip_suffix('\r').unwrap_or(line) } else { line };
        match marker_beneath(line) {
            Some((0, marker)) if marker == end => return Ok(text),
            Some((0, _)) => {
                return Err(expected(
                    at,
                    line,
                    &format!("`{end}`, or `\\{line}` for a line of the content"),
                ));
            }
            _ if closed => return Err(expected(at, line, &format!("`{end}`"))),
            Some((1, NO_NEWLINE)) if text.ends_with('\n') => {
                text.pop();
                closed = true;
            }
            Some((1, NO_NEWLINE)) => {
                return Err(expected(at, line, "a line of content before it"));
            }
            found => {
                text.push_str(if found.is_some() { &line[1..] } else { line });
                text.push('\n');
            }
        }
    }
    Err(Error::invalid(format!("line {}: expected `{end}`, found the end of the text", last + 2)))
}

/// The marker that a line is but for leading `\`, and how many of those it has.
fn marker_beneath(line: &str) -> Option<(usize, &'static str)> {
    let line = line.trim_end_matches([' ', '\t', '\r']);
    let bare = line.trim_start_matches('\\');
    let escapes = line.len() - bare.len();
    match bare {
        SEARCH => Some((escapes, SEARCH)),
        DIVIDER => Some((escapes, DIVIDER)),
        REPLACE => Some((escapes, REPLACE)),
        DELETE => Some((escapes, DELETE)),
        _ if escapes > 0 && NO_NEWLINE.strip_prefix('\\') == Some(bare) => {
            Some((escapes, NO_NEWLINE))
        }
        _ => None,
    }
}

/// A path without the Markdown around it; none of these characters can be in a path.
fn undecorated(line: &str) -> &str {
    line.trim().trim_matches(['*', '`', ':'])
}

pub(super) fn expected(at: usize, found: &str, what: &str) -> Error {
    let shown: String = found.chars().take(80).collect();
    Error::invalid(format!("line {}: expected {what}, found {shown:?}", at + 1))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn replace(path: &str, search: &str, replace: &str) -> Edit {
        Edit::Replace { path: path.into(), search: search.into(), replace: replace.into() }
    }

    #[test]
    fn blocks_of_several_files_are_read() {
        let text = "a/b.py\n<<<<<<< SEARCH\nx\n=======\ny\nz\n>>>>>>> REPLACE\n\
                    <<<<<<< SEARCH\n\n=======\n>>>>>>> REPLACE\n\
                    c.py\n<<<<<<< SEARCH\n=======\nnew\n>>>>>>> REPLACE\nd.py\n<<<<<<< DELETE\n";
        assert_eq!(
            parse(text).unwrap(),
            [
                replace("a/b.py", "x\n", "y\nz\n"),
                replace("a/b.py", "\n", ""),
                Edit::Create { path: "c.py".into(), text: "new\n".into() },
                Edit::Delete { path: "d.py".into() },
            ]
        );
    }

    #[test]
    fn fences_prose_and_decoration_around_a_block_are_skipped() {
        let text = "Here is the fix.\n\n**`a.py`**:\n```python\n<<<<<<< SEARCH\nx\n=======\ny\n\
                    >>>>>>> REPLACE\n```\nThat is all.\n";
        assert_eq!(parse(text).unwrap(), [replace("a.py", "x\n", "y\n")]);
        let windows = "a.py\r\n<<<<<<< SEARCH\r\nx\r\n=======\r\ny\r\n>>>>>>> REPLACE\r\n";
        assert_eq!(parse(windows).unwrap(), [replace("a.py", "x\n", "y\n")]);
    }

    #[test]
    fn errors_name_the_line_and_what_was_expected() {
        for (text, part) in [
            ("", "found no edit"),
            ("<<<<<<< SEARCH\nx\n", "line 1: expected a line with the path"),
            ("a.py\n<<<<<<< SEARCH\nx\n", "line 4: expected `=======`"),
            ("a.py\n<<<<<<< SEARCH\nx\n=======\ny\n", "line 6: expected `>>>>>>> REPLACE`"),
            ("a.py\n<<<<<<< SEARCH\n<<<<<<< SEARCH\n", "line 3: expected `=======`"),
            ("a.py\n<<<<<<< SEARCH\nx\n=======\ny\n=======\n", "line 6: expected `>>>>>>>"),
            (">>>>>>> REPLACE\n", "line 1: expected a path"),
            ("../a\n<<<<<<< SEARCH\n", "line 1: expected a path: path \"../a\""),
            ("a\n<<<<<<< SEARCH\n\\ No newline at end of file\n", "line 3: expected a line of"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text:?}: {error}");
        }
    }

    #[test]
    fn too_much_text_is_refused() {
        assert!(parse(&"x".repeat(MAX_TEXT + 1)).is_err());
        assert!(parse(&"a\n<<<<<<< DELETE\n".repeat(MAX_EDITS + 1)).is_err());
        assert_eq!(parse(&"a\n<<<<<<< DELETE\n".repeat(MAX_EDITS)).unwrap().len(), MAX_EDITS);
    }

    #[test]
    fn content_that_reads_as_a_marker_is_escaped() {
        let edit = replace("a.md", "Title\n=======\n", "\\=======\n>>>>>>> REPLACE");
        let text = render(std::slice::from_ref(&edit));
        assert!(text.contains("\n\\=======\n"), "{text}");
        assert_eq!(parse(&text).unwrap(), [edit]);
    }

    fn content_text() -> impl Strategy<Value = String> {
        let line = prop_oneof![
            "[ a-z\\\\=`\t\r]{0,6}",
            Just(String::from(DIVIDER)),
            Just(format!("\\{DIVIDER} ")),
            Just(String::from(SEARCH)),
            Just(format!("\\\\{REPLACE}\r")),
            Just(String::from(NO_NEWLINE)),
            Just(String::from(" No newline at end of file")),
            Just(String::from("```")),
            any::<String>(),
        ];
        (prop::collection::vec(line, 0..5), any::<bool>())
            .prop_map(|(lines, end)| lines.join("\n") + if end { "\n" } else { "" })
    }

    fn edits() -> impl Strategy<Value = Vec<Edit>> {
        let path =
            "[a-z.#= ]{1,6}(/[a-zA-Z]{1,4})?".prop_filter("a path", |p| check_path(p).is_ok());
        let edit =
            (path, content_text(), content_text(), 0..3).prop_map(
                |(path, a, b, kind)| match kind {
                    0 => Edit::Delete { path },
                    1 => Edit::Create { path, text: a },
                    _ if a.is_empty() => Edit::Create { path, text: b },
                    _ => Edit::Replace { path, search: a, replace: b },
                },
            );
        prop::collection::vec(edit, 1..5)
    }

    proptest! {
        #[test]
        fn what_is_rendered_reads_back(edits in edits()) {
            prop_assert_eq!(parse(&render(&edits)).unwrap(), edits);
        }

        #[test]
        fn no_text_makes_it_panic(text in "(?s:.{0,40})", cut in 0usize..60) {
            let _ = parse(&text);
            let block = format!("a\n{SEARCH}\n{text}\n{DIVIDER}\n{text}\n{REPLACE}\n");
            let cut = (0..=cut.min(block.len())).rev().find(|i| block.is_char_boundary(*i));
            let _ = parse(&block[..cut.unwrap_or(0)]);
            let _ = parse(&block);
        }
    }
}
