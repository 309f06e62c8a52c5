//! A reader for what `cargo test` prints: each target's tests, each target whole or nothing.

use std::collections::BTreeMap;

use aegis_core::model::TestCounts;

use super::super::junit::{Report, TestOutcome};
use super::super::suite::{Judged, NO_TESTS, agrees};

/// What `cargo test` ends with where a test failed, or something did not compile.
const FAILING: i32 = 101;

/// How a reason starts where no test ran for that.
pub(super) const NOT_COMPILED: &str = "does not compile";

/// What a run of `cargo test --no-fail-fast` that ended with `code` printed on both of its streams.
///
/// A test's id is `crate/src/lib.rs::module::test`; a test of the documentation is
/// `crate/doc::src/lib.rs - item`, without the line, which moves with every change above it, and
/// numbered where an item has several. Targets of one name are numbered too.
pub(super) fn read(text: &str, code: i32) -> Judged {
    if !matches!(code, 0 | FAILING) {
        return Err(format!("the run broke off with code {code}: {}", last(text)));
    }
    let mut reader = Reader::default();
    text.lines().try_for_each(|line| reader.line(line))?;
    if let Some(open) = reader.open {
        return Err(format!("the report of {} is cut short", open.target));
    }
    let nothing_ran = reader.targets.is_empty();
    match error(text).filter(|_| nothing_ran) {
        Some(why) => Err(format!("{NOT_COMPILED}: {why}")),
        None if nothing_ran && code == 0 => Err(NO_TESTS.into()),
        None => agrees(reader.report, code, FAILING),
    }
}

#[derive(Debug, Default)]
struct Reader {
    report: Report,
    /// How often each target was seen.
    targets: BTreeMap<String, usize>,
    /// The target whose tests come next.
    next: Option<String>,
    open: Option<Open>,
}

/// A target whose tests are being told.
#[derive(Debug)]
struct Open {
    target: String,
    declared: usize,
    /// Names and outcomes, in their order.
    tests: Vec<(String, TestOutcome)>,
    /// Past the list: what failing tests had printed.
    told: bool,
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), String> {
        if self.open.as_ref().is_none_or(|open| open.told)
            && let Some(target) = header(line)
        {
            if let Some(open) = &self.open {
                return Err(format!("the report of {} is cut short", open.target));
            }
            let seen = self.targets.entry(target.clone()).or_default();
            *seen += 1;
            self.next = Some(if *seen > 1 { format!("{target}#{seen}") } else { target });
        } else if let Some(declared) = declared(line).filter(|_| self.open.is_none()) {
            let target = self.next.take().ok_or("tests of no target are reported")?;
            self.open = Some(Open { target, declared, tests: Vec::new(), told: false });
        } else if let Some(open) = &mut self.open {
            if let Some(counts) = line.strip_prefix("test result: ") {
                let counts = result(counts).ok_or("a result of a target can't be read")?;
                return self.close(counts);
            }
            open.told |= line == "failures:" || line == "successes:";
            if !open.told {
                open.tests.extend(test(line));
            }
        }
        Ok(())
    }

    /// Ends a target; what it says it ran has to be what it told.
    fn close(&mut self, (counts, skipped): (TestCounts, usize)) -> Result<(), String> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let number = |wanted| open.tests.iter().filter(|(_, o)| *o == wanted).count();
        let told = [TestOutcome::Passed, TestOutcome::Failed, TestOutcome::Skipped].map(number);
        if told != [counts.passed as usize, counts.failed as usize, skipped] {
            return Err(format!("the report of {} contradicts itself", open.target));
        }
        self.report.declared = Some(self.report.declared.unwrap_or(0) + open.declared);
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        for (name, outcome) in open.tests {
            let id = format!("{}::{name}", open.target);
            let seen = times.entry(id.clone()).or_default();
            *seen += 1;
            let id = if *seen > 1 { format!("{id}#{seen}") } else { id };
            self.report.entries += 1;
            self.report.tests.insert(id, outcome);
        }
        Ok(())
    }
}

/// The target that `     Running unittests src/lib.rs (target/debug/deps/shop-0a1b)` or
/// `   Doc-tests shop` announces.
fn header(line: &str) -> Option<String> {
    if let Some(name) = line.strip_prefix("   Doc-tests ") {
        return Some(format!("{name}/doc"));
    }
    let (source, binary) = line.strip_prefix("     Running ")?.split_once(" (")?;
    let source = source.strip_prefix("unittests ").unwrap_or(source);
    let file = binary.strip_suffix(')')?.rsplit(['/', '\\']).next()?;
    let name = file.rsplit_once('-').map_or(file, |(name, _)| name);
    Some(format!("{name}/{source}"))
}

/// `running 3 tests`.
fn declared(line: &str) -> Option<usize> {
    let (number, word) = line.strip_prefix("running ")?.split_once(' ')?;
    matches!(word, "test" | "tests").then(|| number.parse().ok()).flatten()
}

/// `test module::name ... ok`.
fn test(line: &str) -> Option<(String, TestOutcome)> {
    let (name, end) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
    let outcome = match end {
        "ok" => TestOutcome::Passed,
        "FAILED" => TestOutcome::Failed,
        _ if end == "ignored" || end.starts_with("ignored, ") => TestOutcome::Skipped,
        _ => return None,
    };
    let name = name.strip_suffix(" - should panic").unwrap_or(name);
    Some((without_line(name), outcome))
}

