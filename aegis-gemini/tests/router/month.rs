//! A month of incidents, on a provider that fails at random and counts quotas by itself.

use std::collections::BTreeMap;

use aegis_gemini::gemini::routes;
use aegis_gemini::model::Finish;

use super::*;

const OLD_FLASH: &str = "gemini-3.6-flash";
const DAYS: u32 = 30;
const INCIDENTS_A_DAY: u32 = 20;

/// Numbers that look like chance and are the same each time (xorshift).
#[derive(Debug)]
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// A provider with quotas of a day, which refuses what is over them.
#[derive(Debug)]
struct Provider {
    clock: ManualClock,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    chance: Chance,
    /// Requests by model and day.
    counted: BTreeMap<(String, i64), u64>,
    /// The models that were asked for the last question, and the days.
    asked: Vec<(String, i64)>,
    refused_for_quota: u64,
    faults: BTreeMap<&'static str, u64>,
}

/// The day on the coast in the month of the test, in which clocks are set forward; counted without the
/// router's rule.
fn day(now: Timestamp) -> i64 {
    let summer = now >= at(datetime!(2026-03-08 10:00 UTC));
    (now.as_ms() - if summer { 7 } else { 8 } * 3_600_000).div_euclid(86_400_000)
}

fn allowed(model: &str) -> u64 {
    if model.ends_with("lite") { 500 } else { 20 }
}

#[async_trait]
impl LanguageModel for Provider {
    async fn complete(&self, model: &str, _: &Request) -> Result<Answer, Refusal> {
        let mut state = self.state.lock().unwrap();
        let key = (model.to_owned(), day(self.clock.now()));
        state.asked.push(key.clone());
        let count = state.counted.entry(key).or_default();
        *count += 1;
        if *count > allowed(model) {
            state.refused_for_quota += 1;
            return Err(Refusal::new(RefusalKind::Spent, "over the quota"));
        }
        let usage = Usage::new(1_500 + state.chance.below(1_000), 300, 200, 0);
        let (fault, came) = match state.chance.below(1_000) {
            0..30 => ("failed", Err(RefusalKind::Failed)),
            30..35 => ("late", Err(RefusalKind::Late)),
            35..45 => ("paced", Err(RefusalKind::Pace(Some(Duration::from_secs(20))))),
            45..48 => ("blocked", Err(RefusalKind::Blocked)),
            48..55 => ("unreadable", Ok(Answer::new(Untrusted::new("maybe")))),
            55..60 => ("cut", Ok(Answer::new(Untrusted::new("y")).with_finish(Finish::Cut))),
            _ => ("none", Ok(Answer::new(Untrusted::new("yes")))),
        };
        *state.faults.entry(fault).or_default() += 1;
        match came {
            Ok(answer) => Ok(answer.with_usage(usage)),
            Err(kind) => Err(Refusal::new(kind, fault)),
        }
    }
}

/// What a month came to.
#[derive(Debug, Default)]
struct Month {
    answered: u32,
    unanswered: BTreeMap<String, u32>,
    fixes: BTreeMap<String, u32>,
}

/// The month's world: the router may restart, the rest stays.
struct World {
    clock: ManualClock,
    journal: Arc<MemoryJournal>,
    provider: Arc<Provider>,
    router: Router,
    requests: u64,
    lite: u64,
    cost: u64,
    /// Requests for anything but judgement.
    others: BTreeMap<(String, i64), u64>,
    month: Month,
}

fn models() -> RouterConfig {
    routes("main").with_day_cost(1_000_000)
}

impl World {
    fn new(seed: u64) -> Self {
        let clock = ManualClock::new(at(datetime!(2026-03-01 08:00 UTC)));
        let state = State {
            chance: Chance(seed),
            counted: BTreeMap::new(),
            asked: Vec::new(),
            refused_for_quota: 0,
            faults: BTreeMap::new(),
        };
        let provider = Arc::new(Provider { clock: clock.clone(), state: Mutex::new(state) });
        let journal = Arc::<MemoryJournal>::default();
        let router = Bed::router(models(), &clock, &journal, provider.clone());
        let (others, month) = (BTreeMap::new(), Month::default());
        Self { clock, journal, provider, router, requests: 0, lite: 0, cost: 0, others, month }
    }

    fn restart(&mut self) {
        let figures = self.router.figures();
        self.requests += figures.requests;
        self.lite += figures.lite;
        self.cost += figures.cost;
        self.router = Bed::router(models(), &self.clock, &self.journal, self.provider.clone());
    }

    fn chance(&self, n: u64) -> u64 {
        self.provider.state.lock().unwrap().chance.below(n)
    }

