//! The names in a source file, outside of strings and comments.

/// How a family of languages writes comments and strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    /// `#` begins a comment; `'''` and `"""` hold several lines.
    Hash,
    /// `//` and `/* */` are comments; a backtick holds several lines.
    Slash,
}

fn family(path: &str) -> Option<Family> {
    let (_, extension) = path.rsplit_once('.')?;
    match extension.to_ascii_lowercase().as_str() {
        "py" | "pyi" | "pyw" | "rb" | "sh" | "jl" | "ex" | "exs" => Some(Family::Hash),
        "js" | "jsx" | "mjs" | "cjs" | "ts" | "tsx" | "go" | "rs" | "java" | "kt" | "c" | "h"
        | "cc" | "cpp" | "hpp" | "cs" | "swift" | "scala" | "php" => Some(Family::Slash),
        _ => None,
    }
}

/// Names that hold a character beyond ASCII, with their lines from 1; none in what is no source.
pub(super) fn names<'a>(path: &str, text: &'a str) -> Vec<(usize, &'a str)> {
    let Some(family) = family(path) else { return Vec::new() };
    let mut scanner = Scanner { text, at: 0, line: 1, family, found: Vec::new() };
    while let Some(c) = scanner.peek() {
        scanner.code(c, None);
    }
    scanner.found
}

/// Lexes without recursion, so that no text can exhaust the stack.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    family: Family,
    found: Vec<(usize, &'a str)>,
}

impl<'a> Scanner<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn step(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        self.line += usize::from(c == '\n');
        Some(c)
    }

    /// Moves to the first `end`, or to the end of the text.
    fn skip_to(&mut self, end: &str) {
        let length = self.rest().find(end).unwrap_or(self.rest().len());
        let to = self.at + length;
        while self.at < to {
            self.step();
        }
    }

    /// One token that begins with `c`. Within the braces of an f-string a quote ends it: `outer`.
    fn code(&mut self, c: char, outer: Option<char>) {
        let slash = self.family == Family::Slash;
        if c == '#' && !slash || slash && self.rest().starts_with("//") {
            self.skip_to("\n");
        } else if slash && self.rest().starts_with("/*") {
            self.skip_to("*/");
        } else if is_quote(c, slash) && outer.is_none() {
            self.string("");
        } else if is_word(c) {
            let start = self.at;
            while self.peek().is_some_and(is_word) {
                self.step();
            }
            let word = &self.text[start..self.at];
            let quoted = self.peek().is_some_and(|c| is_quote(c, slash));
            if quoted && outer.is_none() && is_prefix(word) {
                self.string(word);
            } else if !word.is_ascii() {
                self.found.push((self.line, word));
            }
        } else {
            self.step();
        }
    }

    /// A string from its opening quote on.
    fn string(&mut self, prefix: &str) {
        let Some(quote) = self.step() else { return };
        let pair: String = [quote, quote].iter().collect();
        let triple = self.family == Family::Hash && self.rest().starts_with(&pair);
        if triple {
            self.at += pair.len();
        }
        let several = triple || quote == '`';
        let formatted = prefix.contains(['f', 'F', 't', 'T']);
        let mut depth = 0_u32;
        while let Some(c) = self.peek() {
            match c {
                '\\' => {
                    self.step();
                    self.step();
                }
                '\n' if !several => return,
                _ if c == quote && !triple => {
                    self.step();
                    return;
                }
                _ if c == quote && self.rest()[quote.len_utf8()..].starts_with(&pair) => {
                    self.at += quote.len_utf8() + pair.len();
                    return;
                }
                '{' if formatted && depth == 0 && self.rest().starts_with("{{") => self.at += 2,
                '{' if formatted => {
                    depth += 1;
                    self.step();
                }
                '}' if formatted => {
                    depth = depth.saturating_sub(1);
                    self.step();
                }
                _ if depth > 0 && is_word(c) => self.code(c, Some(quote)),
                _ => {
                    self.step();
                }
            }
        }
    }
}

fn is_quote(c: char, slash: bool) -> bool {
    matches!(c, '\'' | '"') || slash && c == '`'
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_ascii_alphanumeric() || !c.is_ascii() && !c.is_whitespace()
}

/// What may stand before the quote of a Python string.
fn is_prefix(word: &str) -> bool {
    word.len() <= 2 && word.chars().all(|c| "rbuftRBUFT".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str, text: &str) -> Vec<(usize, String)> {
        names(path, text).into_iter().map(|(line, name)| (line, name.to_owned())).collect()
    }

    #[test]
    fn names_are_told_from_strings_and_comments() {
        let text = "# größe\nx = 'naïve' + \"é\\\"é\" # é\nñ = '''é\né''' + r'é\\\\' + ö\n";
        assert_eq!(of("a.py", text), [(3, "ñ".to_owned()), (4, "ö".to_owned())]);
        let text = "// é\nlet ñ = `é\n` /* é\né */ + ö; '\né";
        let expected = [(2, "ñ"), (4, "ö"), (5, "é")].map(|(l, n)| (l, n.to_owned()));
        assert_eq!(of("a.js", text), expected);
        assert_eq!(of("a.md", "é"), []);
    }

    #[test]
    fn the_braces_of_an_f_string_hold_code() {
        let found = of("a.py", "x = f'é {{é}} {ñ + 1:>{ö}} é' + f\"\"\"é{ü}\"\"\" + '{é}'\n");
        assert_eq!(found, ["ñ", "ö", "ü"].map(|n| (1, n.to_owned())));
    }
}
