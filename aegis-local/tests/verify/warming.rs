//! The base suite of each new head.

use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use aegis_core::model::Commit;
use aegis_core::port::{FileEntry, Repository};
use aegis_core::{Error, Result, Revision};
use aegis_local::service::ServiceSpec;
use aegis_local::verify::{PythonVerifier, VerifierConfig};
use async_trait::async_trait;

use super::isolation::until;
use super::python::venv;

/// Moves when it is told to, and tells what is taken from it.
#[derive(Debug)]
struct Moving {
    head: Mutex<Option<&'static str>>,
    taken: mpsc::Sender<String>,
}

#[async_trait]
impl Repository for Moving {
    async fn head(&self) -> Result<Revision> {
        self.head.lock().unwrap().map(Revision::new).ok_or_else(|| Error::unavailable("offline"))
    }

    async fn read(&self, _: &Revision, _: &str) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }

    async fn list(&self, _: &Revision) -> Result<Vec<FileEntry>> {
        Ok(Vec::new())
    }

    async fn history(&self, _: &Revision, _: Option<&str>, _: usize) -> Result<Vec<Commit>> {
        Ok(Vec::new())
    }

    async fn tree(&self, at: &Revision) -> Result<String> {
        Ok(at.to_string())
    }

    async fn export(&self, at: &Revision, into: &Path) -> Result<()> {
        std::fs::write(into.join("test_a.py"), "def test_a():\n    pass\n")?;
        self.taken.send(at.to_string()).map_err(|e| Error::internal(e.to_string()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_new_head_is_warmed_once_and_a_repository_that_is_gone_for_a_while_does_no_harm() {
    let (taken, told) = mpsc::channel();
    let repository = Arc::new(Moving { head: Mutex::new(None), taken });
    let go = |to| *repository.head.lock().unwrap() = to;
    let told = Arc::new(Mutex::new(told));
    let next = async || {
        let told = Arc::clone(&told);
        let wait = move || told.lock().unwrap().recv_timeout(Duration::from_secs(30));
        tokio::task::spawn_blocking(wait).await.unwrap()
    };
    let spec = ServiceSpec::new("s", "false", "http://127.0.0.1:1/", "pytest").with_python(venv());
    let mut config = VerifierConfig::default();
    config.base_runs = 1;
    let shared: Arc<dyn Repository> = repository.clone();
    let verifier = Arc::new(PythonVerifier::with_config(spec, shared, config));
    let warming = verifier.keep_warm(Duration::from_millis(10));
    go(Some("one"));
    assert_eq!(next().await.unwrap(), "one");
    go(None);
    go(Some("two"));
    assert_eq!(next().await.unwrap(), "two");
    // Nothing more is taken for a suite that was run.
    verifier.warm(&Revision::new("two")).await.unwrap();
    assert_eq!(told.lock().unwrap().try_recv().ok(), None);
    drop(warming);
    // Nobody else holds the verifier once it has ended.
    until("the warming to end", || Arc::strong_count(&verifier) == 1).await;
    go(Some("three"));
    assert_eq!(told.lock().unwrap().try_recv().ok(), None);
}
