//! The deployer's suite over the world in memory, and over worlds that break one sentence each.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use aegis_core::model::Fix;
use aegis_core::stage::{Deployer, MergeOrder, Order, RevertOrder, Rollout};
use aegis_core::testkit::conformance::deploy::{Bench, test_all};
use aegis_core::testkit::stages::numbered;
use aegis_core::testkit::{Branch, World};
use aegis_core::{EffectKey, EffectKind, Error, Result, Revision, Timestamp};
use async_trait::async_trait;

use super::{breaks, world};

/// What a deployer does wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Flaw {
    None,
    LookupWrites,
    LookupForgets,
    SubmitsAgain,
    SubmitsOnAnyBase,
    ReopensClosed,
    MergesAnyHead,
    MergesAgain,
    MergesOnAnyBase,
    LiveAtOnce,
    LiveAnew,
    LiveUnnamed,
    MergesProposals,
    WithdrawsMerged,
    WithdrawLeavesBranch,
    WithdrawFailsTwice,
    RevertsLaterWork,
    RevertsAgain,
    RevertsNothing,
    MixesAttempts,
    SubmitsToRelease,
    NamesAnotherHead,
    MergesWithdrawn,
    BlindToPeople,
    ForgetsMerges,
}

#[derive(Debug)]
struct Flawed {
    world: World,
    flaw: Flaw,
    calls: AtomicU32,
}

impl Flawed {
    fn is(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    fn branch(&self, key: &EffectKey, change: impl FnOnce(&mut Branch)) {
        self.world.with(|r| r.branches.get_mut(&key.branch()).map(change));
    }

    /// Calls with the release branch set to `base`, and back where nothing came of it.
    async fn on_base<T>(&self, base: &Revision, call: impl Future<Output = T>) -> T {
        let head = self.world.with(|r| std::mem::replace(&mut r.head, base.clone()));
        let answer = call.await;
        self.world.with(|r| {
            if r.head == *base {
                r.head = head;
            }
        });
        answer
    }

    fn told(&self, rollout: Rollout) -> Rollout {
        let at = |n| Timestamp::from_ms(1_700_000_000_000 + i64::from(n));
        match (self.flaw, rollout) {
            (Flaw::LiveAtOnce, Rollout::Merged { commit }) => {
                Rollout::Live { release: commit.clone(), at: at(0), commit: Some(commit) }
            }
            (Flaw::LiveAnew, Rollout::Live { release, commit, .. }) => {
                let at = at(self.calls.fetch_add(1, Ordering::SeqCst));
                Rollout::Live { release, at, commit }
            }
            (Flaw::LiveUnnamed, Rollout::Live { release, at, .. }) => {
                Rollout::Live { release, at, commit: None }
            }
            (_, rollout) => rollout,
        }
    }
}

#[async_trait]
impl Deployer for Flawed {
    async fn submit(&self, order: &Order) -> Result<Rollout> {
        let key = order.key();
        if self.is(Flaw::SubmitsAgain) {
            self.branch(key, |b| b.head = Revision::new("e".repeat(40)));
        }
        if self.is(Flaw::ReopensClosed) {
            self.branch(key, |b| b.closed = false);
        }
        if self.is(Flaw::SubmitsOnAnyBase) {
            return self.on_base(order.base(), self.world.submit(order)).await;
        }
        if self.is(Flaw::SubmitsToRelease) {
            let done = self.world.submit(order).await;
            self.world.with(|r| r.push());
            return done;
        }
        self.world.submit(order).await.map(|r| self.told(r))
    }

