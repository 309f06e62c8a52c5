//! The router, over models that answer what a test says, by a clock that is moved by hand.

mod budgets;
mod month;
mod rows;

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aegis_core::Timestamp;
use aegis_core::port::{Clock as _, Journal, MemoryJournal};
use aegis_core::redact::{Redactor, Untrusted};
use aegis_core::testkit::ManualClock;
use aegis_gemini::gemini::catalogue;
use aegis_gemini::model::{Answer, LanguageModel, Refusal, RefusalKind, Request, Usage};
use aegis_gemini::router::{
    Choice, Question, QuotaDay, Reply, Router, RouterConfig, Task, Unanswered,
};
use async_trait::async_trait;
use time::OffsetDateTime;
use time::macros::datetime;

const FLASH: &str = "gemini-3.8-flash";
const LITE: &str = "gemini-3.5-flash-lite";
const OLD_LITE: &str = "gemini-3.1-flash-lite";

/// What a model does when it is asked.
#[derive(Debug, Clone)]
enum Does {
    Say(Answer),
    Refuse(RefusalKind),
    Hang,
}

/// Does what is planned, and then says `yes`; keeps what it was asked.
#[derive(Debug, Default)]
struct Planned {
    plan: Mutex<VecDeque<Does>>,
    asked: Mutex<Vec<(String, Request)>>,
}

#[async_trait]
impl LanguageModel for Planned {
    async fn complete(&self, model: &str, request: &Request) -> Result<Answer, Refusal> {
        self.asked.lock().unwrap().push((model.to_owned(), request.clone()));
        let does = self.plan.lock().unwrap().pop_front();
        match does.unwrap_or_else(|| say("yes")) {
            Does::Say(answer) => Ok(answer),
            Does::Refuse(kind) => Err(Refusal::new(kind, "as planned")),
            Does::Hang => std::future::pending().await,
        }
    }
}

fn say(text: &str) -> Does {
    Does::Say(Answer::new(Untrusted::new(text)).with_usage(Usage::new(1_000, 100, 0, 0)))
}

fn at(moment: OffsetDateTime) -> Timestamp {
    Timestamp::from_ms(moment.unix_timestamp() * 1_000)
}

/// A router over one project, with all that it stands on.
struct Bed {
    clock: ManualClock,
    journal: Arc<MemoryJournal>,
    model: Arc<Planned>,
    router: Router,
    questions: AtomicUsize,
}

fn config(models: &[&str]) -> RouterConfig {
    let choices = models.iter().map(|model| Choice::new("main", *model));
    RouterConfig::new(catalogue(), QuotaDay::UsPacific).with_others(choices)
}

impl Bed {
    fn new(config: RouterConfig, plan: impl IntoIterator<Item = Does>) -> Self {
        let clock = ManualClock::new(at(datetime!(2026-11-20 20:00 UTC)));
        let (journal, model) = (Arc::<MemoryJournal>::default(), Arc::<Planned>::default());
        model.plan.lock().unwrap().extend(plan);
        let router = Self::router(config, &clock, &journal, model.clone());
        Self { clock, journal, model, router, questions: AtomicUsize::new(0) }
    }

    fn router(
        config: RouterConfig,
        clock: &ManualClock,
        journal: &Arc<MemoryJournal>,
        model: Arc<dyn LanguageModel>,
    ) -> Router {
        let builder = Router::builder(config, journal.clone()).clock(Arc::new(clock.clone()));
        builder.project("main", model.clone()).project("spare", model).build().unwrap()
    }

    /// The same after a restart.
    fn restart(&mut self, config: RouterConfig) {
        self.router = Self::router(config, &self.clock, &self.journal, self.model.clone());
    }

    fn plan(&self, plan: impl IntoIterator<Item = Does>) {
        self.model.plan.lock().unwrap().extend(plan);
    }

    /// A question that was never asked, with ten minutes to answer it.
    fn question(&self, task: Task) -> Question {
        let number = self.questions.fetch_add(1, Ordering::Relaxed);
        let text = Redactor::standard().redact_str(&format!("Is it so? ({number})"));
        let request = Request::new(Default::default()).ask(text);
        Question::new(task, "1", request, self.clock.now().plus(Duration::from_secs(600)))
    }

    async fn ask(&self, question: &Question) -> Result<Reply<()>, Unanswered> {
        drive(&self.clock, self.router.ask(question, yes)).await
    }

    /// Asks a new question for triage.
    async fn triage(&self) -> Result<Reply<()>, Unanswered> {
        self.ask(&self.question(Task::Triage)).await
    }

    /// The models that were asked since the last call.
    fn asked(&self) -> Vec<String> {
        self.requests().into_iter().map(|(model, _)| model).collect()
    }

    fn requests(&self) -> Vec<(String, Request)> {
        std::mem::take(&mut self.model.asked.lock().unwrap())
    }
}

fn yes(text: &str) -> Result<(), String> {
    if text == "yes" { Ok(()) } else { Err(format!("it is no yes, but {text}")) }
}

/// Works, and moves the clock to whatever is waited for.
async fn drive<T>(clock: &ManualClock, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            () = tokio::task::yield_now() => {
                if let Some(next) = clock.next_wake() {
                    clock.set(next);
                }
            }
        }
    }
}
