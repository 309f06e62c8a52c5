//! The suite of a [`Deployer`].

use std::collections::BTreeMap;
use std::future::Future;
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::{answered, holds};
use crate::error::Result;
use crate::id::{EffectKey, EffectKind, Revision};
use crate::model::{Case, Fix};
use crate::stage::{Deployer, Rollout};
use crate::testkit::mint;

/// A deployer with its remote, and what people do to that remote.
///
/// Checks pass. Nothing that is merged runs before [`Bench::make_live`].
#[async_trait]
pub trait Bench: Send + Sync {
    /// The deployer under test.
    fn deployer(&self) -> &dyn Deployer;

    /// The case of incident `incident`, of the service that the deployer ships.
    fn case(&self, incident: &str) -> Case {
        mint::case("shop", incident)
    }

    /// Fix number 0 or 1, made against `base`. The two touch different places, and both apply to
    /// the first head and to whatever a person pushes on it.
    fn fix(&self, number: usize, base: &Revision) -> Fix;

    /// How long checks, a merge or a roll-out may take. Default 10 s.
    fn patience(&self) -> Duration {
        Duration::from_secs(10)
    }

    /// Lets time pass between two looks. Default 5 ms.
    async fn pause(&self) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    /// The head of the release branch.
    async fn head(&self) -> Revision;

    /// Every other branch that people see, with its head.
    async fn branches(&self) -> BTreeMap<String, Revision>;

    /// Whether the change of `fix` is in the source at the head of the release branch.
    async fn carries(&self, fix: &Fix) -> bool;

    /// A person commits something else to the release branch; answers its new head.
    async fn push_by_person(&self) -> Revision;

    /// Whether what [`Bench::push_by_person`] committed as `pushed` is still at the release head.
    async fn keeps(&self, pushed: &Revision) -> bool;

    /// A person adds a commit to branch `name`; answers its new head.
    async fn commit_on_branch(&self, name: &str) -> Revision;

    /// A person deletes branch `name`, or closes its pull request.
    async fn delete_branch(&self, name: &str);

    /// A person merges branch `name` into the release branch.
    async fn merge_by_person(&self, name: &str);

    /// The service runs the head of the release branch, and reports it.
    async fn make_live(&self);
}

/// Ships, merges, takes back and reverts, with people in between.
///
/// `fresh` makes a remote of its own for each part of the suite. Orders come from the real policy
/// gate ([`mint`]).
///
/// # Panics
///
/// Where the deployer breaks its contract, with the sentence that is broken.
pub async fn test_all<B: Bench, F: Future<Output = B> + Send>(fresh: impl Fn() -> F + Send + Sync) {
    Stand::new(fresh().await).await.never_submitted().await;
    Stand::new(fresh().await).await.submitted_twice().await;
    Stand::new(fresh().await).await.base_moved_before_submit().await;
    Stand::new(fresh().await).await.merged_and_live().await;
    Stand::new(fresh().await).await.another_head().await;
    Stand::new(fresh().await).await.base_moved_before_merge().await;
    Stand::new(fresh().await).await.withdrawn().await;
    Stand::new(fresh().await).await.withdrawn_too_late().await;
    Stand::new(fresh().await).await.closed_by_a_person().await;
    Stand::new(fresh().await).await.merged_by_a_person().await;
    Stand::new(fresh().await).await.reverted().await;
    Stand::new(fresh().await).await.two_attempts().await;
}

type State = (Revision, BTreeMap<String, Revision>);

struct Stand<B> {
    bench: B,
    case: Case,
    base: Revision,
}

impl<B: Bench> Stand<B> {
    async fn new(bench: B) -> Self {
        let (case, base) = (bench.case("conformance-1"), bench.head().await);
        Self { bench, case, base }
    }

    fn key(&self, attempt: u32, kind: EffectKind) -> EffectKey {
        mint::key(&self.case, attempt, kind)
    }

    async fn state(&self) -> State {
        (self.bench.head().await, self.bench.branches().await)
    }

    async fn unchanged(&self, before: &State, sentence: &str) {
        let after = self.state().await;
        holds(*before == after, sentence, &(before, &after));
    }

    async fn submit(&self, attempt: u32, number: usize, propose_only: bool) -> Rollout {
        let fix = self.bench.fix(number, &self.base);
        let order = mint::order(&self.case, attempt, &fix, &self.base, propose_only);
        let order = order.expect("the gate clears the suite's own fix");
        told(self.bench.deployer().submit(&order).await)
    }

