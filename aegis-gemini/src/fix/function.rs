//! The function around a line, where its ends can be told by indentation.

use super::lines::{Style, continued};

/// Longest function that is written anew, in lines.
const MOST: usize = 200;

/// Words before a bracket that name no function.
const CONTROL: &[&str] = &[
    "if",
    "for",
    "while",
    "switch",
    "match",
    "catch",
    "else",
    "do",
    "try",
    "loop",
    "select",
    "with",
    "using",
    "lock",
    "synchronized",
    "return",
    "new",
    "await",
    "yield",
    "case",
    "when",
    "defer",
    "go",
];

/// A function in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Function {
    pub(super) name: String,
    /// Its lines, decorators included, as they stand there.
    pub(super) lines: Vec<String>,
    /// How many of the lines are decorators.
    pub(super) decorators: usize,
    /// What its first line is indented by.
    pub(super) indentation: String,
}

impl Function {
    /// The innermost one around `line`, from 1. Nothing where that can't be told safely: unknown
    /// languages, mixed indentation, text that is less indented than the function.
    pub(super) fn around(path: &str, text: &str, line: u32) -> Option<Self> {
        let source = Source::read(path, text)?;
        let at = usize::try_from(line).ok()?.checked_sub(1)?;
        source.function(source.header(at)?, Some(at))
    }

    /// The one that `code` is, whole.
    pub(super) fn whole(path: &str, code: &str) -> Option<Self> {
        let source = Source::read(path, code)?;
        let header =
            (0..source.lines.len()).find(|at| source.begins(*at) && !source.decorates(*at));
        let function = source.function(header?, None)?;
        let says = |lines: &[&str]| lines.iter().filter(|line| !line.trim().is_empty()).count();
        let own: Vec<&str> = function.lines.iter().map(String::as_str).collect();
        (says(&own) == says(&source.lines)).then_some(function)
    }

    /// Its text.
    pub(super) fn text(&self) -> String {
        self.lines.iter().map(|line| format!("{line}\n")).collect()
    }

    /// `code` in its place: indented as it is, of the same name and under the same decorators.
    pub(super) fn rewritten(&self, path: &str, code: &str) -> Result<String, String> {
        let lines: Vec<&str> =
            code.trim_end().lines().skip_while(|line| line.trim().is_empty()).collect();
        if lines.len() > 2 * MOST {
            return Err(format!("it takes more than {} lines", 2 * MOST));
        }
        let from = lines.first().map_or("", |line| indentation(line));
        let mut text = String::new();
        for line in lines {
            if !line.trim().is_empty() {
                let rest = line.strip_prefix(from).ok_or("its lines are indented unevenly")?;
                text.push_str(&self.indentation);
                text.push_str(rest);
            }
            text.push('\n');
        }
        let written = Self::whole(path, &text).ok_or("the answer is not one whole function")?;
        if written.name != self.name {
            let (is, was) = (&written.name, &self.name);
            return Err(format!("the answer defines {is}, and must define {was}"));
        }
        let same = written.decorators == self.decorators
            && written.lines.iter().zip(&self.lines).take(self.decorators).all(|(a, b)| a == b);
        if !same {
            return Err("the lines before the name must stay: decorators, attributes".into());
        }
        Ok(text)
    }
}

/// A file of which functions are looked for.
struct Source<'a> {
    style: Style,
    lines: Vec<&'a str>,
    continued: Vec<bool>,
}

impl<'a> Source<'a> {
    fn read(path: &str, text: &'a str) -> Option<Self> {
        let style = Style::of(path)?;
        let continued = continued(text, style)?;
        Some(Self { style, lines: text.lines().collect(), continued })
    }

    /// Whether a line begins a statement, a decorator or a block, or ends one.
    fn begins(&self, at: usize) -> bool {
        let line = self.lines[at];
        let blank = line.trim().is_empty() || self.style.is_comment(line);
        !blank && !self.continued.get(at).copied().unwrap_or(true)
    }

    fn decorates(&self, at: usize) -> bool {
        let line = self.lines[at].trim_start();
        line.starts_with('@') || line.starts_with("#[")
    }

