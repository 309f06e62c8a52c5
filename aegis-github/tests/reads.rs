//! The source of a service, as GitHub tells it.

use aegis_core::port::{FileEntry, Repository as _};
use aegis_core::{ErrorKind, Revision};
use aegis_github::GitHubRepository;

use crate::fake::Fake;
use aegis_github::testkit::Fault;

fn paths(files: &[FileEntry]) -> Vec<&str> {
    files.iter().map(|file| file.path.as_str()).collect()
}

#[tokio::test]
async fn files_are_read_as_they_were_at_a_revision() {
    let fake = Fake::start().await;
    let repository = fake.repository().await;
    let first = repository.head().await.unwrap();
    fake.push("Second", &[("app.py", "print('more')\n"), ("ünï/ß #1.py", "x = 1\n")]);
    let second = repository.head().await.unwrap();
    assert_ne!(first, second);
    let app = async |at| repository.read(at, "app.py").await.unwrap();
    assert_eq!(app(&first).await.as_deref(), Some(&b"print('shop')\n"[..]));
    assert_eq!(app(&second).await.as_deref(), Some(&b"print('more')\n"[..]));
    let odd = repository.read(&second, "ünï/ß #1.py").await.unwrap();
    assert_eq!(odd.as_deref(), Some(&b"x = 1\n"[..]));
    for none in ["nothing.py", "docs", "", "../app.py", "/app.py"] {
        assert_eq!(repository.read(&second, none).await.unwrap(), None, "{none:?}");
    }
    let files = repository.list(&second).await.unwrap();
    assert_eq!(paths(&files), ["app.py", "docs/read me.md", "ünï/ß #1.py"]);
    assert!(files.iter().all(|file| file.regular && file.size > 0));
    assert_ne!(repository.tree(&first).await.unwrap(), repository.tree(&second).await.unwrap());
}

#[tokio::test]
async fn a_tree_that_is_too_large_for_one_answer_is_read_folder_by_folder() {
    let fake = Fake::start().await;
    let files: Vec<(String, String)> =
        (0..30).map(|n| (format!("d{}/e{n}/f{n}.py", n % 3), format!("{n}\n"))).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    fake.push("Many", &files);
    let whole = fake.repository().await;
    let head = whole.head().await.unwrap();
    let whole = whole.list(&head).await.unwrap();
    fake.inside().tree_limit = 10;
    let parts = fake.repository().await.list(&head).await.unwrap();
    assert_eq!(whole.len(), 32);
    assert_eq!(parts, whole);
}

#[tokio::test]
async fn links_are_listed_and_never_followed() {
    let fake = Fake::start().await;
    std::os::unix::fs::symlink("/etc/passwd", fake.work().join("link")).unwrap();
    fake.push("A link", &[]);
    let repository = fake.repository().await;
    let head = repository.head().await.unwrap();
    let files = repository.list(&head).await.unwrap();
    let link = files.iter().find(|file| file.path == "link").unwrap();
    assert!(!link.regular);
    assert_eq!(repository.read(&head, "link").await.unwrap(), None);
    let into = tempfile::tempdir().unwrap();
    repository.export(&head, into.path()).await.unwrap();
    assert!(into.path().join("app.py").exists());
    assert!(into.path().join("link").symlink_metadata().is_err());
}

