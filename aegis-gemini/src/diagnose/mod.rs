//! Diagnosis by a model, checked before it counts.

mod answer;
mod check;
mod config;
mod critique;

use std::sync::Arc;

use aegis_core::model::{Case, Cause, Diagnosis, Hypothesis};
use aegis_core::port::Repository;
use aegis_core::stage::Diagnoser;
use aegis_core::{Confidence, Error, Result};
use async_trait::async_trait;

pub use config::DiagnoserConfig;

use self::answer::Said;
use self::check::Ground;
use crate::calibrate::Calibrator;
use crate::context::{Context, Gatherer};
use crate::model::{Effort, Request};
use crate::prompt::{Framed, Framer, Prompt};
use crate::router::{Question, Reply, Router, Task};

/// Tokens of an answer, thinking included.
const ANSWER_TOKENS: u32 = 4_096;

/// Finds causes by asking models.
///
/// A small model is asked first, an abler one where its answer is weak. What it says is checked: a
/// quote that is not in the data, a path, a line or a release that does not exist is thrown away, and
/// what rests on nothing does not count. Its confidence is capped by that, then calibrated by how such
/// claims turned out before ([`Calibrator`]), and another model is asked to refute what is left. No
/// hypothesis, and "no code is to blame", are answers.
///
/// ```
/// use std::sync::Arc;
///
/// use aegis_core::port::{MemoryJournal, Repository};
/// use aegis_core::testkit::Sources;
/// use aegis_core::stage::Diagnoser;
/// use aegis_core::redact::Untrusted;
/// use aegis_gemini::diagnose::ModelDiagnoser;
/// use aegis_gemini::gemini::routes;
/// use aegis_gemini::model::{Answer, LanguageModel, Refusal, Request};
/// use aegis_gemini::router::Router;
///
/// /// Knows nothing, and says so.
/// #[derive(Debug)]
/// struct Unsure;
///
/// #[async_trait::async_trait]
/// impl LanguageModel for Unsure {
///     async fn complete(&self, _: &str, _: &Request) -> Result<Answer, Refusal> {
///         Ok(Answer::new(Untrusted::new(r#"{"hypotheses": []}"#)))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> aegis_core::Result<()> {
/// let router = Router::builder(routes("main"), Arc::new(MemoryJournal::default()))
///     .project("main", Arc::new(Unsure))
///     .build()?;
/// let sources: Arc<dyn Repository> = Arc::new(Sources::new("head", &[("app.py", "x = 1\n")]));
/// let diagnoser = ModelDiagnoser::new(Arc::new(router), sources);
/// let case = aegis_core::testkit::mint::case("shop", "i-1");
/// assert!(diagnoser.diagnose(&case).await?.likely().is_none());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ModelDiagnoser {
    router: Arc<Router>,
    repository: Arc<dyn Repository>,
    framer: Framer,
    config: DiagnoserConfig,
    calibrator: Option<Arc<Calibrator>>,
}

impl ModelDiagnoser {
    /// Asks models by `router` about the source in `repository`.
    pub fn new(router: Arc<Router>, repository: Arc<dyn Repository>) -> Self {
        let framer = Framer::new(router.redactor().clone());
        Self { router, repository, framer, config: DiagnoserConfig::default(), calibrator: None }
    }

    /// Within these bounds.
    #[must_use]
    pub fn with_config(mut self, config: DiagnoserConfig) -> Self {
        self.config = config;
        self
    }

    /// Frames data by this, whose redactor's placeholders it shares.
    #[must_use]
    pub fn with_framer(mut self, framer: Framer) -> Self {
        self.framer = framer;
        self
    }

    /// Goes by how claims turned out before; without it, no claim counts for more than 80%.
    #[must_use]
    pub fn with_calibrator(mut self, calibrator: Arc<Calibrator>) -> Self {
        self.calibrator = Some(calibrator);
        self
    }

    fn question(&self, task: Task, prompt: Prompt, data: &Framed, within: u64) -> Question {
        let system = self.framer.redactor().redact_str(&prompt.system());
        let request = Request::new(system)
            .ask(data.text().clone())
            .with_temperature(0.05)
            .with_effort(Effort::Low)
            .with_output_tokens(ANSWER_TOKENS);
        let within = std::time::Duration::from_millis(within);
        Question::new(task, prompt.id(), request, self.router.deadline(within))
    }

    /// Asks for causes; where what comes is weak, once more, an abler model.
    async fn ask(
        &self,
        data: &Framed,
        ground: &Ground<'_>,
    ) -> Result<(Reply<Said>, Vec<Hypothesis>)> {
        let mut question =
            self.question(Task::Diagnosis, Prompt::DIAGNOSIS, data, self.config.within_ms / 2);
        question.request = question.request.with_schema(answer::schema());
        let first = self.router.ask(&question, Said::read).await.map_err(Error::from)?;
        let found = ground.check(&first.value);
        let surest = |found: &[Hypothesis]| found.first().map(|h| h.confidence);
        if surest(&found).is_some_and(|sure| sure >= self.config.weak) {
            return Ok((first, found));
        }
        match self.router.ask(&question.above(&first.choice.model), Said::read).await {
            Ok(second) => {
                let more = ground.check(&second.value);
                // An abler model that finds nothing knows better than one that guessed.
                Ok((second, more))
            }
            Err(e) => {
                tracing::debug!(target: "aegis", error = %e, "no abler model for a weak diagnosis");
                Ok((first, found))
            }
        }
    }

    async fn calibrated(&self, mut found: Vec<Hypothesis>) -> Vec<Hypothesis> {
        let calibration = match &self.calibrator {
            Some(calibrator) => calibrator.calibration().await,
            None => Arc::default(),
        };
        for hypothesis in &mut found {
            let claimed = hypothesis.claimed.unwrap_or(hypothesis.confidence);
            let calibrated = calibration.apply(claimed);
            let capped = hypothesis.confidence < claimed;
            let most = if capped { hypothesis.confidence } else { Confidence::FULL };
            hypothesis.confidence = calibrated.min(most);
        }
        found
    }
}

#[async_trait]
impl Diagnoser for ModelDiagnoser {
    async fn diagnose(&self, case: &Case) -> Result<Diagnosis> {
        let base = self.repository.head().await?;
        let (repository, redactor) = (Arc::clone(&self.repository), self.framer.redactor().clone());
        let gatherer = Gatherer::new(repository, redactor, self.config.context_tokens);
        let context: Context = gatherer.gather(case, &base, &[]).await?;
        let data = self.framer.frame(&context.sections);
        let ground = Ground { case, data: &data, context: &context };
        let (reply, found) = self.ask(&data, &ground).await?;
        let mut found = self.calibrated(found).await;
        if self.config.critique && !found.is_empty() {
            found = self.criticised(found, &ground, &reply.choice.model).await;
        }
        found.sort_by_key(|hypothesis| std::cmp::Reverse(hypothesis.confidence));
        found.retain(|hypothesis| hypothesis.confidence > Confidence::NONE);
        let mut diagnosis =
            Diagnosis::new(base, Prompt::DIAGNOSIS.author(&reply.choice.model), found);
        if matches!(diagnosis.likely().map(|h| &h.cause), Some(Cause::Code(_))) {
            // Whom to ask is good to know, and nothing depends on it.
            let owners = self.repository.code_owners(&diagnosis.base).await.unwrap_or_default();
            diagnosis = diagnosis.with_owners(&owners);
        }
        Ok(diagnosis)
    }
}
