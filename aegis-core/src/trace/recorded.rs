//! The line that Aegis's recorder writes after a traceback: what the failing function was called with.

use serde::{Deserialize, Serialize};

use super::Trace;
use super::path::locate;

/// What a line starts with that the recorder wrote; a JSON object follows.
pub const RECORDED_MARKER: &str = "aegis-locals: ";

/// Most arguments of a call that are read.
const MAX_ARGUMENTS: usize = 32;

/// Longest name, in bytes.
const MAX_NAME: usize = 200;

/// Longest expression, in bytes: the recorder's bound of 1000 characters, and room for placeholders.
const MAX_EXPRESSION: usize = 4 << 10;

/// The call that failed, as the recorder saw it.
///
/// Names and expressions are text from production: an expression may be anything until whoever
/// evaluates it has checked that it is a literal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RecordedCall {
    /// File, written as the trace's frames have it.
    pub path: String,
    /// Line at which it failed, from 1.
    pub line: u32,
    /// Function or method.
    pub function: String,
    /// What its parameters held when it failed, in their order; at most 32.
    pub arguments: Vec<Argument>,
}

/// One parameter of a [`RecordedCall`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Argument {
    /// Name, with the `*` or `**` that the parameter has.
    pub name: String,
    /// A Python literal of at most 4 KiB; `None` where it has none, is too long, or is a secret.
    pub value: Option<String>,
    /// Name of its type; empty where it was not told.
    #[serde(default, rename = "type")]
    pub kind: String,
}

/// The recorder's object, as it is written.
#[derive(Deserialize)]
struct Written {
    #[serde(rename = "type")]
    kind: String,
    file: String,
    line: u32,
    function: String,
    arguments: Vec<Argument>,
}

/// Whether the recorder wrote this line.
pub(super) fn is_recorded(line: &str) -> bool {
    line.starts_with(RECORDED_MARKER)
}

/// The call that `line` tells of, where it is one that `trace` can have come from.
pub(super) fn read(line: &str, trace: &Trace) -> Option<RecordedCall> {
    let written: Written = serde_json::from_str(line.strip_prefix(RECORDED_MARKER)?).ok()?;
    let (path, _) = locate(&written.file);
    let at_a_frame = trace
        .exceptions
        .iter()
        .filter(|e| last_name(&e.kind) == last_name(&written.kind))
        .flat_map(|e| &e.frames)
        .any(|f| f.path == path && f.function == written.function);
    if !at_a_frame {
        return None;
    }
    let fits = |a: &Argument| {
        a.name.len() <= MAX_NAME
            && a.kind.len() <= MAX_NAME
            && a.value.as_ref().is_none_or(|v| v.len() <= MAX_EXPRESSION)
    };
    let all_fit = written.arguments.len() <= MAX_ARGUMENTS && written.arguments.iter().all(fits);
    let Written { line, function, arguments, .. } = written;
    all_fit.then_some(RecordedCall { path, line, function, arguments })
}

fn last_name(kind: &str) -> &str {
    kind.rsplit('.').next().unwrap_or(kind)
}

#[cfg(test)]
#[path = "recorded_tests.rs"]
mod tests;
