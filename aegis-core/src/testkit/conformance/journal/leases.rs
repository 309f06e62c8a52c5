//! Who may drive an incident.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::fixture::{LONG, Says, batch, claim, driven, new, with_fence};
use crate::error::ErrorKind;
use crate::id::IncidentId;
use crate::machine::{Phase, Record};
use crate::port::{Journal, Lease};

/// An open incident goes to one owner at a time, the oldest first.
pub async fn an_incident_has_one_driver(journal: Arc<dyn Journal>) {
    let says = Says("a claim gives at most limit open incidents that nobody drives, oldest first");
    for n in 0..20 {
        let id = format!("i{n:02}");
        says.ok(journal.open(new(&id, "shop", &id, n)).await);
    }
    says.same(says.ok(journal.claim("a", &[], LONG, 0).await).len(), 0);
    let first = says.ok(journal.claim("a", &[], LONG, 3).await);
    let ids: Vec<&str> = first.iter().map(|l| l.incident.as_str()).collect();
    says.same(ids, vec!["i00", "i01", "i02"]);
    says.same(first.iter().all(|l| l.owner == "a" && l.ttl == LONG), true);

    let says = Says("of 8 that claim at once, no two get the same incident");
    let claim = |n: u32| {
        let journal = Arc::clone(&journal);
        tokio::spawn(async move { journal.claim(&format!("o{n}"), &[], LONG, 4).await })
    };
    let tasks: Vec<_> = (0..8).map(claim).collect();
    let (mut count, mut seen) = (0, BTreeSet::new());
    for task in tasks {
        match task.await {
            Ok(leases) => {
                for lease in says.ok(leases) {
                    count += 1;
                    seen.insert(lease.incident);
                }
            }
            Err(e) => panic!("a call to claim panicked: {e}"),
        }
    }
    says.same((count, seen.len()), (17, 17));
    says.same(says.ok(journal.claim("a", &[], LONG, 100).await).len(), 0);

    let says = Says("a closed incident is not claimed");
    let lease = says.some(first.into_iter().next());
    let close = batch(&lease, 1, Phase::Abandoned, vec![Record::Resolved]);
    says.ok(journal.commit(close).await);
    says.ok(journal.release(&lease).await);
    says.same(says.ok(journal.claim("a", &[], LONG, 100).await), vec![]);
}

fn ids(leases: Vec<Lease>) -> Vec<String> {
    leases.into_iter().map(|lease| lease.incident.to_string()).collect()
}

/// A planner takes any number of those that only wait.
pub async fn what_waits_is_claimed_alone(journal: Arc<dyn Journal>) {
    let says = Says("what waits for a person can be claimed alone, of the services that are named");
    for (n, service) in (0..).zip(["shop", "shop", "rates", "shop", "shop"]) {
        let id = format!("i{n}");
        says.ok(journal.open(new(&id, service, &id, n)).await);
    }
    for lease in says.ok(journal.claim("a", &[], LONG, 4).await) {
        let waits = batch(&lease, 1, Phase::AwaitingHuman, vec![Record::Resolved]);
        says.ok(journal.commit(waits).await);
        if lease.incident != IncidentId::new("i1") {
            says.ok(journal.release(&lease).await);
        }
    }
    let claim = async |services: &[&str], limit| {
        let services: Vec<_> = services.iter().map(|&name| name.into()).collect();
        ids(says.ok(journal.claim_waiting("b", &services, LONG, limit).await))
    };
    says.same(claim(&["shop"], 1).await, vec!["i0".into()]);
    says.same(claim(&["shop"], 10).await, vec!["i3".into()]);
    says.same(claim(&[], 10).await, vec!["i2".into()]);
    says.same(ids(says.ok(journal.claim("b", &[], LONG, 10).await)), vec!["i4".into()]);
}

/// A planner drives the services that it looks after, and leaves the others alone.
pub async fn claims_are_of_services(journal: Arc<dyn Journal>) {
    let says =
        Says("a claim gives incidents of the services that it names, and of any without one");
    for (n, service) in (0..).zip(["shop", "rates", "mail", "shop"]) {
        let id = format!("i{n}");
        says.ok(journal.open(new(&id, service, &id, n)).await);
    }
    let claim = async |services: &[&str]| {
        let services: Vec<_> = services.iter().map(|&name| name.into()).collect();
        ids(says.ok(journal.claim("a", &services, LONG, 10).await))
    };
    says.same(claim(&["nobody's"]).await, vec![]);
    says.same(claim(&["rates", "shop"]).await, vec!["i0".into(), "i1".into(), "i3".into()]);
    says.same(claim(&[]).await, vec!["i2".into()]);
}

