//! Pulling events: each source on a thread of its own, isolated.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;

use super::crew::message;
use super::engine::Engine;
use super::intake;
use crate::port::{EventSource, TelemetryEvent};

/// The pause before a source that failed is asked again, doubled up to a minute.
const BACKOFF: Duration = Duration::from_secs(1);
const BACKOFF_CAP: Duration = Duration::from_secs(60);

/// Runs `source` until it ends, fails for good by panicking, or the planner stops.
pub(super) fn spawn(engine: &Arc<Engine>, runtime: &Runtime, mut source: Box<dyn EventSource>) {
    let (engine, handle) = (Arc::clone(engine), runtime.handle().clone());
    let name = source.name();
    let watched = Arc::clone(&engine);
    let pulling = runtime.spawn_blocking(move || {
        handle.block_on(async move {
            let mut stopping = engine.stopping.subscribe();
            tokio::select! {
                () = pull(&engine, source.as_mut()) => {}
                _ = stopping.wait_for(|stop| *stop) => {}
            }
        });
    });
    runtime.spawn(async move {
        if let Err(e) = pulling.await
            && e.is_panic()
        {
            let what = watched.clean(&message(&*e.into_panic()), 2_000);
            watched.telemetry.record(TelemetryEvent::SourceFailed { source: &name });
            tracing::error!(target: "aegis", source = %name, panic = %what, "a source panicked");
        }
    });
}

async fn pull(engine: &Engine, source: &mut dyn EventSource) {
    let name = source.name();
    let mut backoff = BACKOFF;
    loop {
        match source.next().await {
            Ok(Some(delivery)) => {
                backoff = BACKOFF;
                // Not acknowledged until committed: a journal that is away is waited for.
                let mut pause = BACKOFF;
                let event = delivery.event;
                while let Err(e) = intake::take(engine, event.clone()).await {
                    if e.retry() == crate::error::Retry::Never {
                        tracing::warn!(target: "aegis", source = %name, error = %e, "refused");
                        break;
                    }
                    tracing::warn!(target: "aegis", source = %name, error = %e, "not taken yet");
                    engine.clock.sleep_until(engine.now().plus(pause)).await;
                    pause = (pause * 2).min(BACKOFF_CAP);
                }
                if let Some(ack) = delivery.ack {
                    ack();
                }
            }
            Ok(None) => {
                tracing::debug!(target: "aegis", source = %name, "a source ended");
                return;
            }
            Err(e) => {
                engine.telemetry.record(TelemetryEvent::SourceFailed { source: &name });
                tracing::warn!(target: "aegis", source = %name, error = %e, "a source failed");
                engine.clock.sleep_until(engine.now().plus(backoff)).await;
                backoff = (backoff * 2).min(BACKOFF_CAP);
            }
        }
    }
}
