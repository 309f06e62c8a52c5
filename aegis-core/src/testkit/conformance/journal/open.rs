//! How incidents begin.

use std::sync::Arc;

use super::fixture::{Says, again, at, batch, claim, driven, load, new, symptom};
use crate::error::ErrorKind;
use crate::id::IncidentId;
use crate::machine::{Phase, Record};
use crate::model::{Author, IncidentKind, Release};
use crate::port::{Filter, Journal, Opened};

/// One incident of a service and fingerprint is open at a time, whoever asks at once.
pub async fn opening_is_atomic(journal: Arc<dyn Journal>) {
    let says = Says("of 32 that open one fingerprint at once, one creates it and all name it");
    let open = |n: u32| {
        let journal = Arc::clone(&journal);
        tokio::spawn(async move { journal.open(new(&format!("i{n:02}"), "shop", "f1", 0)).await })
    };
    let tasks: Vec<_> = (0..32).map(open).collect();
    let mut answers = Vec::new();
    for task in tasks {
        match task.await {
            Ok(answer) => answers.push(says.ok(answer)),
            Err(e) => panic!("a call to open panicked: {e}"),
        }
    }
    let created = answers.iter().find_map(|a| match a {
        Opened::Created(id) => Some(id.clone()),
        _ => None,
    });
    let created = says.some(created);
    let others = answers.iter().filter(|a| **a == Opened::Existing(created.clone())).count();
    says.same(others, 31);
    says.same(says.ok(journal.list(&Filter::new()).await).len(), 1);

    let says = Says("an incident begins with its first record, at the machine's phase");
    let stored = load(&*journal, &says, &created).await;
    let opened = new(created.as_str(), "shop", "f1", 0);
    says.same((stored.summary.phase, stored.summary.seq), (Phase::Diagnosing, 1));
    says.same((stored.summary.opened_at, stored.summary.updated_at), (at(0), at(0)));
    says.same((stored.summary.kind, stored.summary.service), (opened.kind, opened.service));
    says.same(stored.summary.fingerprint, opened.fingerprint);
    says.same(stored.entries.len(), 1);
    says.same(&stored.entries[0].record, &opened.opened);
    says.same((stored.entries[0].seq, stored.entries[0].at), (1, at(0)));
    let mut watch = new("w1", "shop", "w1", 0);
    watch.kind = IncidentKind::Release;
    if let Record::Opened(opened) = &mut watch.opened {
        opened.kind = IncidentKind::Release;
        let author = Author::Person("ada".into());
        opened.releases.push(Release::new("shop".into(), "r1".into(), at(0), author));
    }
    let id = watch.id.clone();
    says.same(says.ok(journal.open(watch).await), Opened::Created(id.clone()));
    says.same(load(&*journal, &says, &id).await.summary.phase, Phase::Watching);

    let says = Says("another service or another fingerprint is another incident");
    let other = says.ok(journal.open(new("j1", "till", "f1", 0)).await);
    says.same(other, Opened::Created(IncidentId::new("j1")));
    let other = says.ok(journal.open(new("j2", "shop", "f2", 0)).await);
    says.same(other, Opened::Created(IncidentId::new("j2")));

    let says = Says("an id is used once");
    says.fails(journal.open(new("j1", "shop", "f3", 0)).await, ErrorKind::Conflict);
    says.same(says.ok(journal.list(&Filter::new()).await).len(), 4);
}

/// A closed incident is opened again where it was closed after the given moment, and only then.
pub async fn reopening_has_a_horizon(journal: Arc<dyn Journal>) {
    let says = Says("an open incident is joined, never reopened");
    let lease = driven(&*journal, &says, "f1", "shop").await;
    let id = lease.incident.clone();
    let answer = says.ok(journal.open(again("n1", "f1", 5, -100)).await);
    says.same(answer, Opened::Existing(id.clone()));

    // Record 2 is written at 2 ms.
    let close = batch(&lease, 1, Phase::Healed, vec![Record::Resolved]);
    says.same(says.ok(journal.commit(close).await), 2);

    let says = Says("what is older than the end of its incident opens nothing");
    let answer = says.ok(journal.open(again("n0", "f1", 1, -100)).await);
    says.same(answer, Opened::Ended(id.clone()));
    says.same(load(&*journal, &says, &id).await.summary.phase, Phase::Healed);

    let says = Says("one that was closed after the given moment is opened again");
    let answer = says.ok(journal.open(again("n2", "f1", 10, 1)).await);
    says.same(answer, Opened::Reopened(id.clone()));
    let stored = load(&*journal, &says, &id).await;
    says.same((stored.summary.seq, stored.summary.phase), (3, Phase::Diagnosing));
    says.same((stored.summary.opened_at, stored.summary.updated_at), (at(0), at(10)));
    let last = says.some(stored.entries.last());
    says.same(&last.record, &Record::Reopened(Box::new(symptom("f1", 10))));
    says.same((last.seq, last.at), (3, at(10)));
    let answer = says.ok(journal.open(again("n3", "f1", 11, 1)).await);
    says.same(answer, Opened::Existing(id.clone()));

    let says = Says("who drove it before it was opened again can't write");
    let late = batch(&lease, 3, Phase::Drafting, vec![Record::Resolved]);
    says.fails(journal.commit(late).await, ErrorKind::Fenced);

    let says = Says("one that is open again is driven again");
    let lease = claim(&*journal, &says, "driver", "f1").await;
    let close = batch(&lease, 3, Phase::Healed, vec![Record::Resolved]);
    says.same(says.ok(journal.commit(close).await), 4);

    let says = Says("one that was not closed after the given moment stays closed");
    let answer = says.ok(journal.open(again("n4", "f1", 20, 4)).await);
    says.same(answer, Opened::Created(IncidentId::new("n4")));
    says.same(load(&*journal, &says, &id).await.summary.phase, Phase::Healed);

    let says = Says("the one that was closed last is opened again");
    let lease = claim(&*journal, &says, "driver", "n4").await;
    let close = batch(&lease, 1, Phase::Abandoned, vec![Record::Resolved; 9]);
    says.same(says.ok(journal.commit(close).await), 10);
    let answer = says.ok(journal.open(again("n5", "f1", 30, 0)).await);
    says.same(answer, Opened::Reopened(IncidentId::new("n4")));

    let says = Says("without a moment to reopen after, a closed incident stays closed");
    let lease = claim(&*journal, &says, "driver", "n4").await;
    let close = batch(&lease, 11, Phase::Kept, vec![Record::Resolved]);
    says.same(says.ok(journal.commit(close).await), 12);
    let answer = says.ok(journal.open(new("n6", "shop", "f1", 40)).await);
    says.same(answer, Opened::Created(IncidentId::new("n6")));
}
