//! A judge with a floor that always wins, and an adviser that may be stricter.

use async_trait::async_trait;

use crate::error::Result;
use crate::model::{Case, Evidence, Grounds, Verdict};
use crate::stage::RollbackJudge;

/// See [`advised_by`].
#[derive(Debug, Clone)]
pub struct AdvisedBy<A, B> {
    floor: A,
    adviser: B,
}

/// Judges by `floor`; `adviser` may tighten its verdict, explain it, or ask for more time, and
/// never loosen it. An adviser that fails changes nothing, and none is asked where the floor takes the
/// release back: that does not wait for words.
pub fn advised_by<A: RollbackJudge, B: RollbackJudge>(floor: A, adviser: B) -> AdvisedBy<A, B> {
    AdvisedBy { floor, adviser }
}

#[async_trait]
impl<A: RollbackJudge, B: RollbackJudge> RollbackJudge for AdvisedBy<A, B> {
    async fn judge(&self, case: &Case, evidence: &Evidence) -> Result<Verdict> {
        let floor = self.floor.judge(case, evidence).await?;
        if matches!(floor, Verdict::Rollback(_)) {
            return Ok(floor);
        }
        match self.adviser.judge(case, evidence).await {
            Ok(advice) => Ok(tighten(floor, advice)),
            Err(e) => {
                tracing::warn!(target: "aegis", error = %e, "no advice on a release");
                Ok(floor)
            }
        }
    }
}

fn tighten(floor: Verdict, advice: Verdict) -> Verdict {
    let Grounds { confidence, mut reasons } = floor.grounds().clone();
    reasons.extend(advice.grounds().reasons.iter().map(|r| format!("advice: {r}")));
    let confidence = confidence.min(advice.grounds().confidence);
    let grounds = Grounds::new(confidence, reasons);
    match (floor, advice) {
        (Verdict::Rollback(own), _) => {
            Verdict::Rollback(Grounds::new(own.confidence, grounds.reasons))
        }
        (_, Verdict::Rollback(_)) => Verdict::Rollback(grounds),
        (Verdict::Inconclusive(_), _) => Verdict::Inconclusive(grounds),
        // More time, once the window is over, is the planner's to give: it extends what is undecided.
        (Verdict::Keep(_), Verdict::Inconclusive(_) | Verdict::Watch(_)) => {
            Verdict::Inconclusive(grounds)
        }
        (Verdict::Keep(_), Verdict::Keep(_)) => Verdict::Keep(grounds),
        (Verdict::Watch(_), _) => Verdict::Watch(grounds),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Confidence;

    fn all(percent: u8) -> [Verdict; 4] {
        let g = || Grounds::new(Confidence::from_percent(percent), vec!["r".into()]);
        [
            Verdict::Keep(g()),
            Verdict::Watch(g()),
            Verdict::Inconclusive(g()),
            Verdict::Rollback(g()),
        ]
    }

    fn rank(v: &Verdict) -> u8 {
        match v {
            Verdict::Keep(_) => 0,
            Verdict::Watch(_) | Verdict::Inconclusive(_) => 1,
            Verdict::Rollback(_) => 2,
        }
    }

    #[test]
    fn advice_never_loosens_the_floor() {
        for floor in all(80) {
            for advice in all(90) {
                let both = tighten(floor.clone(), advice.clone());
                assert!(rank(&both) >= rank(&floor), "{floor:?} advised {advice:?}: {both:?}");
                assert!(both.grounds().confidence <= floor.grounds().confidence);
            }
        }
    }

    #[tokio::test]
    async fn a_rollback_of_the_floor_waits_for_no_advice() {
        let mut floor = crate::stage::MockRollbackJudge::new();
        let [.., rollback] = all(80);
        floor.expect_judge().return_once(move |_, _| Ok(rollback));
        // It expects no call.
        let adviser = crate::stage::MockRollbackJudge::new();
        let at = crate::id::Timestamp::from_ms(0);
        let baseline = crate::model::Baseline::new(at, Vec::new());
        let evidence = Evidence::new("r".into(), at, at, baseline);
        let case = crate::testkit::mint::case("shop", "i1");
        let verdict = advised_by(floor, adviser).judge(&case, &evidence).await;
        assert!(matches!(verdict, Ok(Verdict::Rollback(_))), "{verdict:?}");
    }

    #[test]
    fn a_rollback_advised_is_a_rollback() {
        let [keep, .., rollback] = all(80);
        assert!(matches!(tighten(keep, rollback), Verdict::Rollback(_)));
    }
}
