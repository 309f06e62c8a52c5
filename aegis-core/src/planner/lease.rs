//! A driver's hold on its incident.

use std::sync::Arc;

use tokio::sync::watch;

use super::engine::Engine;
use super::observer::jittered;
use crate::error::ErrorKind;
use crate::port::Lease;

/// A driver's place among those that are told things; given back however the driver ends.
pub(super) struct Entered {
    pub(super) engine: Arc<Engine>,
    pub(super) lease: Lease,
    pub(super) renewing: tokio::task::JoinHandle<()>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        // A driver that panicked must not hold its incident for ever.
        self.renewing.abort();
        self.engine.left(&self.lease);
    }
}

/// Keeps a lease until its driver ends; says so when it is lost.
pub(super) async fn renew(engine: Arc<Engine>, lease: Lease, lost: watch::Sender<bool>) {
    loop {
        // Those that were claimed together are not renewed all at once.
        tokio::time::sleep(jittered(lease.ttl / 3)).await;
        match engine.journal.renew(&lease).await {
            Ok(()) => {}
            Err(e) if e.kind() == ErrorKind::Fenced => {
                lost.send_replace(true);
                return;
            }
            Err(e) => tracing::warn!(target: "aegis", error = %e, "a lease was not renewed"),
        }
    }
}
