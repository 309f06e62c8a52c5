//! The diagnoser.

use std::sync::Arc;
use std::time::Duration;

use aegis_core::model::{
    Anomaly, Author, Case, Cause, Diagnosis, IncidentKind, Metric, Release, SignalKind, Similar,
};
use aegis_core::stage::Diagnoser;
use aegis_core::trace::{Exception, Frame, Relation};
use aegis_core::{IncidentId, Revision, ServiceName, Timestamp};
use async_trait::async_trait;

use super::super::PythonDiagnoser;
use super::{case, case_of, sources};
use crate::requests::{RequestLog, ServedRequest};

const VIEWS: &str = "import os\n\n\ndef ratio(a, b):\n    return a / b\n\n\ndef show(a):\n    try:\n        return ratio(a, 0)\n    except ZeroDivisionError as e:\n        raise RuntimeError(\"no ratio\") from e\n";

fn frame(path: &str, line: u32, function: &str, source: &str) -> Frame {
    Frame::new(path, Some(line), function).with_source(source)
}

fn crash() -> Exception {
    let frames = vec![
        frame("/usr/lib/python3.11/threading.py", 975, "run", "self._target()").with_in_app(false),
        frame("/srv/releases/abc/app/views.py", 10, "show", "return ratio(a, 0)"),
        frame("/srv/releases/abc/app/views.py", 5, "ratio", "return a / b"),
        frame("/usr/lib/python3.11/fractions.py", 1, "f", "x").with_in_app(false),
    ];
    Exception::new("ZeroDivisionError", "division by zero", frames)
}

async fn diagnose(case: &Case) -> Diagnosis {
    let sources = sources(&[("app/views.py", VIEWS), ("views.py", "pass\n")]);
    PythonDiagnoser::new(Arc::new(sources)).diagnose(case).await.unwrap()
}

fn blamed(diagnosis: &Diagnosis, at: usize) -> Option<(&str, u32, Option<&str>)> {
    match &diagnosis.hypotheses.get(at)?.cause {
        Cause::Code(l) => Some((&l.path, l.line, l.function.as_deref())),
        _ => None,
    }
}

#[tokio::test]
async fn the_innermost_frame_of_the_service_is_blamed() {
    let found = diagnose(&case(vec![crash()])).await;
    assert_eq!(blamed(&found, 0), Some(("app/views.py", 5, Some("ratio"))));
    assert_eq!(found.base, Revision::new("head"));
    let evidence = found.hypotheses[0].evidence.join("\n");
    for part in ["ZeroDivisionError: division by zero", "views.py:5 in ratio", "return a / b"] {
        assert!(evidence.contains(part), "{evidence}");
    }
    assert!(found.hypotheses[0].confidence.bps() > 9000);
}

#[tokio::test]
async fn who_owns_the_code_that_is_blamed_is_named() {
    for (place, owned) in
        [("CODEOWNERS", true), (".github/CODEOWNERS", true), ("lib/CODEOWNERS", false)]
    {
        let rules = "* @acme/all\n/app/ @kim @acme/shop\n";
        let sources = sources(&[("app/views.py", VIEWS), (place, rules)]);
        let found = PythonDiagnoser::new(Arc::new(sources)).diagnose(&case(vec![crash()])).await;
        let owners: &[&str] = if owned { &["@kim", "@acme/shop"] } else { &[] };
        assert_eq!(found.unwrap().owners, owners, "{place}");
    }
}

#[tokio::test]
async fn a_line_that_moved_since_is_found_and_counts_for_less() {
    let mut e = crash();
    e.frames[2].line = Some(3);
    let found = diagnose(&case(vec![e])).await;
    assert_eq!(blamed(&found, 0).map(|b| b.1), Some(5));
    assert!(found.hypotheses[0].evidence.join("\n").contains("moved from 3 to 5"));
    assert!(found.hypotheses[0].confidence.bps() < 9000);
}

#[tokio::test]
async fn a_line_that_is_gone_is_blamed_on_nobody() {
    let mut e = crash();
    e.frames[2].source = Some("return a / max(b, c)".to_owned());
    assert_eq!(diagnose(&case(vec![e])).await.hypotheses, []);
}

#[tokio::test]
async fn a_wrapper_is_second_to_what_it_wraps() {
    let wrapper = Exception::new(
        "RuntimeError",
        "no ratio",
        vec![frame("/srv/app/views.py", 12, "show", "raise RuntimeError(\"no ratio\") from e")],
    );
    let cause = case(vec![crash(), wrapper.clone().with_relation(Relation::Cause)]);
    let found = diagnose(&cause).await;
    assert_eq!(blamed(&found, 0).map(|b| b.1), Some(5));
    assert_eq!(blamed(&found, 1).map(|b| b.1), Some(12));
    // Raised on purpose while the crash was handled: a wrapper without `from`.
    let raised = wrapper.clone().with_relation(Relation::Context);
    let found = diagnose(&case(vec![crash(), raised])).await;
    assert_eq!(blamed(&found, 0).map(|b| b.1), Some(5));
}

