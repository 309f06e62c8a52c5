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
