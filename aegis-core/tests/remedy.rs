//! A cause outside the code, with a change that a person may apply.

use std::time::Duration;

use aegis_core::machine::{Incident, Phase, Why};
use aegis_core::model::{Case, Cause, Diagnosis, Event, Hypothesis, Observation, Remedy, Signal};
use aegis_core::patch::{FileChange, Tier};
use aegis_core::planner::{Handle, notice};
use aegis_core::policy::{Autonomy, PolicyConfig, ProtectedPaths};
use aegis_core::port::{Clock as _, Intake as _, Receipt};
use aegis_core::redact::Untrusted;
use aegis_core::stage::Diagnoser;
use aegis_core::testkit::{World, settle};
use aegis_core::{Confidence, IncidentId, Result};

use crate::bed::Bed;

const BEFORE: &str =
    "jobs:\n  test:\n    runs-on: old\n    env:\n      KEY: AKIAZ5GMXQ7RTPNK2DWE\n";

/// Blames the workflow, and knows what it should say.
#[derive(Debug)]
struct KnowsTheLabel(World);

#[async_trait::async_trait]
impl Diagnoser for KnowsTheLabel {
    async fn diagnose(&self, _: &Case) -> Result<Diagnosis> {
        let base = self.0.with(|remote| remote.head.clone());
        let change = FileChange {
            path: ".github/workflows/ci.yml".into(),
            before: Some(BEFORE.into()),
            after: Some(BEFORE.replace("old", "new")),
            tier: Tier::Exact,
        };
        let remedy = Remedy::new(base.clone(), "Run test on new", &[change])?;
        let cause = Cause::Environment(String::from("ci.yml, line 3"));
        let told = Hypothesis::new(cause, "old is gone", Confidence::FULL);
        Ok(Diagnosis::new(base, "labels", vec![told]).with_remedy(remedy))
    }
}

async fn reported(bed: &Bed, policy: PolicyConfig, end: Phase) -> (Handle, IncidentId, Incident) {
    let builder = bed.builder(policy).diagnoser(KnowsTheLabel(bed.world.clone()));
    let handle = builder.build().unwrap().start().unwrap();
    let seen = Observation::Pipeline("p1".into(), Untrusted::new("ci.yml failed"));
    let signal = Signal::new("shop".into(), bed.clock.now(), seen);
    let receipt = handle.report(Event::Signal(signal)).await.unwrap();
    let Receipt::Opened(id) = receipt else { panic!("{receipt:?}") };
    let reached = async || handle.incident(&id).await.unwrap().phase == end;
    assert!(settle(&bed.clock, &handle, Duration::from_secs(600), reached).await);
    let incident = handle.incident(&id).await.unwrap();
    (handle, id, incident)
}

fn opted() -> PolicyConfig {
    let protected = ProtectedPaths::default().proposing_workflows();
    PolicyConfig::new(Autonomy::Auto).with_protected(protected)
}

#[tokio::test]
async fn it_is_handed_over_as_a_diff_and_nothing_is_shipped() {
    let bed = Bed::new();
    let auto = PolicyConfig::new(Autonomy::Auto);
    let (_handle, _, incident) = reported(&bed, auto, Phase::AwaitingHuman).await;
    assert_eq!(incident.why, Some(Why::NotCode("ci.yml, line 3".into())));
    let told = notice(&incident).unwrap();
    let diff = told.diff.unwrap();
    assert!(diff.contains("\n-    runs-on: old\n+    runs-on: new\n"), "{diff}");
    assert!(!diff.contains("AKIAZ5GMXQ7RTPNK2DWE"), "{diff}");
    assert_eq!(told.next[..2], ["apply the diff: Run test on new", "look at ci.yml, line 3"]);
    bed.world.with(|remote| assert!(remote.branches.is_empty()));
}

#[tokio::test]
async fn where_the_host_opted_in_it_is_proposed_and_no_word_of_a_person_s_has_aegis_merge_it() {
    let bed = Bed::new();
    let (handle, id, incident) = reported(&bed, opted(), Phase::AwaitingHuman).await;
    assert_eq!(incident.why, Some(Why::Proposed));
    let proof = incident.verification.clone().unwrap();
    assert_eq!(proof.score.confidence(), Confidence::NONE);
    assert!(bed.shown(&id).contains("Aegis never merges a workflow"), "{}", bed.shown(&id));
    let fix = incident.fix().unwrap().digest();
    let told = notice(&incident).unwrap();
    assert!(told.diff.is_some() && told.next.iter().all(|next| !next.contains("approve")));
    for approves in [true, false] {
        let phase = match approves {
            true => handle.approve(&id, fix.clone(), "kim").await.unwrap(),
            false => handle.resume(&id, "kim").await.unwrap(),
        };
        assert_ne!(phase, Phase::AwaitingHuman, "it is thought over");
        let parked = async || handle.incident(&id).await.unwrap().phase == Phase::AwaitingHuman;
        assert!(settle(&bed.clock, &handle, Duration::from_secs(600), parked).await);
        assert_eq!(handle.incident(&id).await.unwrap().why, Some(Why::Proposed));
        bed.world.with(|remote| {
            assert_eq!((remote.branches.len(), remote.merges.len()), (1, 0));
            assert!(remote.branches.values().all(|branch| branch.propose_only));
        });
    }
}

#[tokio::test]
async fn where_aegis_only_observes_the_diff_is_handed_over_too() {
    let bed = Bed::new();
    let mut policy = opted();
    policy.autonomy.default = Autonomy::Observe;
    let (_handle, _, incident) = reported(&bed, policy, Phase::AwaitingHuman).await;
    assert!(matches!(incident.why, Some(Why::WouldHave { .. })), "{:?}", incident.why);
    assert!(notice(&incident).unwrap().diff.is_some());
    bed.world.with(|remote| assert!(remote.branches.is_empty()));
}
