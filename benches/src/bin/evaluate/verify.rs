//! One patch on one project, proven or not.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use aegis_core::model::{
    Case, Cause, Diagnosis, Fix, FixKind, GateAnswer, Hypothesis, IncidentKind, Location,
    SignalKind, Symptom, Trigger, Verification,
};
use aegis_core::patch::{Patch, read};
use aegis_core::port::Repository;
use aegis_core::redact::{Redactor, Untrusted};
use aegis_core::stage::Verifier;
use aegis_core::{Confidence, Fingerprint, IncidentId, Revision, Timestamp, trace};
use aegis_local::git::GitRepository;
use aegis_local::service::ServiceSpec;
use aegis_local::verify::cargo::CargoVerifier;
use aegis_local::verify::{PythonVerifier, VerifierConfig};
use lexopt::prelude::*;
use serde_json::{Value as Json, json};

use super::folder::Folder;

/// What is proven, and how.
#[derive(Debug, Default)]
pub(crate) struct Options {
    root: PathBuf,
    patch: PathBuf,
    test: String,
    trace: Option<PathBuf>,
    python: Option<PathBuf>,
    start: Option<String>,
    health: Option<String>,
    requests: Vec<Trigger>,
    suite_ms: Option<u64>,
    /// What was said of the gates and the tier.
    said: VerifierConfig,
}

impl Options {
    /// Reads what comes after `verify`.
    pub(crate) fn parse(words: &[&str]) -> Result<Self, lexopt::Error> {
        let mut options = Self::default();
        let (mut root, mut patch, mut test) = (None, None, None);
        let mut parser = lexopt::Parser::from_args(words);
        while let Some(word) = parser.next()? {
            match word {
                Long("root") => root = Some(PathBuf::from(parser.value()?)),
                Long("patch") => patch = Some(PathBuf::from(parser.value()?)),
                Long("test") => test = Some(parser.value()?.string()?),
                Long("trace") => options.trace = Some(parser.value()?.into()),
                Long("python") => options.python = Some(parser.value()?.into()),
                Long("start") => options.start = Some(parser.value()?.string()?),
                Long("health") => options.health = Some(parser.value()?.string()?),
                Long("request") => {
                    let said = parser.value()?.string()?;
                    let (method, target) = said.split_once(' ').unwrap_or(("GET", &said));
                    options.requests.push(Trigger::new(method, target, target));
                }
                Long("without") => {
                    let gate = parser.value()?.string()?;
                    options.said = options.said.without_gate(&gate).map_err(|e| e.to_string())?;
                }
                Long("suite-seconds") => {
                    options.suite_ms = Some(1_000 * parser.value()?.parse::<u64>()?);
                }
                Long("allow-reduced") => options.said.allow_reduced = true,
                _ => return Err(word.unexpected()),
            }
        }
        options.root = root.ok_or("--root DIR is missing")?;
        options.patch = patch.ok_or("--patch FILE is missing")?;
        options.test = test.ok_or("--test CMD is missing")?;
        Ok(options)
    }

    /// The bounds of that kind of service, with what was said otherwise.
    fn config(&self) -> VerifierConfig {
        let kind =
            if self.is_cargo() { VerifierConfig::for_cargo } else { VerifierConfig::default };
        let mut config = kind();
        config.allow_reduced = self.said.allow_reduced;
        config.without.clone_from(&self.said.without);
        config.suite_ms = self.suite_ms.unwrap_or(config.suite_ms);
        config
    }

    /// Whether the test command is Cargo's.
    fn is_cargo(&self) -> bool {
        self.test.split_whitespace().any(|word| word == "cargo")
    }
}

