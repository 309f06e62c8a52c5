//! A small service, and real servers that watch it.

mod alertmanager;
mod prometheus;
mod server;
mod shop;
mod watcher;

use std::time::{Duration, Instant};

pub(crate) use self::alertmanager::Alertmanager;
pub(crate) use self::prometheus::{Prometheus, SECOND, look, query};
pub(crate) use self::server::Server;
pub(crate) use self::shop::Shop;
pub(crate) use self::watcher::{Watcher, missing};

/// How long anything may take on a machine that is busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Asks again until there is an answer; panics where there is none in time.
pub(crate) async fn until<T>(what: &str, mut answer: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = answer().await {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
