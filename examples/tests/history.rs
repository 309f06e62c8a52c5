//! The shop's Git history.

use std::fs;
use std::path::Path;

use aegis_examples::staging::{StagingError, shop};
use git2::{Repository, Status};

use crate::support::built;

/// Changes only together with the patches.
const HEAD: &str = "17c576c7ff63e29beb5130276ed1d82ec3478aa1";

#[test]
fn building_twice_gives_the_same_head() {
    let (one, two) = (built().shop, built().shop);
    assert_eq!(one.head, HEAD);
    assert_eq!(one.commits, two.commits);
    assert_eq!(one.commits.len(), 19);
}

#[test]
fn main_is_checked_out_and_clean() {
    let built = built();
    let repo = Repository::open(&built.shop.repo).unwrap();
    let head = repo.head().unwrap();
    assert_eq!(head.name().unwrap(), "refs/heads/main");
    assert_eq!(head.target().unwrap().to_string(), HEAD);
    let dirty: Vec<_> = repo
        .statuses(None)
        .unwrap()
        .iter()
        .filter(|entry| entry.status() != Status::CURRENT)
        .map(|entry| entry.path().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(dirty, Vec::<String>::new());
}

#[test]
fn every_commit_keeps_its_author_and_date() {
    let built = built();
    let repo = Repository::open(&built.shop.repo).unwrap();
    let mut before = 0;
    for id in &built.shop.commits {
        let commit = repo.find_commit(git2::Oid::from_str(id).unwrap()).unwrap();
        let (author, committer) = (commit.author(), commit.committer());
        assert!(author.email().unwrap().ends_with("@shop.example"));
        assert_eq!(author.email_bytes(), committer.email_bytes());
        assert_eq!(author.when(), committer.when());
        assert!(author.when().seconds() > before);
        before = author.when().seconds();
    }
}

#[test]
fn every_commit_passes_the_tests_of_its_time() {
    let built = built();
    let repo = Repository::open(&built.shop.repo).unwrap();
    for id in &built.shop.commits {
        let commit = repo.revparse_single(id).unwrap();
        repo.reset(&commit, git2::ResetType::Hard, None).unwrap();
        let output = built.test();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{id}: {said}");
    }
}

#[test]
fn a_folder_that_holds_something_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("mine"), "").unwrap();
    let error = shop::build(dir.path()).unwrap_err();
    assert!(matches!(error, StagingError::NotEmpty(_)));
    assert!(error.to_string().contains("remove it"), "{error}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn what_a_killed_build_left_does_not_hinder_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let half = dir.path().join("shop.partial");
    fs::create_dir(&half).unwrap();
    fs::write(half.join("half"), "").unwrap();
    assert_eq!(shop::build(&dir.path().join("shop")).unwrap().head, HEAD);
    assert!(!half.exists());
}

#[test]
fn a_patch_that_gives_another_commit_is_refused_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("shop/patches");
    let first = fs::read_dir(source).unwrap().map(|it| it.unwrap().path()).min().unwrap();
    let text = fs::read_to_string(first).unwrap();
    let patches = dir.path().join("patches");
    fs::create_dir(&patches).unwrap();
    fs::write(patches.join("0001.patch"), text.replace("Enamel mug", "Tin mug")).unwrap();

    let error = shop::build_from(&patches, &dir.path().join("shop")).unwrap_err();
    assert!(error.to_string().contains("but it names 87ec2539"), "{error}");
    assert!(!dir.path().join("shop").exists());
}