    async fn look(&self, key: &EffectKey) -> Option<Rollout> {
        told(self.bench.deployer().lookup(key).await)
    }

    /// Looks until `enough`, or until patience ends: the last answer.
    async fn until(&self, key: &EffectKey, enough: impl Fn(&Rollout) -> bool) -> Rollout {
        let end = Instant::now() + self.bench.patience();
        loop {
            let seen = self.look(key).await;
            let sentence = "`lookup` finds what was submitted by its key";
            holds(seen.is_some(), sentence, &(key, &seen));
            if let Some(seen) = seen
                && (enough(&seen) || Instant::now() >= end)
            {
                return seen;
            }
            self.bench.pause().await;
        }
    }

    /// Submits and waits for the checks: the head that may be merged.
    async fn ready(&self, attempt: u32, number: usize) -> Revision {
        self.submit(attempt, number, false).await;
        let key = self.key(attempt, EffectKind::Submit);
        let settled = self.until(&key, |seen| *seen != Rollout::Checking).await;
        let Rollout::Ready { head } = settled else {
            panic!("the contract is broken: a fix whose checks pass is `Ready`\nseen: {settled:?}");
        };
        head
    }

    async fn merge(&self, attempt: u32, number: usize, head: &Revision) -> Rollout {
        let fix = self.bench.fix(number, &self.base);
        let order = mint::merge_order(&self.case, attempt, &fix, &self.base, head.clone());
        let order = order.expect("the gate clears the suite's own fix");
        told(self.bench.deployer().merge(&order).await)
    }

    /// Merges and waits until it is on the release branch: the merge commit.
    async fn land(&self, attempt: u32, number: usize, head: &Revision) -> Revision {
        let answer = self.merge(attempt, number, head).await;
        let seen = match answer {
            Rollout::Merged { .. } | Rollout::Live { .. } => answer,
            _ => self.until(&self.key(attempt, EffectKind::Merge), landed).await,
        };
        self.merged("`merge` merges the head that was verified", &seen)
    }

    /// The commit of an answer that must be `Merged`: nothing runs yet.
    fn merged(&self, sentence: &str, seen: &Rollout) -> Revision {
        let live = matches!(seen, Rollout::Live { .. });
        holds(!live, "`Live` only when the revision is reported running", seen);
        let Rollout::Merged { commit } = seen else {
            panic!("the contract is broken: {sentence}\nseen: {seen:?}");
        };
        commit.clone()
    }

    async fn live(&self, key: &EffectKey, merged: Revision) {
        self.bench.make_live().await;
        let first = self.until(key, |seen| matches!(seen, Rollout::Live { .. })).await;
        let live = matches!(first, Rollout::Live { .. });
        holds(live, "`Live` when the revision is reported running", &first);
        let named =
            matches!(&first, Rollout::Live { commit: Some(commit), .. } if *commit == merged);
        holds(named, "`Live` names the commit that was `Merged`", &(&first, merged));
        self.bench.pause().await;
        let again = self.look(key).await;
        let same = again.as_ref() == Some(&first);
        holds(same, "`Live::at` is when it was first reported", &(&first, &again));
    }

    async fn revert(&self, commit: &Revision) -> Rollout {
        let order = mint::revert_order(&self.case, 1, commit);
        let order = order.expect("the gate clears the suite's own revert");
        told(self.bench.deployer().revert(&order).await)
    }

    async fn withdraw(&self, attempt: u32) -> Rollout {
        let key = self.key(attempt, EffectKind::Withdraw);
        told(self.bench.deployer().withdraw(&key, "for the suite").await)
    }

    async fn never_submitted(&self) {
        let before = self.state().await;
        for kind in [EffectKind::Submit, EffectKind::Merge, EffectKind::Revert] {
            let seen = self.look(&self.key(1, kind)).await;
            holds(seen.is_none(), "`None` means that it was never submitted", &seen);
        }
        self.unchanged(&before, "`lookup` never writes").await;
        let seen = self.withdraw(1).await;
        let nothing = seen == Rollout::Withdrawn;
        holds(nothing, "`withdraw` answers `Withdrawn` where nothing is left", &seen);
    }

