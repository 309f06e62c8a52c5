//! What a commit promises.

use std::sync::Arc;

use super::fixture::{Says, at, batch, driven, effect, load, slot};
use crate::error::ErrorKind;
use crate::id::IncidentId;
use crate::machine::{Phase, Record};
use crate::port::{Batch, EffectStatus, Filter, Journal, SlotChange};

/// Records are kept in order, numbered without gaps.
pub async fn records_follow_each_other(journal: Arc<dyn Journal>) {
    let says = Says("a commit returns the sequence of its last record");
    let lease = driven(&*journal, &says, "a", "shop").await;
    let two = vec![Record::SlotTaken, Record::Resolved];
    says.same(says.ok(journal.commit(batch(&lease, 1, Phase::Drafting, two)).await), 3);
    let none = batch(&lease, 3, Phase::Verifying, vec![]);
    says.same(says.ok(journal.commit(none).await), 3);

    let says = Says("the row says where the last commit left the incident");
    let stored = load(&*journal, &says, &lease.incident).await;
    says.same((stored.summary.seq, stored.summary.phase), (3, Phase::Verifying));
    says.same((stored.summary.opened_at, stored.summary.updated_at), (at(0), at(3)));
    let seqs: Vec<u64> = stored.entries.iter().map(|e| e.seq).collect();
    says.same(seqs, vec![1, 2, 3]);
    says.same(&stored.entries[1].record, &Record::SlotTaken);
    says.same(&stored.entries[2].record, &Record::Resolved);

    let says = Says("records are numbered from expected_seq + 1 without gaps");
    for wrong in [3, 5] {
        let mut gap = batch(&lease, 3, Phase::Gating, vec![Record::Resolved]);
        gap.entries[0].seq = wrong;
        says.fails(journal.commit(gap).await, ErrorKind::Invalid);
    }
    says.same(load(&*journal, &says, &lease.incident).await, stored);

    let says = Says("a commit to an incident that does not exist is NotFound");
    let mut lost = batch(&lease, 3, Phase::Gating, vec![Record::Resolved]);
    lost.incident = IncidentId::new("nobody");
    says.fails(journal.commit(lost).await, ErrorKind::NotFound);
}

/// Who does not know the last record can't write.
pub async fn a_commit_needs_the_last_sequence(journal: Arc<dyn Journal>) {
    let says = Says("Stale where expected_seq is not the last");
    let lease = driven(&*journal, &says, "a", "shop").await;
    let first = batch(&lease, 1, Phase::Drafting, vec![Record::SlotTaken]);
    says.same(says.ok(journal.commit(first.clone()).await), 2);
    let before = load(&*journal, &says, &lease.incident).await;
    says.fails(journal.commit(first).await, ErrorKind::Stale);
    let ahead = batch(&lease, 7, Phase::Drafting, vec![Record::SlotTaken]);
    says.fails(journal.commit(ahead).await, ErrorKind::Stale);
    let empty = batch(&lease, 1, Phase::Healed, vec![]);
    says.fails(journal.commit(empty).await, ErrorKind::Stale);
    says.same(load(&*journal, &says, &lease.incident).await, before);

    let says = Says("of 16 that commit at one sequence, one succeeds and the others are Stale");
    let commit = |_| {
        let (journal, lease) = (Arc::clone(&journal), lease.clone());
        let next = batch(&lease, 2, Phase::Gating, vec![Record::Resolved]);
        tokio::spawn(async move { journal.commit(next).await })
    };
    let tasks: Vec<_> = (0..16).map(commit).collect();
    let mut winners = 0;
    for task in tasks {
        match task.await {
            Ok(Ok(seq)) => {
                says.same(seq, 3);
                winners += 1;
            }
            Ok(failed) => {
                says.fails(failed, ErrorKind::Stale);
            }
            Err(e) => panic!("a call to commit panicked: {e}"),
        }
    }
    says.same(winners, 1);
    says.same(load(&*journal, &says, &lease.incident).await.entries.len(), 3);
}

