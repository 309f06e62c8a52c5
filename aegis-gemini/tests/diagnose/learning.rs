//! What claims were worth before, from the journal.

use std::sync::Arc;
use std::time::Duration;

use aegis_core::machine::{Entry, Phase, Record};
use aegis_core::model::{Cause, Diagnosis, Hypothesis, Location, SignalKind, Symptom};
use aegis_core::port::{Batch, Clock as _, Journal, MemoryJournal};
use aegis_core::redact::Redacted;
use aegis_core::testkit::{ManualClock, mint};
use aegis_core::{Confidence, Fingerprint, Timestamp};
use aegis_gemini::calibrate::{CAP, Calibrator, ENOUGH};

/// A closed incident whose diagnosis a model was this sure of.
async fn closed(journal: &MemoryJournal, number: usize, claimed: Confidence, end: Phase) {
    let at = Timestamp::from_ms(1_700_000_000_000);
    let print = Fingerprint::of([number.to_string().as_str()]);
    let first = Symptom::new(at, print, SignalKind::Error(None), Redacted::default());
    let new = mint::incident(&format!("i-{number}"), "shop", first);
    let id = new.id.clone();
    journal.open(new).await.unwrap();
    let lease = journal
        .claim("test", &["shop".into()], Duration::from_secs(60), 1)
        .await
        .unwrap()
        .remove(0);
    let place = Cause::Code(Location::new("a.py", 1));
    let hypothesis = Hypothesis::new(place, "x", claimed).with_claimed(claimed);
    let diagnosis = Diagnosis::new("head".into(), "model", vec![hypothesis]);
    let mut batch = Batch::new(&lease, 1, end);
    assert_eq!(batch.incident, id);
    batch.entries.push(Entry { seq: 2, at, record: Record::Diagnosed(Box::new(diagnosis)) });
    journal.commit(batch).await.unwrap();
    journal.release(&lease).await.unwrap();
}

#[tokio::test]
async fn claims_count_for_what_they_were_worth_once_enough_outcomes_are_known() {
    let journal = Arc::new(MemoryJournal::default());
    let clock = ManualClock::new(Timestamp::from_ms(1_700_000_000_000));
    let calibrator = Calibrator::new(journal.clone()).with_clock(Arc::new(clock.clone()));
    let sure = Confidence::from_percent(95);
    for number in 0..ENOUGH {
        if number == ENOUGH - 1 {
            let so_far = Calibrator::new(journal.clone()).calibration().await;
            assert_eq!((so_far.outcomes(), so_far.apply(sure)), (ENOUGH - 1, CAP));
        }
        let end = if number % 3 == 0 { Phase::Healed } else { Phase::RolledBack };
        closed(&journal, number, sure, end).await;
    }
    // What tells nothing is left out.
    closed(&journal, 1_000, sure, Phase::SelfResolved).await;
    let learnt = calibrator.calibration().await;
    assert_eq!(learnt.outcomes(), ENOUGH);
    let worth = learnt.apply(sure).ratio();
    assert!((0.28..0.42).contains(&worth), "{learnt:?}: {worth}");
    assert!(learnt.brier().unwrap() < 0.25 && learnt.raw_brier().unwrap() > 0.5, "{learnt:?}");

    // It is read anew after an hour.
    closed(&journal, 2_000, sure, Phase::Healed).await;
    assert_eq!(calibrator.calibration().await.outcomes(), ENOUGH);
    clock.set(clock.now().plus(Duration::from_secs(3_601)));
    assert_eq!(calibrator.calibration().await.outcomes(), ENOUGH + 1);
}
