//! What comes back out.

use std::sync::Arc;

use super::fixture::{Says, at, batch, claim, driven, load, new, symptom};
use crate::error::{Error, Retry};
use crate::id::{Digest, EffectKey, EffectKind, IncidentId, Revision, Timestamp};
use crate::machine::{Entry, Phase, Record, Said, StageFailure, Why};
use crate::model::{
    Anomaly, Baseline, Evidence, Exercise, Grounds, Metric, MetricEvidence, SignalKind, Summary,
    Verdict,
};
use crate::port::{Filter, Journal};
use crate::stage::Rollout;

/// Floats that a decimal round trip would bend or lose.
fn floats() -> [f64; 10] {
    [
        0.1 + 0.2,
        -0.0,
        f64::NAN,
        f64::from_bits(0xfff0_0000_dead_beef),
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MIN_POSITIVE / 3.0,
        f64::from_bits(1),
        f64::MAX,
        9_007_199_254_740_993.0,
    ]
}

/// A record of every kind that a journal's encoding could stumble over.
fn records() -> Vec<Record> {
    let key = EffectKey {
        service: "shop".into(),
        incident: "a".into(),
        attempt: u32::MAX,
        kind: EffectKind::Withdraw,
    };
    let summary = |x| Summary { count: u32::MAX, median: x, spread: x, mean: x, events: u64::MAX };
    let metrics = floats().map(|x| (Metric::RouteErrors(x.to_string()), summary(x)));
    let baseline = Baseline::new(Timestamp::from_ms(i64::MIN), metrics.to_vec());
    let mut metric = MetricEvidence::new(Metric::LatencyP99);
    metric.values = floats().into_iter().map(Some).chain([None]).collect();
    metric.events = vec![u64::MAX; 11];
    let end = Timestamp::from_ms(i64::MAX);
    let mut evidence = Evidence::new(Revision::new("r"), at(0), end, baseline.clone());
    evidence.metrics.push(metric);
    evidence.exercise = Exercise { requests: Some(u64::MAX), needed: 0, recurrences: u64::MAX };
    let mut anomaly = symptom("f", 1);
    let [sum, _, nan, _, _, low, ..] = floats();
    anomaly.kind = SignalKind::Anomaly(Anomaly::new(Metric::Cpu, sum, nan, low));
    let text = "line\nquote \" back\\slash nul \0 bell \u{7} 漢字 \u{1f980} \u{2028}";
    let failure = Error::timeout(text).with_retry(Retry::AfterMs(u64::MAX));
    vec![
        Record::Joined(Box::new(anomaly)),
        Record::Drafted(vec![]),
        Record::Recurring { rate: 0.1 + 0.2 },
        Record::SlotTaken,
        Record::Baselined(Box::new(baseline)),
        Record::Intended { key: key.clone(), request: Digest::of([text]) },
        Record::Answered { key: key.clone(), rollout: None },
        Record::Answered {
            key,
            rollout: Some(Rollout::Live { release: "r".into(), at: end, commit: None }),
        },
        Record::Held { why: String::new(), until: end },
        Record::Looked {
            evidence: Box::new(evidence),
            verdict: Verdict::Inconclusive(Grounds::new(Default::default(), vec![text.into()])),
        },
        Record::Rechecked { back: true, why: text.into() },
        Record::Failed(StageFailure::new("verify", &failure)),
        Record::Parked(Why::Exhausted("x".repeat(100_000))),
        Record::Person { by: text.into(), said: Said::Approve(Digest::of([])) },
        Record::Resolved,
    ]
}

