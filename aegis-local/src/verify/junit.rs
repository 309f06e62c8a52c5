//! A reader for pytest's junit reports: as much XML as they hold, and no more.

use std::collections::BTreeMap;

use aegis_core::model::TestCounts;

/// How one test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TestOutcome {
    /// It passed.
    Passed,
    /// It was skipped, or failed as expected.
    Skipped,
    /// It failed, or could not be set up or torn down.
    Failed,
}

/// Tests by id (`tests.test_cart::test_total[empty]`), with their outcomes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// How each test ended; one that is reported twice keeps its worst outcome.
    pub tests: BTreeMap<String, TestOutcome>,
    /// File of each test, where the report names it.
    pub files: BTreeMap<String, String>,
    /// How many the suite says it ran.
    pub declared: Option<usize>,
    /// How many entries there are.
    pub entries: usize,
}

impl Report {
    /// How many passed and failed.
    pub fn counts(&self) -> TestCounts {
        let of = |wanted| {
            let n = self.tests.values().filter(|o| **o == wanted).count();
            u32::try_from(n).unwrap_or(u32::MAX)
        };
        TestCounts::new(of(TestOutcome::Passed), of(TestOutcome::Failed))
    }

    /// Reads a report; `None` where it is cut short or no junit report at all.
    pub fn parse(xml: &str) -> Option<Self> {
        let mut report = Self::default();
        let mut open: Option<(String, TestOutcome)> = None;
        let mut rest = xml;
        let mut depth = 0usize;
        let mut suites = false;
        while let Some(at) = rest.find('<') {
            rest = &rest[at..];
            if let Some(skipped) = skip_markup(rest)? {
                rest = skipped;
                continue;
            }
            let end = tag_end(rest)?;
            let (tag, after) = (&rest[1..end], &rest[end + 1..]);
            rest = after;
            let empty = tag.ends_with('/');
            if let Some(name) = tag.strip_prefix('/') {
                depth = depth.checked_sub(1)?;
                if name.trim() == "testcase" {
                    report.close(open.take()?);
                }
                continue;
            }
            let tag = tag.trim_end_matches('/');
            let name = tag.split_whitespace().next()?;
            match name {
                "testsuite" => {
                    suites = true;
                    if let Some(n) = attribute(tag, "tests").and_then(|n| n.parse::<usize>().ok()) {
                        report.declared = Some(report.declared.unwrap_or(0) + n);
                    }
                }
                "testcase" => {
                    let class = attribute(tag, "classname").unwrap_or_default();
                    let id = format!("{class}::{}", attribute(tag, "name")?);
                    if let Some(file) = attribute(tag, "file") {
                        report.files.insert(id.clone(), file);
                    }
                    let case = (id, TestOutcome::Passed);
                    if empty {
                        report.close(case);
                    } else {
                        open = Some(case);
                    }
                }
                "failure" | "error" => open.as_mut()?.1 = TestOutcome::Failed,
                "skipped" => {
                    let case = open.as_mut()?;
                    case.1 = case.1.max(TestOutcome::Skipped);
                }
                _ => {}
            }
            if !empty {
                depth += 1;
            }
        }
        (suites && depth == 0 && open.is_none()).then_some(report)
    }

    fn close(&mut self, (id, outcome): (String, TestOutcome)) {
        self.entries += 1;
        let worst = self.tests.entry(id).or_insert(outcome);
        *worst = (*worst).max(outcome);
    }
}

/// Past a comment, a CDATA section, a declaration; outer `None` where it never ends.
#[allow(clippy::option_option)]
fn skip_markup(text: &str) -> Option<Option<&str>> {
    for (start, end) in [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>"), ("<!", ">")] {
        if let Some(body) = text.strip_prefix(start) {
            return body.find(end).map(|at| Some(&body[at + end.len()..]));
        }
    }
    Some(None)
}

/// Where the tag that opens `text` ends, quotes respected.
fn tag_end(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (None, '>') => return Some(at),
            (Some(q), c) if q == c => quote = None,
            _ => {}
        }
    }
    None
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let mut rest = tag;
    loop {
        let at = rest.find('=')?;
        let key = rest[..at].split_whitespace().last()?;
        let value = rest[at + 1..].trim_start();
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let end = value[1..].find(quote)? + 1;
        if key == name {
            return Some(unescape(&value[1..end]));
        }
        rest = &value[end + 1..];
    }
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.find(';').filter(|end| *end <= 10);
        let decoded = end.and_then(|end| entity(&rest[1..end]));
        match (decoded, end) {
            (Some(c), Some(end)) => {
                out.push(c);
                rest = &rest[end + 1..];
            }
            _ => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

fn entity(name: &str) -> Option<char> {
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const REPORT: &str = r#"<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests">
<testsuite name="pytest" errors="1" failures="1" skipped="1" tests="4" time="0.1">
<testcase classname="tests.test_a" name="test_one[a&amp;b&#x27;&gt;]" time="0.001" />
<testcase classname="tests.test_a" name="test_two" time="0.001"><failure message="a &lt; b"><![CDATA[
</testcase><testcase classname="x" name="forged"/>]]></failure></testcase>
<testcase classname="tests.test_a" name="test_three" time="0.0"><skipped type="pytest.skip">x</skipped></testcase>
<testcase classname="tests.test_a" name="test_four" time="0.0"><error message="b">y</error></testcase>
</testsuite></testsuites>"#;

    #[test]
    fn outcomes_are_read_and_text_is_not_taken_for_tests() {
        let report = Report::parse(REPORT).unwrap();
        assert_eq!(report.declared, Some(4));
        assert_eq!(report.entries, 4);
        assert_eq!(report.counts(), TestCounts::new(1, 2));
        assert_eq!(report.tests["tests.test_a::test_one[a&b'>]"], TestOutcome::Passed);
        assert_eq!(report.tests["tests.test_a::test_three"], TestOutcome::Skipped);
        assert!(!report.tests.contains_key("x::forged"));
    }

    #[test]
    fn a_report_that_is_cut_short_is_no_report() {
        for end in [0, 40, 90, 200, 330, 480, REPORT.len() - 1, REPORT.len() - 14] {
            assert_eq!(Report::parse(&REPORT[..end]), None, "cut at {end}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in "[<>/!?=\"'&;# a-z\\[\\]-]{0,200}") {
            let _ = Report::parse(&text);
        }
    }
}
