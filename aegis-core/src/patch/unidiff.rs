//! Unified diffs as Git writes them, read as edits.

use std::iter::{Enumerate, Peekable};
use std::str::Split;

use super::Edit;
use super::parse::{DELETE, MAX_EDITS, MAX_TEXT, SEARCH, expected, parse};
use super::path::check_path;
use crate::error::{Error, Result};

/// Reads edits from SEARCH/REPLACE blocks or from a unified diff, whichever the text holds.
///
/// # Errors
///
/// As [`parse`] and [`parse_unified`].
pub fn read(text: &str) -> Result<Vec<Edit>> {
    // No line of a diff is a bare marker: each line of its content has a sign before it.
    let blocks = |line: &str| matches!(line.trim_end(), SEARCH | DELETE);
    let diff = |line: &str| line.starts_with("diff --git ") || line.starts_with("--- ");
    if text.len() <= MAX_TEXT && !text.lines().any(blocks) && text.lines().any(diff) {
        return parse_unified(text);
    }
    parse(text)
}

/// Reads edits from a unified diff of one or several files, with or without `diff --git` lines.
///
/// `a/` and `b/` before paths are optional, `/dev/null` stands for a file that is not there. Prose
/// around the diff is skipped; an empty line in a hunk is an empty line of context. The numbers of
/// lines are a hint only: context has to fit in one place, or at that line where it fits in several.
/// A deletion names its file; the lines under it are not compared.
///
/// # Errors
///
/// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), naming the line, from 1: renames and copies,
/// modes but for a plain file, symlinks, submodules, binary patches, merges (`diff --cc`), paths that
/// [`check_path`] refuses, a hunk whose counts don't add up, and whatever else is not a diff in its
/// place; also for a text over 1 MiB, over 200 hunks and none at all.
pub fn parse_unified(text: &str) -> Result<Vec<Edit>> {
    if text.len() > MAX_TEXT {
        let size = text.len();
        return Err(Error::invalid(format!(
            "the diff takes {size} bytes, at most {MAX_TEXT} are read"
        )));
    }
    let lines = text.strip_suffix('\n').unwrap_or(text).split('\n');
    let mut reader = Reader { lines: lines.enumerate().peekable(), edits: Vec::new() };
    while let Some((at, line)) = reader.lines.next() {
        reader.top(at, line)?;
    }
    if reader.edits.is_empty() {
        return Err(Error::invalid("expected a unified diff, found no `---` and `+++`"));
    }
    Ok(reader.edits)
}

struct Reader<'a> {
    lines: Peekable<Enumerate<Split<'a, char>>>,
    edits: Vec<Edit>,
}

/// What the lines between `diff --git` and `---` say.
#[derive(Debug, Default, Clone, Copy)]
struct Head {
    made: bool,
    deleted: bool,
}

/// One hunk, and the line of the diff that it begins at.
struct Hunk {
    at: usize,
    line: u32,
    search: String,
    replace: String,
}

fn fault(at: usize, why: &str) -> Error {
    Error::invalid(format!("line {}: {why}", at + 1))
}

impl<'a> Reader<'a> {
    fn next_is(&mut self, start: &str) -> bool {
        self.lines.peek().is_some_and(|(_, line)| line.starts_with(start))
    }

    /// A line outside of any file's part.
    fn top(&mut self, at: usize, line: &'a str) -> Result<()> {
        refused(at, line)?;
        if let Some(both) = line.strip_prefix("diff --git ") {
            self.git(at, both)
        } else if let Some(old) = line.strip_prefix("--- ") {
            self.file(at, old, None)
        } else if line.starts_with("+++ ") {
            Err(expected(at, line, "`---` before it"))
        } else if line.starts_with("@@ ") {
            Err(expected(at, line, "`---` and `+++` before a hunk"))
        } else {
            Ok(())
        }
    }

    /// The part of one file that begins with `diff --git`.
    fn git(&mut self, start: usize, both: &str) -> Result<()> {
        let mut head = Head::default();
        while let Some(&(at, line)) = self.lines.peek() {
            refused(at, line)?;
            let line = line.trim_end();
            if let Some(mode) = line.strip_prefix("new file mode ") {
                plain(at, mode, &["100644"])?;
                head.made = true;
            } else if let Some(mode) = line.strip_prefix("deleted file mode ") {
                plain(at, mode, &["100644", "100755"])?;
                head.deleted = true;
            } else if let Some(index) = line.strip_prefix("index ") {
                if let Some((_, mode)) = index.split_once(' ') {
                    plain(at, mode, &["100644", "100755"])?;
                }
            } else {
                break;
            }
            self.lines.next();
        }
        if self.next_is("--- ") {
            let Some((at, line)) = self.lines.next() else { return Ok(()) };
            return self.file(at, &line["--- ".len()..], Some(head));
        }
        // A file without a line has neither `---` nor `+++`.
        let path = same_path(both).ok_or_else(|| fault(start, "both paths have to be the same"));
        let edit = match (head.made, head.deleted) {
            (true, false) => Edit::Create { path: checked(start, path?)?, text: String::new() },
            (false, true) => Edit::Delete { path: checked(start, path?)? },
            _ => {
                let (at, line) = self.lines.peek().copied().unwrap_or((start + 1, ""));
                return Err(expected(at, line, "`---`, or a file that is made or deleted"));
            }
        };
        self.push(start, edit)
    }

