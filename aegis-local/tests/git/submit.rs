use aegis_core::stage::{Deployer as _, Rollout};
use aegis_core::testkit::mint;
use aegis_core::{EffectKind, ErrorKind};
use git2::FileMode;

use super::workshop::*;

#[tokio::test]
async fn a_fix_is_one_commit_on_the_verified_base() {
    let shop = Workshop::new();
    shop.commit(&[("run.sh", Some("echo 1\n"))], "Add a script");
    let deployer = shop.deployer().await;
    let base = shop.head();
    let fix = shop.replace("run.sh", "echo 1\n", "echo 2\n");
    let head = ready(deployer.submit(&shop.order("i1", &fix)).await.unwrap());

    assert_eq!(shop.at(&branch("i1")), Some(head.clone()));
    assert_eq!(shop.head(), base, "the release branch has not moved");
    let repo = shop.raw();
    let commit = repo.find_commit(id(&head)).unwrap();
    assert_eq!(commit.parent_ids().collect::<Vec<_>>(), [id(&base)]);
    assert_eq!(commit.author().to_string(), "Aegis <aegis@localhost>");
    let entry = commit.tree().unwrap().get_name("run.sh").unwrap().filemode();
    assert_eq!(entry, i32::from(FileMode::BlobExecutable));
    assert_eq!(shop.text(&head, "run.sh").unwrap(), "echo 2\n");
    assert_eq!(
        shop.message(&head),
        format!(
            "Change run.sh\n\nAn empty basket costs nothing.\n\nFor a test.\n\n\
             Aegis-Incident: i1\nAegis-Key: shop/i1/1/submit\nAegis-Fix: {}\nAegis-Base: {base}\n",
            fix.digest()
        )
    );
}

#[tokio::test]
async fn the_same_submit_makes_the_same_commit() {
    let shop = Workshop::new();
    let fix = shop.guard();
    let first = ready(shop.deployer().await.submit(&shop.order("i1", &fix)).await.unwrap());
    let again = ready(shop.deployer().await.submit(&shop.order("i1", &fix)).await.unwrap());
    assert_eq!(first, again, "adopted");

    shop.delete(&branch("i1"));
    shop.delete("refs/aegis/submitted/aegis/fix-i1");
    let anew = ready(shop.deployer().await.submit(&shop.order("i1", &fix)).await.unwrap());
    assert_eq!(first, anew, "made anew, with the same id");
}

#[tokio::test]
async fn a_branch_whose_note_was_lost_in_a_crash_is_adopted() {
    let shop = Workshop::new();
    let fix = shop.guard();
    let deployer = shop.deployer().await;
    let head = ready(deployer.submit(&shop.order("i1", &fix)).await.unwrap());
    shop.delete("refs/aegis/submitted/aegis/fix-i1");

    let key = key("i1", EffectKind::Submit);
    assert_eq!(deployer.lookup(&key).await.unwrap(), Some(Rollout::Ready { head: head.clone() }));
    assert_eq!(shop.at("refs/aegis/submitted/aegis/fix-i1"), None, "a lookup never writes");
    assert_eq!(ready(deployer.submit(&shop.order("i1", &fix)).await.unwrap()), head);
    assert_eq!(shop.at("refs/aegis/submitted/aegis/fix-i1"), Some(head));
}

#[tokio::test]
async fn a_moved_base_is_told_and_nothing_is_written() {
    let shop = Workshop::new();
    let deployer = shop.deployer().await;
    let order = shop.order("i1", &shop.guard());
    let base = shop.commit(&[("new.py", Some("x = 1\n"))], "Go on");
    let before = shop.refs();

    assert_eq!(deployer.submit(&order).await.unwrap(), Rollout::BaseMoved { base });
    assert_eq!(shop.refs(), before);
    assert_eq!(deployer.lookup(order.key()).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_submits_at_once_one_makes_the_branch() {
    let shop = Workshop::new();
    let fix = shop.guard();
    let (a, b) = (shop.deployer().await, shop.deployer().await);
    let (one, two) = (shop.order("i1", &fix), shop.order("i1", &fix));
    let (one, two) = tokio::join!(a.submit(&one), b.submit(&two));
    assert_eq!(ready(one.unwrap()), ready(two.unwrap()));
    let fixes = shop.refs().into_iter().filter(|(n, _)| n.starts_with("refs/heads/aegis/"));
    assert_eq!(fixes.count(), 1);
}

#[tokio::test]
async fn a_key_can_not_be_used_for_another_fix() {
    let shop = Workshop::new();
    let deployer = shop.deployer().await;
    deployer.submit(&shop.order("i1", &shop.guard())).await.unwrap();
    let other = shop.replace("app.py", "    return 1\n", "    return 2\n");
    let error = deployer.submit(&shop.order("i1", &other)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
}

#[tokio::test]
async fn a_second_attempt_has_a_branch_of_its_own() {
    let shop = Workshop::new();
    let deployer = shop.deployer().await;
    let fix = shop.guard();
    ready(deployer.submit(&shop.order("i1", &fix)).await.unwrap());
    let second = mint::order(&case("i1"), 2, &fix, &shop.head(), false).unwrap();
    let head = ready(deployer.submit(&second).await.unwrap());
    assert_eq!(shop.at("refs/heads/aegis/fix-i1-2"), Some(head));
}

#[tokio::test]
async fn a_fix_that_does_not_apply_is_a_conflict() {
    let shop = Workshop::new();
    let deployer = shop.deployer().await;
    let before = shop.refs();
    for fix in [
        shop.replace("app.py", "no such line\n", "x\n"),
        shop.replace("missing.py", "x\n", "y\n"),
        shop.replace("doc", "x\n", "y\n"),
    ] {
        let rollout = deployer.submit(&shop.order("i1", &fix)).await.unwrap();
        assert_eq!(rollout, Rollout::Conflict);
    }
    assert_eq!(shop.refs(), before);
}

#[tokio::test]
async fn a_lock_that_a_dead_process_left_on_our_branch_is_cleared() {
    let shop = Workshop::new();
    let deployer = shop.deployer().await;
    let folder = shop.path().join(".git/refs/heads/aegis");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("fix-i1.lock"), "").unwrap();
    ready(deployer.submit(&shop.order("i1", &shop.guard())).await.unwrap());
}