/// What was committed is what is loaded, to the bit.
pub async fn records_come_back_bit_for_bit(journal: Arc<dyn Journal>) {
    let says = Says("an incident that does not exist is None");
    says.same(says.ok(journal.load(&IncidentId::new("a")).await), None);

    let says = Says("numbers and text come back bit for bit, in order");
    let lease = driven(&*journal, &says, "a", "shop").await;
    let mut written = batch(&lease, 1, Phase::Watching, records());
    let extremes = [i64::MIN, i64::MAX, -1, 0].map(Timestamp::from_ms);
    for (entry, at) in written.entries.iter_mut().zip(extremes) {
        entry.at = at;
    }
    let entries = written.entries.clone();
    says.ok(journal.commit(written).await);
    let stored = load(&*journal, &says, &lease.incident).await;
    says.same(stored.entries.len(), entries.len() + 1);
    for (got, expected) in stored.entries[1..].iter().zip(&entries) {
        // As text, since NaN is not equal to itself; floats are their bits in it.
        says.same(json(&says, got), json(&says, expected));
    }
    let Record::Baselined(baseline) = &stored.entries[5].record else {
        panic!("the journal breaks its contract: {}", says.0);
    };
    let bits: Vec<u64> = baseline.metrics.iter().map(|(_, s)| s.median.to_bits()).collect();
    says.same(bits, floats().map(f64::to_bits).to_vec());

    let says = Says("the row's times are those of the records, at both ends of their range");
    let last = batch(&lease, stored.summary.seq, Phase::Watching, vec![Record::Resolved]);
    for (n, ms) in [i64::MAX, i64::MIN].into_iter().enumerate() {
        let mut last = last.clone();
        last.expected_seq += n as u64;
        last.entries[0].seq += n as u64;
        last.entries[0].at = Timestamp::from_ms(ms);
        says.ok(journal.commit(last).await);
        let summary = load(&*journal, &says, &lease.incident).await.summary;
        says.same((summary.opened_at, summary.updated_at), (at(0), Timestamp::from_ms(ms)));
    }
}

fn json(says: &Says, entry: &Entry) -> String {
    says.ok(serde_json::to_string(entry).map_err(|e| Error::internal(e.to_string())))
}

/// Lists are newest first, filtered and paged by id.
pub async fn lists_are_filtered_and_paged(journal: Arc<dyn Journal>) {
    let says = Says("a list without a filter is everything, newest first");
    says.same(says.ok(journal.list(&Filter::new()).await), vec![]);
    for n in 0..25 {
        let service = if n % 5 == 0 { "till" } else { "shop" };
        let id = format!("i{n:04}");
        says.ok(journal.open(new(&id, service, &format!("f{}", n % 5), n)).await);
        // Closed at once, so that the fingerprint can be used again; the last five stay open.
        if n < 20 {
            let lease = claim(&*journal, &says, "driver", &id).await;
            let close = batch(&lease, 1, Phase::Healed, vec![Record::Resolved]);
            says.ok(journal.commit(close).await);
        }
    }
    let ids = async |filter: Filter| -> Vec<String> {
        let rows = says.ok(journal.list(&filter).await);
        rows.into_iter().map(|s| s.id.to_string()).collect()
    };
    let named = |range: &[u32]| range.iter().map(|n| format!("i{n:04}")).collect::<Vec<_>>();
    let all: Vec<u32> = (0..25).rev().collect();
    says.same(ids(Filter::new()).await, named(&all));

    let says = Says("a page ends at its limit and the next one begins before its last id");
    says.same(ids(Filter::new().limit(10)).await, named(&all[..10]));
    let next = Filter::new().limit(10).before(IncidentId::new("i0015"));
    says.same(ids(next).await, named(&all[10..20]));
    let last = Filter::new().limit(10).before(IncidentId::new("i0005"));
    says.same(ids(last).await, named(&all[20..]));
    let none = Filter::new().before(IncidentId::new("i0000"));
    says.same(ids(none).await, named(&[]));

    let says = Says("a list holds only what its filter asks for");
    says.same(ids(Filter::new().open(true)).await, named(&all[..5]));
    says.same(ids(Filter::new().open(false)).await, named(&all[5..]));
    let till = Filter::new().of_service("till".into());
    says.same(ids(till.clone()).await, named(&[20, 15, 10, 5, 0]));
    let f3 = Filter::new().with_fingerprint("f3".into());
    says.same(ids(f3.clone()).await, named(&[23, 18, 13, 8, 3]));
    says.same(ids(f3.of_service("till".into())).await, named(&[]));
    says.same(ids(till.clone().open(true)).await, named(&[20]));
    let page = till.open(false).before("i0015".into()).limit(2);
    says.same(ids(page).await, named(&[10, 5]));

    let says = Says("a list is bounded by 1,000 rows, whatever its limit");
    for n in 25..1_010 {
        let id = format!("i{n:04}");
        says.ok(journal.open(new(&id, "shop", &id, n)).await);
    }
    says.same(ids(Filter::new()).await.len(), 1_000);
    says.same(ids(Filter::new().limit(5_000)).await.len(), 1_000);

    let says = Says("the incident that is asked for is the one that is loaded");
    let stored = load(&*journal, &says, &IncidentId::new("i0007")).await;
    says.same(stored.summary.phase, Phase::Healed);
    says.same(stored.entries.len(), 2);
    says.same(says.ok(journal.load(&"i9999".into()).await), None);
}
