//! What is denied before or by the suite.

use std::sync::Arc;
use std::time::Duration;

use aegis_core::model::{Case, Fix, GateAnswer, GateReport, Verification};
use aegis_core::policy::Guardrail;
use aegis_core::stage::Verifier;
use aegis_core::{ErrorKind, Revision};
use aegis_local::service::ServiceSpec;
use aegis_local::verify::{PythonVerifier, VerifierConfig};

use super::folder::{base, case, fix, folder};
use super::python::venv;

const CODE: &str = "import json\n\n\ndef double(n: int) -> int:\n    return n * 2\n";
const TESTS: &str = "import code_\n\n\ndef test_double():\n    assert code_.double(2) == 4\n\n\n\
                     def test_zero():\n    assert code_.double(0) == 0\n";

fn verifier(files: &[(&str, &str)], test: &str) -> PythonVerifier {
    let spec = ServiceSpec::new("s", "false", "http://127.0.0.1:1/", test).with_python(venv());
    let mut config = VerifierConfig::default();
    config.suite_ms = 5_000;
    let folder = folder(files.iter().copied());
    PythonVerifier::with_config(spec, Arc::new(folder), config)
}

async fn verify(fix: &Fix) -> Verification {
    let files = [("code_.py", CODE), ("tests/test_code.py", TESTS), ("pytest.ini", PATHS)];
    verifier(&files, "pytest -q").verify(&case("no trace", &[]), fix).await.unwrap()
}

const PATHS: &str = "[pytest]\npythonpath = .\n";
const BODY: &str = "    return n * 2\n";