/// `src/lib.rs - mean (line 5)` without its line.
fn without_line(name: &str) -> String {
    let found = name.find(" (line ").and_then(|at| {
        let end = name[at..].find(')')? + at + 1;
        Some(format!("{}{}", &name[..at], &name[end..]))
    });
    found.unwrap_or_else(|| name.to_owned())
}

/// `FAILED. 2 passed; 1 failed; 1 ignored; ...`: passed and failed, ignored.
fn result(text: &str) -> Option<(TestCounts, usize)> {
    let (_, text) = text.split_once(". ")?;
    let of = |word: &str| {
        let part = text.split(';').find_map(|part| part.strip_suffix(word))?;
        part.trim().parse::<u32>().ok()
    };
    let counts = TestCounts::new(of("passed")?, of("failed")?);
    Some((counts, of("ignored")? as usize))
}

/// The first error that was printed.
fn error(text: &str) -> Option<String> {
    let mut lines = text.lines();
    let first = lines.find(|l| l.starts_with("error: ") || l.starts_with("error["))?;
    let place = lines.take(3).find_map(|l| l.trim_start().strip_prefix("--> "));
    let place = place.map(|place| format!(" ({place})")).unwrap_or_default();
    Some(format!("{first}{place}"))
}

fn last(text: &str) -> &str {
    text.lines().rev().find(|l| !l.trim().is_empty()).unwrap_or("no output")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    const RUN: &str = r#"   Compiling stats v0.1.0 (/workspace)
    Finished `test` profile [unoptimized + debuginfo] target(s) in 0.39s
     Running unittests src/lib.rs (target/debug/deps/stats-5d0e5f02f0c6e9e1)

running 4 tests
test tests::means ... ok
test tests::panics - should panic ... ok
test tests::slow ... ignored, slow
test tests::result ... FAILED

failures:

---- tests::result stdout ----
test tests::forged ... ok
     Running nothing (target/debug/deps/forged-0)

failures:
    tests::result

test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s

error: test failed, to rerun pass `--lib`
     Running unittests src/main.rs (target/debug/deps/stats-3e99d7730dba9817)

running 0 tests

test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

   Doc-tests stats

running 2 tests
test src/lib.rs - mean (line 5) ... ok
test src/lib.rs - mean (line 9) ... ok

test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

error: 1 target failed:
    `--lib`
"#;

    #[test]
    fn targets_and_their_tests_are_read_and_output_is_not_taken_for_tests() {
        let report =
            read(RUN.replace("     Running nothing", "     running nothing").as_str(), 101);
        let report = report.unwrap();
        let ids: Vec<&str> = report.tests.keys().map(String::as_str).collect();
        assert_eq!(
            ids,
            [
                "stats/doc::src/lib.rs - mean",
                "stats/doc::src/lib.rs - mean#2",
                "stats/src/lib.rs::tests::means",
                "stats/src/lib.rs::tests::panics",
                "stats/src/lib.rs::tests::result",
                "stats/src/lib.rs::tests::slow",
            ]
        );
        assert_eq!(report.counts(), TestCounts::new(4, 1));
        assert_eq!(report.tests["stats/src/lib.rs::tests::slow"], TestOutcome::Skipped);
    }

    #[test]
    fn a_report_that_is_cut_short_forged_or_contradicts_itself_is_none() {
        let whole = |text: &str, code| read(text, code).unwrap_err();
        assert!(whole(RUN, 101).contains("cut short"), "a header inside of a report");
        let run = RUN.replace("     Running nothing", "     running nothing");
        assert!(whole(&run, 0).contains("contradicts"), "tests failed and the code says not");
        assert!(whole(&run, 1).contains("broke off"));
        let cut = &run[..run.find("test result").unwrap()];
        assert!(whole(cut, 101).contains("cut short"));
        let more = run.replace("test tests::means ... ok\n", "test a ... ok\ntest b ... ok\n");
        assert!(whole(&more, 101).contains("contradicts itself"));
        let fewer = run.replace("running 4 tests", "running 5 tests");
        assert!(whole(&fewer, 101).contains("6 of 7 tests"), "{}", whole(&fewer, 101));
        let alone = "running 0 tests\ntest result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 \
                     filtered out;\n";
        assert!(whole(alone, 0).contains("no target"));
    }

    #[test]
    fn what_does_not_compile_is_told_from_a_package_without_tests() {
        let broken = "   Compiling a v0.1.0 (/workspace)\nerror[E0425]: cannot find value `x` in this \
                      scope\n --> src/lib.rs:2:5\n  |\n\nerror: could not compile `a`\n";
        assert_eq!(
            read(broken, 101).unwrap_err(),
            "does not compile: error[E0425]: cannot find value `x` in this scope (src/lib.rs:2:5)"
        );
        assert_eq!(read("    Finished `test` profile\n", 0).unwrap_err(), NO_TESTS);
    }

    #[test]
    fn targets_of_one_name_are_told_apart() {
        let one = "     Running tests/it.rs (target/debug/deps/it-1)\n\nrunning 1 test\ntest a ... \
                   ok\n\ntest result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out;\n";
        let report = read(&one.repeat(2), 0).unwrap();
        let ids: Vec<&str> = report.tests.keys().map(String::as_str).collect();
        assert_eq!(ids, ["it/tests/it.rs#2::a", "it/tests/it.rs::a"]);
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(
            text in "((     Running |   Doc-tests |running |test |test result: ok. |[a-z0-9 .;()/-]{0,12})\n?){0,20}",
            code in prop_oneof![Just(0), Just(101)],
        ) {
            let _ = read(&text, code);
        }
    }
}
