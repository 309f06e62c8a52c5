//! Calls around the failure: what worked has to give what it gave, its siblings have to work.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aegis_core::Result;
use aegis_core::model::{GateAnswer, GateReport};
use serde::{Deserialize, Serialize};

use super::gates::{deny, pass};
use super::harness::{PROBE, Raised, read, run};
use super::reproduce::{Bounds, Runs};
use super::runner::Runner;
use super::wanted::{Target, Wanted};
use super::workspace::Tree;

/// Milliseconds for the calls of one run, beside the interpreter's start.
const PATIENCE_MS: u64 = 20_000;

#[derive(Debug, Default, Serialize)]
struct Case<'a> {
    mode: &'a str,
    wanted: Option<&'a Wanted>,
    targets: &'a [Target],
    calls: u32,
    seconds: f64,
    path: &'a str,
    names: BTreeMap<String, (String, String)>,
    expressions: Vec<&'a str>,
}

#[derive(Debug, Deserialize)]
struct Explored {
    path: String,
    names: BTreeMap<String, (String, String)>,
    calls: Vec<Call>,
}

/// One call that was made on the base.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Call {
    expression: String,
    /// Whether its inputs are such as the function is meant for.
    plausible: bool,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Worked,
    Failed,
}

#[derive(Debug, Deserialize)]
struct Asked {
    broken: String,
    answers: Vec<Answer>,
}

#[derive(Debug, Clone, Deserialize)]
struct Answer {
    value: String,
    raised: Option<Raised>,
}

/// What small calls do on the base, as far as it does not hang on their order.
#[derive(Debug, Clone, Default)]
pub(super) struct Around {
    path: String,
    names: BTreeMap<String, (String, String)>,
    /// Each call with what it gave; nothing where it failed as the incident did.
    calls: Vec<(Call, Option<String>)>,
    pub(super) runs: Runs,
}

/// What the same calls do on a patched tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Neighbours {
    /// Siblings that were asked, and those that still fail.
    pub(super) siblings: u32,
    pub(super) failing: Vec<Odd>,
    /// Calls that worked and were asked, and those that give something else.
    pub(super) worked: u32,
    pub(super) changed: Vec<Odd>,
    /// Why nothing could be asked.
    pub(super) broken: Option<String>,
    pub(super) runs: Runs,
}

/// A call that does not do what it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Odd {
    what: String,
    plausible: bool,
}

/// Makes the calls.
#[derive(Debug)]
pub(super) struct Prober<'a> {
    pub(super) runner: &'a Runner,
    pub(super) bounds: &'a Bounds,
    pub(super) wanted: &'a Wanted,
}

