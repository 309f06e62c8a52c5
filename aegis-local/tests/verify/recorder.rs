//! The recorder's line reproduces what no search finds.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use aegis_core::model::{Fix, GateAnswer, Reproduction, Verification};
use aegis_core::redact::Redactor;
use aegis_core::stage::Verifier;
use aegis_local::service::ServiceSpec;
use aegis_local::verify::{PythonVerifier, RECORDER};

use super::folder::{case, fix, folder};
use super::python::venv;

/// Fails for codes of twelve digits whose last one is their checksum, with a zero weight.
const CODE: &str = r#"class Depot:
    def __init__(self, name: str):
        self.name = name

    def weight(self, code: str, token: str) -> float:
        if len(code) != 12 or not code.isdigit() or not token:
            return 0.0
        digits = [int(c) for c in code]
        if sum((i + 1) * d for i, d in enumerate(digits[:-1])) % 10 != digits[-1]:
            return 0.0
        return 100 / (digits[0] + digits[1])
"#;

const TESTS: &str = r#"from parcels import Depot


def test_a_wrong_code_weighs_nothing():
    assert Depot("x").weight("1", "t") == 0.0
"#;

const DIVISION: &str = "        return 100 / (digits[0] + digits[1])\n";
const GUARDED: &str = "        if not digits[0] + digits[1]:\n            return 0.0\n        \
                       return 100 / (digits[0] + digits[1])\n";

/// What the service prints when it fails with the recorder on, redacted as at intake.
fn printed(folder: &Path, code: &str, call: &str) -> String {
    std::fs::write(folder.join("aegis_recorder.py"), RECORDER).unwrap();
    std::fs::write(folder.join("parcels.py"), code).unwrap();
    let app = format!("import parcels\n\n\ndef main():\n    {call}\n\n\nmain()\n");
    std::fs::write(folder.join("app.py"), app).unwrap();
    let output = Command::new(venv().join("bin/python"))
        .args(["-B", "-m", "aegis_recorder", "app.py"])
        .current_dir(folder)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    Redactor::standard().redact_str(&text).as_str().to_owned()
}

fn verifier(code: &str) -> PythonVerifier {
    let spec = ServiceSpec::new("s", "false", "http://127.0.0.1:1/", "python -m pytest -q")
        .with_python(venv());
    let files = [("parcels.py", code), ("tests/test_parcels.py", TESTS), ("app.py", "")];
    PythonVerifier::new(spec, Arc::new(folder(files)))
}

async fn verify(text: &str, fix: &Fix) -> Verification {
    verifier(CODE).verify(&case(text, &[]), fix).await.unwrap()
}

fn guard() -> Fix {
    fix("parcels.py", DIVISION, GUARDED)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_call_reproduces_what_no_search_finds_and_its_fix_passes() {
    let folder = tempfile::tempdir().unwrap();
    let text = printed(folder.path(), CODE, "parcels.Depot('north').weight('001234567895', 'abc')");
    assert!(text.contains("aegis-locals: "), "{text}");
    assert!(!text.contains("'abc'\""), "{text}");
    let v = verify(&text, &guard()).await;
    let Reproduction::Reproduced(how) = &v.reproduction else { panic!("{:?}", v.reproduction) };
    assert!(how.starts_with("recorded when it failed: Depot("), "{how}");
    assert!(how.contains("code='001234567895'"), "{how}");
    assert_eq!(v.answer(), GateAnswer::Pass, "{:?}", v.gates);
    let still = fix("parcels.py", DIVISION, &format!("        digits.sort\n{DIVISION}"));
    let v = verify(&text, &still).await;
    assert_eq!(v.answer(), GateAnswer::Deny, "{:?}", v.gates);

    let bare: String =
        text.lines().filter(|l| !l.starts_with("aegis-locals")).map(|l| format!("{l}\n")).collect();
    let v = verify(&bare, &guard()).await;
    assert!(matches!(v.reproduction, Reproduction::NotReproduced(_)), "{:?}", v.reproduction);
    assert_ne!(v.answer(), GateAnswer::Pass);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_argument_is_no_code_to_run_and_the_search_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let text = printed(folder.path(), CODE, "parcels.Depot('north').weight('001234567895', 'abc')");
    let forged = text.replace("\"'001234567895'\"", "\"'001234567895'.strip()\"");
    assert_ne!(forged, text);
    let v = verify(&forged, &guard()).await;
    let Reproduction::NotReproduced(tried) = &v.reproduction else {
        panic!("{:?}", v.reproduction)
    };
    assert!(tried.contains("recorded when it failed: "), "{tried}");
    assert!(!tried.contains("strip"), "{tried}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_call_is_made_with_all_kinds_of_parameters() {
    let code = "def add(a, /, b, *rest, c, **more):\n    \
                if (a, b, rest, c, more) == ('5f1', 77, ('9c', 4), 31, {'z': 'q8'}):\n        \
                return b / (c - 31)\n    return 0\n";
    let folder = tempfile::tempdir().unwrap();
    let call = "parcels.add('5f1', 77, '9c', 4, c=31, z='q8')";
    let text = printed(folder.path(), code, call);
    let fix = fix("parcels.py", "        return b / (c - 31)\n", "        return 0\n");
    let v = verifier(code).verify(&case(&text, &[]), &fix).await.unwrap();
    let Reproduction::Reproduced(how) = &v.reproduction else { panic!("{:?}", v.reproduction) };
    let made = "add('5f1', 77, *('9c', 4), c=31, **{'z': 'q8'})";
    assert_eq!(how, &format!("recorded when it failed: {made}"));
}

#[test]
fn the_recorder_does_what_its_own_tests_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("python");
    let output = Command::new(venv().join("bin/python"))
        .args(["-B", "-m", "unittest", "aegis_recorder_test"])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
