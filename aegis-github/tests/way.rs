//! One fix on its way through GitHub.

use aegis_core::model::Case;
use aegis_core::stage::{Deployer as _, MergeOrder, Order, RevertOrder, Rollout};
use aegis_core::testkit::conformance::deploy::Bench as _;
use aegis_core::testkit::mint;
use aegis_core::{EffectKey, EffectKind, Result, Revision};

use crate::deployer::Desk;

/// Calls that one write may take before it is given up.
const TRIES: usize = 6;

/// One incident's fix, on its way.
pub(crate) struct Way {
    pub(crate) desk: Desk,
    pub(crate) case: Case,
    pub(crate) base: Revision,
}

impl Way {
    pub(crate) async fn new(desk: Desk) -> Self {
        let (case, base) = (desk.case("i1"), desk.head().await);
        Self { desk, case, base }
    }

    pub(crate) fn key(&self, kind: EffectKind) -> EffectKey {
        mint::key(&self.case, 1, kind)
    }

    pub(crate) fn order(&self, propose: bool) -> Order {
        let fix = self.desk.fix(0, &self.base);
        mint::order(&self.case, 1, &fix, &self.base, propose).unwrap()
    }

    pub(crate) fn merge(&self, head: Revision) -> MergeOrder {
        let fix = self.desk.fix(0, &self.base);
        mint::merge_order(&self.case, 1, &fix, &self.base, head).unwrap()
    }

    pub(crate) fn revert(&self, commit: &Revision) -> RevertOrder {
        mint::revert_order(&self.case, 1, commit).unwrap()
    }

    pub(crate) async fn look(&self, kind: EffectKind) -> Option<Rollout> {
        self.desk.deployer.lookup(&self.key(kind)).await.unwrap()
    }

    pub(crate) async fn submitted(&self) -> Rollout {
        self.desk.deployer.submit(&self.order(false)).await.unwrap()
    }

    pub(crate) async fn ready(&self) -> Revision {
        match self.submitted().await {
            Rollout::Ready { head } => head,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn merged(&self) -> Revision {
        let head = self.ready().await;
        match self.desk.deployer.merge(&self.merge(head)).await.unwrap() {
            Rollout::Merged { commit } => commit,
            other => panic!("{other:?}"),
        }
    }

    /// As a planner does: after an error, what is there is looked up before it is tried again.
    pub(crate) async fn insist(
        &self,
        kind: EffectKind,
        enough: impl Fn(&Rollout) -> bool,
        write: impl AsyncFn() -> Result<Rollout>,
    ) -> Rollout {
        for _ in 0..TRIES {
            let seen = match write().await {
                Ok(seen) => Some(seen),
                Err(_) => self.desk.deployer.lookup(&self.key(kind)).await.unwrap(),
            };
            if let Some(seen) = seen.filter(|seen| enough(seen)) {
                return seen;
            }
        }
        panic!("{kind:?} never got anywhere");
    }

    /// From the first call to the revert; how many writes it took.
    pub(crate) async fn all(&self) -> usize {
        let deployer = &self.desk.deployer;
        let ready = |seen: &Rollout| matches!(seen, Rollout::Ready { .. });
        let landed = |seen: &Rollout| matches!(seen, Rollout::Merged { .. });
        let order = self.order(false);
        let seen =
            self.insist(EffectKind::Submit, ready, async || deployer.submit(&order).await).await;
        let Rollout::Ready { head } = seen else { unreachable!() };
        let order = self.merge(head);
        let seen =
            self.insist(EffectKind::Merge, landed, async || deployer.merge(&order).await).await;
        let Rollout::Merged { commit } = seen else { unreachable!() };
        let order = self.revert(&commit);
        self.insist(EffectKind::Revert, landed, async || deployer.revert(&order).await).await;
        self.desk.fake.calls().iter().filter(|call| call.method != "GET").count()
    }

    /// One pull request each for the fix and the revert, both merged once, and nothing else.
    pub(crate) async fn is_once(&self, what: &str) {
        let heads: Vec<String> = {
            let inside = self.desk.fake.inside();
            assert!(inside.hub.pulls.iter().all(|pull| pull.merged.is_some()), "{what}");
            inside.hub.pulls.iter().map(|pull| pull.head.clone()).collect()
        };
        assert_eq!(heads, ["aegis/fix-i1", "aegis/revert-i1"], "{what}");
        self.desk.fake.git(&["fetch", "-q", "origin"]);
        let branches = self.desk.fake.git(&["ls-remote", "--heads", "origin", "aegis/unsigned/*"]);
        assert_eq!(branches, "", "{what}");
        let count = self.desk.fake.git(&["rev-list", "--count", "--first-parent", "origin/main"]);
        assert_eq!(count, "3", "{what}");
        assert!(!self.desk.carries(&self.desk.fix(0, &self.base)).await, "{what}");
    }
}