#[track_caller]
pub(crate) fn denied_by(v: &Verification, gate: &str, reason: &str) {
    let report = v.gates.iter().find(|g| g.gate == gate);
    let report = report.unwrap_or_else(|| panic!("{gate} was not asked: {:?}", v.gates));
    assert_eq!(report.answer, GateAnswer::Deny, "{:?}", v.gates);
    assert!(report.reason.contains(reason), "{}", report.reason);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_tests_is_denied_without_a_run() {
    let v =
        verify(&fix("tests/test_code.py", "    assert code_.double(2) == 4\n", "    pass\n")).await;
    denied_by(&v, "protected-paths", "tests");
    assert_eq!((v.test_ms, v.tests.after), (0, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn all_guardrails_are_asked_the_host_s_too_and_everything_is_named_at_once() {
    #[derive(Debug)]
    struct Panics;
    impl Guardrail for Panics {
        fn check(&self, _case: &Case, _fix: &Fix) -> GateReport {
            panic!("a bug of the host's")
        }
    }
    let files = [("code_.py", CODE), ("tests/test_code.py", TESTS)];
    let bad =
        "    import os\n    os._exit(0)  # \u{202e}\n".to_owned() + &"    n += 1\n".repeat(60);
    let verifier = verifier(&files, "pytest -q").with_guardrail(Arc::new(Panics));
    let v = verifier.verify(&case("no trace", &[]), &fix("code_.py", BODY, &bad)).await.unwrap();
    let asked: Vec<_> = v.gates.iter().map(|g| (g.gate.as_str(), g.answer)).collect();
    use GateAnswer::{Deny, Hold, Pass};
    let expected = [
        ("isolation", Pass),
        ("protected-paths", Pass),
        ("size", Deny),
        ("unicode", Deny),
        ("secrets", Pass),
        ("new-imports", Deny),
        ("dangerous-code", Deny),
        ("magic-values", Pass),
        ("fails-open", Pass),
        ("guardrail", Hold),
    ];
    assert_eq!(asked, expected);
    assert_eq!((v.test_ms, v.tests.after), (0, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patch_that_does_not_apply_is_denied() {
    denied_by(&verify(&fix("code_.py", "    return n * 3\n", BODY)).await, "applies", "code_.py");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_does_not_parse_is_denied_with_its_place_and_without_a_run() {
    let v = verify(&fix("code_.py", BODY, "    return n * * 2\n")).await;
    denied_by(&v, "syntax", "code_.py:5:16: ");
    assert_eq!(v.gates.iter().filter(|g| g.gate == "syntax").count(), 1);
    assert_eq!((v.test_ms, v.tests.after), (0, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_interpreter_alone_refuses_is_denied() {
    let unbound = "    nonlocal nowhere\n    return n * 2\n";
    aegis_local::python::check("code_.py", &CODE.replace(BODY, unbound)).unwrap();
    let v = verify(&fix("code_.py", BODY, unbound)).await;
    denied_by(&v, "syntax", "no binding for nonlocal 'nowhere' found");
    assert_eq!(v.gates.iter().filter(|g| g.gate == "syntax").count(), 1);
    assert!(v.test_ms > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_import_is_denied() {
    let v = verify(&fix("code_.py", BODY, "    import os\n    return n * 2\n")).await;
    denied_by(&v, "new-imports", "os");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_test_can_find_is_held_for_a_person_and_still_tried() {
    let held = |v: &Verification, gate: &str, part: &str| {
        assert_eq!(v.answer(), GateAnswer::Hold, "{:?}", v.gates);
        let report = v.gates.iter().find(|g| g.answer == GateAnswer::Hold).unwrap();
        assert!(report.gate == gate && report.reason.contains(part), "{report:?}");
        assert!(v.test_ms > 0);
    };
    let word = "    if n == 90817: n = 0\n    return n * 2\n";
    held(&verify(&fix("code_.py", BODY, word)).await, "magic-values", "90817");
    let code = format!("{CODE}\n\ndef allowed(n):\n    return n in (1, 2)\n");
    let files = [("code_.py", code.as_str()), ("tests/test_code.py", TESTS), ("pytest.ini", PATHS)];
    let open = fix(
        "code_.py",
        "    return n in (1, 2)\n",
        "    return n in (1, 2) or n is None or True\n",
    );
    let v = verifier(&files, "pytest -q").verify(&case("no trace", &[]), &open).await.unwrap();
    held(&v, "fails-open", "allowed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_that_no_longer_passes_denies_and_counts() {
    let v = verify(&fix("code_.py", BODY, "    return n * 2 or 1\n")).await;
    denied_by(&v, "tests", "test_zero");
    let (before, after) = (v.tests.before.unwrap(), v.tests.after.unwrap());
    assert_eq!((before.passed, before.failed, after.passed, after.failed), (2, 0, 1, 1));
    assert_eq!(v.confidence().bps(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_ends_itself_early_is_denied() {
    let ended = "    json.codecs.sys.modules['os']._exit(0)\n    return n * 2\n";
    let fix = fix("code_.py", BODY, ended);
    let v = verify(&fix).await;
    denied_by(&v, "dangerous-code", "code_.py:5: ");
    assert_eq!((v.test_ms, v.tests.after), (0, None));
    let files = [("code_.py", CODE), ("tests/test_code.py", TESTS), ("pytest.ini", PATHS)];
    let unguarded = verifier(&files, "pytest -q").with_guardrails(Vec::new());
    let v = unguarded.verify(&case("no trace", &[]), &fix).await.unwrap();
    denied_by(&v, "tests", "no report");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_does_not_end_is_denied() {
    let v = verify(&fix("code_.py", BODY, "    while True:\n        pass\n")).await;
    denied_by(&v, "tests", "time limit");
    assert!(Duration::from_millis(v.test_ms) < Duration::from_secs(12));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_that_is_gone_is_denied() {
    let tests = "import pytest, code_\n\n\n@pytest.mark.parametrize('n', range(code_.double(1)))\n\
                 def test_n(n):\n    assert n < 2\n";
    let files = [("code_.py", CODE), ("tests/test_code.py", tests), ("pytest.ini", PATHS)];
    let fix = fix("code_.py", BODY, "    return n\n");
    let verifier = verifier(&files, "pytest -q");
    let v = verifier.verify(&case("no trace", &[]), &fix).await.unwrap();
    denied_by(&v, "tests", "no longer there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_that_comes_with_the_change_and_fails_is_denied() {
    let tests = "import pytest, code_\n\n\n@pytest.mark.parametrize('n', range(code_.double(1)))\n\
                 def test_n(n):\n    assert n < 2\n";
    let files = [("code_.py", CODE), ("tests/test_code.py", tests), ("pytest.ini", PATHS)];
    let fix = fix("code_.py", BODY, "    return n * 3\n");
    let v = verifier(&files, "pytest -q").verify(&case("no trace", &[]), &fix).await.unwrap();
    denied_by(&v, "tests", "test_n[2]");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_without_tests_is_capped_and_so_is_a_case_without_a_trace() {
    let fix = fix("code_.py", BODY, "    return 2 * n\n");
    let verifier = verifier(&[("code_.py", CODE)], "python -m pytest -q");
    let v = verifier.verify(&case("no trace", &[]), &fix).await.unwrap();
    assert_eq!(v.answer(), GateAnswer::Cap, "{:?}", v.gates);
    let caps = v.gates.iter().filter(|g| g.answer == GateAnswer::Cap).map(|g| g.gate.as_str());
    assert_eq!(caps.collect::<Vec<_>>(), ["base-tests", "reproduction"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn coverage_counts_lines_in_the_middle_of_a_statement() {
    let long = "    return sum(\n        [\n            n,\n            n,\n        ]\n    )\n";
    let code = "def f(n):\n    return sum(\n        [\n            n,\n        ]\n    )\n";
    let files = [
        ("code_.py", code),
        ("tests/test_f.py", "import code_\n\ndef test_f():\n    code_.f(1)\n"),
    ];
    let middle = fix("code_.py", "            n,\n", "            n + 1,\n");
    let verifier = verifier(&files, "python -m pytest -q");
    let v = verifier.verify(&case("no trace", &[]), &middle).await.unwrap();
    assert_eq!(v.score.coverage.bps(), 10_000, "{:?}", v.notes);
    let unrun = "    if n > 1000:\n        n = 1000\n    return n * 2\n";
    let all = verify(&fix("code_.py", BODY, long)).await;
    assert_eq!(all.score.coverage.bps(), 10_000, "{:?}", all.notes);
    let half = verify(&fix("code_.py", BODY, unrun)).await;
    assert_eq!(half.score.coverage.bps(), 5_000, "{:?}", half.notes);
    assert!(half.score.quality < all.score.quality);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revision_that_is_not_there_is_an_error_and_no_verdict() {
    let files = [("code_.py", CODE)];
    let error = verifier(&files, "pytest").warm(&Revision::new("gone")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    verifier(&files, "pytest").warm(&base()).await.unwrap();
}
