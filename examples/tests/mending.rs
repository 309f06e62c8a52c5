//! What the templates make of the bugs that sleep in the shop.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aegis_core::model::{
    Case, Cause, Diagnosis, Fix, GateAnswer, IncidentKind, SignalKind, Symptom, Trigger,
};
use aegis_core::patch;
use aegis_core::redact::{Redactor, Untrusted};
use aegis_core::stage::{Diagnoser, FixGenerator, Verifier};
use aegis_core::trace::{self, Trace};
use aegis_core::{IncidentId, Timestamp};
use aegis_examples::staging::script::{self, Bug};
use aegis_examples::staging::shop;
use aegis_examples::traffic::{Traffic, TrafficConfig};
use aegis_local::git::GitRepository;
use aegis_local::python::{PythonDiagnoser, PythonTemplates};
use aegis_local::service::ServiceSpec;
use aegis_local::verify::PythonVerifier;

use crate::support::{Built, Running, built, holds, python};

/// A bug as the shop's log told it, and what was made of it.
struct Handled {
    bug: Bug,
    trace: Trace,
    diagnosis: Diagnosis,
    fixes: Vec<Fix>,
}

/// The bugs that fail one request at a time, but for the three of a plain heal.
fn sleeping() -> impl Iterator<Item = Bug> {
    Bug::ALL.into_iter().filter(|bug| !Bug::CRASHES.contains(bug) && *bug != Bug::Pool)
}

/// The newest traceback that a request left.
fn traceback(shop: &Running, path: &str) -> String {
    let said = shop.stderr();
    let (_, rest) = said.rsplit_once(&format!("unhandled error in GET {path}\n")).unwrap();
    rest.split("unhandled error in").next().unwrap().to_owned()
}

fn case(trace: Trace, bug: Bug) -> Case {
    let at = Timestamp::from_ms(1);
    let title = Redactor::standard().redact(&Untrusted::new(bug.exception()));
    let fingerprint = trace.fingerprint();
    let symptom = Symptom::new(at, fingerprint, SignalKind::Error(Some(trace)), title);
    Case::new(IncidentId::new("i1"), "shop".into(), IncidentKind::Crash, at, symptom)
}

/// Asks each bug's first request and has its traceback diagnosed and mended.
async fn handled(built: &Built, bugs: impl IntoIterator<Item = Bug>) -> Vec<Handled> {
    let shop = built.start();
    let repository = Arc::new(GitRepository::open(&built.shop.repo).await.unwrap());
    let diagnoser = PythonDiagnoser::new(repository.clone());
    let templates = PythonTemplates::new(repository);
    let mut all = Vec::new();
    for bug in bugs {
        let mut traces = Vec::new();
        for answered in shop.ask(bug.triggers()).await {
            assert_eq!(answered.status, 500, "{answered:?}");
            traces.push(trace::parse(&traceback(&shop, &answered.path)).remove(0));
        }
        let trace = traces.remove(0);
        assert!(traces.iter().all(|other| other.fingerprint() == trace.fingerprint()), "{bug:?}");
        let case = case(trace.clone(), bug);
        let diagnosis = diagnoser.diagnose(&case).await.unwrap();
        let triggers = bug.triggers();
        let triggers = triggers.iter().map(|it| Trigger::new("GET", &it.path, &it.path)).collect();
        let diagnosis = diagnosis.with_triggers(triggers);
        let fixes = templates.generate(&case, &diagnosis).await.unwrap();
        all.push(Handled { bug, trace, diagnosis, fixes });
    }
    all
}

/// Writes a fix into the shop's tree.
fn apply(built: &Built, fix: &Fix) {
    let edits = &fix.patch().unwrap().edits;
    let at = |path: &str| built.shop.repo.join(path);
    let before: BTreeMap<String, String> = edits
        .iter()
        .map(|edit| (edit.path().to_owned(), fs::read_to_string(at(edit.path())).unwrap()))
        .collect();
    for change in patch::apply(edits, &before).unwrap() {
        fs::write(at(&change.path), change.after.unwrap()).unwrap();
    }
}

#[tokio::test]
async fn the_first_candidate_gives_the_expected_answers() {
    let built = built();
    let bugs = sleeping().filter(|bug| *bug != Bug::Unmendable);
    let handled = handled(&built, bugs).await;
    for Handled { bug, trace, diagnosis, fixes } in &handled {
        let surfaced = trace.surfaced().unwrap();
        let line = format!("{}: {}", surfaced.kind, surfaced.message);
        assert!(line.starts_with(bug.exception()), "{bug:?}: {line}");
        let Cause::Code(location) = &diagnosis.hypotheses[0].cause else { panic!("{bug:?}") };
        assert_eq!(location.path, bug.file(), "{bug:?}");
        if *bug != Bug::TrapElsewhere {
            apply(&built, &fixes[0]);
        }
    }
    let suite = built.test();
    assert!(suite.status.success(), "{}", String::from_utf8_lossy(&suite.stdout));
    let shop = built.start();
    let triggers = handled.iter().flat_map(|handled| handled.bug.triggers()).collect();
    for answered in shop.ask(triggers).await {
        assert_eq!(answered.status, 200, "{answered:?}");
        let expected = script::expected(&answered.path).unwrap();
        assert!(holds(&expected, &answered.json()), "{answered:?} is not {expected}");
    }
}