    /// Asks something new; the model that answered.
    async fn ask(&mut self, task: Task, number: u32, above: Option<String>) -> Option<String> {
        let text = Redactor::standard().redact_str(&format!("{task:?} {number}"));
        let request = Request::new(Default::default()).ask(text).with_output_tokens(2_048);
        let deadline = self.clock.now().plus(Duration::from_secs(120));
        let mut question = Question::new(task, "1", request, deadline);
        question.above = above;
        self.provider.state.lock().unwrap().asked.clear();
        let came = drive(&self.clock, self.router.ask(&question, yes)).await;
        let asked = self.provider.state.lock().unwrap().asked.clone();
        for key in asked.into_iter().filter(|_| task != Task::Judgement) {
            let most = allowed(&key.0) * 4 / 5;
            let count = self.others.entry(key).or_default();
            *count += 1;
            assert!(*count <= most, "what is kept for judgement went to {task:?}");
        }
        match came {
            Ok(reply) => {
                self.month.answered += 1;
                Some(reply.choice.model)
            }
            Err(why) => {
                assert!(!(task == Task::Judgement && matches!(why, Unanswered::NoneLeft(_))));
                *self.month.unanswered.entry(format!("{task:?}: {why}")).or_default() += 1;
                None
            }
        }
    }

    /// Whether `model` has some of its day left for anything but judgement.
    fn is_left(&self, model: &str) -> bool {
        let key = (model.to_owned(), day(self.clock.now()));
        self.others.get(&key).copied().unwrap_or_default() < allowed(model) * 4 / 5
    }

    /// One incident: triage, diagnosis and a second opinion, a fix, its validation, and judgement at
    /// every half minute of a watch.
    async fn incident(&mut self, number: u32) {
        self.ask(Task::Triage, number, None).await;
        let said = self.ask(Task::Diagnosis, number, None).await;
        if let Some(weak) = said.filter(|_| self.chance(20) == 0) {
            self.ask(Task::Diagnosis, number + 10_000, Some(weak)).await;
        }
        self.ask(Task::Validation, number, None).await;
        self.fix(number).await;
        self.ask(Task::Validation, number + 10_000, None).await;
        for look in 0..10 {
            self.clock.advance(Duration::from_secs(30));
            self.ask(Task::Judgement, number + look * 10_000, None).await;
        }
    }

    async fn fix(&mut self, number: u32) {
        // A model that rests for a moment is not out of quota.
        self.clock.advance(Duration::from_secs(60));
        let strongest = [FLASH, OLD_FLASH, LITE].into_iter().find(|model| self.is_left(model));
        self.ask(Task::Fix, number, None).await;
        let first = self.provider.state.lock().unwrap().asked[0].0.clone();
        assert_eq!(Some(first.as_str()), strongest, "incident {number}");
        *self.month.fixes.entry(first).or_default() += 1;
    }

    async fn pass(&mut self) {
        for number in 0..DAYS * INCIDENTS_A_DAY {
            self.incident(number).await;
            if self.chance(50) == 0 {
                self.restart();
            }
            // Twenty a day, of which some meet a change of days.
            let start = at(datetime!(2026-03-01 08:00 UTC));
            self.clock.set(start.plus(Duration::from_secs(u64::from(number + 1) * 4_320)));
        }
        self.restart();
    }
}

#[tokio::test]
async fn a_month_goes_mostly_to_small_models_within_quotas_and_fixes_start_on_the_strongest() {
    let mut world = World::new(0x5eed);
    world.pass().await;
    let state = world.provider.state.lock().unwrap();
    #[allow(clippy::cast_precision_loss)]
    let (share, dollars) =
        (world.lite as f64 / world.requests as f64, world.cost as f64 / 1_000_000.0);
    println!(
        "{} requests, {:.1}% to small models, {dollars:.2} dollars",
        world.requests,
        share * 100.0
    );
    println!("faults {:?}\n{:#?}", state.faults, world.month);
    assert!(share >= 0.9, "{share}");
    assert_eq!(state.refused_for_quota, 0);
    assert!(state.counted.iter().all(|((model, _), count)| *count <= allowed(model)));
    assert_eq!(state.counted.values().sum::<u64>(), world.requests);
    assert_eq!(world.month.fixes.values().sum::<u32>(), DAYS * INCIDENTS_A_DAY);
    assert!(world.month.fixes[FLASH] > 300 && world.month.fixes[OLD_FLASH] > 50);
    // Faults cost answers, but few.
    let unanswered: u32 = world.month.unanswered.values().sum();
    assert!(unanswered > 0 && unanswered * 100 < world.month.answered, "{unanswered}");
}
