//! A repository whose workflows run on pushes, and a clock that does not wait.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aegis_core::model::{Case, Fix, FixKind, Verification};
use aegis_core::patch::{Edit, Patch};
use aegis_core::port::Clock;
use aegis_core::stage::Verifier as _;
use aegis_core::testkit::{ManualClock, mint, soon};
use aegis_core::{Result, Revision, Timestamp};
use aegis_github::testkit::{Check, Workflows};
use aegis_github::{ActionsVerifier, ActionsVerifierBuilder, GitHubChecks};
use async_trait::async_trait;
use git2::Repository;

use crate::fake::Fake;

pub(super) const LOG: &str = "##[group]Run pytest -q\npytest -q\n##[endgroup]\n\
    =========================== short test summary info ============================\n\
    FAILED tests/test_cart.py::test_total - ZeroDivisionError: division by zero\n\
    1 failed in 0.02s\n##[error]Process completed with exit code 1.\n";

/// Its own branches, and nothing else, are pushed here.
pub(super) fn ended(branch: &str, of: &str, conclusion: Option<&'static str>) -> Vec<Check> {
    let log = (conclusion == Some("failure")).then_some(LOG);
    let check = Check { of: Some(of.to_owned()), name: "test", conclusion, log };
    if branch.starts_with("aegis/verify-") { vec![check] } else { Vec::new() }
}

/// What says `broken` fails.
pub(super) fn suite(git: &Repository, branch: &str, head: &str) -> Vec<Check> {
    let tree = git.revparse_single(&format!("{head}:app.py")).unwrap();
    let text = String::from_utf8(tree.as_blob().unwrap().content().to_vec()).unwrap();
    ended(branch, head, Some(if text.contains("broken") { "failure" } else { "success" }))
}

/// A clock that is where it is waited for at once; what happens meanwhile, by the number of the wait.
pub(super) struct Leaps {
    pub(super) clock: ManualClock,
    pub(super) waits: AtomicUsize,
    fake: Arc<Fake>,
    meanwhile: fn(&Fake, usize),
}

impl fmt::Debug for Leaps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leaps").field("clock", &self.clock).finish_non_exhaustive()
    }
}

#[async_trait]
impl Clock for Leaps {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn sleep_until(&self, until: Timestamp) {
        (self.meanwhile)(&self.fake, self.waits.fetch_add(1, Ordering::SeqCst));
        self.clock.set(until);
    }
}

pub(super) struct Ground {
    pub(super) fake: Arc<Fake>,
    pub(super) clock: Arc<Leaps>,
    pub(super) verifier: ActionsVerifier,
    pub(super) case: Case,
    pub(super) base: Revision,
}

impl Ground {
    pub(super) async fn new(workflows: Workflows) -> Self {
        Self::with(workflows, |_, _| {}, |builder| builder).await
    }

    pub(super) async fn with(
        workflows: Workflows,
        meanwhile: fn(&Fake, usize),
        set: impl FnOnce(ActionsVerifierBuilder) -> ActionsVerifierBuilder,
    ) -> Self {
        let fake = Arc::new(Fake::start().await);
        fake.inside().hub.on_push = Some(workflows);
        let clock = ManualClock::new(Timestamp::from_ms(1_800_000_000_000));
        let (waits, fake) = (AtomicUsize::new(0), fake);
        let clock = Arc::new(Leaps { clock, waits, fake: Arc::clone(&fake), meanwhile });
        let builder = ActionsVerifier::builder(fake.repository().await)
            .checks(GitHubChecks::all().with_settle(Duration::ZERO))
            .clock(Arc::clone(&clock) as Arc<dyn Clock>);
        let verifier = set(builder).open().await.unwrap();
        let base = Revision::new(fake.git(&["rev-parse", "HEAD"]));
        fake.calls();
        Self { fake, clock, verifier, case: mint::case("shop", "i1"), base }
    }

    pub(super) fn fix(&self, text: &str) -> Fix {
        let search = String::from("print('shop')\n");
        self.edits(Edit::Replace { path: "app.py".into(), search, replace: text.into() })
    }

    pub(super) fn edits(&self, edit: Edit) -> Fix {
        Fix::new(
            FixKind::Patch(Patch::new(self.base.clone(), vec![edit])),
            "Mend [skip ci]",
            "test",
        )
    }

    pub(super) async fn verify(&self, text: &str) -> Result<Verification> {
        self.verifier.verify(&self.case, &self.fix(text)).await
    }

    /// The branches beside the release branch.
    pub(super) fn branches(&self) -> Vec<String> {
        let git = Repository::open_bare(&self.fake.inside().git).unwrap();
        let all = git.branches(None).unwrap().map(|branch| branch.unwrap().0);
        let names = all.map(|branch| branch.name().unwrap().unwrap().to_owned());
        names.filter(|name| name != "main").collect()
    }

    /// Whoever is not waited for is done soon.
    pub(super) async fn left_nothing(&self) {
        soon("removed", async || self.branches().is_empty()).await;
    }

    pub(super) fn writes(&self) -> Vec<String> {
        let writes = self.fake.calls().into_iter().filter(|call| call.method != "GET");
        writes.map(|call| format!("{} {}", call.method, call.path)).collect()
    }
}