#[tokio::test]
async fn an_export_has_every_file_whatever_attributes_say_about_archives() {
    let fake = Fake::start().await;
    fake.write("run.sh", b"#!/bin/sh\n");
    std::process::Command::new("chmod").arg("+x").arg(fake.work().join("run.sh")).status().unwrap();
    fake.push(
        "Attributes",
        &[
            (".gitattributes", "tests/* export-ignore\nversion.txt export-subst\n"),
            ("tests/test_app.py", "def test(): pass\n"),
            ("version.txt", "$Format:%H$\n"),
        ],
    );
    let repository = fake.repository().await;
    let head = repository.head().await.unwrap();
    let into = tempfile::tempdir().unwrap();
    repository.export(&head, into.path()).await.unwrap();
    let text = |path: &str| std::fs::read_to_string(into.path().join(path)).unwrap();
    assert_eq!(text("tests/test_app.py"), "def test(): pass\n");
    assert_eq!(text("version.txt"), "$Format:%H$\n");
    assert_eq!(text("docs/read me.md"), "# Shop\n");
    let mode = |path: &str| {
        use std::os::unix::fs::PermissionsExt as _;
        into.path().join(path).metadata().unwrap().permissions().mode() & 0o777
    };
    assert_eq!((mode("run.sh"), mode("app.py")), (0o755, 0o644));

    // The host that archives come from is not told who asks.
    let calls = fake.calls();
    let archive = calls.iter().find(|call| call.path.starts_with("/codeload/")).unwrap();
    assert!(archive.host.starts_with("localhost") && !archive.signed, "{archive:?}");
    let error = repository.export(&head, into.path()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
}

#[tokio::test]
async fn a_history_is_read_over_its_pages_with_the_files_of_each_commit() {
    let fake = Fake::start().await;
    for n in 0..120 {
        let file = format!("f{}.py", n % 2);
        fake.commit(&format!("Commit {n}\n\nA body"), &[(&file, &format!("x = {n}\n"))]);
    }
    fake.push("Last", &[("app.py", "print(1)\n")]);
    let repository = fake.repository().await;
    let head = repository.head().await.unwrap();
    let all = repository.history(&head, None, 110).await.unwrap();
    assert_eq!(all.len(), 110);
    assert_eq!((all[0].summary.as_str(), all[0].author.as_str()), ("Last", "Kim"));
    assert_eq!(all[0].revision, head);
    assert_eq!(
        (all[1].summary.as_str(), all[1].paths.as_slice()),
        ("Commit 119", &["f1.py".to_owned()][..])
    );
    assert_eq!(all[1].at.as_ms(), 1_767_323_045_000);
    let app = repository.history(&head, Some("app.py"), 10).await.unwrap();
    let titles: Vec<&str> = app.iter().map(|commit| commit.summary.as_str()).collect();
    assert_eq!(titles, ["Last", "First"]);
    fake.calls();
    repository.history(&head, None, 20).await.unwrap();
    assert_eq!(fake.calls().len(), 1, "what a commit touched is asked once");
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let fake = Fake::start().await;
    let open = async |name: &str| GitHubRepository::open(fake.github(), name).await.unwrap_err();
    for bad in ["shop", "acme/", "acme/shop/x", "acme/../shop", "acme/sh op", "/shop", "./."] {
        let error = open(bad).await;
        assert_eq!(error.kind(), ErrorKind::Invalid, "{bad}");
        assert!(error.to_string().contains("OWNER/NAME"), "{error}");
    }
    assert!(fake.calls().is_empty(), "what is no name is not asked for");
    let error = open("acme/nothing").await;
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("may not see it"), "{error}");
    let branch = GitHubRepository::open_branch(fake.github(), "acme/shop", "gone").await;
    let error = branch.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("no branch gone"), "{error}");

    let repository = fake.repository().await;
    let nothing = Revision::new("0".repeat(40));
    let error = repository.read(&nothing, "app.py").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    for moving in ["main", "HEAD", "../../user", ""] {
        let error = repository.list(&Revision::new(moving)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{moving:?}");
    }
    fake.inside().archived = true;
    let error = open("acme/shop").await;
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.to_string().contains("archived"), "{error}");
}

#[tokio::test]
async fn what_did_not_change_is_asked_for_conditionally() {
    let fake = Fake::start().await;
    let repository = fake.repository().await;
    fake.calls();
    let first = repository.head().await.unwrap();
    assert_eq!(repository.head().await.unwrap(), first);
    assert!(fake.calls().iter().all(|call| call.status == 304));
    fake.push("Next", &[("app.py", "print(2)\n")]);
    assert_ne!(repository.head().await.unwrap(), first);
    assert_eq!(fake.calls().last().unwrap().status, 200);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_asked_for_again() {
    let fake = Fake::start().await;
    let repository = fake.repository().await;
    for fault in [Fault::Drop, Fault::Hang] {
        fake.fault("git/ref", fault);
        repository.head().await.unwrap();
    }
    for _ in 0..3 {
        fake.fault("git/ref", Fault::Drop);
    }
    let error = repository.head().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "three tries, and no more");
    repository.head().await.unwrap();
}
