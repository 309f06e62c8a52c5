//! Which lines of a source file begin something, and which go on with what a line before began.

/// How a language is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Blocks by indentation.
    Python,
    /// Blocks by braces; `'` is no string.
    Rust,
    /// Blocks by braces; a backtick holds several lines.
    Braces,
}

impl Style {
    /// That of a file, where it is known.
    pub(super) fn of(path: &str) -> Option<Self> {
        match path.rsplit_once('.')?.1 {
            "py" => Some(Self::Python),
            "rs" => Some(Self::Rust),
            "js" | "mjs" | "cjs" | "ts" | "go" | "java" | "kt" | "cs" => Some(Self::Braces),
            _ => None,
        }
    }

    /// Whether a line is nothing but a comment.
    pub(super) fn is_comment(self, line: &str) -> bool {
        let line = line.trim_start();
        match self {
            Self::Python => line.starts_with('#'),
            Self::Rust | Self::Braces => line.starts_with("//") || line.starts_with("/*"),
        }
    }
}

/// What is open at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Code,
    LineComment,
    BlockComment,
    /// Ends with this.
    Text(&'static str),
}

/// For each line whether it goes on with a string, a comment or a bracket of one before. Nothing where
/// the text ends inside of one, or closes what it did not open.
pub(super) fn continued(text: &str, style: Style) -> Option<Vec<bool>> {
    let (mut open, mut depth) = (Open::Code, 0u32);
    let mut all = vec![false];
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let mut step = c.len_utf8();
        match open {
            Open::Code => match c {
                '(' | '[' => depth += 1,
                '{' if style == Style::Python => depth += 1,
                ')' | ']' => depth = depth.checked_sub(1)?,
                '}' if style == Style::Python => depth = depth.checked_sub(1)?,
                _ => (open, step) = opened(rest, style).unwrap_or((open, step)),
            },
            Open::BlockComment if rest.starts_with("*/") => (open, step) = (Open::Code, 2),
            Open::Text(end) if rest.starts_with(end) => (open, step) = (Open::Code, end.len()),
            // What is escaped ends nothing, not even a line.
            Open::Text(_) if c == '\\' => {
                let next = rest.chars().nth(1).filter(|next| *next != '\n');
                step += next.map_or(0, char::len_utf8);
                if next.is_none() && rest.len() > 1 {
                    all.push(true);
                    step += 1;
                }
            }
            Open::Text(end) if c == '\n' => {
                let several = end.len() == 3 || end == "`" || style == Style::Rust;
                several.then_some(())?;
            }
            _ => {}
        }
        if c == '\n' {
            if open == Open::LineComment {
                open = Open::Code;
            }
            all.push(open != Open::Code || depth > 0);
        }
        rest = &rest[step..];
    }
    let ended = matches!(open, Open::Code | Open::LineComment) && depth == 0;
    ended.then_some(all)
}

/// What begins at `rest`, and how long its beginning is.
fn opened(rest: &str, style: Style) -> Option<(Open, usize)> {
    let begins = |word: &str| rest.starts_with(word);
    match style {
        Style::Python => {
            let text = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| begins(quote));
            let comment = begins("#").then_some((Open::LineComment, 1));
            text.map(|quote| (Open::Text(quote), quote.len())).or(comment)
        }
        _ if begins("//") => Some((Open::LineComment, 2)),
        _ if begins("/*") => Some((Open::BlockComment, 2)),
        _ if begins("\"") => Some((Open::Text("\""), 1)),
        // A lifetime has no end; a character has.
        Style::Rust if begins("'\\") => Some((Open::Text("'"), 1)),
        Style::Rust if begins("'") => {
            let character = rest.chars().nth(1).filter(|c| *c != '\n')?;
            let length = 1 + character.len_utf8();
            rest[length..].starts_with('\'').then_some((Open::Code, length + 1))
        }
        Style::Rust => None,
        Style::Braces => {
            let quote = ["'", "`"].into_iter().find(|quote| begins(quote))?;
            Some((Open::Text(quote), 1))
        }
    }
}
