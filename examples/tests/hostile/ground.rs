//! The services that are attacked, each with its real verifier.

use std::collections::BTreeMap;
use std::sync::Arc;

use aegis_core::Revision;
use aegis_core::port::Repository;
use aegis_core::testkit::Sources;
use aegis_local::git::GitRepository;
use aegis_local::service::ServiceSpec;
use aegis_local::verify::{PythonVerifier, VerifierConfig};

use super::log::corpus;
use crate::support::{Built, built, python};

/// A service, and what proves fixes of it; what is known of its base is shared by all of its logs.
#[derive(Debug, Clone)]
pub(super) struct Ground {
    pub(super) repository: Arc<dyn Repository>,
    pub(super) verifier: Arc<PythonVerifier>,
    pub(super) base: Revision,
    /// What stands in its source and nobody may see.
    pub(super) secrets: Vec<String>,
}

/// The services by name, and the folder that one of them is in.
pub(super) struct Grounds {
    pub(super) all: BTreeMap<String, Ground>,
    _shop: Built,
}

impl Grounds {
    pub(super) async fn open() -> Self {
        let shop = built();
        let git = GitRepository::open(&shop.shop.repo).await.unwrap();
        let mut all = BTreeMap::new();
        all.insert("shop".to_owned(), ground(Arc::new(git), Vec::new()).await);
        for name in ["courier", "gate"] {
            let text = std::fs::read_to_string(corpus().join(format!("services/{name}.txt")));
            let (secrets, files) = parts(&text.unwrap());
            let files: Vec<_> = files.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
            let sources = Sources::new("4f2a9c1d", &files);
            all.insert(name.to_owned(), ground(Arc::new(sources), secrets).await);
        }
        Self { all, _shop: shop }
    }
}

async fn ground(repository: Arc<dyn Repository>, secrets: Vec<String>) -> Ground {
    let spec = ServiceSpec::new("s", "false", "http://127.0.0.1:1/", "python -m pytest -q")
        .with_python(python().root);
    let mut config = VerifierConfig::default();
    config.suite_ms = 60_000;
    // What a fault shows lowers a score, and denies nothing; no suite here is flaky.
    (config.faults, config.base_runs) = (0, 1);
    let verifier = PythonVerifier::with_config(spec, Arc::clone(&repository), config);
    let base = repository.head().await.unwrap();
    Ground { repository, verifier: Arc::new(verifier), base, secrets }
}

/// The secrets and the files of a service's text.
fn parts(text: &str) -> (Vec<String>, BTreeMap<String, String>) {
    let (mut secrets, mut files) = (Vec::new(), BTreeMap::<String, String>::new());
    let mut open = None;
    for line in text.split_inclusive('\n') {
        if let Some(path) = line.strip_prefix("=== file ") {
            open = Some(files.entry(path.trim_end().to_owned()).or_default());
        } else if let Some(file) = &mut open {
            file.push_str(line);
        } else {
            secrets.extend(line.strip_prefix("secret: ").map(|it| it.trim_end().to_owned()));
        }
    }
    (secrets, files)
}