    async fn lookup(&self, key: &EffectKey) -> Result<Option<Rollout>> {
        let mut key = key.clone();
        if self.is(Flaw::MixesAttempts) {
            let fix = key.kind != EffectKind::Revert;
            let two = fix && key.attempt == 1 && self.world.with(|r| r.branches.len() == 2);
            key.attempt += u32::from(two);
        }
        if self.is(Flaw::LookupWrites) {
            self.world.with(|r| r.push());
        }
        Ok(match (self.flaw, self.world.lookup(&key).await?) {
            (Flaw::LookupForgets, Some(Rollout::Withdrawn)) => None,
            (Flaw::MergesProposals, Some(Rollout::AwaitingPerson)) => {
                Some(Rollout::Ready { head: Revision::new("e".repeat(40)) })
            }
            (Flaw::NamesAnotherHead, Some(Rollout::Ready { .. }))
            | (Flaw::BlindToPeople, Some(Rollout::ClosedByPerson)) => {
                Some(Rollout::Ready { head: Revision::new("e".repeat(40)) })
            }
            (Flaw::ForgetsMerges, Some(Rollout::Merged { .. })) => Some(Rollout::AwaitingPerson),
            (_, seen) => seen.map(|r| self.told(r)),
        })
    }

    async fn merge(&self, order: &MergeOrder) -> Result<Rollout> {
        if self.is(Flaw::MergesAnyHead) {
            self.branch(order.key(), |b| b.head = order.head().clone());
        }
        if self.is(Flaw::MergesWithdrawn) {
            self.branch(order.key(), |b| b.withdrawn = false);
        }
        if self.is(Flaw::MergesAgain) {
            self.branch(order.key(), |b| b.merged = None);
            return self.on_any_base(order).await;
        }
        if self.is(Flaw::MergesOnAnyBase) {
            return self.on_any_base(order).await;
        }
        self.world.merge(order).await.map(|r| self.told(r))
    }

    async fn withdraw(&self, key: &EffectKey, why: &str) -> Result<Rollout> {
        if self.is(Flaw::WithdrawFailsTwice) && self.calls.fetch_add(1, Ordering::SeqCst) > 0 {
            return Err(Error::not_found("the branch is gone"));
        }
        if self.is(Flaw::WithdrawLeavesBranch) {
            self.branch(key, |b| b.propose_only = true);
            return Ok(Rollout::Withdrawn);
        }
        if self.is(Flaw::WithdrawsMerged) {
            self.branch(key, |b| b.merged = None);
        }
        self.world.withdraw(key, why).await
    }

    async fn revert(&self, order: &RevertOrder) -> Result<Rollout> {
        if self.is(Flaw::RevertsAgain) {
            self.world.with(|r| r.branches.remove(&order.key().branch()));
        }
        let done = self.world.revert(order).await;
        if self.is(Flaw::RevertsNothing) {
            self.world.with(|r| r.reverts.clear());
        }
        if self.is(Flaw::RevertsLaterWork) {
            let all = (0..100).map(|n| Revision::new(format!("{n:040x}")));
            self.world.with(|r| r.reverts.extend(all));
        }
        done
    }
}

impl Flawed {
    async fn on_any_base(&self, order: &MergeOrder) -> Result<Rollout> {
        self.on_base(order.base(), self.world.merge(order)).await
    }
}

#[derive(Debug)]
struct InMemory {
    world: World,
    deployer: Flawed,
    commits: AtomicU32,
}

impl InMemory {
    fn new(flaw: Flaw) -> Self {
        let world = world();
        world.with(|r| r.rolls_out = false);
        let deployer = Flawed { world: world.clone(), flaw, calls: AtomicU32::new(0) };
        Self { world, deployer, commits: AtomicU32::new(0) }
    }
}

#[async_trait]
impl Bench for InMemory {
    fn deployer(&self) -> &dyn Deployer {
        if self.deployer.flaw == Flaw::None { &self.world } else { &self.deployer }
    }

    fn fix(&self, number: usize, base: &Revision) -> Fix {
        numbered(number, base.clone())
    }

    fn patience(&self) -> std::time::Duration {
        std::time::Duration::from_millis(20)
    }

    async fn head(&self) -> Revision {
        self.world.with(|r| r.head.clone())
    }

    async fn branches(&self) -> BTreeMap<String, Revision> {
        let open = |(name, b): (&String, &Branch)| {
            (!b.withdrawn && !b.closed).then(|| (name.clone(), b.head.clone()))
        };
        self.world.with(|r| r.branches.iter().filter_map(open).collect())
    }

    async fn carries(&self, fix: &Fix) -> bool {
        let digest = fix.digest();
        self.world.with(|r| r.merges.iter().any(|(c, d)| *d == digest && !r.reverts.contains(c)))
    }

