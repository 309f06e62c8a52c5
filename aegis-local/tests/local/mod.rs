//! The embedded default as a whole.

use aegis_core::ErrorKind;
use aegis_local::local::{Local, LocalConfig};
use aegis_local::service::ServiceSpec;

use crate::git::workshop::Workshop;
use crate::verify::python::venv;

/// A configuration whose service leaves a file behind when it is started.
fn config(shop: &Workshop) -> LocalConfig {
    let started = shop.dir.path().join("started");
    let start = format!("touch {}; exec sleep 60", started.display());
    let health = "http://127.0.0.1:1/health";
    let spec = ServiceSpec::new("shop", start, health, "pytest").with_python(venv());
    LocalConfig::new(spec, shop.path(), shop.state())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_leaves_the_service_alone() {
    let shop = Workshop::new();
    let scraped = config(&shop).with_metrics("no url", "requests", "latency");
    assert_eq!(Local::open(scraped).await.unwrap_err().kind(), ErrorKind::Invalid);
    std::fs::write(shop.path().join("app.py"), "changed = True\n").unwrap();
    let dirty = Local::open(config(&shop)).await.unwrap_err();
    assert_eq!(dirty.kind(), ErrorKind::Invalid);
    assert!(dirty.to_string().contains("app.py"), "{dirty}");
    assert!(!shop.dir.path().join("started").exists());
}
