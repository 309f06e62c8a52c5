use std::os::unix::fs::PermissionsExt as _;

use aegis_core::ErrorKind;
use aegis_core::port::Repository as _;
use git2::FileMode;
use git2::build::TreeUpdateBuilder;

use super::workshop::*;

/// Adds a symbolic link and a submodule to `main`.
fn with_odd_entries(shop: &Workshop) {
    let repo = shop.raw();
    let parent = repo.find_commit(id(&shop.head())).unwrap();
    let mut update = TreeUpdateBuilder::new();
    update.upsert("link", repo.blob(b"/etc/passwd").unwrap(), FileMode::Link);
    update.upsert("vendor/sub", parent.id(), FileMode::Commit);
    let tree = update.create_updated(&repo, &parent.tree().unwrap()).unwrap();
    let tree = repo.find_tree(tree).unwrap();
    repo.commit(Some("refs/heads/main"), &person(), &person(), "Odd", &tree, &[&parent]).unwrap();
}

#[tokio::test]
async fn files_are_read_and_listed_at_a_revision() {
    let shop = Workshop::bare();
    with_odd_entries(&shop);
    let repository = shop.repository().await;
    let head = repository.head().await.unwrap();
    assert_eq!(head, shop.head());
    let text = repository.read(&head, "app.py").await.unwrap().unwrap();
    assert_eq!(text, APP.as_bytes());
    for none in ["missing.py", "doc", "link", "vendor/sub", "", "app.py/x"] {
        assert_eq!(repository.read(&head, none).await.unwrap(), None, "{none}");
    }
    let files = repository.list(&head).await.unwrap();
    let files: Vec<_> = files.iter().map(|f| (f.path.as_str(), f.regular, f.size)).collect();
    assert_eq!(
        files,
        [
            ("app.py", true, APP.len() as u64),
            ("doc/readme.md", true, 7),
            ("link", false, 0),
            ("vendor/sub", false, 0),
        ]
    );
    let odd = repository.read(&"main".into(), "app.py").await.unwrap_err();
    assert_eq!(odd.kind(), ErrorKind::NotFound, "only full ids are revisions");
    let odd = repository.list(&"0".repeat(40).into()).await.unwrap_err();
    assert_eq!(odd.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn history_is_newest_first_and_by_path() {
    let shop = Workshop::new();
    let second = shop.commit(&[("doc/readme.md", Some("# The shop\n"))], "Say more\n\nbody");
    let third = shop.commit(&[("b.py", Some("x = 1\n")), ("app.py", None)], "Rework");
    let repository = shop.repository().await;
    let all = repository.history(&third, None, 10).await.unwrap();
    let summaries: Vec<_> = all.iter().map(|c| c.summary.as_str()).collect();
    assert_eq!(summaries, ["Rework", "Say more", "Begin"]);
    assert_eq!(all[0].paths, ["app.py", "b.py"]);
    assert_eq!(all[0].author, "Ada");
    assert_eq!(all[0].at.as_ms(), 1_700_000_000_000);
    assert_eq!(repository.history(&third, None, 1).await.unwrap().len(), 1);
    let of_doc = repository.history(&third, Some("doc/readme.md"), 10).await.unwrap();
    let of_doc: Vec<_> = of_doc.iter().map(|c| c.summary.as_str()).collect();
    assert_eq!(of_doc, ["Say more", "Begin"]);
    assert_ne!(repository.tree(&second).await.unwrap(), repository.tree(&third).await.unwrap());
}

#[tokio::test]
async fn equal_contents_have_an_equal_tree() {
    let shop = Workshop::new();
    let first = shop.head();
    shop.commit(&[("app.py", Some("x = 1\n"))], "Away");
    let back = shop.commit(&[("app.py", Some(APP))], "And back");
    let repository = shop.repository().await;
    assert_eq!(repository.tree(&first).await.unwrap(), repository.tree(&back).await.unwrap());
}

#[tokio::test]
async fn an_export_holds_regular_files_only_as_they_are() {
    let shop = Workshop::new();
    let attributes = "* text eol=crlf\napp.py export-ignore\nrun.sh ident\n";
    shop.commit(&[("run.sh", Some("echo $Id$\n")), (".gitattributes", Some(attributes))], "More");
    with_odd_entries(&shop);
    let repository = shop.repository().await;
    let into = shop.dir.path().join("export");
    repository.export(&shop.head(), &into).await.unwrap();
    assert_eq!(std::fs::read_to_string(into.join("app.py")).unwrap(), APP);
    assert_eq!(std::fs::read_to_string(into.join("run.sh")).unwrap(), "echo $Id$\n");
    let mode = |name: &str| into.join(name).metadata().unwrap().permissions().mode() & 0o111;
    assert_ne!(mode("run.sh"), 0);
    assert_eq!(mode("app.py"), 0);
    assert!(into.join("link").symlink_metadata().is_err());
    assert!(!into.join("vendor/sub").exists());

    let error = repository.export(&shop.head(), &into).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "not into a folder that is in use");
}
