//! The base suite of each new head, run before anything depends on it.

use std::sync::Arc;
use std::time::Duration;

use aegis_core::Revision;

use super::PythonVerifier;
use crate::background::Background;

/// Keeps a verifier warm in the background until it is dropped.
#[derive(Debug)]
#[must_use = "nothing is warmed once this is dropped"]
pub struct Warming {
    _task: Background,
}

impl PythonVerifier {
    /// Asks for the repository's head every `every` and [warms](Self::warm) each new one, once: a fix
    /// for an error then waits for no suite but its own.
    ///
    /// It costs the machine the base suite's runs after every release, while that is watched: leave it
    /// off where the two would disturb each other. What goes wrong is logged, and tried again with the
    /// next head. To be called inside a Tokio runtime.
    pub fn keep_warm(self: &Arc<Self>, every: Duration) -> Warming {
        let verifier = Arc::clone(self);
        let warming = async move {
            let mut warmed: Option<Revision> = None;
            let mut tick = tokio::time::interval(every.max(Duration::from_millis(10)));
            tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                tick.tick().await;
                let head = match verifier.ground.repository.head().await {
                    Ok(head) => head,
                    Err(error) => {
                        tracing::warn!(%error, "the head to warm can't be read");
                        continue;
                    }
                };
                if warmed.as_ref() == Some(&head) {
                    continue;
                }
                match verifier.warm(&head).await {
                    Ok(suite) => tracing::info!(%head, ?suite, "the base suite is warm"),
                    Err(error) => tracing::warn!(%head, %error, "the base suite can't be run"),
                }
                warmed = Some(head);
            }
        };
        Warming { _task: Background::spawn(warming) }
    }
}