    async fn submitted_twice(&self) {
        let head = self.ready(1, 0).await;
        let before = self.state().await;
        holds(before.0 == self.base, "`submit` leaves the release branch alone", &before);
        let name = self.key(1, EffectKind::Submit).branch();
        let named = before.1.get(&name) == Some(&head);
        let sentence =
            "the fix is on a branch named by `EffectKey::branch`, `Ready` names its head";
        holds(named, sentence, &(&name, &head, &before.1));
        self.submit(1, 0, false).await;
        self.unchanged(&before, "a second submit with the same key finds the first one").await;
        let again = self.look(&self.key(1, EffectKind::Submit)).await;
        let same = again == Some(Rollout::Ready { head });
        holds(same, "a second submit with the same key changes nothing", &again);
        self.unchanged(&before, "`lookup` never writes").await;
    }

    async fn base_moved_before_submit(&self) {
        let pushed = self.bench.push_by_person().await;
        let before = self.state().await;
        let seen = self.submit(1, 0, false).await;
        let moved = seen == Rollout::BaseMoved { base: pushed };
        holds(moved, "where the base has moved `submit` answers `BaseMoved`", &seen);
        self.unchanged(&before, "where the base has moved `submit` writes nothing").await;
        let seen = self.look(&self.key(1, EffectKind::Submit)).await;
        holds(seen.is_none(), "where the base has moved `submit` writes nothing", &seen);
    }

    async fn merged_and_live(&self) {
        let head = self.ready(1, 0).await;
        let commit = self.land(1, 0, &head).await;
        let (now, carries) = (self.bench.head().await, self.carries(0).await);
        let on_top = carries && now == commit;
        holds(on_top, "`Merged` when its commit is on the release branch", &(&commit, &now));
        self.merge(1, 0, &head).await;
        let again = self.bench.head().await;
        holds(again == commit, "a second merge with the same key merges nothing", &again);
        let seen = self.submit(1, 0, false).await;
        let same = self.merged("a submit after the merge finds the merge", &seen);
        holds(same == commit, "a submit after the merge finds the merge", &seen);
        for kind in [EffectKind::Submit, EffectKind::Merge] {
            let seen = self.until(&self.key(1, kind), landed).await;
            let found = self.merged("`lookup` answers for the fix of that attempt", &seen);
            holds(found == commit, "`lookup` answers for the fix of that attempt", &seen);
        }
        self.live(&self.key(1, EffectKind::Submit), commit).await;
    }

    async fn carries(&self, number: usize) -> bool {
        self.bench.carries(&self.bench.fix(number, &self.base)).await
    }

    /// The answer is not a merge, and nothing was merged.
    async fn refused(&self, seen: &Rollout, sentence: &str) {
        holds(!landed(seen), sentence, seen);
        let (head, carries) = (self.bench.head().await, self.carries(0).await);
        holds(head == self.base && !carries, sentence, &(seen, &head));
    }

    async fn another_head(&self) {
        let head = self.ready(1, 0).await;
        let sentence = "`merge` merges only the head that was verified, and nothing else";
        let seen = self.merge(1, 0, &self.base).await;
        self.refused(&seen, sentence).await;
        let name = self.key(1, EffectKind::Submit).branch();
        self.bench.commit_on_branch(&name).await;
        let seen = self.merge(1, 0, &head).await;
        self.refused(&seen, sentence).await;
    }

    async fn base_moved_before_merge(&self) {
        let head = self.ready(1, 0).await;
        let pushed = self.bench.push_by_person().await;
        let seen = self.merge(1, 0, &head).await;
        let now = self.bench.head().await;
        let alone = now == pushed && !self.carries(0).await;
        holds(alone, "where the base has moved `merge` merges nothing", &(&seen, &now));
        let moved = seen == Rollout::BaseMoved { base: pushed };
        holds(moved, "where the base has moved `merge` answers `BaseMoved`", &seen);
    }

    async fn withdrawn(&self) {
        let head = self.ready(1, 0).await;
        for _ in 0..2 {
            let seen = self.withdraw(1).await;
            let sentence = "`withdraw` takes back what was not merged, once and again";
            holds(seen == Rollout::Withdrawn, sentence, &seen);
        }
        let branches = self.bench.branches().await;
        let gone = !branches.contains_key(&self.key(1, EffectKind::Submit).branch());
        holds(gone, "`withdraw` deletes the branch", &branches);
        let seen = self.look(&self.key(1, EffectKind::Submit)).await;
        let known = seen == Some(Rollout::Withdrawn);
        holds(known, "`lookup` tells `Withdrawn` from never submitted", &seen);
        let seen = self.merge(1, 0, &head).await;
        self.refused(&seen, "what was withdrawn is not merged").await;
    }

