//! How fast a run is played: a few seconds for each watch, or the defaults that production gets.

use std::time::Duration;

use aegis_core::machine::Settings;
use aegis_core::planner::{PlannerConfig, StormConfig};

/// Times of a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Machine settings.
    pub(super) settings: Settings,
    /// The planner's times.
    pub(super) planner: PlannerConfig,
    /// Ordinary visitors before the first one meets a bug: what is normal has to be seen first.
    pub(super) calm: Duration,
    /// Ordinary visitors between two scenarios.
    pub(super) between: Duration,
    /// How long a hold is shown before it is lifted.
    pub(super) shown: Duration,
    /// How long one scenario may take.
    pub(super) limit: Duration,
}

impl Pace {
    /// Everything by default: a sample every 30 s, five minutes of watching.
    pub(super) fn real_time() -> Self {
        Self {
            settings: Settings::default(),
            planner: PlannerConfig::new(),
            calm: Duration::from_secs(150),
            between: Duration::from_secs(20),
            shown: Duration::from_secs(20),
            limit: Duration::from_secs(2_400),
        }
    }

    /// As fast as a release can be judged that is watched for `watch`.
    pub(super) fn of(watch: Duration) -> Self {
        let look = (watch / 10).clamp(Duration::from_millis(200), Duration::from_secs(10));
        let settings = Settings::default()
            .with_watch(watch, look)
            .with_poll(Duration::from_millis(50))
            .with_exercise(5)
            .with_damping(watch / 4, watch * 4);
        let storm = StormConfig::new().with_threshold(10, watch / 2);
        let observe = (watch / 60).max(Duration::from_millis(500));
        let planner = PlannerConfig::new().with_observe_every(observe).with_storm(storm);
        Self {
            settings,
            planner,
            calm: Duration::from_secs(5),
            between: Duration::from_secs(3),
            shown: Duration::from_secs(2),
            limit: (watch * 15).max(Duration::from_secs(90)),
        }
    }
}
