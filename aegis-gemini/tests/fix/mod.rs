//! Fixes by models that answer what a test says, through a real router, on a repository in memory.

mod flow;
mod hostile;
mod offers;
mod placing;
mod prompts;
mod properties;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use aegis_core::model::{
    Case, Cause, Diagnosis, Fix, Hypothesis, IncidentKind, Location, SignalKind, Symptom,
};
use aegis_core::patch::{FileChange, Tier, apply};
use aegis_core::port::MemoryJournal;
use aegis_core::redact::{Redactor, Untrusted};
use aegis_core::stage::FixGenerator as _;
use aegis_core::testkit::{ManualClock, Sources, mint};
use aegis_core::trace::parse;
use aegis_core::{Confidence, Result, Timestamp};
use aegis_gemini::fix::ModelFixes;
use aegis_gemini::gemini::catalogue;
use aegis_gemini::model::{Answer, Finish, LanguageModel, Refusal, RefusalKind, Request};
use aegis_gemini::router::{Choice, QuotaDay, Router, RouterConfig};
use async_trait::async_trait;

const MODEL: &str = "gemini-3.8-flash";

const PATH: &str = "shop/stats.py";

const STATS: &str = r#""""Numbers about orders."""


def mean(values):
    """The mean of the values; 0.0 where there are none."""
    total = sum(values)
    return total / len(values)


def spread(values):
    """The largest less the smallest."""
    return max(values) - min(values)
"#;

const OTHER: &str = "limit = 3\n";

const CRASH: &str = r#"Traceback (most recent call last):
  File "/srv/shop/web.py", line 2, in page
    return stats.mean(values)
  File "/srv/shop/stats.py", line 7, in mean
    return total / len(values)
ZeroDivisionError: division by zero
"#;

/// What a model answers.
#[derive(Debug, Clone)]
enum Says {
    Text(String),
    Cut(String),
    Refuses(RefusalKind),
    Nothing,
}

/// Answers what is planned, the last answer again and again; keeps what it was asked.
#[derive(Debug, Default)]
struct Scripted {
    plan: Mutex<VecDeque<Says>>,
    asked: Mutex<Vec<Request>>,
}

#[async_trait]
impl LanguageModel for Scripted {
    async fn complete(&self, _model: &str, request: &Request) -> Result<Answer, Refusal> {
        self.asked.lock().unwrap().push(request.clone());
        match self.next() {
            Says::Text(text) => Ok(Answer::new(Untrusted::new(text))),
            Says::Cut(text) => Ok(Answer::new(Untrusted::new(text)).with_finish(Finish::Cut)),
            Says::Refuses(kind) => Err(Refusal::new(kind, "as planned")),
            Says::Nothing => std::future::pending().await,
        }
    }
}

impl Scripted {
    fn next(&self) -> Says {
        let mut plan = self.plan.lock().unwrap();
        let says = if plan.len() > 1 { plan.pop_front() } else { plan.front().cloned() };
        says.unwrap()
    }
}

/// A generator with all that it stands on.
struct Bed {
    clock: ManualClock,
    model: Arc<Scripted>,
    fixes: ModelFixes,
    case: Case,
    diagnosis: Diagnosis,
}

impl Bed {
    /// The crash of the shop, and these answers.
    fn new(plan: impl IntoIterator<Item = Says>) -> Self {
        Self::on(
            &[(PATH, STATS), ("shop/other.py", OTHER), ("tests/test_stats.py", "x = 1\n")],
            plan,
        )
    }

    fn saying<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::new(texts.into_iter().map(|text| Says::Text(text.into())))
    }

    fn on(files: &[(&str, &str)], plan: impl IntoIterator<Item = Says>) -> Self {
        let model = Arc::new(Scripted::default());
        model.plan.lock().unwrap().extend(plan);
        let config = RouterConfig::new(catalogue(), QuotaDay::UsPacific)
            .with_others([Choice::new("main", MODEL)]);
        let clock = ManualClock::new(Timestamp::from_ms(1_795_000_000_000));
        let router = Router::builder(config, Arc::<MemoryJournal>::default())
            .project("main", model.clone())
            .clock(Arc::new(clock.clone()))
            .build()
            .unwrap();
        let fixes = ModelFixes::new(Arc::new(router), Arc::new(Sources::new("b1", files)));
        Self { clock, model, fixes, case: case(CRASH), diagnosis: diagnosis(PATH, 7) }
    }

    fn with(mut self, change: impl FnOnce(ModelFixes) -> ModelFixes) -> Self {
        self.fixes = change(self.fixes);
        self
    }

    async fn generate(&self) -> Result<Vec<Fix>> {
        self.fixes.generate(&self.case, &self.diagnosis).await
    }

    async fn titles(&self) -> Vec<String> {
        self.generate().await.unwrap().into_iter().map(|fix| fix.title).collect()
    }

    /// What was asked since the last call.
    fn asked(&self) -> Vec<Request> {
        std::mem::take(&mut self.model.asked.lock().unwrap())
    }

    /// The last turn of each request since the last call.
    fn last_turns(&self) -> Vec<String> {
        let last = |request: &Request| request.turns.last().unwrap().text.as_str().to_owned();
        self.asked().iter().map(last).collect()
    }
}

fn case(log: &str) -> Case {
    let trace = parse(log).into_iter().next().unwrap();
    let at = Timestamp::from_ms(1_795_000_000_000);
    let (fingerprint, title) = (trace.fingerprint(), mint::redacted(&trace.to_string()));
    let symptom = Symptom::new(at, fingerprint, SignalKind::Error(Some(trace)), title)
        .with_detail(mint::redacted(log));
    Case::new("i1".into(), "shop".into(), IncidentKind::Crash, at, symptom)
}

fn diagnosis(path: &str, line: u32) -> Diagnosis {
    let place = Location::new(path, line).with_function("mean");
    let why = "an order without lines has no values";
    let hypothesis = Hypothesis::new(Cause::Code(place), why, Confidence::from_percent(90))
        .with_evidence(vec!["ZeroDivisionError: division by zero".into()]);
    Diagnosis::new("b1".into(), "python-trace", vec![hypothesis])
}

/// One candidate with one block.
fn candidate(title: &str, path: &str, search: &str, replace: &str) -> String {
    format!(
        "CANDIDATE\nTITLE: {title}\nMEANING: The documentation says so.\n```\n{path}\n\
         <<<<<<< SEARCH\n{search}\n=======\n{replace}\n>>>>>>> REPLACE\n```\n"
    )
}

/// The fix that the documentation asks for.
fn good() -> String {
    let line = "    return total / len(values)";
    candidate(
        "Report no mean",
        PATH,
        line,
        &format!("    if not values:\n        return 0.0\n{line}"),
    )
}

/// What a fix makes of `files`, each edit of it exact.
fn applied(fix: &Fix, files: &[(&str, &str)]) -> Vec<FileChange> {
    let files: BTreeMap<String, String> =
        files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    let changes = apply(&fix.patch().unwrap().edits, &files).unwrap();
    assert!(changes.iter().all(|change| change.tier == Tier::Exact), "{fix:?}");
    changes
}

/// The text of the only file that a fix changes.
fn after(fix: &Fix) -> String {
    let changes = applied(fix, &[(PATH, STATS)]);
    assert_eq!(changes.len(), 1);
    changes[0].after.clone().unwrap()
}

fn guarded() -> String {
    STATS.replace("    return total", "    if not values:\n        return 0.0\n    return total")
}

fn redactor() -> Redactor {
    Redactor::standard()
}
