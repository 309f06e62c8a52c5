//! How things stand, told to telemetry at each look at a service.

use super::engine::Engine;
use crate::error::Result;
use crate::id::{EffectKind, ServiceName};
use crate::port::TelemetryEvent;

/// Reads a person's switches and the service's budget of today; nothing where nobody listens.
pub(super) async fn tell(engine: &Engine, service: &ServiceName) -> Result<()> {
    if engine.telemetry.is_silent() {
        return Ok(());
    }
    let (policy, now) = (engine.policy.config(), engine.now());
    let control = engine.journal.control().await?;
    let killed = control.killed.is_some();
    let frozen = control.frozen(&policy.weekly_freezes, now).is_some();
    engine.telemetry.record(TelemetryEvent::Switches { killed, frozen });
    for kind in [EffectKind::Submit, EffectKind::Merge, EffectKind::Revert] {
        let Some(limit) = policy.budget.of_day(kind, service, now) else { continue };
        let (used, most) = (engine.journal.used(&limit.counter).await?, limit.most);
        engine.telemetry.record(TelemetryEvent::Budget { service, kind, used, most });
    }
    Ok(())
}
