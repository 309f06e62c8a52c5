//! One verifier, and another for what it lets pass.

use async_trait::async_trait;

use crate::error::{Error, Result};
use crate::model::{Case, Fix, GateAnswer, Isolation, Reproduction, Verification};
use crate::stage::Verifier;

/// See [`and_then`].
#[derive(Debug, Clone)]
pub struct AndThen<A, B> {
    first: A,
    second: B,
}

/// Asks `first`, and `second` about what `first` does not deny.
///
/// Every gate of both counts. The score is that of `first`, with the lower pass rate; what `first` could
/// not say of the reproduction and the suite is taken from `second`. The code ran on both grounds, so
/// that the isolation is the one that policy trusts less.
pub fn and_then<A: Verifier, B: Verifier>(first: A, second: B) -> AndThen<A, B> {
    AndThen { first, second }
}

#[async_trait]
impl<A: Verifier, B: Verifier> Verifier for AndThen<A, B> {
    async fn verify(&self, case: &Case, fix: &Fix) -> Result<Verification> {
        let first = self.first.verify(case, fix).await?;
        if first.answer() == GateAnswer::Deny {
            return Ok(first);
        }
        let second = self.second.verify(case, fix).await?;
        joined(first, second)
    }
}

fn joined(first: Verification, second: Verification) -> Result<Verification> {
    if (&first.fix, &first.base) != (&second.fix, &second.base) {
        let say = format!(
            "one verifier proved {} on {}, the other {} on {}: the branch moved between them",
            first.fix, first.base, second.fix, second.base
        );
        return Err(Error::unavailable(say).at("verify"));
    }
    let mut both = first;
    if second.gates.is_empty() {
        // Nothing asked is nothing proven.
        both.gates.clear();
    }
    both.gates.extend(second.gates);
    both.notes.extend(second.notes);
    if both.reproduction == Reproduction::NotApplicable {
        both.reproduction = second.reproduction;
    }
    both.tests.before = both.tests.before.or(second.tests.before);
    both.tests.after = both.tests.after.or(second.tests.after);
    both.score.pass_rate = both.score.pass_rate.min(second.score.pass_rate);
    both.isolation = weaker(both.isolation, second.isolation);
    both.smaller = both.smaller.or(second.smaller);
    both.test_ms = both.test_ms.saturating_add(second.test_ms);
    Ok(both)
}

/// By what policy makes of it: nothing held denies, Reduced proposes.
fn weaker(a: Isolation, b: Isolation) -> Isolation {
    let order = [Isolation::None, Isolation::Reduced, Isolation::External, Isolation::Strong];
    order.into_iter().find(|one| *one == a || *one == b).unwrap_or(Isolation::None)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::id::{Confidence, Revision};
    use crate::model::{FixKind, GateReport, Score};
    use crate::patch::Patch;
    use crate::stage::MockVerifier;
    use crate::testkit::mint;

    fn fix() -> Fix {
        Fix::new(FixKind::Patch(Patch::new(Revision::new("b"), Vec::new())), "Mend it", "test")
    }

    fn says(gate: &'static str, answer: GateAnswer, isolation: Isolation) -> Verification {
        let half = Confidence::from_percent(50);
        let score = Score::new(Confidence::FULL, half, half);
        Verification::new(fix().digest(), Revision::new("b"), isolation)
            .with_gates(vec![GateReport::new(gate, answer, "because")])
            .with_score(score)
            .with_test_ms(1)
    }

    fn stage(says: Verification) -> MockVerifier {
        let mut mock = MockVerifier::new();
        mock.expect_verify().return_once(move |_, _| Ok(says));
        mock
    }

    async fn both(first: Verification, second: Verification) -> Result<Verification> {
        and_then(stage(first), stage(second)).verify(&mint::case("shop", "i1"), &fix()).await
    }

    #[tokio::test]
    async fn what_the_first_denies_the_second_never_sees() {
        let first = stage(says("sandbox", GateAnswer::Deny, Isolation::Strong));
        // It expects no call.
        let stage = and_then(first, MockVerifier::new());
        let seen = stage.verify(&mint::case("shop", "i1"), &fix()).await.unwrap();
        assert_eq!(seen.answer(), GateAnswer::Deny);
    }

    #[tokio::test]
    async fn every_gate_of_both_counts_and_the_lesser_trust() {
        use Isolation::{External, None, Reduced, Strong};
        for (a, b, expected) in [
            (Strong, External, External),
            (Reduced, External, Reduced),
            (External, Reduced, Reduced),
            (Strong, None, None),
            (Strong, Strong, Strong),
        ] {
            let first = says("sandbox", GateAnswer::Pass, a);
            let mut second = says("ci", GateAnswer::Pass, b);
            second.score =
                Score::new(Confidence::from_percent(80), Confidence::NONE, Confidence::NONE);
            let seen = both(first, second).await.unwrap();
            let gates: Vec<&str> = seen.gates.iter().map(|gate| gate.gate.as_str()).collect();
            assert_eq!((gates, seen.isolation, seen.test_ms), (vec!["sandbox", "ci"], expected, 2));
            let half = Confidence::from_percent(50);
            assert_eq!(seen.score, Score::new(Confidence::from_percent(80), half, half));
        }
        let denies = says("ci", GateAnswer::Deny, External);
        let seen = both(says("sandbox", GateAnswer::Pass, Strong), denies).await.unwrap();
        assert_eq!((seen.answer(), seen.confidence()), (GateAnswer::Deny, Confidence::NONE));
        let silent = says("ci", GateAnswer::Pass, External).with_gates(Vec::new());
        let seen = both(says("sandbox", GateAnswer::Pass, Strong), silent).await.unwrap();
        assert_eq!(seen.answer(), GateAnswer::Deny);
    }

    #[tokio::test]
    async fn proofs_on_two_bases_are_no_proof() {
        let mut second = says("ci", GateAnswer::Pass, Isolation::External);
        second.base = Revision::new("later");
        let first = says("sandbox", GateAnswer::Pass, Isolation::Strong);
        let error = both(first, second).await.unwrap_err();
        assert!(error.to_string().contains("the branch moved"), "{error}");
    }
}
