//! The nouns: what is seen, thought, proposed, proven, shipped and judged.

mod case;
mod diagnosis;
mod fix;
mod metric;
mod release;
mod remedy;
mod signal;
mod verdict;
mod verification;

pub use case::{Attempt, AttemptEnd, Case, IncidentKind, Similar};
pub use diagnosis::{Cause, Diagnosis, Hypothesis, Location, Trigger};
pub use fix::{Action, Fix, FixKind};
pub use metric::{Metric, Missing, Point, Query, Readings, Samples, Unit};
pub use release::{Author, Commit, Release};
pub use remedy::Remedy;
pub use signal::{Anomaly, Event, Observation, Signal, SignalKind, Symptom};
pub use verdict::{Baseline, Evidence, Exercise, Grounds, MetricEvidence, Summary, Verdict};
pub use verification::{
    GateAnswer, GateReport, Isolation, Reproduction, Score, TestCounts, Tests, Verification,
};