/// Proves it, and says how that went.
pub(crate) async fn run(options: &Options) -> Result<Json, Box<dyn Error>> {
    let root = options.root.canonicalize().map_err(|e| named(&options.root, e))?;
    let (repository, base): (Arc<dyn Repository>, Revision) = if root.join(".git").exists() {
        let git = GitRepository::open(&root).await?;
        let head = git.head().await?;
        (Arc::new(git), head)
    } else {
        let folder = Folder::open(&root).map_err(|e| named(&root, e))?;
        let base = folder.revision();
        (Arc::new(folder), base)
    };
    let text = std::fs::read_to_string(&options.patch).map_err(|e| named(&options.patch, e))?;
    let fix = Fix::new(FixKind::Patch(Patch::new(base.clone(), read(&text)?)), "patch", "evaluate")
        .with_meaning("as its author says")
        .with_claimed(Confidence::from_percent(80));
    let trace = match &options.trace {
        Some(path) => std::fs::read_to_string(path).map_err(|e| named(path, e))?,
        None => String::new(),
    };
    let case = case(&base, &trace, &options.requests);

    let start = options.start.as_deref().unwrap_or("false");
    let health = options.health.as_deref().unwrap_or("http://127.0.0.1:1/");
    let mut spec = ServiceSpec::new("service", start, health, &options.test);
    if let Some(python) = &options.python {
        spec = spec.with_python(python.canonicalize().map_err(|e| named(python, e))?);
    }
    let started = Instant::now();
    let config = options.config();
    let verifier: Box<dyn Verifier> = if options.is_cargo() {
        let verifier = CargoVerifier::with_config(spec, repository, config);
        verifier.warm(&base).await?;
        Box::new(verifier)
    } else {
        let verifier = PythonVerifier::with_config(spec, repository, config);
        verifier.warm(&base).await?;
        verifier.reproduce(&case, &base).await?;
        Box::new(verifier)
    };
    let base_ms = started.elapsed().as_millis();
    let started = Instant::now();
    let verification = verifier.verify(&case, &fix).await?;
    let mut said = told(&verification);
    said["base_ms"] = json!(base_ms);
    said["verify_ms"] = json!(started.elapsed().as_millis());
    Ok(said)
}

fn named(path: &Path, e: std::io::Error) -> Box<dyn Error> {
    format!("{}: {e}", path.display()).into()
}

fn case(base: &Revision, text: &str, requests: &[Trigger]) -> Case {
    let trace = trace::parse(text).into_iter().next();
    let at = Timestamp::from_ms(1);
    let culprit = trace.as_ref().and_then(|t| t.surfaced()?.culprit().cloned());
    let location = culprit.map(|f| Location::new(f.path, f.line.unwrap_or(1)));
    let hypotheses = location.map(|l| Hypothesis::new(Cause::Code(l), "", Confidence::FULL));
    let title = Redactor::standard().redact(&Untrusted::new(text)).first_line();
    let symptom = Symptom::new(at, Fingerprint::new("f"), SignalKind::Error(trace), title);
    let id = IncidentId::new("i1");
    let mut case = Case::new(id, "service".into(), IncidentKind::Crash, at, symptom);
    let diagnosis = Diagnosis::new(base.clone(), "evaluate", hypotheses.into_iter().collect());
    case.diagnosis = Some(diagnosis.with_triggers(requests.to_vec()));
    case
}

fn told(v: &Verification) -> Json {
    let share = |c: Confidence| f64::from(c.bps()) / 10_000.0;
    let gates: Vec<Json> = v
        .gates
        .iter()
        .map(|g| json!({ "gate": g.gate, "answer": g.answer, "reason": g.reason }))
        .collect();
    json!({
        "accepted": v.answer() != GateAnswer::Deny,
        "answer": v.answer(),
        "rejected_by": v.gates.iter().filter(|g| g.answer == GateAnswer::Deny)
            .map(|g| g.gate.as_str()).collect::<Vec<_>>(),
        "gates": gates,
        "confidence": share(v.confidence()),
        "terms": {
            "pass_rate": share(v.score.pass_rate),
            "coverage": share(v.score.coverage),
            "quality": share(v.score.quality),
        },
        "tests": { "before": v.tests.before, "after": v.tests.after },
        "reproduction": v.reproduction,
        "isolation": v.isolation,
        "notes": v.notes,
        "test_ms": v.test_ms,
    })
}
