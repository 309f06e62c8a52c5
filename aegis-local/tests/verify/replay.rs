//! A tiny service whose request fails: replayed, fixed, verified.

use std::sync::Arc;
use std::time::Instant;

use aegis_core::model::{Fix, GateAnswer, Reproduction, TestCounts, Verification};
use aegis_core::stage::Verifier;
use aegis_local::service::ServiceSpec;
use aegis_local::verify::{PythonVerifier, VerifierConfig};

use super::folder::{base, case, fix, folder};
use super::python::venv;

const APP: &str = r#"import sys
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from shop import stats

RATINGS = {"tea": [4, 5], "mug": []}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            status, body = self.route()
        except Exception:
            traceback.print_exc()
            status, body = 500, "internal error"
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body.encode())

    def route(self):
        if self.path == "/health":
            return 200, "ok"
        product = self.path.rsplit("/", 1)[-1]
        return 200, str(stats.mean(RATINGS[product]))

    def log_message(self, form, *args):
        with open(sys.argv[1], "a") as log:
            log.write(self.path + "\n")


ThreadingHTTPServer(("127.0.0.1", 8765), Handler).serve_forever()
"#;

const STATS: &str = r#"def total(values: list[float]) -> float:
    return float(sum(values))


def mean(values: list[float]) -> float:
    return total(values) / len(values)
"#;

const TESTS: &str = r#"from shop import stats


def test_total():
    assert stats.total([]) == 0.0


def test_mean():
    assert stats.mean([1, 3]) == 2.0
"#;

pub(crate) const TRACE: &str = r#"Traceback (most recent call last):
  File "/srv/releases/1/app.py", line 13, in do_GET
    status, body = self.route()
  File "/srv/releases/1/app.py", line 26, in route
    return 200, str(stats.mean(RATINGS[product]))
  File "/srv/releases/1/shop/stats.py", line 6, in mean
    return total(values) / len(values)
ZeroDivisionError: float division by zero
"#;

const DIVISION: &str = "    return total(values) / len(values)\n";
pub(crate) const GUARDED: &str =
    "    if not values:\n        return 0.0\n    return total(values) / len(values)\n";

pub(crate) struct Shop {
    pub(crate) verifier: PythonVerifier,
    logs: tempfile::TempDir,
}

pub(crate) fn shop() -> Shop {
    shop_with(VerifierConfig::default())
}

pub(crate) fn shop_with(config: VerifierConfig) -> Shop {
    let logs = tempfile::tempdir().unwrap();
    let log = logs.path().join("access.log");
    let folder = folder([
        ("app.py", APP),
        ("shop/__init__.py", ""),
        ("shop/stats.py", STATS),
        ("tests/test_stats.py", TESTS),
    ]);
    let spec = ServiceSpec::new(
        "shop",
        format!("python app.py {}", log.display()),
        "http://127.0.0.1:8765/health",
        "python -m pytest -q",
    )
    .with_python(venv())
    .with_access_log(&log);
    Shop { verifier: PythonVerifier::with_config(spec, Arc::new(folder), config), logs }
}

fn answer(v: &Verification, gate: &str) -> Option<GateAnswer> {
    v.gates.iter().find(|g| g.gate == gate).map(|g| g.answer)
}

async fn verify(fix: &Fix) -> Verification {
    let requests = ["/mean/tea", "/mean/mug"];
    shop().verifier.verify(&case(TRACE, &requests), fix).await.unwrap()
}

