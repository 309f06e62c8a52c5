//! The stand-in for GitHub with a working copy, as a person has one.

use std::ops::Deref;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use aegis_github::testkit::{NAME, Stand};
use aegis_github::{GitHub, GitHubConfig, GitHubRepository};
use tempfile::TempDir;

/// The server and its repository; both end with it.
#[derive(Debug)]
pub(crate) struct Fake {
    stand: Stand,
    folder: TempDir,
    held: AtomicBool,
}

impl Deref for Fake {
    type Target = Stand;

    fn deref(&self) -> &Stand {
        &self.stand
    }
}

/// Set, every call of every test is held against GitHub's own description.
const ALL: &str = "AEGIS_GITHUB_DESCRIBED";

/// What GitHub answers although its description leaves it out: conclusions of checks, and the repository
/// of a run whose fork is gone.
const LEFT_OUT: [&str; 2] =
    ["/conclusion must be equal to one of", "/head_repository must be object"];

impl Drop for Fake {
    fn drop(&mut self) {
        self.hold();
    }
}

impl Fake {
    /// Holds all calls so far against GitHub's description, once, where that is asked for. For a test
    /// that ends before this does: whoever drops it last can't fail the test.
    pub(crate) fn hold(&self) {
        let asked = std::env::var_os(ALL).is_some() && !std::thread::panicking();
        if asked && !self.held.swap(true, Ordering::SeqCst) {
            let (mut wrong, _) = crate::described::held(&self.inside().calls);
            wrong.retain(|wrong| !LEFT_OUT.iter().any(|known| wrong.contains(known)));
            assert!(wrong.is_empty(), "{wrong:#?}");
        }
    }

    /// With one repository, whose branch `main` has one commit.
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("work")).unwrap();
        let stand = Stand::start(folder.path().join("shop.git")).await.unwrap();
        let fake = Self { stand, folder, held: AtomicBool::new(false) };
        fake.git(&["init", "-q", "-b", "main", "."]);
        fake.commit("First", &[("app.py", "print('shop')\n"), ("docs/read me.md", "# Shop\n")]);
        fake.git(&["clone", "-q", "--bare", ".", "../shop.git"]);
        fake.git(&["remote", "add", "origin", "../shop.git"]);
        fake
    }

    /// Ends it; from here on nobody is there.
    pub(crate) async fn stop(mut self) {
        self.stand.stop().await;
    }

    /// Runs git in the working copy; what it prints.
    pub(crate) fn git(&self, words: &[&str]) -> String {
        let mut git = Command::new("git");
        git.current_dir(self.work()).args(words);
        git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
        for who in ["AUTHOR", "COMMITTER"] {
            git.env(format!("GIT_{who}_NAME"), "Kim")
                .env(format!("GIT_{who}_EMAIL"), "kim@localhost");
            git.env(format!("GIT_{who}_DATE"), "2026-01-02T03:04:05Z");
        }
        let output = git.output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// The working copy.
    pub(crate) fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    pub(crate) fn write(&self, path: &str, content: &[u8]) {
        let path = self.work().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Commits files to the working copy; the commit's id.
    pub(crate) fn commit(&self, title: &str, files: &[(&str, &str)]) -> String {
        for (path, text) in files {
            self.write(path, text.as_bytes());
        }
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", title]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// The same, pushed.
    pub(crate) fn push(&self, title: &str, files: &[(&str, &str)]) -> String {
        let id = self.commit(title, files);
        self.git(&["push", "-q", "-f", "origin", "main"]);
        id
    }

    pub(crate) fn config(&self) -> GitHubConfig {
        Stand::config(&self.url()).unwrap()
    }

    pub(crate) fn github(&self) -> GitHub {
        Stand::connect(&self.url()).unwrap()
    }

    pub(crate) async fn repository(&self) -> GitHubRepository {
        GitHubRepository::open(self.github(), NAME).await.unwrap()
    }
}
