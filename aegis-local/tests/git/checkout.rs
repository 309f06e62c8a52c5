use std::os::unix::fs::PermissionsExt as _;

use aegis_core::stage::Deployer as _;
use aegis_core::testkit::mint;
use aegis_core::{Digest, ErrorKind};
use aegis_local::git::{GitDeployer, GitRepository};

use super::workshop::*;

#[tokio::test]
async fn a_dirty_checkout_is_refused_or_left_as_it_is() {
    let shop = Workshop::new();
    std::fs::write(shop.path().join("app.py"), "mine = 1\n").unwrap();
    let open =
        async || GitDeployer::builder(shop.repository().await, shop.state()).without_checks();
    let error = open().await.open().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("app.py"), "{error}");
    assert!(error.to_string().contains("commit or stash"), "{error}");

    let deployer = open().await.allow_dirty().open().await.unwrap();
    let commit = ship(&shop, &deployer, "i1", &shop.guard()).await;
    assert_eq!(shop.head(), commit);
    assert_eq!(std::fs::read_to_string(shop.path().join("app.py")).unwrap(), "mine = 1\n");
}

#[tokio::test]
async fn files_that_a_person_has_not_added_do_not_matter_and_stay() {
    let shop = Workshop::new();
    std::fs::write(shop.path().join("notes.txt"), "mine\n").unwrap();
    let deployer = shop.deployer().await;
    ship(&shop, &deployer, "i1", &shop.guard()).await;
    assert!(std::fs::read_to_string(shop.path().join("app.py")).unwrap().contains("n == 0"));
    assert_eq!(std::fs::read_to_string(shop.path().join("notes.txt")).unwrap(), "mine\n");
}

#[tokio::test]
async fn a_revert_that_deletes_a_file_deletes_it_in_the_checkout() {
    let shop = Workshop::new();
    let deployer = shop.deployer().await;
    let added = shop.commit(&[("extra.py", Some("x = 1\n")), ("run.sh", Some("echo\n"))], "Add");
    let order = mint::revert_order(&case("i1"), 1, &added).unwrap();
    merged(deployer.revert(&order).await.unwrap());
    assert!(!shop.path().join("extra.py").exists());
    assert!(shop.raw().statuses(None).unwrap().is_empty());
}

/// Where a step of the checkout is written down.
fn step_file(shop: &Workshop) -> std::path::PathBuf {
    let folder = shop.raw().path().canonicalize().unwrap();
    let name = Digest::of([format!("{}/", folder.display()).as_str()]);
    shop.state().join(format!("checkout-{}.json", name.short()))
}

#[tokio::test]
async fn a_fast_forward_that_a_crash_cut_short_is_finished_at_the_next_start() {
    let shop = Workshop::new();
    drop(shop.deployer().await);
    let from = shop.head();
    let to = shop.commit_to(
        "refs/heads/main",
        &[("app.py", Some("x = 1\n")), ("new.py", Some("y\n"))],
        "Move",
    );
    let step = serde_json::json!({"release": "refs/heads/main", "from": from, "to": to});
    std::fs::write(step_file(&shop), step.to_string()).unwrap();

    shop.deployer().await;
    assert_eq!(std::fs::read_to_string(shop.path().join("app.py")).unwrap(), "x = 1\n");
    assert!(shop.raw().statuses(None).unwrap().is_empty());
    assert!(!step_file(&shop).exists());
}

#[tokio::test]
async fn a_change_made_by_hand_is_not_overwritten_by_a_late_fast_forward() {
    let shop = Workshop::new();
    drop(shop.deployer().await);
    let from = shop.head();
    let to = shop.commit_to("refs/heads/main", &[("app.py", Some("x = 1\n"))], "Move");
    let step = serde_json::json!({"release": "refs/heads/main", "from": from, "to": to});
    std::fs::write(step_file(&shop), step.to_string()).unwrap();
    std::fs::write(shop.path().join("app.py"), "mine = 1\n").unwrap();

    let opened =
        GitDeployer::builder(shop.repository().await, shop.state()).without_checks().open().await;
    assert_eq!(opened.unwrap_err().kind(), ErrorKind::Invalid, "it is dirty");
    assert_eq!(std::fs::read_to_string(shop.path().join("app.py")).unwrap(), "mine = 1\n");
}

