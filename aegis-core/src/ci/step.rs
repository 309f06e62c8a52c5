//! Which step failed, and what it printed.

use std::sync::LazyLock;

use regex::Regex;

use crate::trace::regex;

/// What the runner of a job writes before a line: when it was printed.
static TIME: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?m)^\u{feff}?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z ?"));
static COLOUR: LazyLock<Regex> = LazyLock::new(|| regex(r"\x1b\[[0-9;?]*[A-Za-z]"));
static EXIT: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?i)(?:exit code|exited with|exit status:?) (-?\d{1,10})"));

const GROUP: &str = "##[group]";
const END: &str = "##[endgroup]";
const ERROR: &str = "##[error]";

/// The step that failed.
#[derive(Debug, Default)]
pub(super) struct Step<'a> {
    pub(super) title: Option<&'a str>,
    pub(super) command: Option<String>,
    pub(super) exit: Option<i32>,
    /// What it printed, up to where it failed.
    pub(super) output: &'a str,
}

/// A log without times, colours and carriage returns.
pub(super) fn plain(log: &str) -> String {
    let log = TIME.replace_all(log, "");
    let log = COLOUR.replace_all(&log, "");
    log.replace("\r\n", "\n").replace('\r', "\n")
}

/// The step in whose output the first error of a process stands; the whole log, where no step does.
pub(super) fn failed(log: &str) -> Step<'_> {
    let ended = |text: &str| text.starts_with(ERROR) && EXIT.is_match(text);
    let lines = || {
        log.split_inclusive('\n').scan(0, |at, line| {
            let start = *at;
            *at += line.len();
            Some((start, line.trim_end()))
        })
    };
    let failed = lines().find(|(_, line)| ended(line));
    let failed = failed.or_else(|| lines().find(|(_, line)| line.starts_with(ERROR)));
    let (end, error) = failed.unwrap_or((log.len(), ""));
    // An exit code says nothing that the output before it does not; all else is the runner's own word.
    let end = if exit(error).is_some() { end } else { end + error.len() };
    let before = &log[..end];
    // Groups that a program opens itself are part of its output.
    let Some(title) = before.rfind(&format!("{GROUP}Run ")) else {
        return Step { exit: exit(error), output: before, ..Step::default() };
    };
    let from_title = &before[title + GROUP.len()..];
    let title = from_title.lines().next();
    let (head, output) = from_title.split_once(END).unwrap_or((from_title, ""));
    let command: Vec<&str> = head.lines().skip(1).take_while(|line| !is_setting(line)).collect();
    let command = command.join("\n").trim().to_owned();
    let title_says = || title?.strip_prefix("Run ").map(str::to_owned);
    let command = if command.is_empty() { title_says() } else { Some(command) };
    Step { title, command, exit: exit(error), output }
}

fn exit(error: &str) -> Option<i32> {
    EXIT.captures(error)?.get(1)?.as_str().parse().ok()
}

/// What follows the command in the head of a step.
fn is_setting(line: &str) -> bool {
    ["shell: ", "env:", "with:"].iter().any(|word| line.starts_with(word))
}