impl Prober<'_> {
    /// Looks for calls on the base, and for what each gives whatever came before it.
    pub(super) async fn on_base(&self, tree: &Tree, targets: &[Target]) -> Result<Around> {
        let case = Case {
            mode: "explore",
            wanted: Some(self.wanted),
            targets,
            calls: self.bounds.calls,
            seconds: Duration::from_millis(self.bounds.search_ms).as_secs_f64(),
            ..Case::default()
        };
        let outcome = run(self.runner, tree, PROBE, "probe.json", &case, PATIENCE_MS).await?;
        let mut around = Around { runs: vec![outcome.ran], ..Around::default() };
        let Ok(explored) = read::<Explored>(&outcome, "probe.json", "the probe") else {
            return Ok(around);
        };
        (around.path, around.names) = (explored.path, explored.names);
        around.calls = explored.calls.into_iter().map(|call| (call, None)).collect();
        let (there, back) =
            tokio::try_join!(self.ask(tree, &around, false), self.ask(tree, &around, true))?;
        around.runs.extend([there.1, back.1]);
        let (Ok(there), Ok(back)) = (there.0, back.0) else {
            return Ok(Around { runs: around.runs, ..Around::default() });
        };
        let asked = std::mem::take(&mut around.calls);
        for ((call, _), (a, b)) in asked.into_iter().zip(there.into_iter().zip(back)) {
            match (call.kind, a.raised, b.raised) {
                (Kind::Worked, None, None) if a.value == b.value => {
                    around.calls.push((call, Some(a.value)));
                }
                (Kind::Failed, Some(a), Some(b)) if a.same && b.same => {
                    around.calls.push((call, None));
                }
                _ => {}
            }
        }
        Ok(around)
    }

    /// Makes them on a patched tree, there and back.
    pub(super) async fn on_patched(&self, tree: &Tree, around: &Around) -> Result<Neighbours> {
        let mut seen = Neighbours::default();
        if around.calls.is_empty() {
            return Ok(seen);
        }
        let (there, back) =
            tokio::try_join!(self.ask(tree, around, false), self.ask(tree, around, true))?;
        seen.runs.extend([there.1, back.1]);
        let (there, back) = match (there.0, back.0) {
            (Ok(there), Ok(back)) => (there, back),
            (Err(why), _) | (_, Err(why)) => {
                seen.broken = Some(why);
                return Ok(seen);
            }
        };
        for ((call, gave), answers) in around.calls.iter().zip(there.iter().zip(&back)) {
            let answers = [answers.0, answers.1];
            let odd = |what| Odd { what, plausible: call.plausible };
            match gave {
                None => {
                    seen.siblings += 1;
                    let still = answers.iter().find_map(|a| self.still_fails(a));
                    seen.failing.extend(still.map(|w| odd(format!("{} {w}", call.expression))));
                }
                Some(gave) => {
                    seen.worked += 1;
                    let other = answers.iter().find_map(|a| differs(a, gave));
                    seen.changed.extend(other.map(|w| odd(format!("{} {w}", call.expression))));
                }
            }
        }
        Ok(seen)
    }

    /// Whether an answer is the failure, on whatever line of its function it stands.
    fn still_fails(&self, answer: &Answer) -> Option<String> {
        let raised = answer.raised.as_ref()?;
        let kind = self.wanted.kind.rsplit('.').next().unwrap_or(&self.wanted.kind);
        let here = raised.kind == kind && raised.function == self.wanted.function;
        (raised.same || (here && !raised.explicit)).then(|| format!("raises {}", raised.describe()))
    }

    async fn ask(
        &self,
        tree: &Tree,
        around: &Around,
        back: bool,
    ) -> Result<(Result<Vec<Answer>, String>, (Instant, Duration))> {
        let mut expressions: Vec<&str> =
            around.calls.iter().map(|(call, _)| call.expression.as_str()).collect();
        if back {
            expressions.reverse();
        }
        let expected = expressions.len();
        let case = Case {
            mode: "ask",
            wanted: Some(self.wanted),
            path: &around.path,
            names: around.names.clone(),
            expressions,
            ..Case::default()
        };
        let outcome = run(self.runner, tree, PROBE, "probe.json", &case, PATIENCE_MS).await?;
        let answers = match read::<Asked>(&outcome, "probe.json", "the probe") {
            Ok(asked) if !asked.broken.is_empty() => Err(asked.broken),
            Ok(asked) if asked.answers.len() != expected => {
                Err(format!("{} of {expected} calls are answered", asked.answers.len()))
            }
            Ok(mut asked) => {
                if back {
                    asked.answers.reverse();
                }
                Ok(asked.answers)
            }
            Err(why) => Err(why),
        };
        Ok((answers, outcome.ran))
    }
}

/// How an answer differs from what the base gave.
fn differs(answer: &Answer, gave: &str) -> Option<String> {
    let short = |text: &str| text.chars().take(80).collect::<String>();
    match &answer.raised {
        Some(raised) => Some(format!("gave {} and raises {}", short(gave), raised.describe())),
        None if answer.value == gave => None,
        None => Some(format!("gave {} and gives {}", short(gave), short(&answer.value))),
    }
}

impl Neighbours {
    /// The failure's siblings work as well.
    pub(super) fn siblings(&self) -> GateReport {
        const GATE: &str = "siblings";
        match (&self.broken, self.siblings) {
            (Some(why), _) => deny(GATE, why.clone()),
            (None, 0) => pass(GATE, "no other small input fails in this way"),
            (None, n) => odd(GATE, &self.failing)
                .unwrap_or_else(|| pass(GATE, format!("{n} other inputs that failed work"))),
        }
    }

    /// What worked gives what it gave.
    pub(super) fn unchanged(&self) -> GateReport {
        const GATE: &str = "unchanged";
        match (&self.broken, self.worked) {
            (Some(why), _) => deny(GATE, why.clone()),
            (None, 0) => pass(GATE, "no small input that worked is known"),
            (None, n) => odd(GATE, &self.changed).unwrap_or_else(|| {
                pass(GATE, format!("{n} inputs that worked give what they gave"))
            }),
        }
    }

    /// Whether nothing is odd.
    pub(super) fn holds(&self) -> bool {
        self.broken.is_none() && self.failing.is_empty() && self.changed.is_empty()
    }
}

/// Odd inputs that the function is meant for deny; others are a person's to judge.
fn odd(gate: &str, odd: &[Odd]) -> Option<GateReport> {
    let worst = odd.iter().find(|o| o.plausible).or_else(|| odd.first())?;
    let more = match odd.len() - 1 {
        0 => String::new(),
        n => format!(", and {n} more"),
    };
    let answer = if worst.plausible { GateAnswer::Deny } else { GateAnswer::Cap };
    Some(GateReport::new(gate, answer, format!("{}{more}", worst.what)))
}
