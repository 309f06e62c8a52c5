//! Calls around the failure: what worked has to give what it gave, its siblings have to work.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use aegis_core::Result;
use aegis_core::model::{GateAnswer, GateReport};
use serde::{Deserialize, Serialize};

use super::gates::{deny, pass};
use super::harness::{PROBE, Raised, read, run};
use super::reproduce::{Reproducer, Runs};
use super::wanted::{Target, Wanted};
use super::workspace::Tree;

/// Milliseconds for the calls of one run, beside the interpreter's start.
const PATIENCE_MS: u64 = 20_000;

/// Names of things that calls need beside the module's own.
type Names = BTreeMap<String, (String, String)>;

#[derive(Debug, Default, Serialize)]
struct Case<'a> {
    mode: &'a str,
    wanted: Option<&'a Wanted>,
    targets: &'a [Target],
    calls: u32,
    seconds: f64,
    groups: Vec<Asking<'a>>,
}

/// Calls of one function, to be made.
#[derive(Debug, Serialize)]
struct Asking<'a> {
    path: &'a str,
    names: &'a Names,
    expressions: Vec<&'a str>,
}

#[derive(Debug, Deserialize)]
struct Explored {
    groups: Vec<Found>,
}

/// Calls of one function that were made on the base.
#[derive(Debug, Deserialize)]
struct Found {
    path: String,
    names: Names,
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
    conduct: BTreeSet<String>,
}

#[derive(Debug, Clone, Deserialize)]
struct Answer {
    value: String,
    raised: Option<Raised>,
}

impl Answer {
    /// What a caller gets: a value, or an exception that is raised on purpose.
    fn given(&self) -> Option<String> {
        match &self.raised {
            None => Some(self.value.clone()),
            Some(raised) if raised.explicit => Some(format!("raises {}", raised.kind)),
            Some(_) => None,
        }
    }
}

/// What small calls do on the base, as far as it does not hang on their order.
#[derive(Debug, Clone, Default)]
pub(super) struct Around {
    functions: Vec<Function>,
    /// What was done beside giving answers.
    conduct: BTreeSet<String>,
    judged_elsewhere: Option<String>,
    pub(super) runs: Runs,
}

/// One function, and calls of it.
#[derive(Debug, Clone)]
struct Function {
    path: String,
    names: Names,
    /// Each call with what it gave; nothing where it failed as the incident did.
    calls: Vec<(Call, Option<String>)>,
}

impl Around {
    /// With a call that is made, for what it leaves behind, and judged elsewhere.
    pub(super) fn but(mut self, expression: &str) -> Self {
        self.judged_elsewhere = Some(expression.to_owned());
        self
    }

    fn calls(&self) -> impl Iterator<Item = &(Call, Option<String>)> {
        self.functions.iter().flat_map(|f| &f.calls)
    }

    /// Types of what worked.
    fn types(&self) -> BTreeSet<&str> {
        self.calls().filter_map(|(_, gave)| gave.as_deref().map(type_of)).collect()
    }
}

/// The type in a value's text.
fn type_of(value: &str) -> &str {
    value.split([':', '[', '{', '(', ' ']).next().unwrap_or(value)
}

/// What the same calls do on a patched tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Neighbours {
    /// Siblings that were asked, and those that still fail.
    pub(super) siblings: u32,
    pub(super) failing: Vec<Odd>,
    /// What is done that the base does not do.
    pub(super) conduct: Vec<String>,
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

