//! The one loop that asks, waits and repeats.

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

use aegis_core::{Result, Timestamp};

use super::cache::Cache;
use super::health::Entry;
use super::{Choice, Question, Reply, Router, Unanswered};
use crate::model::{Answer, Effort, Family, Finish, Refusal, RefusalKind, Request, Turn};

/// Repeats of a request that failed, on one model.
const REPEATS: u32 = 2;

/// Bytes of an answer that its repair is shown.
const REPEATED: usize = 32 * 1_024;

/// What one model came to.
enum Came<T> {
    Reply(Reply<T>),
    /// The next one is asked.
    Next(Refusal),
    /// The next one of another project is asked.
    Elsewhere(Refusal),
}

/// What a question has left, over all of its models.
struct Left {
    repairs: u32,
    longer: u32,
}

impl Router {
    /// Asks `question`. `read` makes a value of an answer's text, or says what is wrong with it, in words
    /// that the model is told for its second attempt.
    ///
    /// # Cancellation
    ///
    /// May be dropped at any await; what went out stays counted.
    ///
    /// # Errors
    ///
    /// [`Unanswered`], whose kind says why: whoever asks goes on without a model.
    pub async fn ask<T>(
        &self,
        question: &Question,
        read: impl Fn(&str) -> Result<T, String> + Send + Sync,
    ) -> Result<Reply<T>, Unanswered> {
        let strength = |model: &str| self.config.catalogue.of(model).map(|family| family.strength);
        let weakest = question.above.as_deref().and_then(strength);
        let mut left = Left { repairs: 1, longer: 1 };
        let (mut last, mut refused) = (None, BTreeSet::new());
        for choice in self.config.tasks.get(&question.task).into_iter().flatten() {
            let Some(family) = self.config.catalogue.of(&choice.model) else { continue };
            let weak = weakest.is_some_and(|weakest| family.strength <= weakest);
            let same = question.besides.as_ref() == Some(&choice.model);
            if refused.contains(&choice.project) || weak || same {
                continue;
            }
            match self.ask_one(choice, family, question, &mut left, &read).await? {
                Came::Reply(reply) => return Ok(reply),
                Came::Next(why) => last = Some(why),
                Came::Elsewhere(why) => {
                    refused.insert(&choice.project);
                    last = Some(why);
                }
            }
        }
        Err(Unanswered::NoneLeft(last))
    }

    async fn ask_one<T>(
        &self,
        choice: &Choice,
        family: &Family,
        question: &Question,
        left: &mut Left,
        read: &(impl Fn(&str) -> Result<T, String> + Send + Sync),
    ) -> Result<Came<T>, Unanswered> {
        let key = Cache::key(&choice.model, question);
        if let Some(answer) = self.cache.get(&key)
            && let Ok(value) = read(answer.text.expose())
        {
            self.counts.cached();
            return Ok(Came::Reply(Reply { value, choice: choice.clone(), answer, cached: true }));
        }
        let mut request = question.request.clone();
        if self.health.is_stripped(choice) {
            strip(&mut request);
        }
        let (mut repeats, mut waited) = (0, false);
        if !fits(&request, family) {
            return Ok(next(choice, RefusalKind::Invalid, "the request is too long for it"));
        }
        loop {
            let now = self.clock.now();
            if now >= question.deadline {
                return Err(Unanswered::Late);
            }
            let per_minute = self.config.quota(choice, family).per_minute;
            match self.health.enter(choice, now, per_minute) {
                Entry::Go => {}
                Entry::Off => return Ok(next(choice, RefusalKind::Gone, "it is disabled")),
                Entry::Wait(until) if waited || until >= question.deadline => {
                    let pace = RefusalKind::Pace(Some(until.since(now)));
                    return Ok(next(choice, pace, "it rests for longer than there is time"));
                }
                Entry::Wait(until) => {
                    waited = true;
                    self.clock.sleep_until(until).await;
                    continue;
                }
            }
            let Some(came) = self.request(choice, family, question, &mut request).await? else {
                return Ok(next(choice, RefusalKind::Spent, "nothing is left of the day for it"));
            };
            let refusal = match came {
                Ok(answer) if answer.finish == Finish::Cut => {
                    if left.longer == 0 || !lengthen(&mut request, family) {
                        return Err(Unanswered::Cut(choice.clone()));
                    }
                    left.longer -= 1;
                    continue;
                }
                Ok(answer) => match read(answer.text.expose()) {
                    Ok(value) => {
                        self.cache.put(key, &answer);
                        let choice = choice.clone();
                        return Ok(Came::Reply(Reply { value, choice, answer, cached: false }));
                    }
                    Err(why) if left.repairs == 0 => return Err(Unanswered::Unreadable(why)),
                    Err(why) => {
                        left.repairs -= 1;
                        self.repair(&mut request, &answer, &why);
                        continue;
                    }
                },
                Err(refusal) => refusal,
            };
            let now = self.clock.now();
            match refusal.kind {
                RefusalKind::Pace(wait) => {
                    let wait = wait.unwrap_or(Duration::from_millis(self.config.cooldown_ms));
                    self.health.cool(choice, now.plus(wait));
                }
                RefusalKind::Spent => {
                    self.ledger.spend(self.config.day.of(now), choice).await?;
                    return Ok(Came::Next(refusal));
                }
                RefusalKind::Gone => {
                    self.health.disable(choice);
                    return Ok(Came::Next(refusal));
                }
                RefusalKind::Failed | RefusalKind::Late => {
                    let until = self.after(now, repeats);
                    if repeats == REPEATS || until >= question.deadline {
                        return Ok(Came::Next(refusal));
                    }
                    repeats += 1;
                    self.clock.sleep_until(until).await;
                }
                RefusalKind::Denied => return Ok(Came::Elsewhere(refusal)),
                RefusalKind::Blocked => return Err(Unanswered::Blocked(refusal)),
                RefusalKind::Sampling if strip(&mut request) => self.health.strip(choice),
                RefusalKind::Invalid | RefusalKind::Sampling => {
                    return Err(Unanswered::Refused(refusal));
                }
                RefusalKind::Unreadable if left.repairs > 0 => left.repairs -= 1,
                RefusalKind::Unreadable => return Err(Unanswered::Unreadable(refusal.message)),
            }
        }
    }