    /// The part of one file from `---` on.
    fn file(&mut self, at: usize, old: &str, head: Option<Head>) -> Result<()> {
        let Some((below, new)) = self.lines.next() else {
            return Err(fault(at + 1, "expected `+++`, found the end of the text"));
        };
        let Some(new) = new.strip_prefix("+++ ") else { return Err(expected(below, new, "`+++`")) };
        let (old, new) = (side(at, old, "a/")?, side(below, new, "b/")?);
        let mut hunks = Vec::new();
        while self.next_is("@@ ") {
            hunks.push(self.hunk()?);
        }
        let contradicts =
            |made, deleted| head.is_some_and(|head| (head.made, head.deleted) != (made, deleted));
        if contradicts(old.is_none(), new.is_none()) {
            return Err(fault(at, "whether the file is made or deleted is said in two ways"));
        }
        match (old, new) {
            (None, None) => Err(fault(at, "both sides are /dev/null")),
            (Some(old), Some(new)) if old != new => {
                Err(fault(below, "a rename; name the same file on both sides"))
            }
            (Some(path), Some(_)) => {
                if hunks.is_empty() {
                    return Err(fault(below + 1, "expected a hunk"));
                }
                for Hunk { at, line, search, replace } in hunks {
                    self.push(at, Edit::Hunk { path: path.clone(), line, search, replace })?;
                }
                Ok(())
            }
            (None, Some(path)) => {
                if let Some(bad) = hunks.iter().find(|h| !h.search.is_empty()) {
                    return Err(fault(bad.at, "a file that is made has no line before"));
                }
                if let Some(second) = hunks.get(1) {
                    return Err(fault(second.at, "a file that is made has one hunk"));
                }
                let text = hunks.pop().map(|hunk| hunk.replace).unwrap_or_default();
                self.push(at, Edit::Create { path, text })
            }
            (Some(path), None) => {
                if let Some(bad) = hunks.iter().find(|h| !h.replace.is_empty()) {
                    return Err(fault(bad.at, "a file that is deleted has no line after"));
                }
                self.push(at, Edit::Delete { path })
            }
        }
    }

    fn hunk(&mut self) -> Result<Hunk> {
        let Some((start, header)) = self.lines.next() else {
            return Err(Error::internal("a hunk was lost"));
        };
        let ((_, mut old), (line, mut new)) =
            counts(header).ok_or_else(|| expected(start, header, "`@@ -1,2 +1,2 @@`"))?;
        // An empty side is named by the line before it.
        let line = if new == 0 { line.saturating_add(1) } else { line };
        let (mut search, mut replace) = (Side::default(), Side::default());
        let mut last = ' ';
        let mut at = start;
        loop {
            let done = old == 0 && new == 0;
            let Some(&(here, text)) = self.lines.peek() else {
                if done {
                    break;
                }
                return Err(fault(at + 1, "the hunk's counts promise more lines"));
            };
            let blank = matches!(text, "" | "\r");
            let sign = if blank { ' ' } else { text.chars().next().unwrap_or(' ') };
            if sign == '\\' && at > start {
                if last != '+' {
                    search.close(here)?;
                }
                if last != '-' {
                    replace.close(here)?;
                }
                self.lines.next();
                at = here;
                continue;
            }
            if done {
                // What goes on like a hunk was not counted; a mail's signature and headers may come.
                let more = matches!(sign, '+' | '-' | ' ') && !blank;
                if more && text.trim_end() != "--" && !text.starts_with("--- ") {
                    return Err(fault(here, "the hunk's counts promise fewer lines"));
                }
                break;
            }
            let content = if blank { text } else { &text[sign.len_utf8()..] };
            match sign {
                ' ' if old > 0 && new > 0 => {
                    search.push(here, content)?;
                    replace.push(here, content)?;
                    (old, new) = (old - 1, new - 1);
                }
                '-' if old > 0 => {
                    search.push(here, content)?;
                    old -= 1;
                }
                '+' if new > 0 => {
                    replace.push(here, content)?;
                    new -= 1;
                }
                ' ' | '-' | '+' => return Err(fault(here, "the hunk's counts don't add up")),
                _ => return Err(expected(here, text, "a line of the hunk: ` `, `-` or `+`")),
            }
            last = sign;
            self.lines.next();
            at = here;
        }
        Ok(Hunk { at: start, line: line.max(1), search: search.text, replace: replace.text })
    }

