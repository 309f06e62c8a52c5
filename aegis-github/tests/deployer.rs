//! What the deployer does on GitHub.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aegis_core::Revision;
use aegis_core::model::{Fix, FixKind};
use aegis_core::patch::{Edit, Patch};
use aegis_core::stage::Deployer;
use aegis_core::testkit::conformance::{self, deploy::Bench};
use aegis_github::testkit::{self, Check};
use aegis_github::{GitHubChecks, GitHubDeployer, GitHubDeployerBuilder, Live, MergeMethod};
use async_trait::async_trait;
use git2::Repository;

use crate::fake::Fake;

const PUSHED: &str = "later.py";
const FIXES: [(&str, &str, &str); 2] = [
    ("app.py", "print('shop')\n", "print('the shop')\n"),
    ("docs/read me.md", "# Shop\n", "# Shop\n\nAn empty basket costs nothing.\n"),
];

/// GitHub, and whoever works there.
pub(crate) struct Desk {
    pub(crate) fake: Fake,
    pub(crate) deployer: Arc<GitHubDeployer>,
}

impl Desk {
    pub(crate) async fn new() -> Self {
        Self::with(|builder| builder).await
    }

    /// Where GitHub makes the commits.
    pub(crate) async fn signing() -> Self {
        Self::with(|builder| builder.signed(true)).await
    }

    pub(crate) async fn with(
        set: impl FnOnce(GitHubDeployerBuilder) -> GitHubDeployerBuilder,
    ) -> Self {
        let fake = Fake::start().await;
        let passes = Check { of: None, name: "test", conclusion: Some("success"), log: None };
        fake.inside().hub.checks.push(passes);
        let builder = GitHubDeployer::builder(fake.repository().await)
            .checks(GitHubChecks::all().with_settle(Duration::ZERO))
            .signed(false)
            .live(Live::deployments("production"));
        let deployer = Arc::new(set(builder).open().await.unwrap());
        Self { fake, deployer }
    }

    fn git(&self) -> Repository {
        Repository::open_bare(&self.fake.inside().git).unwrap()
    }

    fn text(&self, path: &str) -> Option<String> {
        testkit::text(&self.fake.inside(), "main", path).map(|(text, _)| text)
    }

    /// A person commits to a branch in a clone, and pushes.
    pub(crate) fn push(&self, branch: &str, path: &str, text: &str) -> Revision {
        self.fake.git(&["fetch", "-q", "origin"]);
        self.fake.git(&["checkout", "-q", "-B", branch, &format!("origin/{branch}")]);
        let id = self.fake.commit("Go on", &[(path, text)]);
        self.fake.git(&["push", "-q", "origin", branch]);
        Revision::new(id)
    }
}

#[async_trait]
impl Bench for Desk {
    fn deployer(&self) -> &dyn Deployer {
        &self.deployer
    }

    fn fix(&self, number: usize, base: &Revision) -> Fix {
        let (path, search, replace) = FIXES[number];
        let edit =
            Edit::Replace { path: path.into(), search: search.into(), replace: replace.into() };
        let patch = FixKind::Patch(Patch::new(base.clone(), vec![edit]));
        Fix::new(patch, format!("Change {path}"), "test").with_meaning("It is better so.")
    }

    async fn head(&self) -> Revision {
        Revision::new(self.git().refname_to_id("refs/heads/main").unwrap().to_string())
    }

    async fn branches(&self) -> BTreeMap<String, Revision> {
        let git = self.git();
        let all = git.branches(None).unwrap().map(|branch| branch.unwrap().0);
        let named = all.map(|branch| {
            let at = branch.get().target().unwrap().to_string();
            (branch.name().unwrap().unwrap().to_owned(), Revision::new(at))
        });
        named.filter(|(name, _)| name != "main").collect()
    }

    async fn carries(&self, fix: &Fix) -> bool {
        let of = |(path, _, _): &&(&str, &str, &str)| fix.title == format!("Change {path}");
        let (path, _, replace) = FIXES.iter().find(of).unwrap();
        self.text(path).is_some_and(|text| text == *replace)
    }

    async fn push_by_person(&self) -> Revision {
        self.push("main", PUSHED, "x = 1\n")
    }

    async fn keeps(&self, _: &Revision) -> bool {
        self.text(PUSHED).is_some()
    }

    async fn commit_on_branch(&self, name: &str) -> Revision {
        self.push(name, "extra.py", "x = 2\n")
    }

    async fn delete_branch(&self, name: &str) {
        assert!(testkit::remove(&mut self.fake.inside(), name));
    }

    async fn merge_by_person(&self, name: &str) {
        let mut inside = self.fake.inside();
        let number = inside.hub.pulls.iter().find(|pull| pull.head == name).unwrap().number;
        testkit::land(&mut inside, number, "merge", "Merged by hand").unwrap();
    }

    async fn make_live(&self) {
        let head = self.head().await.to_string();
        self.fake.inside().hub.deployments.push((head, "success"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deployer_keeps_the_contract_by_merges() {
    conformance::deploy::test_all(Desk::new).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deployer_keeps_the_contract_with_signed_commits() {
    conformance::deploy::test_all(Desk::signing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deployer_keeps_the_contract_by_squashes() {
    conformance::deploy::test_all(|| Desk::with(|b| b.merged_by(MergeMethod::Squash))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deployer_keeps_the_contract_by_rebases() {
    conformance::deploy::test_all(|| Desk::with(|b| b.merged_by(MergeMethod::Rebase))).await;
}
