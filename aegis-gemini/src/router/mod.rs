//! Which model is asked what, how often, and what comes after a refusal.

mod ask;
mod cache;
mod config;
mod day;
mod figures;
mod health;
mod ledger;
mod question;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aegis_core::port::{Clock, Journal, SystemClock};
use aegis_core::redact::Redactor;
use aegis_core::{Result, Timestamp};

use self::cache::Cache;
pub use self::config::{Allotment, Choice, RouterConfig, Task};
pub use self::day::QuotaDay;
use self::figures::Counts;
pub use self::figures::Figures;
use self::health::Health;
use self::ledger::Ledger;
pub use self::question::{Question, Reply, Unanswered};
use crate::model::LanguageModel;

/// Asks the models of a task one after the other, until one gives an answer that can be read.
///
/// It is the only place where anything is repeated:
///
/// | a model answers | the router |
/// |---|---|
/// | too many requests for the moment | waits where the deadline allows, once, else asks the next |
/// | the day's quota is spent | asks it no more that day, and the next at once |
/// | there is no such model, or none for this account | asks it no more until a restart |
/// | it failed, or no answer in time | repeats twice, after a pause with some chance in it, then asks the next |
/// | the credentials are refused | asks no model of that project for this question |
/// | the request is wrong | gives up |
/// | it takes no sampling fields | repeats once without, and remembers it |
/// | an answer that was cut | repeats once, with twice the tokens or else less thinking |
/// | it will not answer this | gives up: the same prompt is not sent again |
/// | an answer that can't be read | asks for it once more, saying why, then gives up |
///
/// Every request counts, failed ones too, on the journal's counters: quotas of a day by model and
/// project, and what a day costs. A fifth of each is kept for [`Task::Judgement`]. Where the journal
/// can't be read, nothing is asked.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use aegis_core::port::{Clock as _, MemoryJournal, SystemClock};
/// use aegis_core::redact::{Redactor, Untrusted};
/// use aegis_gemini::gemini::catalogue;
/// use aegis_gemini::model::{Answer, LanguageModel, Refusal, Request};
/// use aegis_gemini::router::{Choice, QuotaDay, Question, Router, RouterConfig, Task};
///
/// #[derive(Debug)]
/// struct Seven;
///
/// #[async_trait::async_trait]
/// impl LanguageModel for Seven {
///     async fn complete(&self, _: &str, _: &Request) -> Result<Answer, Refusal> {
///         Ok(Answer::new(Untrusted::new("7")))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> aegis_core::Result<()> {
/// let config = RouterConfig::new(catalogue(), QuotaDay::UsPacific)
///     .with_others([Choice::new("main", "gemini-3.5-flash-lite")]);
/// let router = Router::builder(config, Arc::new(MemoryJournal::default()))
///     .project("main", Arc::new(Seven))
///     .build()?;
/// let asks = Request::new(Default::default()).ask(Redactor::standard().redact_str("How many?"));
/// let deadline = SystemClock.now().plus(Duration::from_secs(60));
/// let question = Question::new(Task::Triage, "1", asks, deadline);
/// let read = |text: &str| text.parse::<u8>().map_err(|e| e.to_string());
/// assert_eq!(router.ask(&question, read).await?.value, 7);
/// assert_eq!(router.figures().lite_share(), Some(1.0));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Router {
    config: RouterConfig,
    projects: BTreeMap<String, Arc<dyn LanguageModel>>,
    clock: Arc<dyn Clock>,
    redactor: Redactor,
    ledger: Ledger,
    health: Health,
    cache: Cache,
    counts: Counts,
}

impl Router {
    /// Builds a router that counts on `journal`.
    pub fn builder(config: RouterConfig, journal: Arc<dyn Journal>) -> RouterBuilder {
        let (projects, clock) = (BTreeMap::new(), Arc::new(SystemClock));
        RouterBuilder { config, journal, projects, clock, redactor: Redactor::standard() }
    }

    /// When a question of now has to be answered, if it may take `within`.
    pub fn deadline(&self, within: Duration) -> Timestamp {
        self.clock.now().plus(within)
    }

    /// What takes secrets out of its texts; stages that ask it share it, so that a secret has one
    /// placeholder.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// What it has done since it was built.
    pub fn figures(&self) -> Figures {
        self.counts.read()
    }
}

/// A router that is being built.
#[derive(Debug)]
pub struct RouterBuilder {
    config: RouterConfig,
    journal: Arc<dyn Journal>,
    projects: BTreeMap<String, Arc<dyn LanguageModel>>,
    clock: Arc<dyn Clock>,
    redactor: Redactor,
}

impl RouterBuilder {
    /// Asks the models of the project `name` by `model`. Each has quotas of its own.
    #[must_use]
    pub fn project(mut self, name: impl Into<String>, model: Arc<dyn LanguageModel>) -> Self {
        self.projects.insert(name.into(), model);
        self
    }

    /// Goes by this clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Redacts by this what a repair quotes; give that of the prompts, whose placeholders it shares.
    #[must_use]
    pub fn redactor(mut self, redactor: Redactor) -> Self {
        self.redactor = redactor;
        self
    }

    /// The router.
    ///
    /// # Errors
    ///
    /// `Invalid` where a task has no model, or one that no family or no project knows.
    pub fn build(self) -> Result<Router> {
        let Self { config, journal, projects, clock, redactor } = self;
        config.check(|project| projects.contains_key(project))?;
        let cache = Cache::new(config.cache_bytes);
        let (ledger, health, counts) = (Ledger::new(journal), Health::default(), Counts::default());
        Ok(Router { config, projects, clock, redactor, ledger, health, cache, counts })
    }
}
