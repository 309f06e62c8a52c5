//! Verification: gates first, then a score.

use serde::{Deserialize, Serialize};

use crate::id::{Confidence, Digest, Revision};
use crate::patch::Patch;

/// What a gate says. The strictest answer of all gates counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateAnswer {
    /// Nothing against it.
    Pass,
    /// It may be proposed, not merged without a person.
    Cap,
    /// A person has to look first; a person can lift it.
    Hold,
    /// Never; nobody can lift it.
    Deny,
}

/// One gate's answer, with its reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GateReport {
    /// Name of the gate: `protected-paths`, `tests`.
    pub gate: String,
    /// What it says.
    pub answer: GateAnswer,
    /// Why, in a sentence.
    pub reason: String,
}

impl GateReport {
    /// An answer with its reason.
    pub fn new(gate: impl Into<String>, answer: GateAnswer, reason: impl Into<String>) -> Self {
        Self { gate: gate.into(), answer, reason: reason.into() }
    }
}

/// How well the code under test was isolated from the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// Nothing held it. Policy denies.
    None,
    /// Held by something outside Aegis: the repository's own checks, the host's own runner.
    External,
    /// Held by limits and filters in the host's own namespaces: policy proposes at most.
    Reduced,
    /// A world of its own that nothing leads out of: lets policy merge.
    Strong,
}

/// Whether the failure was made to happen on the base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reproduction {
    /// The same exception at the same place, and how.
    Reproduced(String),
    /// It was tried and did not happen; what was tried.
    NotReproduced(String),
    /// It does not apply to this kind of fix.
    NotApplicable,
}

/// How many tests passed and failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TestCounts {
    /// Tests that passed.
    pub passed: u32,
    /// Tests that failed or errored.
    pub failed: u32,
}

impl TestCounts {
    /// So many passed, so many failed.
    pub fn new(passed: u32, failed: u32) -> Self {
        Self { passed, failed }
    }
}

/// The suite on the base and on the patched tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Tests {
    /// On the base; `None` where it could not be run.
    pub before: Option<TestCounts>,
    /// On the patched tree.
    pub after: Option<TestCounts>,
}

impl Tests {
    /// Both counts.
    pub fn new(before: Option<TestCounts>, after: Option<TestCounts>) -> Self {
        Self { before, after }
    }
}

/// The terms of the score, each a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Score {
    /// Tests that passed on the patched tree over all that ran.
    pub pass_rate: Confidence,
    /// Changed lines that the suite or the reproduction executed over all changed lines.
    pub coverage: Confidence,
    /// How good the change itself is; its terms are named by the verifier.
    pub quality: Confidence,
}

impl Score {
    /// The three terms.
    pub fn new(pass_rate: Confidence, coverage: Confidence, quality: Confidence) -> Self {
        Self { pass_rate, coverage, quality }
    }

    /// `0.4 x pass rate + 0.3 x coverage + 0.3 x quality`.
    ///
    /// The weights are the product's; they only rank what passed every gate, so that they can't
    /// outvote a failing test.
    pub fn confidence(&self) -> Confidence {
        let sum = 4 * u32::from(self.pass_rate.bps())
            + 3 * u32::from(self.coverage.bps())
            + 3 * u32::from(self.quality.bps());
        Confidence::from_bps(u16::try_from(sum / 10).unwrap_or(u16::MAX))
    }
}

/// What was proven about one fix on one base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Verification {
    /// The fix that was verified.
    pub fix: Digest,
    /// The revision it was verified on.
    pub base: Revision,
    /// Every gate's answer, in the order they were asked.
    pub gates: Vec<GateReport>,
    /// Whether the failure was made to happen on the base.
    pub reproduction: Reproduction,
    /// The suite before and after.
    pub tests: Tests,
    /// The score's terms, each 0 where a gate denied before it was known.
    pub score: Score,
    /// How the code under test was held.
    pub isolation: Isolation,
    /// Named notes for people: terms of the quality, what did not fit the deadline.
    pub notes: Vec<String>,
    /// The patch without the parts that nothing needs, where it was denied for those alone: the next
    /// to be tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smaller: Option<Patch>,
    /// Milliseconds spent in the service's own test and reproduction processes, and waiting for those
    /// of another verification.
    pub test_ms: u64,
}

impl Verification {
    /// An empty verification of `fix` on `base`: no gate asked, no score.
    pub fn new(fix: Digest, base: Revision, isolation: Isolation) -> Self {
        Self {
            fix,
            base,
            gates: Vec::new(),
            reproduction: Reproduction::NotApplicable,
            tests: Tests::default(),
            score: Score::default(),
            isolation,
            notes: Vec::new(),
            smaller: None,
            test_ms: 0,
        }
    }

    /// Sets the gates' answers.
    #[must_use]
    pub fn with_gates(mut self, gates: Vec<GateReport>) -> Self {
        self.gates = gates;
        self
    }

    /// Says whether the failure was made to happen.
    #[must_use]
    pub fn with_reproduction(mut self, reproduction: Reproduction) -> Self {
        self.reproduction = reproduction;
        self
    }

    /// Sets the suite's counts.
    #[must_use]
    pub fn with_tests(mut self, tests: Tests) -> Self {
        self.tests = tests;
        self
    }

    /// Sets the score's terms.
    #[must_use]
    pub fn with_score(mut self, score: Score) -> Self {
        self.score = score;
        self
    }

    /// Adds notes for people.
    #[must_use]
    pub fn with_notes(mut self, notes: Vec<String>) -> Self {
        self.notes = notes;
        self
    }

    /// Offers the patch without what nothing needs.
    #[must_use]
    pub fn with_smaller(mut self, smaller: Patch) -> Self {
        self.smaller = Some(smaller);
        self
    }

    /// Says how long the service's own processes ran.
    #[must_use]
    pub fn with_test_ms(mut self, test_ms: u64) -> Self {
        self.test_ms = test_ms;
        self
    }

    /// The strictest answer; `Deny` where no gate was asked at all.
    pub fn answer(&self) -> GateAnswer {
        self.gates.iter().map(|g| g.answer).max().unwrap_or(GateAnswer::Deny)
    }

    /// The verification's confidence: none where a gate denies, else the score's.
    pub fn confidence(&self) -> Confidence {
        match self.answer() {
            GateAnswer::Deny => Confidence::NONE,
            _ => self.score.confidence(),
        }
    }

    /// Why it was rejected: the reasons of the gates that denied.
    pub fn feedback(&self) -> String {
        let denied: Vec<String> = self
            .gates
            .iter()
            .filter(|g| g.answer == GateAnswer::Deny)
            .map(|g| format!("{}: {}", g.gate, g.reason))
            .collect();
        denied.join("; ")
    }
}
