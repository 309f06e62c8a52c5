//! A package in Rust: its suite, its gates, the coverage of what changed.

use std::sync::Arc;

use aegis_core::ErrorKind;
use aegis_core::model::{Fix, GateAnswer, Reproduction, TestCounts, Verification};
use aegis_core::stage::Verifier;
use aegis_local::service::ServiceSpec;
use aegis_local::verify::cargo::CargoVerifier;
use aegis_local::verify::{BaseSuite, VerifierConfig};

use super::folder::{base, case, fix, folder};
use super::gates::denied_by;

const MANIFEST: &str = "[package]\nname = \"stats\"\nversion = \"0.1.0\"\nedition = \"2021\"\n";

const LIB: &str = r#"//! Statistics.

/// The sum.
///
/// ```
/// assert_eq!(stats::total(&[1, 2]), 3);
/// ```
pub fn total(values: &[i64]) -> i64 {
    values.iter().sum()
}

/// The mean.
pub fn mean(values: &[i64]) -> i64 {
    total(values) / values.len() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means() {
        assert_eq!(mean(&[1, 3]), 2);
    }

    #[test]
    #[ignore = "later"]
    fn later() {}
}
"#;

const TESTS: &str = "#[test]\nfn empty() {\n    assert_eq!(stats::mean(&[]), 0);\n}\n";

const PANIC: &str = "thread 'main' panicked at src/lib.rs:14:5:\nattempt to divide by zero\n";

const DIVISION: &str = "    total(values) / values.len() as i64\n";
const MEANS: &str = "        assert_eq!(mean(&[1, 3]), 2);\n";
const GUARDED: &str = "    if values.is_empty() {\n        return 0;\n    }\n    total(values) / \
                       values.len() as i64\n";

fn verifier(files: &[(&str, &str)], test: &str) -> CargoVerifier {
    let spec = ServiceSpec::new("s", "false", "http://127.0.0.1:1/", test);
    let mut config = VerifierConfig::for_cargo();
    (config.suite_ms, config.base_runs) = (120_000, 1);
    CargoVerifier::with_config(spec, Arc::new(folder(files.iter().copied())), config)
}

fn stats() -> CargoVerifier {
    let files = [("Cargo.toml", MANIFEST), ("src/lib.rs", LIB), ("tests/it.rs", TESTS)];
    verifier(&files, "cargo test")
}

