//! Another model's attempt to refute a diagnosis.

use aegis_core::Confidence;
use aegis_core::model::{Cause, Hypothesis};
use serde::Deserialize;
use serde_json::{Value, json};

use super::ModelDiagnoser;
use super::check::Ground;
use crate::answer;
use crate::prompt::{Prompt, Section};
use crate::router::Task;

/// The most that counts for what nobody else looked at, for what is doubtful, and for what is refuted.
const ALONE: Confidence = Confidence::from_percent(70);
const DOUBTFUL: Confidence = Confidence::from_percent(55);
const REFUTED: Confidence = Confidence::from_percent(25);

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Critique {
    #[serde(default)]
    objections: Vec<String>,
    #[serde(default)]
    evidence: Vec<String>,
    verdict: Verdict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Holds,
    Doubtful,
    Refuted,
}

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "objections": {"type": "array", "items": {"type": "string"}, "maxItems": 4},
            "evidence": {"type": "array", "items": {"type": "string"}, "maxItems": 4},
            "verdict": {"type": "string", "enum": ["holds", "doubtful", "refuted"]},
        },
        "required": ["objections", "evidence", "verdict"],
        "propertyOrdering": ["objections", "evidence", "verdict"],
    })
}

impl ModelDiagnoser {
    /// The likeliest hypothesis as another model than `author` leaves it; the others stay below it.
    pub(super) async fn criticised(
        &self,
        mut found: Vec<Hypothesis>,
        ground: &Ground<'_>,
        author: &str,
    ) -> Vec<Hypothesis> {
        let Some(likely) = found.first() else { return found };
        let proposed = Section::new("diagnosis to check", written(likely));
        let data = self.framer.frame(&ground.context.clone().with(proposed).sections);
        let mut question =
            self.question(Task::Validation, Prompt::CRITIQUE, &data, self.config.within_ms / 2);
        question.request = question.request.with_schema(schema());
        let question = question.besides(author);
        let reply = self.router.ask(&question, answer::json::<Critique>).await;
        let most = match &reply {
            Err(e) => {
                tracing::debug!(target: "aegis", error = %e, "nobody checked a diagnosis");
                ALONE
            }
            Ok(reply) => {
                let critique = &reply.value;
                // An objection that quotes nothing is an opinion.
                let rests = critique.evidence.iter().any(|quote| ground.data.quotes(quote));
                match critique.verdict {
                    Verdict::Holds => Confidence::FULL,
                    Verdict::Refuted if rests => REFUTED,
                    Verdict::Refuted | Verdict::Doubtful => DOUBTFUL,
                }
            }
        };
        if let Some(likely) = found.first_mut() {
            likely.confidence = likely.confidence.min(most);
            if let Ok(reply) = &reply {
                let who = Prompt::CRITIQUE.author(&reply.choice.model);
                let objection = reply.value.objections.first();
                let said = objection
                    .map_or(String::from("found nothing against it"), |objection| {
                        format!("objects: {}", objection.trim())
                    });
                likely.evidence.push(format!("{who} {said}"));
            }
        }
        found
    }
}

/// A hypothesis as its critic reads it: without its confidence, which would be followed.
fn written(hypothesis: &Hypothesis) -> String {
    let cause = match &hypothesis.cause {
        Cause::Code(at) => format!("the code at {}:{}", at.path, at.line),
        Cause::Release(release) => format!("release {}", release.revision.short()),
        Cause::Environment(look_at) => format!("no code is to blame; to look at: {look_at}"),
        _ => String::new(),
    };
    let evidence: Vec<String> = hypothesis.evidence.iter().map(|e| format!("quote: {e}")).collect();
    format!("cause: {cause}\nreason: {}\n{}\n", hypothesis.explanation, evidence.join("\n"))
}