impl Reproducer<'_> {
    /// Looks for calls on the base, and for what each gives whatever came before it.
    pub(super) async fn explore(&self, tree: &Tree, targets: &[Target]) -> Result<Around> {
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
        let function = |found: Found| Function {
            path: found.path,
            names: found.names,
            calls: found.calls.into_iter().map(|call| (call, None)).collect(),
        };
        around.functions = explored.groups.into_iter().map(function).collect();
        let (there, back) =
            tokio::try_join!(self.ask(tree, &around, false), self.ask(tree, &around, true))?;
        around.runs.extend([there.1, back.1]);
        let (Ok(there), Ok(back)) = (there.0, back.0) else {
            return Ok(Around { runs: around.runs, ..Around::default() });
        };
        around.conduct = there.conduct.union(&back.conduct).cloned().collect();
        let mut answers = there.answers.into_iter().zip(back.answers);
        for function in &mut around.functions {
            let asked = std::mem::take(&mut function.calls);
            for ((call, _), (a, b)) in asked.into_iter().zip(&mut answers) {
                let same = |a: &Answer| a.raised.as_ref().is_some_and(|r| r.same);
                match (call.kind, a.given(), b.given()) {
                    (Kind::Worked, Some(x), Some(y)) if x == y => {
                        function.calls.push((call, Some(x)));
                    }
                    (Kind::Failed, ..) if same(&a) && same(&b) => function.calls.push((call, None)),
                    _ => {}
                }
            }
        }
        Ok(around)
    }

    /// Makes them on a patched tree, there and back.
    pub(super) async fn neighbours(&self, tree: &Tree, around: &Around) -> Result<Neighbours> {
        let mut seen = Neighbours::default();
        if around.calls().next().is_none() {
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
        let done = there.conduct.union(&back.conduct);
        seen.conduct = done.filter(|what| !around.conduct.contains(*what)).cloned().collect();
        let types = around.types();
        let answers = there.answers.iter().zip(&back.answers);
        for ((call, gave), answers) in around.calls().zip(answers) {
            let answers = [answers.0, answers.1];
            let odd = |what| Odd { what, plausible: call.plausible };
            match gave {
                None if around.judged_elsewhere.as_deref() == Some(&*call.expression) => {}
                None => {
                    seen.siblings += 1;
                    let still = answers.iter().find_map(|a| not_mended(a, &types));
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

    async fn ask(
        &self,
        tree: &Tree,
        around: &Around,
        back: bool,
    ) -> Result<(Result<Asked, String>, (Instant, Duration))> {
        let mut groups: Vec<Asking<'_>> = around
            .functions
            .iter()
            .map(|f| Asking {
                path: &f.path,
                names: &f.names,
                expressions: f.calls.iter().map(|(call, _)| call.expression.as_str()).collect(),
            })
            .collect();
        if back {
            groups.reverse();
            groups.iter_mut().for_each(|g| g.expressions.reverse());
        }
        let expected: usize = groups.iter().map(|g| g.expressions.len()).sum();
        let case = Case { mode: "ask", wanted: Some(self.wanted), groups, ..Case::default() };
        let outcome = run(self.runner, tree, PROBE, "probe.json", &case, PATIENCE_MS).await?;
        let asked = match read::<Asked>(&outcome, "probe.json", "the probe") {
            Ok(asked) if !asked.broken.is_empty() => Err(asked.broken),
            Ok(asked) if asked.answers.len() != expected => {
                Err(format!("{} of {expected} calls are answered", asked.answers.len()))
            }
            Ok(mut asked) => {
                if back {
                    asked.answers.reverse();
                }
                Ok(asked)
            }
            Err(why) => Err(why),
        };
        Ok((asked, outcome.ran))
    }
}

/// Why an answer is none: the failure, or a value of a kind that nothing else gives and that may say
/// of itself whatever it likes.
fn not_mended(answer: &Answer, types: &BTreeSet<&str>) -> Option<String> {
    if let Some(raised) = &answer.raised {
        // Another crash is another bug: an input may be wrong twice.
        return raised.same.then(|| format!("raises {}", raised.describe()));
    }
    let kind = type_of(&answer.value);
    let stranger = kind.contains('.') && !types.is_empty() && !types.contains(kind);
    let standard = ["datetime.", "decimal.", "fractions.", "collections.", "builtins."];
    let known = standard.iter().any(|module| kind.starts_with(module));
    (stranger && !known).then(|| format!("gives a {kind}, as nothing else does"))
}

/// How an answer differs from what the base gave.
fn differs(answer: &Answer, gave: &str) -> Option<String> {
    let short = |text: &str| text.chars().take(80).collect::<String>();
    let given = answer.given();
    // What does not answer in its share of the time says nothing, on a busy machine least of all.
    if given.as_deref() == Some(gave) || answer.raised.as_ref().is_some_and(Raised::is_late) {
        return None;
    }
    let accident = || answer.raised.as_ref().map(|r| format!("raises {}", r.describe()));
    let given = given.or_else(accident).unwrap_or_default();
    Some(format!("gave {} and gives {}", short(gave), short(&given)))
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

    /// It does nothing beside its answers that the base does not do.
    pub(super) fn conduct(&self) -> GateReport {
        const GATE: &str = "conduct";
        match &self.conduct[..] {
            [] => pass(GATE, "nothing is done that was not done before"),
            new => deny(GATE, format!("does what it did not: {}", new.join(", "))),
        }
    }

    /// Whether nothing is odd.
    pub(super) fn holds(&self) -> bool {
        let odd = [self.failing.is_empty(), self.changed.is_empty(), self.conduct.is_empty()];
        self.broken.is_none() && odd.iter().all(|none| *none)
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
