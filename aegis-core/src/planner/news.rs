//! Hints that there is something to do, before anybody looks by itself: the journal's and the host's.

use std::sync::Arc;
use std::time::Duration;

use super::engine::Engine;

/// Between two hints that are heeded: a storm of them costs ten looks a second.
const PAUSE: Duration = Duration::from_millis(100);

/// Wakes who claims and who fetches messages, until the planner stops. By the wall clock, as the mail.
pub(super) async fn run(engine: Arc<Engine>) {
    let mut stopping = engine.stopping.subscribe();
    let mut seen = 0;
    loop {
        let heeded = async {
            seen = engine.journal.news(seen).await;
            engine.work.notify_one();
            engine.post.notify_one();
            tokio::time::sleep(PAUSE).await;
        };
        tokio::select! {
            () = heeded => {}
            _ = stopping.wait_for(|stop| *stop) => return,
        }
    }
}

/// Passes on that the outside world may have changed, until the planner stops.
pub(super) async fn outside(engine: Arc<Engine>) {
    loop {
        tokio::select! {
            () = engine.hinted.notified() => {}
            () = engine.stopped() => return,
        }
        engine.hints.send_modify(|n| *n += 1);
        tokio::time::sleep(PAUSE).await;
    }
}
