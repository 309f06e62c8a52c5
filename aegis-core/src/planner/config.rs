//! What a host can set.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::detect::DetectConfig;
use crate::error::{Error, Result};
use crate::id::ServiceName;
use crate::machine::Settings;
use crate::model::Metric;

/// One service that is looked after.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ServiceConfig {
    /// Its name, as its signals carry it.
    pub name: ServiceName,
    /// The metrics that are observed, and judged after a release.
    pub metrics: Vec<Metric>,
    /// How anomalies are told from noise.
    pub detect: DetectConfig,
    /// Times and limits of its incidents.
    pub settings: Settings,
}

impl ServiceConfig {
    /// A service with the golden signals observed.
    pub fn new(name: impl Into<ServiceName>) -> Self {
        Self {
            name: name.into(),
            metrics: vec![
                Metric::Health,
                Metric::ErrorRate,
                Metric::LatencyP95,
                Metric::LatencyP99,
                Metric::RequestRate,
                Metric::Cpu,
                Metric::Memory,
            ],
            detect: DetectConfig::default(),
            settings: Settings::default(),
        }
    }

    /// Observes these metrics.
    #[must_use]
    pub fn with_metrics(mut self, metrics: Vec<Metric>) -> Self {
        self.metrics = metrics;
        self
    }

    /// Tells anomalies from noise this way.
    #[must_use]
    pub fn with_detect(mut self, detect: DetectConfig) -> Self {
        self.detect = detect;
        self
    }

    /// Sets the times and limits of its incidents.
    #[must_use]
    pub fn with_settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }
}

/// The planner's own times and bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlannerConfig {
    /// Time between two samples of a service, jittered by a tenth; 30 s unless set.
    pub observe_every: Duration,
    /// How long a read stage (metrics, diagnoser, judge, lookup) may take; 60 s unless set.
    pub read_deadline: Duration,
    /// How long the fix generator may take; 5 minutes unless set.
    pub draft_deadline: Duration,
    /// How long the verifier may take; 30 minutes unless set.
    pub verify_deadline: Duration,
    /// How long a write (submit, merge, withdraw, revert) may take; 2 minutes unless set.
    pub write_deadline: Duration,
    /// How long a lease lasts; renewed every third of it; 30 s unless set.
    pub lease: Duration,
    /// Incidents that are driven at the same time; 64 unless set, at least 1. Those that only wait for a
    /// person or for their turn to release do not count.
    pub drivers: usize,
    /// Incidents of one service among them; 16 unless set, at least 1. More of them wait, the oldest
    /// first, and leave room for those of other services.
    pub drivers_per_service: usize,
    /// Threads for stage calls and sources; 64 unless set.
    pub threads: usize,
    /// Stage calls that may hang for good before new ones are refused; 16 unless set.
    pub abandoned: usize,
    /// Between two looks for what people and other processes left in the journal; 1 s unless set. A
    /// journal that gives hints has it looked for at once.
    pub mail_every: Duration,
    /// How long a closed incident is reopened by the same error; 24 h unless set.
    pub reopen_within: Duration,
    /// Sightings of an error line without a stack trace, within a minute, before it opens an
    /// incident; 5 unless set.
    pub lines_to_open: usize,
    /// How long `shutdown` waits for writes that are under way; 30 s unless set.
    pub shutdown: Duration,
    /// When many different errors are one storm.
    pub storm: StormConfig,
}

/// When many different errors of one service are a storm: one umbrella incident, and nothing is
/// shipped while it is open. Each process counts the errors that it is told; the umbrella is one for
/// all processes on a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct StormConfig {
    /// How many different errors, each of which would open an incident of its own, make a storm;
    /// 10 unless set, 2 to 1,000, or 0 for none ever.
    pub fingerprints: usize,
    /// Within how long they happen; 60 s unless set.
    pub within: Duration,
    /// How long no error of a storm is seen before it is over by itself; 5 minutes unless set.
    pub over: Duration,
}

impl Default for StormConfig {
    fn default() -> Self {
        Self { fingerprints: 10, within: Duration::from_secs(60), over: Duration::from_secs(300) }
    }
}

impl StormConfig {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// So many different errors within `within` are a storm; 0 for none ever.
    #[must_use]
    pub fn with_threshold(mut self, fingerprints: usize, within: Duration) -> Self {
        self.fingerprints = fingerprints;
        self.within = within;
        self
    }

    /// A storm of which nothing is seen for `over` is over by itself.
    #[must_use]
    pub fn with_over(mut self, over: Duration) -> Self {
        self.over = over;
        self
    }
}

impl Default for PlannerConfig {
    fn default() -> Self {
        Self {
            observe_every: Duration::from_secs(30),
            read_deadline: Duration::from_secs(60),
            draft_deadline: Duration::from_secs(300),
            verify_deadline: Duration::from_secs(1_800),
            write_deadline: Duration::from_secs(120),
            lease: Duration::from_secs(30),
            drivers: 64,
            drivers_per_service: 16,
            threads: 64,
            abandoned: 16,
            mail_every: Duration::from_secs(1),
            reopen_within: Duration::from_secs(86_400),
            lines_to_open: 5,
            shutdown: Duration::from_secs(30),
            storm: StormConfig::default(),
        }
    }
}

impl PlannerConfig {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Samples each service every `every`.
    #[must_use]
    pub fn with_observe_every(mut self, every: Duration) -> Self {
        self.observe_every = every;
        self
    }

    /// Lets a verification take this long.
    #[must_use]
    pub fn with_verify_deadline(mut self, deadline: Duration) -> Self {
        self.verify_deadline = deadline;
        self
    }

    /// Lets a read stage take this long.
    #[must_use]
    pub fn with_read_deadline(mut self, deadline: Duration) -> Self {
        self.read_deadline = deadline;
        self
    }

    /// Lets a lease last this long.
    #[must_use]
    pub fn with_lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Drives so many incidents of one service at the same time.
    #[must_use]
    pub fn with_drivers_per_service(mut self, drivers: usize) -> Self {
        self.drivers_per_service = drivers;
        self
    }

    /// Says when many different errors are a storm.
    #[must_use]
    pub fn with_storm(mut self, storm: StormConfig) -> Self {
        self.storm = storm;
        self
    }

    /// Refuses what can't work.
    pub(super) fn check(&self) -> Result<()> {
        let zero = [
            ("observe_every", self.observe_every),
            ("read_deadline", self.read_deadline),
            ("draft_deadline", self.draft_deadline),
            ("verify_deadline", self.verify_deadline),
            ("write_deadline", self.write_deadline),
            ("lease", self.lease),
        ];
        if let Some((name, _)) = zero.iter().find(|(_, d)| d.is_zero()) {
            return Err(Error::invalid(format!("{name} is zero; give it a duration")).at("planner"));
        }
        if self.drivers == 0 || self.drivers_per_service == 0 || self.threads < 4 {
            let why = "at least one driver, one of each service, and four threads are needed";
            return Err(Error::invalid(why).at("planner"));
        }
        self.storm.check()
    }
}