#[tokio::test]
async fn both_pages_of_the_trap_lead_to_one_and_the_same_fix() {
    let built = built();
    let both = handled(&built, [Bug::Trap, Bug::TrapElsewhere]).await;
    assert_ne!(both[0].trace.fingerprint(), both[1].trace.fingerprint());
    let digests = |one: &Handled| one.fixes.iter().map(Fix::digest).collect::<Vec<_>>();
    assert_eq!(digests(&both[0]).len(), 1);
    assert_eq!(digests(&both[0]), digests(&both[1]));
    apply(&built, &both[0].fixes[0]);

    // Whoever asks for the stock waits until the workshop is done.
    let program = "\
import time
from shop import stock
from shop.router import dispatch
time.sleep = lambda seconds: print(seconds, stock.BOOKS.locked())
print(dispatch('GET', '/wrap?kind=furoshiki'))";
    let said = built.python(program);
    assert_eq!(said, "0.4 True\n(200, {'kind': 'furoshiki', 'price': 900})\n");
}

#[tokio::test]
async fn the_futile_fix_is_right_until_the_first_order() {
    let built = built();
    let futile = handled(&built, [Bug::Futile]).await.remove(0);
    apply(&built, &futile.fixes[0]);
    let shop = built.start();
    let asked = shop.ask(Bug::Futile.triggers()).await;
    assert!(asked.iter().all(|answered| answered.status == 200), "{asked:?}");
    shop.ask(script::ordinary()).await;
    for answered in shop.ask(Bug::Futile.triggers()).await {
        assert_eq!(answered.status, 500, "{answered:?}");
        let trace = trace::parse(&traceback(&shop, &answered.path)).remove(0);
        assert_eq!(trace.fingerprint(), futile.trace.fingerprint());
    }
}

#[tokio::test]
async fn the_errors_of_one_page_of_the_customs_are_one_and_the_same() {
    let all = handled(&built(), Bug::COMES_BACK).await;
    assert!(all.iter().all(|it| it.trace.fingerprint() == all[0].trace.fingerprint()));
    let lines: Vec<_> = all.iter().map(|it| it.diagnosis.hypotheses[0].cause.clone()).collect();
    assert!(lines[0] != lines[1] && lines[1] != lines[2]);
}

#[tokio::test]
async fn what_has_no_template_is_still_diagnosed() {
    let odd = handled(&built(), [Bug::Unmendable]).await.remove(0);
    assert!(odd.fixes.is_empty(), "{:?}", odd.fixes);
    let Cause::Code(location) = &odd.diagnosis.hypotheses[0].cause else { panic!() };
    assert_eq!(
        (location.path.as_str(), location.function.as_deref()),
        ("shop/compare.py", Some("pair"))
    );
}

/// At the pace of a heal.
#[tokio::test]
async fn the_pool_runs_out_under_the_traffic_of_its_triggers_and_of_no_single_one() {
    let built = built();
    let shop = built.start();
    for trigger in Bug::Pool.triggers() {
        let answer = shop.raw(&format!("GET {} HTTP/1.0\r\n\r\n", trigger.path)).await;
        assert!(answer.contains(" 200 "), "{answer}");
    }
    let config = TrafficConfig::new(([127, 0, 0, 1], shop.port).into(), built.dir.path().join("t"));
    let traffic = Traffic::start(config, script::requests(&[Bug::Pool])).unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while traffic.totals().errors < 5 {
        assert!(Instant::now() < deadline, "{:?}", traffic.totals());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    traffic.stop().await.unwrap();
    let said = shop.stderr();
    assert!(said.lines().any(|line| line == Bug::Pool.exception()), "{said}");
    let trace = trace::parse(&said).remove(0);
    let repository = Arc::new(GitRepository::open(&built.shop.repo).await.unwrap());
    let diagnosis =
        PythonDiagnoser::new(repository).diagnose(&case(trace, Bug::Pool)).await.unwrap();
    let Cause::Environment(look_at) = &diagnosis.hypotheses[0].cause else { panic!() };
    assert!(look_at.contains("connection pool"), "{look_at}");
}

/// In a process of its own, where nobody has placed an order and nobody else waits.
#[tokio::test(flavor = "multi_thread")]
async fn the_trap_and_the_futile_fix_are_proven_by_the_verifier() {
    let built = built();
    let repository = Arc::new(GitRepository::open(&built.shop.repo).await.unwrap());
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}/health");
    let access_log = built.dir.path().join("access.log");
    let spec = ServiceSpec::new("shop", shop::START, url, shop::TESTS)
        .with_env(shop::PORT, port.to_string())
        .with_env(shop::ACCESS_LOG, access_log.display().to_string())
        .with_python(python().root)
        .with_access_log(&access_log);
    let verifier = PythonVerifier::new(spec, repository);
    for Handled { bug, trace, diagnosis, fixes } in handled(&built, [Bug::Trap, Bug::Futile]).await
    {
        let mut case = case(trace, bug);
        case.diagnosis = Some(diagnosis);
        let verified = verifier.verify(&case, &fixes[0]).await.unwrap();
        assert_eq!(verified.answer(), GateAnswer::Pass, "{bug:?}: {:?}", verified.gates);
        assert!(verified.confidence().bps() >= 8_000, "{bug:?}: {}", verified.confidence());
    }
}
