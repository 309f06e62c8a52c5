//! A pipeline that code broke is mended as code, and is whole again once a run of it succeeds.

use std::time::Duration;

use aegis_core::machine::{Incident, Phase};
use aegis_core::model::{Event, IncidentKind, Observation, Signal};
use aegis_core::port::{Clock as _, Intake as _, Receipt};
use aegis_core::redact::Untrusted;
use aegis_core::testkit::settle;
use aegis_core::{Fingerprint, ServiceName};

use crate::bed::Bed;

const LOG: &str = "ci.yml, job test: pytest failed
cause: code
= FAILURES =
____ test_mean ____

    def test_mean():
>       assert mean([]) == 0

tests/test_mean.py:4:
_ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _

    def mean(xs):
>       return sum(xs) / len(xs)
E       ZeroDivisionError: division by zero

mean.py:2: ZeroDivisionError
";

/// The incident at its end; where `green`, a run succeeds once the fix is merged, where `red`, one fails
/// as before.
async fn ended(green: bool, red: bool) -> Incident {
    let bed = Bed::new();
    let handle = bed.auto();
    let print = Fingerprint::of(["pipeline", "ci.yml", "test"]);
    let service = ServiceName::new("shop");
    let fails = || {
        let seen = Observation::Pipeline(print.clone(), Untrusted::new(LOG));
        let running = bed.world.with(|remote| remote.head.clone());
        Event::Signal(Signal::new(service.clone(), bed.clock.now(), seen).with_revision(running))
    };
    let receipt = handle.report(fails()).await.unwrap();
    let Receipt::Opened(id) = receipt else { panic!("{receipt:?}") };
    let mut ran = false;
    let over = async || {
        let at = handle.incident(&id).await.unwrap().phase;
        if at == Phase::Watching && !ran {
            ran = true;
            if green {
                handle.report(Event::Resolved(service.clone(), print.clone())).await.unwrap();
            }
            if red {
                handle.report(fails()).await.unwrap();
            }
        }
        at.is_terminal() || at == Phase::AwaitingHuman
    };
    assert!(settle(&bed.clock, &handle, Duration::from_secs(3_600), over).await);
    let incident = handle.incident(&id).await.unwrap();
    assert_eq!(bed.world.with(|remote| remote.merges.len()), 1);
    handle.shutdown().await.unwrap();
    incident
}

#[tokio::test]
async fn it_is_healed_by_a_run_that_succeeds() {
    let incident = ended(true, false).await;
    assert_eq!(incident.phase, Phase::Healed, "{:?}", incident.why);
    assert_eq!(incident.case.kind, IncidentKind::Pipeline);
    let culprit = incident.case.trace().unwrap().exceptions[0].culprit().unwrap();
    assert_eq!((culprit.path.as_str(), culprit.line), ("mean.py", Some(2)));
}

#[tokio::test]
async fn without_one_nobody_says_that_it_is_whole() {
    let incident = ended(false, false).await;
    assert_eq!(incident.phase, Phase::AwaitingHuman);
}

#[tokio::test]
async fn a_run_that_fails_as_before_is_told_to_a_person() {
    let incident = ended(false, true).await;
    assert_eq!(incident.phase, Phase::AwaitingHuman);
    let why = incident.why.unwrap().to_string();
    assert!(why.contains("the error still occurs"), "{why}");
}
