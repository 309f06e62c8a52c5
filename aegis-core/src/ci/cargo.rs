//! What `cargo test` and `cargo nextest` print of tests that failed, and rustc of what does not compile.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;

use super::{Failed, Found, Runner, place};
use crate::model::Location;
use crate::trace::regex;

/// `test cart::tests::total ... FAILED`, `        FAIL [   0.155s] shop::main cart::total`.
static FAILED: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?m)^(?:test (.+?)(?: - should panic)? \.\.\. FAILED$|\s+(?:FAIL|SIGABRT|TIMEOUT) \[[^\]]*\] (?:\(.*?\) )?(\S+ .+)$)",
    )
});
/// `thread 'cart::total' (12) panicked at src/cart.rs:10:5:` and the message in the next line; the
/// message was in the same line before Rust 1.73.
static PANIC: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?m)^\s*thread '(.+?)' (?:\(\d+\) )?panicked at (?:'(.*)', )?([^\s:]+):(\d+)(?::\d+)?:?\n?\s*(.*)$",
    )
});
/// `error[E0308]: mismatched types` and, below it, ` --> src/cart.rs:5:18`.
static ERROR: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?m)^error(?:\[(E\d+)\])?: (.+)\n\s*--> ([^\s:]+):(\d+):\d+$"));
/// What cargo says at the end of either.
static CARGO: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?m)^(?:error: (?:could not compile|test failed, to rerun|\d+ targets? failed|test run failed)|test result: FAILED)",
    )
});

pub(super) fn read(output: &str) -> Option<Found<'_>> {
    if !CARGO.is_match(output) {
        return None;
    }
    let group = |found: &regex::Captures<'_>, n| found.get(n).map_or("", |m| m.as_str()).to_owned();
    let errors: Vec<_> = ERROR.captures_iter(output).collect();
    let mut panics: HashMap<String, (Option<Location>, String)> = HashMap::new();
    for found in PANIC.captures_iter(output) {
        let said = [group(&found, 2), group(&found, 5)].concat();
        let at = place(&group(&found, 3), &group(&found, 4));
        panics.entry(group(&found, 1)).or_insert((at, said));
    }
    let mut tests: Vec<Failed> = Vec::new();
    for found in &errors {
        let code = group(found, 1);
        let name = if code.is_empty() { String::from("error") } else { code };
        tests.push(Failed::new(&name, &group(found, 2), place(&group(found, 3), &group(found, 4))));
    }
    let mut first = errors.first().and_then(|found| found.get(0)).map(|m| m.start());
    for found in FAILED.captures_iter(output) {
        let name = [group(&found, 1), group(&found, 2)].concat();
        // nextest puts the binary before the name, and says each failure again at the end.
        let own = name.rsplit(' ').next().unwrap_or(&name);
        let (at, said) = panics.get(own).cloned().unwrap_or_default();
        let failed = Failed::new(&name, &said, at);
        if !tests.contains(&failed) {
            tests.push(failed);
        }
        first = first.or_else(|| found.get(0).map(|m| m.start()));
    }
    let part = &output[first.unwrap_or(0)..];
    Some(Found { runner: Runner::Cargo, tests, part })
}
