//! Logs as runners print them, wrapped as GitHub Actions wraps them.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

fn shown(failure: &JobFailure) -> Vec<(&str, &str, String)> {
    let at = |failed: &Failed| {
        failed.at.as_ref().map(|at| format!("{}:{}", at.path, at.line)).unwrap_or_default()
    };
    failure.tests.iter().map(|f| (f.name.as_str(), f.message.as_str(), at(f))).collect()
}

fn of(path: &str, line: u32) -> String {
    format!("{path}:{line}")
}

#[test]
fn pytest_names_its_tests_their_errors_and_where_they_came_up() {
    let failure = read(include_str!("fixtures/pytest.log"));
    assert_eq!(failure.step.as_deref(), Some("Run python -m pytest -q"));
    assert_eq!(failure.command.as_deref(), Some("python -m pytest -q"));
    assert_eq!((failure.exit, failure.runner), (Some(1), Some(Runner::Pytest)));
    assert_eq!(
        shown(&failure),
        [
            (
                "tests/test_cart.py::TestTotal::test_some",
                "assert 3.0 == 4",
                of("tests/test_cart.py", 10)
            ),
            (
                "tests/test_cart.py::test_total[prices0]",
                "ZeroDivisionError: division by zero",
                of("cart.py", 2)
            ),
            (
                "tests/test_broken.py",
                "ModuleNotFoundError: No module named 'nothing_there'",
                of("tests/test_broken.py", 1)
            ),
            ("tests/test_cart.py::test_store", "OSError: no store", of("tests/test_cart.py", 6)),
        ]
    );
    assert!(failure.excerpt.starts_with("==="), "{}", failure.excerpt);
    assert!(!failure.excerpt.contains('\u{1b}') && !failure.excerpt.contains("Post job"));
    assert_eq!(
        failure.to_string(),
        "Run python -m pytest -q failed (exit code 1): tests/test_cart.py::TestTotal::test_some and 3 more"
    );
}

#[test]
fn what_a_test_raised_beneath_itself_is_a_trace() {
    let read = read(include_str!("fixtures/pytest.log"));
    let trace = raised(&read.excerpt).unwrap();
    let exception = &trace.exceptions[0];
    assert_eq!(exception.kind, "ZeroDivisionError");
    assert_eq!(exception.message, "division by zero");
    let frames = exception.frames.iter();
    let frames: Vec<_> = frames
        .map(|f| (f.path.as_str(), f.line, f.function.as_str(), f.source.as_deref()))
        .collect();
    let total = Some("return sum(prices) / len(prices)");
    assert_eq!(
        frames,
        [
            ("tests/test_cart.py", Some(14), "test_total", Some("assert total(prices) >= 0")),
            ("cart.py", Some(2), "total", total),
        ]
    );
}

#[test]
fn where_nothing_came_from_beneath_the_first_failure_counts() {
    let part = "= FAILURES =\n____ test_a ____\n\n    def test_a():\n>       assert 1 == 2\nE       assert 1 == 2\n\ntests/test_a.py:3: AssertionError\n";
    let trace = raised(part).unwrap();
    let exception = &trace.exceptions[0];
    assert_eq!(
        (exception.kind.as_str(), exception.message.as_str()),
        ("AssertionError", "assert 1 == 2")
    );
    let short = "= ERRORS =\n__ ERROR collecting tests/test_b.py __\nTraceback:\n/opt/lib/importlib/__init__.py:126: in import_module\n    return _gcd_import(name)\ntests/test_b.py:1: in <module>\n    import shop.cart\nshop/cart.py:1: in <module>\n    from decimal import Decimol\nE   ImportError: cannot import name 'Decimol'\n";
    let trace =
        raised(&short.replace("__ ERROR", "____ ERROR").replace("py __", "py ____")).unwrap();
    let culprit = trace.exceptions[0].culprit().unwrap();
    assert_eq!(
        (culprit.path.as_str(), culprit.line, culprit.function.as_str()),
        ("shop/cart.py", Some(1), "<module>")
    );
    assert_eq!(culprit.source.as_deref(), Some("from decimal import Decimol"));
    assert_eq!(trace.exceptions[0].kind, "ImportError");
    for nothing in ["", "no tests ran", "= FAILURES =\n____ test_a ____\nnothing\n"] {
        assert_eq!(raised(nothing), None, "{nothing}");
    }
}