#[tokio::test]
async fn a_bare_repository_needs_no_checkout() {
    let shop = Workshop::bare();
    let deployer = shop.deployer().await;
    let commit = ship(&shop, &deployer, "i1", &shop.guard()).await;
    assert_eq!(shop.head(), commit);
}

#[tokio::test]
async fn a_detached_head_and_a_missing_repository_are_told_with_a_next_step() {
    let shop = Workshop::new();
    shop.raw().set_head_detached(id(&shop.head())).unwrap();
    let error = GitRepository::open(shop.path()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("git switch"), "{error}");
    GitRepository::open_branch(shop.path(), "main").await.unwrap();

    let error = GitRepository::open_branch(shop.path(), "nope").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    for missing in [shop.dir.path().to_owned(), shop.dir.path().join("nowhere")] {
        let error = GitRepository::open(missing).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("git init"), "{error}");
    }
}

#[tokio::test]
async fn no_hook_filter_or_fsmonitor_of_the_repository_ever_runs() {
    let shop = Workshop::new();
    let marker = shop.dir.path().join("marker");
    let script = shop.dir.path().join("evil");
    std::fs::write(&script, format!("#!/bin/sh\necho \"$0 $@\" >> '{}'\ncat\n", marker.display()))
        .unwrap();
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&script, executable).unwrap();
    let hooks = shop.path().join(".git/hooks");
    std::fs::create_dir_all(&hooks).unwrap();
    for hook in [
        "pre-commit",
        "commit-msg",
        "post-commit",
        "post-checkout",
        "post-merge",
        "pre-push",
        "pre-merge-commit",
        "reference-transaction",
        "post-index-change",
        "update",
        "post-update",
    ] {
        std::fs::copy(&script, hooks.join(hook)).unwrap();
    }
    let evil = script.display().to_string();
    let mut config = shop.raw().config().unwrap();
    for name in [
        "core.fsmonitor",
        "filter.evil.clean",
        "filter.evil.smudge",
        "filter.evil.process",
        "merge.evil.driver",
        "diff.evil.textconv",
        "diff.external",
        "gpg.program",
    ] {
        config.set_str(name, &evil).unwrap();
    }
    config.set_bool("filter.evil.required", true).unwrap();
    config.set_bool("commit.gpgsign", true).unwrap();
    shop.commit(&[(".gitattributes", Some("* filter=evil merge=evil diff=evil\n"))], "Attributes");

    let deployer = GitDeployer::builder(shop.repository().await, shop.state())
        .checks(aegis_local::git::CommandChecks::new("true"))
        .open()
        .await
        .unwrap();
    let (fix, base) = (shop.guard(), shop.head());
    deployer.submit(&shop.order("i1", &fix)).await.unwrap();
    let key = key("i1", aegis_core::EffectKind::Submit);
    let head = until("ready", async || match deployer.lookup(&key).await.unwrap().unwrap() {
        aegis_core::stage::Rollout::Ready { head } => Some(head),
        _ => None,
    })
    .await;
    let order = mint::merge_order(&case("i1"), 1, &fix, &base, head).unwrap();
    let commit = merged(deployer.merge(&order).await.unwrap());
    let order = mint::revert_order(&case("i1"), 1, &commit).unwrap();
    merged(deployer.revert(&order).await.unwrap());
    assert_eq!(std::fs::read_to_string(shop.path().join("app.py")).unwrap(), APP);
    assert!(!marker.exists(), "{}", std::fs::read_to_string(&marker).unwrap());
}
