//! Diagnosis over models that say what a test has them say.

mod checks;
mod context;
mod critique;
mod learning;

use std::sync::Arc;

use aegis_core::model::{Case, Diagnosis, IncidentKind, SignalKind, Symptom};
use aegis_core::redact::Redactor;
use aegis_core::stage::Diagnoser as _;
use aegis_core::testkit::Sources;
use aegis_core::{Fingerprint, Timestamp, trace};
use aegis_gemini::diagnose::{DiagnoserConfig, ModelDiagnoser};
use serde_json::{Value, json};

use crate::says::Says;

pub(crate) const SOURCE: &str = "\
TAX = 0.2


def split(total, people):
    \"\"\"The share of each; all of it where nobody came.\"\"\"
    return total / people


def bill(order):
    return split(order.total, len(order.people))
";

pub(crate) const TRACE: &str = "\
Traceback (most recent call last):
  File \"/srv/app/shop/bills.py\", line 10, in bill
    return split(order.total, len(order.people))
  File \"/srv/app/shop/bills.py\", line 6, in split
    return total / people
ZeroDivisionError: division by zero
";

pub(crate) fn sources() -> Sources {
    let files = [("shop/bills.py", SOURCE), ("shop/mail.py", "def send():\n    pass\n")];
    Sources::new("head", &files)
}

/// A crash with the trace in `text`.
pub(crate) fn case(text: &str) -> Case {
    let at = Timestamp::from_ms(3_600_000);
    let redacted = Redactor::standard().redact_str(text);
    let found = trace::parse(redacted.as_str()).into_iter().next();
    let title = Redactor::standard().redact_str("ZeroDivisionError: division by zero");
    let kind = SignalKind::Error(found);
    let symptom = Symptom::new(at, Fingerprint::of(["f"]), kind, title).with_detail(redacted);
    Case::new("i-1".into(), "shop".into(), IncidentKind::Crash, at, symptom)
}

/// One hypothesis about the line that raises, as sure as `confidence`.
pub(crate) fn line_six(confidence: f64) -> Value {
    json!({
        "evidence": ["return total / people", "ZeroDivisionError: division by zero"],
        "reasoning": "people is 0 where nobody came",
        "cause": "code", "path": "shop/bills.py", "line": 6, "function": "split",
        "confidence": confidence,
    })
}

pub(crate) fn said(hypotheses: &[Value]) -> Value {
    json!({"hypotheses": hypotheses})
}

pub(crate) fn holds() -> Value {
    json!({"objections": [], "evidence": [], "verdict": "holds"})
}

pub(crate) fn diagnoser(model: &Arc<Says>, sources: Sources) -> ModelDiagnoser {
    ModelDiagnoser::new(model.router(), Arc::new(sources))
}

/// What comes of answers, without a critic.
pub(crate) async fn alone(answers: &[Value]) -> (Diagnosis, Arc<Says>) {
    let model = Says::new(answers);
    let config = DiagnoserConfig::default().with_critique(false);
    let diagnosis = diagnoser(&model, sources()).with_config(config).diagnose(&case(TRACE)).await;
    (diagnosis.unwrap(), model)
}