pub(crate) fn stats_fix(replace: &str) -> Fix {
    fix("shop/stats.py", DIVISION, replace)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_fix_is_proven_by_the_request_that_failed() {
    let shop = shop();
    shop.verifier.warm(&base()).await.unwrap();
    let case = case(TRACE, &["/mean/tea", "/mean/mug"]);
    let started = Instant::now();
    let v = shop.verifier.verify(&case, &stats_fix(GUARDED)).await.unwrap();
    let (all, own) = (started.elapsed().as_millis() as u64, v.test_ms);
    println!("verified in {all} ms, {own} ms of it in the service's processes");
    for gate in &v.gates {
        println!("{} {:?} {}", gate.gate, gate.answer, gate.reason);
    }
    println!("{:?} {}\n{}", v.score, v.confidence(), v.notes.join("\n"));

    assert_eq!(v.answer(), GateAnswer::Pass);
    let names: Vec<&str> = v.gates.iter().map(|g| g.gate.as_str()).collect();
    assert_eq!(
        names,
        [
            "isolation",
            "protected-paths",
            "size",
            "unicode",
            "secrets",
            "new-imports",
            "dangerous-code",
            "magic-values",
            "fails-open",
            "syntax",
            "claim",
            "base-tests",
            "canaries",
            "tests",
            "reproduction",
            "reproduction-fixed",
            "type",
            "renamed-test",
            "siblings",
            "unchanged",
            "conduct"
        ]
    );
    assert!(
        matches!(&v.reproduction, Reproduction::Reproduced(how) if how.contains("/mean/mug")),
        "{:?}",
        v.reproduction
    );
    assert_eq!(v.tests.before, Some(TestCounts::new(2, 0)));
    assert_eq!(v.tests.after, Some(TestCounts::new(2, 0)));
    assert_eq!(v.score.coverage.bps(), 10_000, "the replay runs what the suite does not");
    assert!(v.confidence().bps() > 9_000, "{}", v.confidence());
    assert!(v.notes.iter().any(|n| n.contains("answers 200: 0.0")), "{:?}", v.notes);
    assert!(own > 0 && own <= all);
    // The service wrote its access log, and not there.
    assert_eq!(std::fs::read_dir(shop.logs.path()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fix_that_does_not_fix_is_denied() {
    let v =
        verify(&stats_fix("    values = list(values)\n    return total(values) / len(values)\n"))
            .await;
    assert_eq!(answer(&v, "reproduction-fixed"), Some(GateAnswer::Deny), "{:?}", v.gates);
    assert_eq!(v.confidence().bps(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_that_is_only_hidden_from_the_client_is_denied() {
    let hidden = fix(
        "app.py",
        "            status, body = 500, \"internal error\"\n",
        "            status, body = 200, \"0.0\"\n",
    );
    let v = verify(&hidden).await;
    assert_eq!(answer(&v, "reproduction-fixed"), Some(GateAnswer::Deny), "{:?}", v.gates);
    assert!(v.feedback().contains("still raises"), "{}", v.feedback());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_crash_in_place_of_the_first_is_denied() {
    let v = verify(&stats_fix("    return total(values) / (len(values) or None)\n")).await;
    assert_eq!(answer(&v, "reproduction-fixed"), Some(GateAnswer::Deny), "{:?}", v.gates);
    assert!(v.feedback().contains("500"), "{}", v.feedback());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_none_that_the_annotation_does_not_allow_is_denied() {
    let v = verify(&stats_fix(
        "    if not values:\n        return None\n    return total(values) / len(values)\n",
    ))
    .await;
    assert_eq!(answer(&v, "reproduction-fixed"), Some(GateAnswer::Pass), "{:?}", v.gates);
    assert_eq!(answer(&v, "type"), Some(GateAnswer::Deny), "{:?}", v.gates);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_type_than_annotated_lowers_the_quality() {
    let honest = verify(&stats_fix(GUARDED)).await;
    let v = verify(&stats_fix(&GUARDED.replace("0.0", "\"none\""))).await;
    assert_eq!(answer(&v, "type"), Some(GateAnswer::Pass), "{:?}", v.gates);
    assert!(v.score.quality < honest.score.quality);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_request_the_search_finds_a_call() {
    let v = shop().verifier.verify(&case(TRACE, &[]), &stats_fix(GUARDED)).await.unwrap();
    assert_eq!(v.answer(), GateAnswer::Pass, "{:?}", v.gates);
    assert!(
        matches!(&v.reproduction, Reproduction::Reproduced(how) if how == "mean(values=[])"),
        "{:?}",
        v.reproduction
    );
    assert_eq!(v.score.coverage.bps(), 10_000);
    assert!(v.notes.iter().any(|n| n.contains("gives 0.0")), "{:?}", v.notes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_raise_on_purpose_is_proposed_and_not_merged() {
    let raises = "    if not values:\n        raise ValueError(\"no values\")\n    return total(values) \
                  / len(values)\n";
    let v = shop().verifier.verify(&case(TRACE, &[]), &stats_fix(raises)).await.unwrap();
    assert_eq!(answer(&v, "reproduction-fixed"), Some(GateAnswer::Cap), "{:?}", v.gates);
    assert_eq!(v.answer(), GateAnswer::Cap);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_happen_again_is_an_answer_and_caps() {
    let trace = TRACE.replace("ZeroDivisionError: float division by zero", "OSError: disk");
    let case = case(&trace, &["/mean/tea"]);
    let v = shop().verifier.verify(&case, &stats_fix(GUARDED)).await.unwrap();
    assert_eq!(answer(&v, "reproduction"), Some(GateAnswer::Cap), "{:?}", v.gates);
    assert_eq!(answer(&v, "reproduction-fixed"), None);
    assert!(
        matches!(&v.reproduction, Reproduction::NotReproduced(tried)
            if tried.contains("1 requests did not raise it") && tried.contains("calls")),
        "{:?}",
        v.reproduction
    );
    assert_eq!(v.answer(), GateAnswer::Cap);
    assert!(v.confidence().bps() > 0);
}
