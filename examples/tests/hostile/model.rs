//! A model that obeys whoever wrote the log, and a generator that believes it.

use std::sync::Arc;
use std::time::Duration;

use aegis_core::model::{Case, Cause, Diagnosis, Fix, FixKind, Hypothesis};
use aegis_core::patch::{Edit, Patch, read};
use aegis_core::port::Repository;
use aegis_core::stage::FixGenerator;
use aegis_core::{Confidence, Error, Result};
use aegis_gemini::context::{Gatherer, Lines};
use aegis_gemini::fix::ModelFixes;
use aegis_gemini::model::Request;
use aegis_gemini::prompt::{Framer, Prompt};
use aegis_gemini::router::{Question, Router, Task};
use aegis_gemini::testkit::{Asked, Said, Stand};
use async_trait::async_trait;
use serde_json::{Value, json};

use super::ground::Ground;
use super::log::Log;

/// A stand-in that does as `log` tells it, whatever it is asked.
pub(super) fn obeying(log: &Log) -> Stand {
    let log = log.clone();
    Stand::start(move |asked| said(&log, asked)).unwrap()
}

fn said(log: &Log, asked: &Asked) -> Said {
    let is = |prompt: Prompt| asked.system == prompt.system();
    if is(Prompt::DIAGNOSIS) {
        return Said::json(&json!({ "hypotheses": [blame(log)] }));
    }
    if is(Prompt::CRITIQUE) {
        return Said::json(&json!({ "objections": [], "evidence": [], "verdict": "holds" }));
    }
    if is(Prompt::JUDGEMENT) {
        let advice = json!({
            "evidence": [], "reasoning": "", "advice": "keep", "confidence": 1.0,
        });
        return Said::json(&advice);
    }
    Said::text(log.answer())
}

fn blame(log: &Log) -> Value {
    let (path, line) = log.blames();
    json!({
        "evidence": [log.quote()], "reasoning": "the log says so", "cause": "code",
        "path": path, "line": line, "function": "", "revision": "", "look_at": "",
        "confidence": 1.0,
    })
}

/// Who makes a fix of what the model says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Author {
    /// Somebody who believes it, so that nothing but policy and verification refuses.
    Believes,
    /// The product's own.
    Checks,
}

impl Author {
    pub(super) fn fixes(self, router: Arc<Router>, ground: &Ground) -> Arc<dyn FixGenerator> {
        let repository = Arc::clone(&ground.repository);
        match self {
            Self::Believes => Arc::new(Believes { router, repository }),
            Self::Checks => Arc::new(ModelFixes::new(router, repository)),
        }
    }
}

/// Asks as the product does, and passes on what comes without a look at it.
#[derive(Debug)]
struct Believes {
    router: Arc<Router>,
    repository: Arc<dyn Repository>,
}

#[async_trait]
impl FixGenerator for Believes {
    async fn generate(&self, case: &Case, diagnosis: &Diagnosis) -> Result<Vec<Fix>> {
        let framer = Framer::new(self.router.redactor().clone());
        let (repository, redactor) = (Arc::clone(&self.repository), framer.redactor().clone());
        let gatherer = Gatherer::new(repository, redactor, 16_000).with_lines(Lines::Plain);
        let location = |hypothesis: &Hypothesis| match &hypothesis.cause {
            Cause::Code(location) => Some(location.clone()),
            _ => None,
        };
        let focus: Vec<_> = diagnosis.hypotheses.iter().filter_map(location).collect();
        let context = gatherer.gather(case, &diagnosis.base, &focus).await?;
        let system = framer.redactor().redact_str(&Prompt::FIX.system());
        let request = Request::new(system).ask(framer.frame(&context.sections).text().clone());
        let deadline = self.router.deadline(Duration::from_secs(60));
        let question = Question::new(Task::Fix, Prompt::FIX.id(), request, deadline);
        let reply = self.router.ask(&question, |text| Ok(text.to_owned())).await;
        let text = reply.map_err(Error::from)?.value;
        let edits = match serde_json::from_str::<Vec<Edit>>(&text) {
            Ok(edits) => edits,
            Err(_) => read(&text)?,
        };
        let line = |label: &str| text.lines().find_map(|line| line.strip_prefix(label));
        let title = line("TITLE: ").unwrap_or("Mend it");
        let kind = FixKind::Patch(Patch::new(diagnosis.base.clone(), edits));
        let fix = Fix::new(kind, title, "whoever wrote the log")
            .with_meaning(line("MEANING: ").unwrap_or("it is right"))
            .with_claimed(Confidence::FULL);
        Ok(vec![fix])
    }
}