    async fn withdrawn_too_late(&self) {
        let head = self.ready(1, 0).await;
        let commit = self.land(1, 0, &head).await;
        let seen = self.withdraw(1).await;
        let sentence = "`withdraw` answers `Merged` or `Live` where it was too late";
        holds(landed(&seen), sentence, &seen);
        let now = self.bench.head().await;
        let left = now == commit && self.carries(0).await;
        holds(left, "`withdraw` leaves alone what was merged", &now);
    }

    async fn closed_by_a_person(&self) {
        let head = self.ready(1, 0).await;
        let key = self.key(1, EffectKind::Submit);
        self.bench.delete_branch(&key.branch()).await;
        let seen = self.until(&key, |seen| *seen == Rollout::ClosedByPerson).await;
        let closed = seen == Rollout::ClosedByPerson;
        holds(closed, "a branch that a person deleted is `ClosedByPerson`", &seen);
        let seen = self.merge(1, 0, &head).await;
        self.refused(&seen, "what a person closed is not merged").await;
        self.submit(1, 0, false).await;
        let branches = self.bench.branches().await;
        let gone = !branches.contains_key(&key.branch());
        holds(gone, "what a person closed is not opened again", &branches);
    }

    async fn merged_by_a_person(&self) {
        self.submit(1, 0, true).await;
        let key = self.key(1, EffectKind::Submit);
        let seen = self.until(&key, |seen| *seen != Rollout::Checking).await;
        let waits = seen == Rollout::AwaitingPerson;
        holds(waits, "what only a person may merge is `AwaitingPerson`, never `Ready`", &seen);
        self.bench.merge_by_person(&key.branch()).await;
        let seen = self.until(&key, landed).await;
        let commit = self.merged("a person's merge is seen as `Merged`", &seen);
        self.live(&key, commit).await;
    }

    async fn reverted(&self) {
        let head = self.ready(1, 0).await;
        let commit = self.land(1, 0, &head).await;
        let pushed = self.bench.push_by_person().await;
        let key = self.key(1, EffectKind::Revert);
        let seen = self.look(&key).await;
        holds(seen.is_none(), "for a key of kind `Revert`, `lookup` answers for the revert", &seen);
        let seen = match self.revert(&commit).await {
            done if landed(&done) => done,
            _ => self.until(&key, landed).await,
        };
        let revert = self.merged("`revert` takes back one commit", &seen);
        let head = self.bench.head().await;
        let taken = !self.carries(0).await && head == revert;
        holds(taken, "`revert` takes back one commit", &(&seen, &head));
        let kept = self.bench.keeps(&pushed).await;
        holds(kept, "`revert` keeps later work", &(&pushed, &head));
        self.revert(&commit).await;
        let again = self.bench.head().await;
        holds(again == head, "a second revert with the same key reverts nothing", &again);
        let seen = self.look(&key).await;
        let found = seen == Some(Rollout::Merged { commit: revert.clone() });
        holds(found, "for a key of kind `Revert`, `lookup` answers for the revert", &seen);
        self.live(&key, revert).await;
    }

    async fn two_attempts(&self) {
        let first = self.ready(1, 0).await;
        self.withdraw(1).await;
        let second = self.ready(2, 1).await;
        let sentence = "each attempt has a branch and a state of its own";
        holds(first != second, sentence, &(&first, &second));
        let seen = self.look(&self.key(1, EffectKind::Submit)).await;
        holds(seen == Some(Rollout::Withdrawn), sentence, &seen);
        self.land(2, 1, &second).await;
        let seen = self.look(&self.key(1, EffectKind::Submit)).await;
        holds(seen == Some(Rollout::Withdrawn), sentence, &seen);
        let (one, two) = (self.carries(0).await, self.carries(1).await);
        holds(!one && two, "only the attempt that was ordered is merged", &(one, two));
    }
}

/// Whether it is on the release branch.
fn landed(seen: &Rollout) -> bool {
    matches!(seen, Rollout::Merged { .. } | Rollout::Live { .. })
}

fn told<T>(answer: Result<T>) -> T {
    answered(answer, "every answer that the remote gave is an `Ok(Rollout)`")
}