/// Without the guardrails, so that the run alone has to see it.
async fn unguarded(fix: &Fix) -> Verification {
    let verifier = stats().with_guardrails(Vec::new());
    verifier.verify(&case(PANIC, &[]), fix).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_fix_is_proposed_with_what_was_not_possible() {
    let fix = fix("src/lib.rs", DIVISION, GUARDED);
    let v = stats().verify(&case(PANIC, &[]), &fix).await.unwrap();
    assert_eq!(v.answer(), GateAnswer::Cap, "{:?}", v.gates);
    let others: Vec<&str> =
        v.gates.iter().filter(|g| g.answer != GateAnswer::Pass).map(|g| &g.gate[..]).collect();
    assert_eq!(others, ["reproduction"], "{:?}", v.gates);
    assert!(matches!(v.reproduction, Reproduction::NotReproduced(_)));
    let (before, after) = (v.tests.before.unwrap(), v.tests.after.unwrap());
    assert_eq!((before, after), (TestCounts::new(2, 1), TestCounts::new(3, 0)));
    assert_eq!(v.score.coverage.bps(), 10_000, "{:?}", v.notes);
    let canaries = v.gates.iter().find(|g| g.gate == "canaries").unwrap();
    assert_eq!(canaries.reason, "9 tests that have to fail do");
    let not_possible = v.notes.iter().filter(|n| n.contains("not possible under cargo test"));
    assert_eq!(not_possible.count(), 4, "{:?}", v.notes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_is_told_by_its_tests_a_package_without_tests_and_one_that_does_not_compile() {
    let ran = stats().warm(&base()).await.unwrap();
    let failing = vec![String::from("it/tests/it.rs::empty")];
    assert_eq!(ran, BaseSuite::Ran { counts: TestCounts::new(2, 1), failing, flaky: Vec::new() });
    let none = [("Cargo.toml", MANIFEST), ("src/lib.rs", "pub fn f() {}\n")];
    assert_eq!(verifier(&none, "cargo test").warm(&base()).await.unwrap(), BaseSuite::Empty);
    let broken = [("Cargo.toml", MANIFEST), ("src/lib.rs", "pub fn f() -> u8 {}\n")];
    let broken = verifier(&broken, "cargo test").warm(&base()).await.unwrap();
    let BaseSuite::Broken(why) = broken else { panic!("{broken:?}") };
    assert!(why.starts_with("does not compile: error[E0308]"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_static_gates_deny_without_a_run() {
    for (search, replace, gate) in [
        (MEANS, "        assert_eq!(mean(&[1, 3]), mean(&[2]));\n", "inline-tests"),
        (DIVISION, "    if cfg!(test) { return 2 }\n    total(values)\n", "dangerous-code"),
        (DIVISION, "    rand::random::<i64>()\n", "new-imports"),
        (DIVISION, "    total(values) / (\n", "syntax"),
    ] {
        let v = stats().verify(&case(PANIC, &[]), &fix("src/lib.rs", search, replace)).await;
        let v = v.unwrap();
        denied_by(&v, gate, "");
        assert_eq!((v.test_ms, v.tests.after), (0, None));
    }
    let manifest = fix("Cargo.toml", "edition = \"2021\"\n", "edition = \"2024\"\n");
    let v = stats().verify(&case(PANIC, &[]), &manifest).await.unwrap();
    denied_by(&v, "protected-paths", "Cargo.toml");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_a_test_or_does_not_compile_is_denied_by_the_run() {
    let v = unguarded(&fix("src/lib.rs", DIVISION, "    total(values)\n")).await;
    denied_by(&v, "tests", "fails and did not before: stats/src/lib.rs::tests::means");
    let v = unguarded(&fix("src/lib.rs", DIVISION, "    total(values) / 2.0\n")).await;
    denied_by(&v, "syntax", "does not compile");
    const TEST: &str = "    #[test]\n    fn means() {\n";
    let ignored = fix("src/lib.rs", TEST, &TEST.replace("#[test]", "#[test]\n    #[ignore]"));
    denied_by(&unguarded(&ignored).await, "tests", "passed before and is skipped");
    let gone = fix("src/lib.rs", TEST, "    fn means() {\n");
    denied_by(&unguarded(&gone).await, "tests", "no longer there: stats/src/lib.rs::tests::means");
    let deleted = fix("tests/it.rs", "    assert_eq!(stats::mean(&[]), 0);\n", "");
    let v = unguarded(&deleted).await;
    assert_eq!(v.tests.after, Some(TestCounts::new(2, 1)), "the test stays that of the base");
}

const SIGNED: &str = "/// The mean.\npub fn mean(values: &[i64]) -> i64 {\n";

/// A library that does something before `main`.
const BEFORE_MAIN: &str = "#[used]\n#[link_section = \".init_array\"]\nstatic FIRST: extern \"C\" fn() \
                           = first;\n\nextern \"C\" fn first() {\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_library_that_takes_the_tests_over_is_caught_by_the_run_alone() {
    let before_main = |body: &str| {
        let code = format!("{BEFORE_MAIN}{body}}}\n\n{SIGNED}");
        fix("src/lib.rs", SIGNED, &code)
    };
    let v = unguarded(&before_main("    std::process::exit(0);\n")).await;
    denied_by(&v, "tests", "");
    // A report of its own, as the harness would print it, for each of its processes.
    let forged = "    println!(\"\\nrunning 1 test\\ntest tests::means ... ok\\n\\ntest result: ok. 1 \
                  passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\\n\");\n    \
                  std::process::exit(0);\n";
    denied_by(&unguarded(&before_main(forged)).await, "canaries", "");
    // Assertions that hold whatever they are asked.
    let blind = "#[macro_export]\nmacro_rules! assert_eq {\n    ($($all:tt)*) => {};\n}\n\n";
    let blind = fix("src/lib.rs", SIGNED, &format!("{blind}{SIGNED}"));
    denied_by(&unguarded(&blind).await, "canaries", "9 are reported and 8 fail");
    // No panic is one.
    let quiet = before_main("    std::panic::set_hook(Box::new(|_| std::process::exit(0)));\n");
    denied_by(&unguarded(&quiet).await, "tests", "");
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_that_no_test_runs_are_counted_in_a_workspace_too() {
    let workspace = "[workspace]\nmembers = [\"stats\", \"app\"]\nresolver = \"2\"\n";
    let app = "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[dependencies]\nstats \
               = { path = \"../stats\" }\n";
    let main = "fn main() {\n    println!(\"{}\", stats::mean(&[1]));\n}\n\n#[test]\nfn main_runs() {\n    \
                main();\n}\n";
    let files = [
        ("Cargo.toml", workspace),
        ("stats/Cargo.toml", MANIFEST),
        ("stats/src/lib.rs", LIB),
        ("app/Cargo.toml", app),
        ("app/src/main.rs", main),
    ];
    let verifier = verifier(&files, "cargo test --workspace");
    let trace = PANIC.replace("src/lib.rs", "stats/src/lib.rs");
    let fix = fix("stats/src/lib.rs", DIVISION, GUARDED);
    let v = verifier.verify(&case(&trace, &[]), &fix).await.unwrap();
    assert_eq!(v.answer(), GateAnswer::Cap, "{:?}", v.gates);
    let canaries = v.gates.iter().find(|g| g.gate == "canaries").unwrap();
    assert_eq!(canaries.reason, "18 tests that have to fail do");
    assert_eq!(v.tests.after, Some(TestCounts::new(3, 0)));
    let coverage = v.notes.iter().find(|n| n.starts_with("coverage")).unwrap();
    assert_eq!(coverage, "coverage: 1 of 2 changed lines ran");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_whose_report_can_not_be_read_and_a_missing_toolchain_are_told_at_the_start() {
    let files = [("Cargo.toml", MANIFEST), ("src/lib.rs", LIB)];
    let error = verifier(&files, "cargo test -q").check().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("-q"), "{error}");
    let nowhere = verifier(&files, "cargo test").with_toolchain("/nowhere").check().await;
    let error = nowhere.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("/nowhere/bin/rustc"), "{error}");
    verifier(&files, "cargo test").check().await.unwrap();
}
