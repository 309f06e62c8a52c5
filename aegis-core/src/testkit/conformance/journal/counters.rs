//! Budgets, quotas and switches.

use std::sync::Arc;

use super::fixture::{Says, at};
use crate::error::ErrorKind;
use crate::policy::{Control, Freeze};
use crate::port::Journal;

/// A counter never passes its limit, and a key counts once.
pub async fn counters_keep_their_limit(journal: Arc<dyn Journal>) {
    let says = Says("a counter that nobody took from is 0");
    says.same(says.ok(journal.used("merges").await), 0);

    let says = Says("a counter may reach its limit and not pass it");
    says.ok(journal.reserve("merges", "a", 3, 5).await);
    says.fails(journal.reserve("merges", "b", 3, 5).await, ErrorKind::Exhausted);
    says.same(says.ok(journal.used("merges").await), 3);
    says.ok(journal.reserve("merges", "b", 2, 5).await);
    says.same(says.ok(journal.used("merges").await), 5);
    says.same(says.ok(journal.used("reverts").await), 0);
    says.ok(journal.reserve("reverts", "a", 1, 1).await);

    let says = Says("the same key again changes nothing and succeeds");
    says.ok(journal.reserve("merges", "a", 3, 5).await);
    says.ok(journal.reserve("merges", "a", 100, 0).await);
    says.same(says.ok(journal.used("merges").await), 5);

    let says = Says("settling replaces what was reserved by what was used");
    says.ok(journal.settle("merges", "a", 1).await);
    says.same(says.ok(journal.used("merges").await), 3);
    says.ok(journal.reserve("merges", "a", 3, 5).await);
    says.same(says.ok(journal.used("merges").await), 3);
    says.ok(journal.settle("merges", "late", 9).await);
    says.same(says.ok(journal.used("merges").await), 12);
    says.fails(journal.reserve("merges", "c", 1, 5).await, ErrorKind::Exhausted);

    let says = Says("huge amounts are counted exactly, and a sum too large saturates");
    says.ok(journal.reserve("tokens", "a", u64::MAX - 7, u64::MAX).await);
    says.same(says.ok(journal.used("tokens").await), u64::MAX - 7);
    says.fails(journal.reserve("tokens", "b", u64::MAX, u64::MAX - 1).await, ErrorKind::Exhausted);
    says.ok(journal.settle("tokens", "c", u64::MAX).await);
    says.same(says.ok(journal.used("tokens").await), u64::MAX);
    let max = u64::MAX - 1;
    says.fails(journal.reserve("tokens", "d", 1, max).await, ErrorKind::Exhausted);

    let says = Says("a key that was settled to 0 is taken anew, and counts again");
    says.ok(journal.reserve("given", "a", 1, 1).await);
    says.fails(journal.reserve("given", "b", 1, 1).await, ErrorKind::Exhausted);
    says.ok(journal.settle("given", "a", 0).await);
    says.ok(journal.reserve("given", "b", 1, 1).await);
    says.fails(journal.reserve("given", "a", 1, 1).await, ErrorKind::Exhausted);
    says.ok(journal.settle("given", "b", 0).await);
    says.ok(journal.reserve("given", "a", 1, 1).await);
    says.same(says.ok(journal.used("given").await), 1);

    let says = Says("of 32 that take one at once from ten, ten succeed");
    let take = |n: u32| {
        let journal = Arc::clone(&journal);
        tokio::spawn(async move { journal.reserve("ten", &n.to_string(), 1, 10).await })
    };
    let tasks: Vec<_> = (0..32).map(take).collect();
    let mut taken = 0;
    for task in tasks {
        match task.await {
            Ok(Ok(())) => taken += 1,
            Ok(failed) => {
                says.fails(failed, ErrorKind::Exhausted);
            }
            Err(e) => panic!("a call to reserve panicked: {e}"),
        }
    }
    says.same((taken, says.ok(journal.used("ten").await)), (10, 10));
}

/// What a person switches is what every replica reads.
pub async fn control_comes_back(journal: Arc<dyn Journal>) {
    let says = Says("nothing is switched at first");
    says.same(says.ok(journal.control().await), Control::new());

    let says = Says("what was switched last comes back whole");
    let freeze = Freeze { from: at(i64::MIN / 2), to: at(1), why: "launch \"day\"\n".into() };
    let mut control = Control::new().with_killed("3 a.m.").with_freeze(freeze);
    control.override_until = Some(at(7));
    says.ok(journal.switch(&Control::new(), control.clone()).await);
    says.same(says.ok(journal.control().await), control.clone());
    let says = Says("of two that switch from the same, one is Stale, and nothing is lost");
    says.fails(journal.switch(&Control::new(), Control::new()).await, ErrorKind::Stale);
    says.ok(journal.switch(&control, Control::new()).await);
    says.same(says.ok(journal.control().await), Control::new());
    let switch = |n: u32| {
        let journal = Arc::clone(&journal);
        let to = Control::new().with_killed(n.to_string());
        tokio::spawn(async move { journal.switch(&Control::new(), to).await })
    };
    let tasks: Vec<_> = (0..8).map(switch).collect();
    let mut switched = 0;
    for task in tasks {
        match task.await {
            Ok(Ok(())) => switched += 1,
            Ok(failed) => {
                says.fails(failed, ErrorKind::Stale);
            }
            Err(e) => panic!("a call to switch panicked: {e}"),
        }
    }
    says.same(switched, 1);
}