#[test]
fn cargo_names_its_tests_and_where_they_panicked() {
    let some = "assertion `left == right` failed: of two";
    let nothing = "attempt to divide by zero";
    let failure = read(include_str!("fixtures/cargo.log"));
    assert_eq!((failure.exit, failure.runner), (Some(101), Some(Runner::Cargo)));
    assert_eq!(
        shown(&failure),
        [
            ("tests::nothing", nothing, of("src/lib.rs", 2)),
            ("tests::some", some, of("src/lib.rs", 12))
        ]
    );
    let failure = read(include_str!("fixtures/nextest.log"));
    assert_eq!(failure.command.as_deref(), Some("cargo nextest run --no-fail-fast"));
    assert_eq!(
        shown(&failure),
        [
            ("shop tests::nothing", nothing, of("src/lib.rs", 2)),
            ("shop tests::some", some, of("src/lib.rs", 12))
        ]
    );
}

#[test]
fn what_does_not_compile_is_named_by_its_code_and_place() {
    let failure = read(include_str!("fixtures/compile.log"));
    assert_eq!(shown(&failure), [("E0308", "mismatched types", of("src/lib.rs", 2))]);
    assert!(failure.excerpt.starts_with("error[E0308]"), "{}", failure.excerpt);
}

#[test]
fn what_no_reader_knows_still_has_its_step_and_its_end() {
    let log = "##[group]Run ./deploy.sh staging\n./deploy.sh staging\nshell: /usr/bin/bash -e {0}\n\
               ##[endgroup]\nuploading\nHTTP 403\n##[error]Process completed with exit code 22.\nPost job\n";
    let failure = read(log);
    assert_eq!(failure.command.as_deref(), Some("./deploy.sh staging"));
    assert_eq!((failure.exit, failure.runner, failure.tests.len()), (Some(22), None, 0));
    assert_eq!(failure.excerpt, "uploading\nHTTP 403");

    let bare = read("make: *** [Makefile:3: test] Error 2\n");
    assert_eq!((bare.step, bare.exit), (None, None));
    assert_eq!(bare.excerpt, "make: *** [Makefile:3: test] Error 2");
    assert_eq!(read(""), JobFailure::default());
}

#[test]
fn a_step_with_settings_and_an_action_s_own_error_are_told_apart() {
    let log = "##[group]Run actions/setup-python@v5\nwith:\n  python-version: 3.99\n##[endgroup]\n\
               ##[error]The version '3.99' with architecture 'x64' was not found.\n";
    let failure = read(log);
    assert_eq!(failure.command.as_deref(), Some("actions/setup-python@v5"));
    assert_eq!(failure.exit, None);

    // A group that a program opens is no step.
    let log = "##[group]Run make\nmake\nshell: bash\n##[endgroup]\n##[group]Compiling\nx.c\n\
               ##[endgroup]\nfailed\n##[error]Process completed with exit code 2.\n";
    assert_eq!(read(log).command.as_deref(), Some("make"));
}

#[test]
fn places_outside_the_repository_are_none() {
    for (path, line) in [
        ("/etc/passwd", "1"),
        ("../x.py", "1"),
        ("a/../../x.py", "2"),
        ("", "1"),
        ("a.py", "0"),
        ("a.py", "x"),
    ] {
        assert_eq!(place(path, line), None, "{path}:{line}");
    }
    assert_eq!(place("./src\\lib.rs", "7"), Some(Location::new("src/lib.rs", 7)));
}

#[test]
fn a_long_log_keeps_its_beginning_and_its_end() {
    let lines: String = (0..9_000).map(|n| format!("line {n} ü\n")).collect();
    let failure = read(&lines);
    assert!(failure.excerpt.len() <= 16 * 1_024, "{}", failure.excerpt.len());
    assert!(failure.excerpt.starts_with("line 0 ü\n") && failure.excerpt.ends_with("line 8999 ü"));
    assert!(failure.excerpt.contains("bytes left out]"));
    let many: String = (0..500).map(|n| format!("FAILED tests/a.py::t{n} - why\n")).collect();
    let failure = read(&format!("=== FAILURES ===\n{many}"));
    assert_eq!(failure.tests.len(), 100);
}

proptest! {
    #[test]
    fn whatever_a_log_holds_it_is_read_within_bounds(
        parts in proptest::collection::vec(
            prop_oneof![
                ".{0,80}",
                Just(String::from("##[group]Run x\n")),
                Just(String::from("##[endgroup]\n")),
                Just(String::from("##[error]Process completed with exit code 99999999999.\n")),
                Just(String::from("=== FAILURES ===\n")),
                Just(String::from("____ test_ü ____\n")),
                Just(String::from("FAILED a.py::b - \u{1b}[31mc\n")),
                Just(String::from("test result: FAILED\nthread 'a' panicked at b.rs:1:2:\n")),
                Just(String::from("2026-11-26T10:00:00.0000000Z ")),
            ],
            0..60,
        )
    ) {
        let failure = read(&parts.concat());
        prop_assert!(failure.excerpt.len() <= 16 * 1_024);
        prop_assert!(failure.tests.len() <= 100);
        for failed in &failure.tests {
            prop_assert!(failed.name.len() <= 500 && failed.message.len() <= 500);
        }
    }
}
