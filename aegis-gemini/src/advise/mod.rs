//! A model's advice on a release under watch.

mod answer;
mod config;
mod statistics;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aegis_core::model::{Case, Evidence, Grounds, Verdict};
use aegis_core::stage::RollbackJudge;
use aegis_core::{Confidence, Error, IncidentId, Result, Revision, Timestamp};
use async_trait::async_trait;

pub use config::AdviserConfig;

use self::answer::{Advice, Said};
use crate::model::{Effort, Request};
use crate::prompt::{Framer, Prompt, Section};
use crate::router::{Question, Router, Task};

/// Releases whose last question is remembered.
const REMEMBERED: usize = 256;

/// Advises on releases by asking a model; to be put beside a judge that decides without one, by
/// [`judge::advised_by`](aegis_core::compose::judge::advised_by).
///
/// A model is shown computed statistics, never a series: for each metric what was normal, what it is
/// since, how far both spread, where it is going and how many measurements there are. It is asked a few
/// times in a window and once at its end, not at every look, and only its own share of the quotas, of
/// which a fifth is kept for it, is spent. Advice to take a release back counts only where it quotes
/// the data and a metric it quotes really left its baseline, or new errors came: else it asks for more
/// time. Advice to keep never makes the floor surer.
///
/// ```
/// use std::sync::Arc;
///
/// use aegis_core::compose::judge::advised_by;
/// use aegis_core::judge::Statistical;
/// use aegis_gemini::advise::ModelAdviser;
/// # use aegis_core::port::MemoryJournal;
/// # use aegis_gemini::gemini::{DataPolicy, Gemini, GeminiConfig, routes};
/// # use aegis_gemini::router::Router;
/// # fn example(router: Arc<Router>) {
/// let judge = advised_by(Statistical::default(), ModelAdviser::new(router));
/// # let _ = judge;
/// # }
/// ```
#[derive(Debug)]
pub struct ModelAdviser {
    router: Arc<Router>,
    framer: Framer,
    config: AdviserConfig,
    asked: Mutex<VecDeque<Asked>>,
}

/// When a model was asked about which release last.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Asked {
    incident: IncidentId,
    revision: Revision,
    /// The window, which an extension makes another.
    ends_at: Timestamp,
    part: u32,
}

impl ModelAdviser {
    /// Asks models by `router`.
    pub fn new(router: Arc<Router>) -> Self {
        let framer = Framer::new(router.redactor().clone());
        let config = AdviserConfig::default();
        Self { router, framer, config, asked: Mutex::default() }
    }

    /// Within these bounds.
    #[must_use]
    pub fn with_config(mut self, config: AdviserConfig) -> Self {
        self.config = config;
        self
    }

    /// Frames data by this.
    #[must_use]
    pub fn with_framer(mut self, framer: Framer) -> Self {
        self.framer = framer;
        self
    }

    /// Whether this is the first look of its part of the window.
    fn is_due(&self, case: &Case, evidence: &Evidence) -> bool {
        let whole = evidence.ends_at.since(evidence.live_at).max(Duration::from_millis(1));
        let parts = u128::from(self.config.questions.max(1));
        let part =
            evidence.now.since(evidence.live_at).as_millis() * parts / whole.as_millis().max(1);
        let part = u32::try_from(part.min(parts)).unwrap_or(u32::MAX);
        let asked = Asked {
            incident: case.incident.clone(),
            revision: evidence.revision.clone(),
            ends_at: evidence.ends_at,
            part,
        };
        let mut known = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |before: &Asked| Asked { part, ..before.clone() } == asked;
        let last = known.iter().position(same).and_then(|at| known.remove(at));
        let is_due = part > 0 && last.is_none_or(|last| last.part < part);
        known.push_back(asked);
        if known.len() > REMEMBERED {
            known.pop_front();
        }
        is_due
    }

    async fn ask(&self, case: &Case, evidence: &Evidence) -> Result<(Advice, String)> {
        let sections = [
            Section::new("release", statistics::release(case, evidence)),
            Section::new("metrics", statistics::metrics(evidence)),
            Section::new("earlier releases and incidents", statistics::history(case)),
        ];
        let data = self.framer.frame(&sections);
        let prompt = Prompt::JUDGEMENT;
        let request = Request::new(self.framer.redactor().redact_str(&prompt.system()))
            .ask(data.text().clone())
            .with_schema(answer::schema())
            .with_temperature(0.05)
            .with_effort(Effort::Low)
            .with_output_tokens(2_048);
        let deadline = self.router.deadline(Duration::from_millis(self.config.within_ms));
        let question = Question::new(Task::Judgement, prompt.id(), request, deadline);
        let reply = self.router.ask(&question, Said::read).await.map_err(Error::from)?;
        let author = prompt.author(&reply.choice.model);
        Ok((reply.value.checked(&data, evidence)?, author))
    }
}

#[async_trait]
impl RollbackJudge for ModelAdviser {
    async fn judge(&self, case: &Case, evidence: &Evidence) -> Result<Verdict> {
        // Nothing here makes a release more credible than the floor found it.
        let neutral = |reasons| Grounds::new(Confidence::FULL, reasons);
        if !evidence.over() && !self.is_due(case, evidence) {
            return Ok(Verdict::Watch(neutral(Vec::new())));
        }
        let (advice, author) = self.ask(case, evidence).await?;
        let reasons = |text: &str| vec![format!("{author}: {text}")];
        Ok(match advice {
            Advice::Rollback { sure, why } => {
                let left = Confidence::from_bps(Confidence::FULL.bps() - sure.bps());
                Verdict::Rollback(Grounds::new(left, reasons(&why)))
            }
            Advice::Keep(why) if evidence.over() => Verdict::Keep(neutral(reasons(&why))),
            Advice::Wait(why) if evidence.over() => Verdict::Inconclusive(neutral(reasons(&why))),
            Advice::Keep(why) | Advice::Wait(why) => Verdict::Watch(neutral(reasons(&why))),
        })
    }
}