#[tokio::test]
async fn a_crash_of_a_handler_is_first_however_often_it_was_wrapped() {
    let frames = |line, source| vec![frame("/srv/app/views.py", line, "show", source)];
    let handler =
        Exception::new("NameError", "e", frames(12, "raise RuntimeError(\"no ratio\") from e"));
    let mut handler = handler.with_relation(Relation::Context);
    handler.frames[0] = frame("/srv/app/views.py", 10, "show", "return ratio(a, 0)");
    let wrapper = Exception::new("E", "", frames(12, "raise RuntimeError(\"no ratio\") from e"));
    let wrapper = wrapper.with_relation(Relation::Cause);
    let found = diagnose(&case(vec![crash(), handler, wrapper])).await;
    let lines: Vec<u32> = (0..3).filter_map(|at| blamed(&found, at)).map(|b| b.1).collect();
    assert_eq!(lines, [10, 12, 5]);
}

#[tokio::test]
async fn what_comes_from_outside_is_no_code_bug() {
    let mut e = crash();
    (e.kind, e.message) = ("sqlalchemy.exc.TimeoutError".into(), "QueuePool limit reached".into());
    let found = diagnose(&case(vec![e])).await;
    assert_eq!(found.hypotheses.len(), 1);
    let Cause::Environment(look_at) = &found.hypotheses[0].cause else { panic!("{found:?}") };
    assert!(look_at.contains("connection pool"), "{look_at}");
}

#[tokio::test]
async fn a_metric_without_a_trace_says_what_to_look_at() {
    let anomaly = Anomaly::new(Metric::Memory, 0.4, 0.97, 12.0);
    let found = diagnose(&case_of(SignalKind::Anomaly(anomaly), "memory")).await;
    let Cause::Environment(look_at) = &found.hypotheses[0].cause else { panic!("{found:?}") };
    assert!(look_at.contains("memory"), "{look_at}");
    assert_eq!(diagnose(&case_of(SignalKind::Error(None), "odd")).await.hypotheses, []);
}

fn released(case: &mut Case, minutes_before: u64, author: Author) {
    let at = case.opened_at.minus(Duration::from_secs(60 * minutes_before));
    let release = Release::new(ServiceName::new("svc"), Revision::new("bad"), at, author);
    case.releases = vec![release.with_previous(Some(Revision::new("good")))];
}

#[tokio::test]
async fn a_new_error_right_after_a_persons_release_is_blamed_on_it_first() {
    let person = || Author::Person("Kim".into());
    let mut fresh = case(vec![crash()]);
    released(&mut fresh, 2, person());
    let found = diagnose(&fresh).await;
    assert!(
        matches!(&found.hypotheses[0].cause, Cause::Release(r) if r.revision.as_str() == "bad")
    );
    assert_eq!(blamed(&found, 1).map(|b| b.1), Some(5));

    let mut pipeline = fresh.clone();
    pipeline.kind = IncidentKind::Pipeline;
    assert!(blamed(&diagnose(&pipeline).await, 0).is_some(), "production may never have seen it");
    let mut late = fresh.clone();
    released(&mut late, 16, person());
    assert!(blamed(&diagnose(&late).await, 0).is_some(), "too long after");
    let mut ours = fresh.clone();
    released(&mut ours, 2, Author::Aegis(IncidentId::parse("i-0").unwrap()));
    assert!(blamed(&diagnose(&ours).await, 0).is_some(), "not a person's");
    let mut seen = fresh.clone();
    let id = IncidentId::parse("i-0").unwrap();
    seen.similar = vec![Similar::new(id, seen.fingerprint.clone(), "Healed")];
    assert!(blamed(&diagnose(&seen).await, 0).is_some(), "seen before");
}

#[derive(Debug)]
struct Log;

#[async_trait]
impl RequestLog for Log {
    async fn failures_near(
        &self,
        at: Timestamp,
        within: Duration,
        _limit: usize,
    ) -> aegis_core::Result<Vec<ServedRequest>> {
        assert_eq!(within, Duration::from_secs(2));
        Ok(vec![ServedRequest::new(at, "GET", "/ratio/7?q=1", 500)])
    }
}

#[tokio::test]
async fn the_request_that_failed_is_the_trigger() {
    let sources = sources(&[("app/views.py", VIEWS)]);
    let diagnoser = PythonDiagnoser::new(Arc::new(sources)).with_requests(Arc::new(Log));
    let found = diagnoser.diagnose(&case(vec![crash()])).await.unwrap();
    assert_eq!(found.triggers.len(), 1);
    assert_eq!(found.triggers[0].target, "/ratio/7?q=1");
    assert_eq!(found.triggers[0].route, "GET /ratio/7");
}
