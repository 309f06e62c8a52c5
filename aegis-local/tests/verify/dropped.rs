//! Calls that are dropped while a tree is written.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use aegis_core::model::Commit;
use aegis_core::port::{FileEntry, Repository};
use aegis_core::{Result, Revision};
use aegis_local::service::ServiceSpec;
use aegis_local::verify::{PythonVerifier, VerifierConfig};
use async_trait::async_trait;
use tokio::sync::Notify;

use super::folder::{base, folder};
use super::python::venv;

/// A repository that writes, on a thread of its own, when it is told to.
#[derive(Debug)]
struct Slow {
    files: aegis_core::testkit::Sources,
    begun: Arc<Notify>,
    go: Mutex<Option<mpsc::Receiver<()>>>,
    wrote: mpsc::Sender<PathBuf>,
}

#[async_trait]
impl Repository for Slow {
    async fn head(&self) -> Result<Revision> {
        self.files.head().await
    }

    async fn read(&self, at: &Revision, path: &str) -> Result<Option<Vec<u8>>> {
        self.files.read(at, path).await
    }

    async fn list(&self, at: &Revision) -> Result<Vec<FileEntry>> {
        self.files.list(at).await
    }

    async fn history(&self, at: &Revision, path: Option<&str>, n: usize) -> Result<Vec<Commit>> {
        self.files.history(at, path, n).await
    }

    async fn tree(&self, at: &Revision) -> Result<String> {
        self.files.tree(at).await
    }

    async fn export(&self, _: &Revision, into: &Path) -> Result<()> {
        let (into, wrote) = (into.to_owned(), self.wrote.clone());
        let go = self.go.lock().unwrap().take().unwrap();
        self.begun.notify_one();
        let write = move || {
            go.recv().unwrap();
            std::fs::create_dir_all(&into).unwrap();
            std::fs::write(into.join("a.py"), "x = 1\n").unwrap();
            wrote.send(into).unwrap();
        };
        tokio::task::spawn_blocking(write).await.unwrap();
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_that_is_written_after_the_call_was_dropped_is_not_left_behind() {
    let scratch = tempfile::tempdir().unwrap();
    let ((go, told), (wrote, written)) = (mpsc::channel(), mpsc::channel());
    let begun = Arc::new(Notify::new());
    let files = folder([("a.py", "x = 1\n")]);
    let slow = Slow { files, begun: begun.clone(), go: Mutex::new(Some(told)), wrote };
    let spec = ServiceSpec::new("s", "false", "http://127.0.0.1:1/", "pytest").with_python(venv());
    let mut config = VerifierConfig::default();
    config.scratch = Some(scratch.path().to_owned());
    let verifier = PythonVerifier::with_config(spec, Arc::new(slow), config);
    let at = base();
    tokio::select! {
        ended = verifier.warm(&at) => panic!("{ended:?}"),
        () = begun.notified() => {}
    }
    drop(verifier);
    go.send(()).unwrap();
    let folder = tokio::task::spawn_blocking(move || written.recv().unwrap()).await.unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while folder.exists() {
        assert!(tokio::time::Instant::now() < deadline, "{} is left", folder.display());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
}
