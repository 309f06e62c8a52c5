//! Notices in the log.

use aegis_core::Result;
use aegis_core::port::{Notice, Notifier, Urgency};
use async_trait::async_trait;

/// Writes each notice to `tracing`, target `aegis::notify`: `Info` at INFO, `Attention` at WARN,
/// `Page` at ERROR. Never fails.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogNotifier;

impl LogNotifier {
    /// A notifier that needs nothing.
    pub fn new() -> Self {
        Self
    }
}

macro_rules! say {
    ($level:ident, $notice:ident) => {
        tracing::$level!(
            target: "aegis::notify",
            incident_id = %$notice.incident,
            service = %$notice.service,
            why = $notice.why,
            changed = ?$notice.changed,
            undo = ?$notice.undo,
            next = ?$notice.next,
            diff = $notice.diff,
            confidence = $notice.confidence.map(tracing::field::display),
            "{}",
            $notice.title
        )
    };
}

#[async_trait]
impl Notifier for LogNotifier {
    async fn notify(&self, notice: &Notice) -> Result<()> {
        match notice.urgency {
            Urgency::Info => say!(info, notice),
            Urgency::Attention => say!(warn, notice),
            Urgency::Page => say!(error, notice),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::{Arc, Mutex};

    use aegis_core::{IncidentId, Timestamp};
    use tracing::{Event, Level, Subscriber};
    use tracing_subscriber::layer::{Context, Layer};
    use tracing_subscriber::prelude::*;

    use super::*;

    #[derive(Clone, Default)]
    struct Seen(Arc<Mutex<Vec<(Level, String)>>>);

    impl<S: Subscriber> Layer<S> for Seen {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            let meta = event.metadata();
            self.0.lock().unwrap().push((*meta.level(), meta.target().to_owned()));
        }
    }

    #[test]
    fn urgency_is_the_level() {
        let seen = Seen::default();
        let subscriber = tracing_subscriber::registry().with(seen.clone());
        tracing::subscriber::with_default(subscriber, || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            for urgency in [Urgency::Info, Urgency::Attention, Urgency::Page] {
                let (id, now) = (IncidentId::new("i1"), Timestamp::from_ms(0));
                let notice = Notice::new(id, "shop".into(), now, urgency, "healed");
                runtime.block_on(LogNotifier::new().notify(&notice)).unwrap();
            }
        });
        let seen: Vec<_> = seen.0.lock().unwrap().clone();
        let levels = [Level::INFO, Level::WARN, Level::ERROR];
        assert_eq!(seen, levels.map(|level| (level, String::from("aegis::notify"))));
    }
}