    /// One request, counted before it goes out; `None` where the day has none left for it.
    async fn request(
        &self,
        choice: &Choice,
        family: &Family,
        question: &Question,
        request: &mut Request,
    ) -> Result<Option<Result<Answer, Refusal>>> {
        let Some(model) = self.projects.get(&choice.project) else { return Ok(None) };
        let (now, task) = (self.clock.now(), question.task);
        let day = self.config.day.of(now);
        let estimate = family.price.map_or(0, |price| price.of(&most(request)));
        let cost = self.ledger.cost(day, estimate, self.config.day_cost, task).await?;
        let Some(cost) = cost else { return Ok(None) };
        let quota = self.config.quota(choice, family).per_day;
        if self.ledger.request(day, choice, quota, task).await?.is_none() {
            self.ledger.settle(&cost, 0).await?;
            return Ok(None);
        }
        self.counts.request(family);
        self.counts.cost(0, estimate);
        let until = now.plus(self.config.attempt()).min(question.deadline);
        request.within = until.since(now);
        let came = tokio::select! {
            biased;
            came = model.complete(&choice.model, request) => came,
            () = self.clock.sleep_until(until) => {
                let why = format!("{choice}: no answer within {:?}", request.within);
                Err(Refusal::new(RefusalKind::Late, why))
            }
        };
        let usage = match &came {
            Ok(answer) => Some(answer.usage),
            Err(refusal) if refusal.kind.is_free() => Some(refusal.usage.unwrap_or_default()),
            // It may have been billed.
            Err(refusal) => refusal.usage,
        };
        if let (Some(usage), Some(price)) = (usage, family.price) {
            let used = price.of(&usage);
            self.counts.cost(estimate, used);
            self.ledger.settle(&cost, used).await?;
        }
        Ok(Some(came))
    }

    /// When a request that failed `repeats` times goes out again: each of many askers at another moment.
    fn after(&self, now: Timestamp, repeats: u32) -> Timestamp {
        let pause = self.config.backoff_ms.saturating_mul(1 << repeats);
        let chance = RandomState::new().build_hasher().finish() % (pause / 2 + 1);
        now.plus(Duration::from_millis(pause - chance))
    }

    /// Asks for the same once more, with what was wrong.
    fn repair(&self, request: &mut Request, answer: &Answer, why: &str) {
        let say =
            format!("That answer can't be read: {why}. Give the whole answer again, as asked.");
        let said = self.redactor.redact_capped(&answer.text, REPEATED);
        request.turns.push(Turn::model(said));
        request.turns.push(Turn::user(self.redactor.redact_str(&say)));
    }
}

fn next<T>(choice: &Choice, kind: RefusalKind, why: &str) -> Came<T> {
    Came::Next(Refusal::new(kind, format!("{choice}: {why}")))
}

/// Takes the sampling fields out; whether there were any.
fn strip(request: &mut Request) -> bool {
    let fields = (request.temperature.take(), request.seed.take());
    fields.0.is_some() || fields.1.is_some()
}

/// Twice the tokens, else less thinking; whether either could be done.
fn lengthen(request: &mut Request, family: &Family) -> bool {
    if request.output_tokens < family.output_tokens {
        request.output_tokens = request.output_tokens.saturating_mul(2).min(family.output_tokens);
        return true;
    }
    let less = request.effort.unwrap_or(Effort::Medium).less();
    request.effort.replace(less) != Some(less)
}

/// Whether a request and its answer have room in what the model can take in.
fn fits(request: &Request, family: &Family) -> bool {
    let most = most(request);
    most.prompt.saturating_add(most.output) <= family.context_tokens
}

/// The most that a request may take. A token is three bytes of code or more; other scripts have fewer,
/// and then the bill corrects it.
fn most(request: &Request) -> crate::model::Usage {
    let texts = request.turns.iter().map(|turn| turn.text.len());
    let schema = request.schema.as_ref().map_or(0, |schema| schema.to_string().len());
    let bytes = texts.sum::<usize>() + request.system.len() + schema;
    let prompt = u64::try_from(bytes.div_ceil(3)).unwrap_or(u64::MAX);
    crate::model::Usage::new(prompt, u64::from(request.output_tokens), 0, 0)
}