    /// The line that names the innermost function around `at`.
    fn header(&self, at: usize) -> Option<usize> {
        let mut limit: Option<&str> = None;
        for at in (0..=at.min(self.lines.len().checked_sub(1)?)).rev().filter(|i| self.begins(*i)) {
            let own = indentation(self.lines[at]);
            match limit {
                Some(limit) if own.len() >= limit.len() => continue,
                Some(limit) if !limit.starts_with(own) => return None,
                _ => limit = Some(own),
            }
            if self.name(at).is_some() {
                return Some(at);
            }
        }
        None
    }

    /// The function that the line `header` names; it holds the line `about`.
    fn function(&self, header: usize, about: Option<usize>) -> Option<Function> {
        let name = self.name(header)?.to_owned();
        let own = indentation(self.lines[header]);
        let mut first = header;
        for at in (0..header).rev() {
            let goes_on = self.continued[at];
            let same = self.begins(at) && indentation(self.lines[at]) == own && self.decorates(at);
            match (same, goes_on) {
                (true, _) => first = at,
                (_, true) => {}
                _ => break,
            }
        }
        let mut inside = header + 1..self.lines.len();
        let outer =
            |at: &usize| self.begins(*at) && indentation(self.lines[*at]).len() <= own.len();
        let end = match (inside.find(outer), self.style) {
            (end, Style::Python) => {
                let end = end.unwrap_or(self.lines.len());
                // Blank lines and comments before the next statement are not its own.
                let deeper =
                    |line: &str| indentation(line).len() > own.len() && !line.trim().is_empty();
                let own = |at: &usize| deeper(self.lines[*at]) || self.continued[*at];
                (header..end).rev().find(own).map_or(header + 1, |last| last + 1)
            }
            (Some(end), _) if matches!(self.lines[end].trim(), "}" | "};" | "},") => {
                (indentation(self.lines[end]) == own).then_some(end + 1)?
            }
            _ => return None,
        };
        let lines = &self.lines[first..end];
        let whole = lines.iter().all(|line| line.trim().is_empty() || line.starts_with(own));
        if !whole || lines.len() > MOST || about.is_some_and(|at| at < first || at >= end) {
            return None;
        }
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        let decorators = header - first;
        Some(Function { name, lines, decorators, indentation: own.to_owned() })
    }

    /// The name of the function that a line begins.
    fn name(&self, at: usize) -> Option<&'a str> {
        let line = self.lines[at].trim();
        if self.style == Style::Python {
            let line = line.strip_prefix("async ").unwrap_or(line).trim_start();
            return identifier(line.strip_prefix("def ")?.trim_start());
        }
        for keyword in ["fn ", "func ", "function ", "function* ", "fun "] {
            let Some((before, after)) = line.split_once(keyword) else { continue };
            if before.is_empty() || before.ends_with(' ') {
                // A method of Go has its receiver before its name.
                let named = match after.strip_prefix('(') {
                    Some(receiver) => receiver.split_once(')')?.1.trim_start(),
                    None => after,
                };
                return identifier(named);
            }
        }
        if self.style == Style::Rust {
            return None;
        }
        let (before, _) = line.split_once('(')?;
        let word =
            |text: &'a str| text.rsplit([' ', '*']).next().filter(|w| identifier(w) == Some(*w));
        if let Some((named, value)) = before.split_once(" = ") {
            let arrow = line.ends_with("=> {") && matches!(value.trim(), "" | "async");
            return word(named).filter(|_| arrow);
        }
        let first = before.split([' ', '<']).next().unwrap_or(before);
        let method = line.ends_with('{') && !before.contains(['=', '.', '"', '\'', '{', '}']);
        word(before).filter(|name| method && !CONTROL.contains(&first) && !CONTROL.contains(name))
    }
}

fn indentation(line: &str) -> &str {
    &line[..line.len() - line.trim_start().len()]
}

fn identifier(text: &str) -> Option<&str> {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '$');
    let name = &text[..end.unwrap_or(text.len())];
    (!name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit())).then_some(name)
}

#[cfg(test)]
#[path = "function_tests.rs"]
mod tests;
