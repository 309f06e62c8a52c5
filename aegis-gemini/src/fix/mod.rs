//! Fixes by a model.
//!
//! A model is shown the case and answers with candidates, as edits in text. What it says is worth
//! nothing before it fits: each edit is placed on the source that was shown, within what policy
//! allows, and leaves here as an exact one. What doesn't fit is told to the model once; where that
//! doesn't help, it is asked for the whole function.

mod answer;
mod ask;
mod config;
mod exact;
mod examples;
mod function;
mod limits;
mod lines;
mod near;
mod place;
mod rank;
mod say;

use std::sync::Arc;
use std::time::Duration;

use aegis_core::Result;
use aegis_core::model::{Case, Cause, Diagnosis, Fix, Hypothesis, Location};
use aegis_core::policy::{ProtectedPaths, SizeLimit};
use aegis_core::port::Repository;
use aegis_core::stage::FixGenerator;
use async_trait::async_trait;

use self::ask::Asked;
pub use self::config::FixConfig;
use self::limits::Limits;
use self::place::Ground;
use self::rank::ranked;
use crate::context::{Context, Gatherer, Lines};
use crate::prompt::{Framer, Section};
use crate::router::{Router, Unanswered};

/// Hypotheses whose places are shown and mended, the likeliest ones.
const BLAMED: usize = 2;

/// Asks a model for fixes of code that a diagnosis blames.
///
/// Nothing is offered where no code is blamed, where nothing of it can be read, and where the model
/// says that no change of it is a good fix. Only files that were shown change. Each candidate comes as
/// [`Edit::Replace`](aegis_core::patch::Edit::Replace), or as a hunk where that can't say it,
/// and applies at [`Tier::Exact`](aegis_core::patch::Tier::Exact) to `diagnosis.base`; its author is
/// the model and the prompt. It claims what the diagnosis claims of the place, at most 80%, and a tenth
/// less where the edits did not fit as they were written.
///
/// # Errors
///
/// Where the repository can't be read, and where no model answers in a form that fits: templates go
/// on, by [`or_else`](aegis_core::compose::fix::or_else).
///
/// ```
/// use std::sync::Arc;
///
/// use aegis_core::compose::fix::or_else;
/// use aegis_core::port::Repository;
/// use aegis_core::stage::FixGenerator;
/// use aegis_gemini::fix::{FixConfig, ModelFixes};
/// use aegis_gemini::router::Router;
///
/// fn fixes(
///     router: Arc<Router>,
///     repository: Arc<dyn Repository>,
///     templates: impl FixGenerator,
/// ) -> impl FixGenerator {
///     let config = FixConfig::default().with_samples(3);
///     or_else(ModelFixes::new(router, repository).with_config(config), templates)
/// }
/// ```
#[derive(Debug)]
pub struct ModelFixes {
    router: Arc<Router>,
    repository: Arc<dyn Repository>,
    framer: Framer,
    config: FixConfig,
    limits: Limits,
}

/// A place that is blamed, and by what.
#[derive(Debug, Clone, Copy)]
struct Blamed<'a> {
    place: &'a Location,
    hypothesis: &'a Hypothesis,
}

impl ModelFixes {
    /// Asks by `router` about the source in `repository`, under policy's default limits.
    pub fn new(router: Arc<Router>, repository: Arc<dyn Repository>) -> Self {
        let framer = Framer::new(router.redactor().clone());
        let (config, limits) = (FixConfig::default(), Limits::default());
        Self { router, repository, framer, config, limits }
    }

    /// Asks for so much.
    #[must_use]
    pub fn with_config(mut self, config: FixConfig) -> Self {
        self.config = config;
        self
    }

    /// Frames and redacts by `framer`; give the diagnoser's, so that secrets get the same placeholders.
    #[must_use]
    pub fn with_framer(mut self, framer: Framer) -> Self {
        self.framer = framer;
        self
    }

    /// Says that these paths are forbidden, and refuses changes of them; give those of policy.
    #[must_use]
    pub fn with_protected(mut self, protected: ProtectedPaths) -> Self {
        self.limits.protected = protected;
        self
    }

    /// Says how large a fix may be, and refuses larger ones; give the limit of policy.
    #[must_use]
    pub fn with_size(mut self, size: SizeLimit) -> Self {
        self.limits.size = size;
        self
    }

    async fn context(
        &self,
        case: &Case,
        diagnosis: &Diagnosis,
        blamed: &[Blamed<'_>],
    ) -> Result<Context> {
        let redactor = self.framer.redactor();
        let focus: Vec<Location> = blamed.iter().map(|blamed| blamed.place.clone()).collect();
        let tokens = self.config.context_tokens;
        let gatherer = Gatherer::new(self.repository.clone(), redactor.clone(), tokens);
        let gatherer = gatherer.with_lines(Lines::Plain);
        let context = gatherer.gather(case, &diagnosis.base, &focus).await?;
        let diagnosed = Section::new("diagnosis", say::diagnosis(diagnosis, redactor));
        let tried = Section::new("what was tried before", say::tried(case, redactor));
        Ok(context.with(diagnosed).with(tried))
    }
}

/// The places of the likeliest hypotheses that blame code.
fn blamed(diagnosis: &Diagnosis) -> Vec<Blamed<'_>> {
    let code = diagnosis.hypotheses.iter().filter_map(|hypothesis| match &hypothesis.cause {
        Cause::Code(place) => Some(Blamed { place, hypothesis }),
        _ => None,
    });
    code.take(BLAMED).collect()
}

#[async_trait]
impl FixGenerator for ModelFixes {
    async fn generate(&self, case: &Case, diagnosis: &Diagnosis) -> Result<Vec<Fix>> {
        let blamed = blamed(diagnosis);
        if blamed.is_empty() {
            return Ok(Vec::new());
        }
        let deadline = self.router.deadline(Duration::from_millis(self.config.within_ms));
        let context = self.context(case, diagnosis, &blamed).await?;
        if context.shown.is_empty() {
            return Ok(Vec::new());
        }
        let files: Vec<String> = context.files.iter().map(|file| file.path.clone()).collect();
        let ground = Ground {
            case,
            base: &diagnosis.base,
            blamed: &blamed,
            shown: &context.shown,
            files: &files,
            limits: &self.limits,
            redactor: self.framer.redactor(),
        };
        let asked = Asked { ground, sections: &context.sections, deadline };
        let all = match self.edits(&asked).await {
            Ok(all) => all,
            Err(Unanswered::Unreadable(why)) => match self.function(&asked.ground) {
                Some((path, function)) => self.whole(&asked, path, &function, &why).await?,
                None => return Err(Unanswered::Unreadable(why).into()),
            },
            Err(unanswered) => return Err(unanswered.into()),
        };
        let fixes = ranked(all).into_iter().map(|candidate| candidate.placed.fix);
        let new = fixes.filter(|fix| !case.tried(&fix.digest()));
        Ok(new.take(self.config.candidates).collect())
    }
}