/// Records, effects, row and slot go together or not at all.
pub async fn a_commit_is_all_or_nothing(journal: Arc<dyn Journal>) {
    let says = Says("a commit whose slot is taken leaves no record, phase or effect behind");
    let a = driven(&*journal, &says, "a", "shop").await;
    let b = driven(&*journal, &says, "b", "shop").await;
    says.ok(journal.commit(slot(&a, 1, SlotChange::Take)).await);
    let before = load(&*journal, &says, &b.incident).await;
    let refused = effect(&b, 1, Some("one"), EffectStatus::Intent);
    let refused = Batch { slot: SlotChange::Take, ..refused };
    says.fails(journal.commit(refused).await, ErrorKind::Conflict);
    says.same(load(&*journal, &says, &b.incident).await, before);
    let other = effect(&b, 1, Some("two"), EffectStatus::Intent);
    says.same(says.ok(journal.commit(other).await), 2);

    let says = Says("a commit whose effect conflicts leaves no record, phase or slot behind");
    let c = driven(&*journal, &says, "c", "till").await;
    let d = driven(&*journal, &says, "d", "till").await;
    says.ok(journal.commit(effect(&c, 1, Some("one"), EffectStatus::Intent)).await);
    let before = load(&*journal, &says, &c.incident).await;
    let refused = effect(&c, 2, Some("two"), EffectStatus::Done);
    let refused = Batch { slot: SlotChange::Take, phase: Phase::Merging, ..refused };
    says.fails(journal.commit(refused).await, ErrorKind::Conflict);
    says.same(load(&*journal, &says, &c.incident).await, before);
    says.ok(journal.commit(slot(&d, 1, SlotChange::Take)).await);

    let says = Says("a commit that is refused does not close the incident");
    let refused = effect(&c, 2, Some("two"), EffectStatus::Done);
    let refused = Batch { phase: Phase::Healed, ..refused };
    says.fails(journal.commit(refused).await, ErrorKind::Conflict);
    let open = says.ok(journal.list(&Filter::new().open(true)).await);
    says.same(open.iter().any(|s| s.id == c.incident), true);
}

/// The service's turn to release.
pub async fn one_incident_releases_at_a_time(journal: Arc<dyn Journal>) {
    let says = Says("the slot of a service goes to one incident, which may take it again");
    let a = driven(&*journal, &says, "a", "shop").await;
    let b = driven(&*journal, &says, "b", "shop").await;
    let other = driven(&*journal, &says, "c", "till").await;
    says.ok(journal.commit(slot(&a, 1, SlotChange::Take)).await);
    says.ok(journal.commit(slot(&a, 1, SlotChange::Take)).await);
    says.fails(journal.commit(slot(&b, 1, SlotChange::Take)).await, ErrorKind::Conflict);
    says.ok(journal.commit(slot(&other, 1, SlotChange::Take)).await);

    let says = Says("only who holds the slot frees it");
    says.ok(journal.commit(slot(&b, 1, SlotChange::Free)).await);
    says.fails(journal.commit(slot(&b, 1, SlotChange::Take)).await, ErrorKind::Conflict);

    let says = Says("a commit that keeps the slot keeps it");
    says.ok(journal.commit(slot(&a, 1, SlotChange::Keep)).await);
    says.fails(journal.commit(slot(&b, 1, SlotChange::Take)).await, ErrorKind::Conflict);

    let says = Says("a freed slot goes to the next");
    says.ok(journal.commit(slot(&a, 1, SlotChange::Free)).await);
    says.ok(journal.commit(slot(&b, 1, SlotChange::Take)).await);
    says.fails(journal.commit(slot(&a, 1, SlotChange::Take)).await, ErrorKind::Conflict);

    let says = Says("a terminal phase closes the incident and frees its slot");
    let close = batch(&b, 1, Phase::Healed, vec![Record::Resolved]);
    says.ok(journal.commit(close).await);
    says.ok(journal.commit(slot(&a, 1, SlotChange::Take)).await);
    let open = says.ok(journal.list(&Filter::new().open(false)).await);
    says.same(open.iter().map(|s| s.id.as_str()).collect(), vec!["b"]);
}

/// A key answers for one request, until it is known that nothing was written.
pub async fn an_effect_key_is_for_one_request(journal: Arc<dyn Journal>) {
    let says = Says("the same key with the same request is accepted again");
    let a = driven(&*journal, &says, "a", "shop").await;
    says.ok(journal.commit(effect(&a, 1, Some("one"), EffectStatus::Intent)).await);
    says.ok(journal.commit(effect(&a, 2, Some("one"), EffectStatus::Intent)).await);

    let says = Says("the same key with another request is Conflict");
    let other = effect(&a, 3, Some("two"), EffectStatus::Intent);
    says.fails(journal.commit(other).await, ErrorKind::Conflict);

    let says = Says("an answer without a request leaves the request as it is");
    says.ok(journal.commit(effect(&a, 3, None, EffectStatus::Done)).await);
    let other = effect(&a, 4, Some("two"), EffectStatus::Intent);
    says.fails(journal.commit(other).await, ErrorKind::Conflict);

    let says = Says("a key that is Void may be used for another request");
    says.ok(journal.commit(effect(&a, 4, None, EffectStatus::Void)).await);
    says.ok(journal.commit(effect(&a, 5, Some("two"), EffectStatus::Intent)).await);
    let first = effect(&a, 6, Some("one"), EffectStatus::Intent);
    says.fails(journal.commit(first).await, ErrorKind::Conflict);

    let says = Says("another kind or another attempt is another key");
    let mut other = effect(&a, 6, Some("three"), EffectStatus::Intent);
    other.effects[0].key.attempt = u32::MAX;
    says.ok(journal.commit(other).await);
    let mut other = effect(&a, 7, Some("four"), EffectStatus::Intent);
    other.effects[0].key.kind = crate::id::EffectKind::Revert;
    says.ok(journal.commit(other).await);
}
