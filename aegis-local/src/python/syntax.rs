//! Whether a file is Python at all.

use std::fmt;

use ruff_python_ast::PythonVersion;
use ruff_python_parser::{Mode, ParseOptions, Parsed, parse_unchecked};
use ruff_text_size::TextSize;

use super::depth::is_deep;

/// Where and why a file does not parse.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SyntaxError {
    /// The file.
    pub path: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// What the parser says.
    pub message: String,
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.path, self.line, self.column, self.message)
    }
}

impl std::error::Error for SyntaxError {}

/// Parses a module for Python 3.11, the oldest version that is patched: what newer grammar alone
/// accepts is an error too.
pub(super) fn parse(
    path: &str,
    text: &str,
) -> Result<Parsed<ruff_python_ast::ModModule>, SyntaxError> {
    parse_for(path, text, PythonVersion::PY311)
}

fn parse_for(
    path: &str,
    text: &str,
    version: PythonVersion,
) -> Result<Parsed<ruff_python_ast::ModModule>, SyntaxError> {
    if is_deep(text) {
        return Err(error_at(path, text, TextSize::new(0), "it nests too deeply".to_owned()));
    }
    let options = ParseOptions::from(Mode::Module).with_target_version(version);
    let parsed = parse_unchecked(text, options);
    if let Some(error) = parsed.errors().first() {
        return Err(error_at(path, text, error.location.start(), error.error.to_string()));
    }
    if let Some(error) = parsed.unsupported_syntax_errors().first() {
        return Err(error_at(path, text, error.range.start(), error.to_string()));
    }
    parsed
        .try_into_module()
        .ok_or_else(|| error_at(path, text, TextSize::new(0), "not a module".to_owned()))
}

/// Checks that `text` parses as Python 3.11.
///
/// # Errors
///
/// The first error, with its place. A file that only a newer Python accepts is an error as well.
pub fn check(path: &str, text: &str) -> Result<(), SyntaxError> {
    parse(path, text).map(|_| ())
}

/// Checks that `text` parses as the Python of this version (`3.12.1`), or as 3.11 where it is none.
///
/// # Errors
///
/// As [`check`].
pub fn check_for(path: &str, text: &str, version: &str) -> Result<(), SyntaxError> {
    let mut numbers = version.split('.').map_while(|n| n.parse::<u8>().ok());
    let version = match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) => PythonVersion { major, minor },
        _ => PythonVersion::PY311,
    };
    parse_for(path, text, version).map(|_| ())
}

/// Byte offsets at which the lines start.
pub(super) fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect()
}

/// The line, from 1, that holds `offset`.
pub(super) fn line_at(starts: &[usize], offset: TextSize) -> u32 {
    u32::try_from(starts.partition_point(|&start| start <= offset.to_usize())).unwrap_or(u32::MAX)
}

fn error_at(path: &str, text: &str, at: TextSize, message: String) -> SyntaxError {
    let starts = line_starts(text);
    let line = line_at(&starts, at);
    let start = starts.get(line.saturating_sub(1) as usize).copied().unwrap_or(0);
    let before = text.get(start..at.to_usize()).unwrap_or_default().chars().count();
    SyntaxError {
        path: path.to_owned(),
        line,
        column: u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1),
        message,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_where_it_is() {
        let error = check("a.py", "x = 1\ndef f(:\n    pass\n").unwrap_err();
        assert_eq!((error.line, error.path.as_str()), (2, "a.py"));
        assert!(error.column > 1, "{error}");
    }

    #[test]
    fn what_only_a_newer_python_accepts_is_an_error() {
        assert!(check("a.py", "x = f'{d['k']}'\n").is_err());
        assert!(check("a.py", "x = f'{d[\"k\"]}'\n").is_ok());
    }

    #[test]
    fn each_version_has_its_own_grammar() {
        let alias = "type Id = int\n";
        assert!(check_for("a.py", alias, "3.12.1").is_ok());
        let error = check_for("a.py", alias, "3.11.7").unwrap_err();
        assert_eq!((error.line, error.column), (1, 1));
        let choice = "match x:\n    case 1:\n        pass\n";
        assert!(check_for("a.py", choice, "3.9.0").is_err());
        assert!(check_for("a.py", choice, "no version").is_ok());
    }
}