/// A fencing token keeps an earlier driver from writing.
pub async fn only_the_driver_writes(journal: Arc<dyn Journal>) {
    let says = Says("a commit without a lease is Fenced");
    says.ok(journal.open(new("a", "shop", "a", 0)).await);
    let nobody = Lease {
        incident: "a".into(),
        owner: "nobody".into(),
        fence: crate::port::Fence(0),
        ttl: LONG,
    };
    let write = |lease: &Lease, seq| batch(lease, seq, Phase::Drafting, vec![Record::Resolved]);
    says.fails(journal.commit(write(&nobody, 1)).await, ErrorKind::Fenced);

    let says = Says("a commit under a lease that ran out goes through while nobody took it");
    let leases = says.ok(journal.claim("a", &[], Duration::ZERO, 1).await);
    let old = says.some(leases.into_iter().next());
    says.same(says.ok(journal.commit(write(&old, 1)).await), 2);

    let says = Says("Fenced where the lease went to another, whatever sequence it knows");
    let new = claim(&*journal, &says, "b", "a").await;
    says.same(new.fence > old.fence, true);
    says.fails(journal.commit(write(&old, 2)).await, ErrorKind::Fenced);
    says.fails(journal.commit(write(&old, 1)).await, ErrorKind::Fenced);
    says.fails(journal.renew(&old).await, ErrorKind::Fenced);
    let guessed = with_fence(&old, new.fence.0 + 1);
    says.fails(journal.commit(write(&guessed, 2)).await, ErrorKind::Fenced);
    says.same(says.ok(journal.commit(write(&new, 2)).await), 3);

    let says = Says("a fence grows with every owner, also where one comes back");
    says.ok(journal.release(&new).await);
    let third = claim(&*journal, &says, "a", "a").await;
    says.same(third.fence > new.fence, true);
}

/// A lease that ran out is free, in the journal's own time.
pub async fn leases_run_out(journal: Arc<dyn Journal>) {
    let says = Says("an incident whose lease ran out is free, and not before");
    says.ok(journal.open(new("a", "shop", "a", 0)).await);
    let ttl = Duration::from_millis(300);
    let since = Instant::now();
    says.same(says.ok(journal.claim("a", &[], ttl, 1).await).len(), 1);
    loop {
        let taken = says.ok(journal.claim("b", &[], LONG, 1).await);
        if !taken.is_empty() {
            // Half of it leaves room for clocks that tick coarsely.
            says.same(since.elapsed() >= ttl / 2, true);
            break;
        }
        says.same(since.elapsed() < Duration::from_secs(20), true);
        tokio::task::yield_now().await;
    }
}

/// A lease is prolonged from the moment of the call.
pub async fn leases_are_prolonged(journal: Arc<dyn Journal>) {
    let says = Says("a lease that is renewed lasts its ttl from then on");
    says.ok(journal.open(new("a", "shop", "a", 0)).await);
    let leases = says.ok(journal.claim("a", &[], Duration::ZERO, 1).await);
    let lease = Lease { ttl: LONG, ..says.some(leases.into_iter().next()) };
    says.ok(journal.renew(&lease).await);
    says.same(says.ok(journal.claim("b", &[], LONG, 1).await), vec![]);
    let write = batch(&lease, 1, Phase::Drafting, vec![Record::Resolved]);
    says.same(says.ok(journal.commit(write).await), 2);

    let says = Says("a lease of an incident that does not exist is NotFound");
    let lost = Lease { incident: "nobody".into(), ..lease };
    says.fails(journal.renew(&lost).await, ErrorKind::NotFound);
}

/// A lease that is given back is free at once.
pub async fn leases_are_given_back(journal: Arc<dyn Journal>) {
    let says = Says("a lease that is given back is free at once, and can't write or be renewed");
    let old = driven(&*journal, &says, "a", "shop").await;
    says.ok(journal.release(&old).await);
    let write = batch(&old, 1, Phase::Drafting, vec![Record::Resolved]);
    says.fails(journal.commit(write).await, ErrorKind::Fenced);
    says.fails(journal.renew(&old).await, ErrorKind::Fenced);
    let new = claim(&*journal, &says, "b", "a").await;

    let says = Says("giving back a lease that went to another changes nothing");
    says.ok(journal.release(&old).await);
    says.same(says.ok(journal.claim("c", &[], LONG, 1).await), vec![]);
    let write = batch(&new, 1, Phase::Drafting, vec![Record::Resolved]);
    says.same(says.ok(journal.commit(write).await), 2);
}
