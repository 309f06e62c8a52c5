use std::collections::BTreeMap;
use std::sync::Arc;

use aegis_core::model::Fix;
use aegis_core::port::{Clock, SystemClock};
use aegis_core::stage::Deployer;
use aegis_core::testkit::conformance::{self, deploy::Bench};
use aegis_core::{Result, Revision};
use aegis_local::git::{CheckResult, Checks, GitDeployer, Running};
use async_trait::async_trait;

use crate::git::workshop::{Runner, Workshop};

const PUSHED: &str = "later.py";
const FIXES: [(&str, &str, &str); 2] = [
    ("app.py", "    return total / n\n", "    return total / n if n else 0\n"),
    ("doc/readme.md", "# Shop\n", "# Shop\n\nAn empty basket costs nothing.\n"),
];

/// Checks that look at the exported copy, and pass.
#[derive(Debug)]
struct Passing;

#[async_trait]
impl Checks for Passing {
    async fn run(&self, tree: &std::path::Path, _: &Revision) -> Result<CheckResult> {
        assert!(tree.join("app.py").is_file());
        Ok(CheckResult::Passed)
    }
}

/// A plain repository, with a checkout or bare, and whoever runs the service.
struct Plain {
    shop: Workshop,
    deployer: GitDeployer,
    runner: Arc<Runner>,
}

impl Plain {
    async fn new(shop: Workshop) -> Self {
        let runner = Arc::new(Runner::default());
        let deployer = GitDeployer::builder(shop.repository().await, shop.state())
            .checks(Passing)
            .running(runner.clone())
            .open()
            .await
            .unwrap();
        let bench = Self { shop, deployer, runner };
        bench.make_live().await;
        bench
    }
}

#[async_trait]
impl Bench for Plain {
    fn deployer(&self) -> &dyn Deployer {
        &self.deployer
    }

    fn fix(&self, number: usize, base: &Revision) -> Fix {
        let (path, search, replace) = FIXES[number];
        let mut fix = self.shop.replace(path, search, replace);
        if let aegis_core::model::FixKind::Patch(patch) = &mut fix.kind {
            patch.base = base.clone();
        }
        fix
    }

    async fn head(&self) -> Revision {
        self.shop.head()
    }

    async fn branches(&self) -> BTreeMap<String, Revision> {
        let refs = self.shop.refs().into_iter();
        refs.filter_map(|(name, at)| {
            let short = name.strip_prefix("refs/heads/").filter(|short| *short != "main")?;
            Some((short.to_owned(), Revision::new(at)))
        })
        .collect()
    }

    async fn carries(&self, fix: &Fix) -> bool {
        let of = |(path, _, _): &&(&str, &str, &str)| fix.title == format!("Change {path}");
        let (path, _, replace) = FIXES.iter().find(of).unwrap();
        self.shop.text(&self.shop.head(), path).is_some_and(|text| text.contains(replace))
    }

    async fn push_by_person(&self) -> Revision {
        self.shop.commit(&[(PUSHED, Some("x = 1\n"))], "Go on")
    }

    async fn keeps(&self, _: &Revision) -> bool {
        self.shop.text(&self.shop.head(), PUSHED).is_some()
    }

    async fn commit_on_branch(&self, name: &str) -> Revision {
        let branch = format!("refs/heads/{name}");
        self.shop.commit_to(&branch, &[("extra.py", Some("x = 2\n"))], "One more")
    }

    async fn delete_branch(&self, name: &str) {
        self.shop.delete(&format!("refs/heads/{name}"));
    }

    async fn merge_by_person(&self, name: &str) {
        self.shop.merge_by_hand(name);
    }

    async fn make_live(&self) {
        let running = Running::new(self.shop.head(), SystemClock.now());
        *self.runner.running.lock().unwrap() = Some(running);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_git_deployer_keeps_the_contract_beside_a_checkout() {
    conformance::deploy::test_all(|| async { Plain::new(Workshop::new()).await }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_git_deployer_keeps_the_contract_on_a_bare_repository() {
    conformance::deploy::test_all(|| async { Plain::new(Workshop::bare()).await }).await;
}