    async fn push_by_person(&self) -> Revision {
        self.world.with(|r| r.push())
    }

    async fn keeps(&self, pushed: &Revision) -> bool {
        self.world.with(|r| !r.reverts.contains(pushed))
    }

    async fn commit_on_branch(&self, name: &str) -> Revision {
        let n = self.commits.fetch_add(1, Ordering::SeqCst);
        let head = Revision::new(format!("f{n:039x}"));
        self.world.with(|r| r.branches.get_mut(name).unwrap().head = head.clone());
        head
    }

    async fn delete_branch(&self, name: &str) {
        self.world.with(|r| r.branches.get_mut(name).unwrap().closed = true);
    }

    async fn merge_by_person(&self, name: &str) {
        self.world.with(|r| {
            let commit = r.push();
            let branch = r.branches.get_mut(name).unwrap();
            branch.merged = Some(commit.clone());
            r.merges.push((commit, branch.fix.clone()));
        });
    }

    async fn make_live(&self) {
        self.world.with(|r| r.running = r.head.clone());
    }
}

async fn caught(flaw: Flaw, sentence: &str) {
    breaks(sentence, test_all(move || async move { InMemory::new(flaw) })).await;
}

#[tokio::test]
async fn the_world_passes() {
    test_all(|| async { InMemory::new(Flaw::None) }).await;
}

#[tokio::test]
async fn a_lookup_that_writes_or_forgets_is_caught() {
    caught(Flaw::LookupWrites, "`lookup` never writes").await;
    caught(Flaw::LookupForgets, "`lookup` tells `Withdrawn` from never submitted").await;
    caught(Flaw::NamesAnotherHead, "`Ready` names its head").await;
    caught(Flaw::BlindToPeople, "a person deleted is `ClosedByPerson`").await;
    caught(Flaw::ForgetsMerges, "`lookup` answers for the fix of that attempt").await;
    caught(Flaw::MixesAttempts, "each attempt has a branch and a state of its own").await;
}

#[tokio::test]
async fn a_submit_that_is_not_idempotent_or_ignores_the_base_is_caught() {
    caught(Flaw::SubmitsAgain, "a second submit with the same key").await;
    caught(Flaw::SubmitsToRelease, "`submit` leaves the release branch alone").await;
    caught(Flaw::SubmitsOnAnyBase, "`submit` answers `BaseMoved`").await;
    caught(Flaw::ReopensClosed, "what a person closed is not opened again").await;
    caught(Flaw::MergesProposals, "`AwaitingPerson`, never `Ready`").await;
}

#[tokio::test]
async fn a_merge_of_something_else_or_once_more_is_caught() {
    caught(Flaw::MergesAnyHead, "only the head that was verified").await;
    caught(Flaw::MergesWithdrawn, "what was withdrawn is not merged").await;
    caught(Flaw::MergesAgain, "a second merge with the same key").await;
    caught(Flaw::MergesOnAnyBase, "where the base has moved `merge`").await;
}

#[tokio::test]
async fn a_release_called_live_too_early_or_again_is_caught() {
    caught(Flaw::LiveAtOnce, "`Live` only when").await;
    caught(Flaw::LiveAnew, "`Live::at` is when it was first reported").await;
    caught(Flaw::LiveUnnamed, "`Live` names the commit that was `Merged`").await;
}

#[tokio::test]
async fn a_withdrawal_that_does_too_much_or_too_little_is_caught() {
    caught(Flaw::WithdrawsMerged, "where it was too late").await;
    caught(Flaw::WithdrawLeavesBranch, "`withdraw` deletes the branch").await;
    caught(Flaw::WithdrawFailsTwice, "an `Ok(Rollout)`").await;
}

#[tokio::test]
async fn a_revert_that_does_too_much_or_too_little_is_caught() {
    caught(Flaw::RevertsLaterWork, "`revert` keeps later work").await;
    caught(Flaw::RevertsAgain, "a second revert with the same key").await;
    caught(Flaw::RevertsNothing, "`revert` takes back one commit").await;
}
