//! What pytest prints of tests that failed.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;

use super::{Failed, Found, Runner, place};
use crate::model::Location;
use crate::trace::regex;

/// `=== FAILURES ===` and the like.
pub(super) static PART: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?m)^=+ (FAILURES|ERRORS|short test summary info) =+$"));
/// `FAILED tests/test_a.py::test_b[x - y] - AssertionError: ...`
static FAILED: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?m)^(?:FAILED|ERROR) (\S+?\.py(?:::.*?)?)(?: - (.*))?$"));
/// `____ test_b ____`, `__ ERROR collecting tests/test_a.py __`.
pub(super) static TITLE: LazyLock<Regex> = LazyLock::new(|| regex(r"^_{3,} (.+?) _{3,}$"));
/// `tests/test_a.py:12: AssertionError`
pub(super) static PLACE: LazyLock<Regex> = LazyLock::new(|| regex(r"^([^\s:][^:]*\.py):(\d+): ?"));
/// `E       ZeroDivisionError: division by zero`
pub(super) static WHY: LazyLock<Regex> = LazyLock::new(|| regex(r"^E +(.+)$"));
/// `3 failed, 1 passed in 0.12s`, with or without its rule.
static SUM: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?m)^=* ?\d+ (?:failed|errors?|passed)(?:, \d+ \w+)* in [\d.]+s"));

pub(super) fn read(output: &str) -> Option<Found<'_>> {
    let begins = PART.find(output);
    if begins.is_none() && !SUM.is_match(output) {
        return None;
    }
    let part = &output[begins.map_or(0, |part| part.start())..];
    let places = places(part);
    let failed = |found: regex::Captures<'_>| {
        let name = found.get(1)?.as_str();
        let message = found.get(2).map_or("", |message| message.as_str());
        // The title of a failure is the name within its file, with dots.
        let within = name.split_once("::").map_or(name, |(_, within)| within).replace("::", ".");
        let (at, said) = places.get(within.as_str()).cloned().unwrap_or_default();
        Some(Failed::new(name, if message.is_empty() { said } else { message }, at))
    };
    let tests = FAILED.captures_iter(part).filter_map(failed).collect();
    Some(Found { runner: Runner::Pytest, tests, part })
}

/// Where each failure came up, and why: the last place in the repository that its section names, which is
/// the innermost, and the first line of its error.
fn places(part: &str) -> HashMap<&str, (Option<Location>, &str)> {
    let mut places: HashMap<&str, (Option<Location>, &str)> = HashMap::new();
    let mut title = None;
    for line in part.lines() {
        if let Some(found) = TITLE.captures(line) {
            let name = found.get(1).map_or("", |name| name.as_str());
            let name = name.strip_prefix("ERROR at setup of ").unwrap_or(name);
            let name = name.strip_prefix("ERROR at teardown of ").unwrap_or(name);
            title = Some(name.strip_prefix("ERROR collecting ").unwrap_or(name));
        }
        let Some(title) = title else { continue };
        if let Some(found) = PLACE.captures(line) {
            let group = |n| found.get(n).map_or("", |m| m.as_str());
            if let Some(at) = place(group(1), group(2)) {
                places.entry(title).or_default().0 = Some(at);
            }
        } else if let Some(found) = WHY.captures(line) {
            let (_, why) = places.entry(title).or_default();
            if why.is_empty() {
                *why = found.get(1).map_or("", |m| m.as_str());
            }
        }
    }
    places
}