    fn push(&mut self, at: usize, edit: Edit) -> Result<()> {
        if self.edits.len() == MAX_EDITS {
            return Err(fault(at, &format!("at most {MAX_EDITS} hunks")));
        }
        self.edits.push(edit);
        Ok(())
    }
}

/// One side of a hunk.
#[derive(Default)]
struct Side {
    text: String,
    closed: bool,
}

impl Side {
    fn push(&mut self, at: usize, line: &str) -> Result<()> {
        if self.closed {
            return Err(fault(at, "only the last line of a file can be without an end"));
        }
        self.text.push_str(line);
        self.text.push('\n');
        Ok(())
    }

    fn close(&mut self, at: usize) -> Result<()> {
        if self.closed || self.text.pop().is_none() {
            return Err(fault(at, "expected a line of content before it"));
        }
        self.closed = true;
        Ok(())
    }
}

/// What a patch of ours never does, wherever a diff says it.
fn refused(at: usize, line: &str) -> Result<()> {
    let line = line.trim_end();
    let starts = |words: &[&str]| words.iter().any(|word| line.starts_with(word));
    let why = if starts(&["rename from ", "rename to ", "similarity index "]) {
        "a rename; delete the one file and make the other"
    } else if starts(&["copy from ", "copy to "]) {
        "a copy; make the file with its lines"
    } else if starts(&["dissimilarity index "]) {
        "a rewrite; name its lines in hunks"
    } else if starts(&["old mode ", "new mode "]) {
        "a change of mode"
    } else if line == "GIT binary patch"
        || line.starts_with("Binary files ") && line.ends_with(" differ")
    {
        "a binary patch"
    } else if starts(&["Subproject commit ", "Submodule "]) {
        "a submodule"
    } else if starts(&["diff --cc ", "diff --combined ", "@@@ "]) {
        "the diff of a merge"
    } else {
        return Ok(());
    };
    Err(fault(at, &format!("{why} is not accepted")))
}

fn plain(at: usize, mode: &str, allowed: &[&str]) -> Result<()> {
    let why = match mode {
        "120000" => "a symlink is not accepted",
        "160000" => "a submodule is not accepted",
        _ if allowed.contains(&mode) => return Ok(()),
        _ => "only plain files are accepted, mode 100644",
    };
    Err(fault(at, why))
}

/// The path of a `---` or `+++` line; nothing for `/dev/null`.
fn side(at: usize, text: &str, prefix: &str) -> Result<Option<String>> {
    // What follows a tab is a time.
    let text = text.split('\t').next().unwrap_or_default();
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text == "/dev/null" {
        return Ok(None);
    }
    let path = if text.starts_with('"') {
        unquoted(text).ok_or_else(|| expected(at, text, "a quoted path"))?
    } else {
        text.to_owned()
    };
    checked(at, path.strip_prefix(prefix).unwrap_or(&path).to_owned()).map(Some)
}

fn checked(at: usize, path: String) -> Result<String> {
    check_path(&path).map_err(|e| fault(at, "expected a path").with_source(e))?;
    Ok(path)
}

/// The path that `a/x b/x` names twice.
fn same_path(both: &str) -> Option<String> {
    let both = both.trim_end();
    let (old, new) = both.split_at_checked(both.len() / 2)?;
    let new = new.strip_prefix(' ')?;
    let own =
        |text: &str| if text.starts_with('"') { unquoted(text) } else { Some(text.to_owned()) };
    let (old, new) = (own(old)?, own(new)?);
    let (old, new) = (old.strip_prefix("a/")?, new.strip_prefix("b/")?);
    (old == new).then(|| old.to_owned())
}

/// A path as Git quotes it: in `"`, with `\` and three octal digits for a byte.
fn unquoted(text: &str) -> Option<String> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    let mut out = Vec::new();
    let mut bytes = inner.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        out.push(match bytes.next()? {
            b't' => b'\t',
            b'n' => b'\n',
            b'r' => b'\r',
            quote @ (b'"' | b'\\') => quote,
            first @ b'0'..=b'3' => {
                let mut digit = || bytes.next().filter(|b| (b'0'..=b'7').contains(b));
                (first - b'0') * 64 + (digit()? - b'0') * 8 + (digit()? - b'0')
            }
            _ => return None,
        });
    }
    String::from_utf8(out).ok()
}

/// Start and count of both sides: `@@ -1,2 +3,4 @@ def f():`.
fn counts(header: &str) -> Option<((u32, u32), (u32, u32))> {
    let rest = header.strip_prefix("@@ -")?;
    let (old, rest) = rest.split_once(" +")?;
    let (new, _) = rest.split_once(" @@")?;
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten()
    };
    let range = |text: &str| match text.split_once(',') {
        Some((start, count)) => Some((number(start)?, number(count)?)),
        None => Some((number(text)?, 1)),
    };
    Some((range(old)?, range(new)?))
}

#[cfg(test)]
#[path = "unidiff_tests.rs"]
mod tests;
