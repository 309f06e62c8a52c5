use std::path::Path;
use std::time::{Duration, Instant};

use aegis_core::stage::{Deployer as _, Rollout};
use aegis_core::testkit::mint;
use aegis_core::{EffectKind, Error, ErrorKind, Result, Revision};
use aegis_local::git::{CheckResult, Checks, CommandChecks, GitDeployer};
use async_trait::async_trait;

use super::workshop::*;

async fn with(shop: &Workshop, checks: impl Checks) -> GitDeployer {
    GitDeployer::builder(shop.repository().await, shop.state()).checks(checks).open().await.unwrap()
}

async fn ended(deployer: &GitDeployer, incident: &str) -> Rollout {
    let key = key(incident, EffectKind::Submit);
    until("the checks end", async || match deployer.lookup(&key).await.unwrap().unwrap() {
        Rollout::Checking => None,
        other => Some(other),
    })
    .await
}

#[tokio::test]
async fn a_fix_is_ready_once_its_checks_passed_on_a_copy_of_it() {
    let shop = Workshop::new();
    let command = "grep -q 'n == 0' app.py && test ! -e .git && test -z \"$CARGO_MANIFEST_DIR\"";
    let deployer = with(&shop, CommandChecks::new(command)).await;
    let order = shop.order("i1", &shop.guard());
    assert_eq!(deployer.submit(&order).await.unwrap(), Rollout::Checking);
    let head = ready(ended(&deployer, "i1").await);
    assert_eq!(ready(deployer.submit(&order).await.unwrap()), head);
    let left: Vec<_> = std::fs::read_dir(shop.state().join("checks")).unwrap().flatten().collect();
    assert_eq!(left.len(), 1, "the copy is thrown away: {left:?}");
}

#[tokio::test]
async fn failed_checks_say_why_and_nothing_is_merged() {
    let shop = Workshop::new();
    let deployer = with(&shop, CommandChecks::new("echo 1 of 3 failed; exit 3")).await;
    let (fix, base) = (shop.guard(), shop.head());
    deployer.submit(&shop.order("i1", &fix)).await.unwrap();
    let Rollout::Failed(why) = ended(&deployer, "i1").await else { panic!("it passed") };
    assert!(why.summary.contains("exit status: 3"), "{why:?}");
    assert_eq!(why.detail, "1 of 3 failed");

    let head = shop.at(&branch("i1")).unwrap();
    let order = mint::merge_order(&case("i1"), 1, &fix, &base, head).unwrap();
    assert_eq!(deployer.merge(&order).await.unwrap(), Rollout::Failed(why));
    assert_eq!(shop.head(), base);
}

#[tokio::test]
async fn checks_that_a_crash_ended_are_started_again_by_a_lookup() {
    let shop = Workshop::new();
    let gate = shop.dir.path().join("gate");
    let command = format!("test -e '{}' || sleep 600", gate.display());
    let deployer = with(&shop, CommandChecks::new(&command)).await;
    let (fix, base) = (shop.guard(), shop.head());
    deployer.submit(&shop.order("i1", &fix)).await.unwrap();
    let head = shop.at(&branch("i1")).unwrap();
    let order = mint::merge_order(&case("i1"), 1, &fix, &base, head).unwrap();
    assert_eq!(deployer.merge(&order).await.unwrap(), Rollout::Checking, "not before they end");
    drop(deployer);

    std::fs::write(&gate, "").unwrap();
    let deployer = with(&shop, CommandChecks::new(&command)).await;
    let head = ready(ended(&deployer, "i1").await);
    // A result is kept: other checks are not asked about a head that passed.
    let deployer = with(&shop, CommandChecks::new("false")).await;
    assert_eq!(ready(ended(&deployer, "i1").await), head);
}

#[tokio::test]
async fn checks_that_hang_are_ended_with_everything_they_started() {
    let shop = Workshop::new();
    let pids = shop.dir.path().join("pids");
    let command = format!("sleep 600 & echo $! $$ > '{}'; wait", pids.display());
    let checks = CommandChecks::new(command).with_limit(Duration::from_secs(2));
    let began = Instant::now();
    let result = checks.run(shop.dir.path(), &shop.head()).await.unwrap();
    let CheckResult::Failed(why) = result else { panic!("it passed") };
    assert!(why.summary.contains("longer than 2 s"), "{why:?}");
    assert!(began.elapsed() < Duration::from_secs(20));
    for pid in std::fs::read_to_string(&pids).unwrap().split_whitespace() {
        until("the process ends", async || {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            (stat.is_empty() || stat.contains(") Z ")).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_flood_of_output_is_capped_at_its_end() {
    let shop = Workshop::new();
    let command = "yes 0123456789 | head -c 4000000; echo last; exit 1";
    let result = CommandChecks::new(command).run(shop.dir.path(), &shop.head()).await.unwrap();
    let CheckResult::Failed(why) = result else { panic!("it passed") };
    assert!(why.detail.len() <= 32 * 1024, "{}", why.detail.len());
    assert!(why.detail.ends_with("last"));
}

#[derive(Debug)]
struct Broken;

#[async_trait]
impl Checks for Broken {
    async fn run(&self, _folder: &Path, _head: &Revision) -> Result<CheckResult> {
        Err(Error::unavailable("no runner"))
    }
}

#[tokio::test]
async fn checks_that_can_not_be_run_are_neither_passed_nor_failed() {
    let shop = Workshop::new();
    let deployer = with(&shop, Broken).await;
    deployer.submit(&shop.order("i1", &shop.guard())).await.unwrap();
    let key = key("i1", EffectKind::Submit);
    let error = until("they are given up", async || match deployer.lookup(&key).await {
        Ok(Some(Rollout::Checking)) => None,
        Ok(other) => panic!("{other:?}"),
        Err(e) => Some(e),
    })
    .await;
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("no runner"), "{error}");
}

#[tokio::test]
async fn no_checks_at_all_has_to_be_said() {
    let shop = Workshop::new();
    let error =
        GitDeployer::builder(shop.repository().await, shop.state()).open().await.unwrap_err();
    assert!(error.to_string().contains("without_checks"), "{error}");
}
