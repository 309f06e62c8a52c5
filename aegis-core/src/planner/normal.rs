//! What is normal for a service: samples in memory, bounded, without those of releases that the judge
//! condemned.

use std::collections::{HashMap, VecDeque};

use crate::id::{IncidentId, Timestamp};
use crate::machine::Incident;
use crate::model::{Metric, Point, Samples, Summary};

/// Samples remembered of each metric.
const SAMPLES: usize = 240;
/// Condemned releases remembered; the oldest is forgotten first.
const CONDEMNED: usize = 16;

#[derive(Debug, Default)]
pub(super) struct Normal {
    rings: HashMap<Metric, VecDeque<Point>>,
    condemned: VecDeque<Condemned>,
}

/// A release that is not normal, while it runs.
#[derive(Debug)]
struct Condemned {
    incident: IncidentId,
    live_at: Timestamp,
    /// When its revert went live, or somebody decided that it stays.
    ended: Option<Timestamp>,
}

impl Condemned {
    fn ran_at(&self, at: Timestamp) -> bool {
        self.live_at < at && self.ended.is_none_or(|ended| at <= ended)
    }
}

impl Normal {
    /// Remembers samples, newest last, except what was measured while a condemned release ran.
    pub(super) fn remember(&mut self, samples: &Samples) {
        for (metric, readings) in &samples.series {
            let ring = self.rings.entry(metric.clone()).or_default();
            for point in readings.points().iter().filter(|p| p.value.is_finite()) {
                if self.condemned.iter().any(|release| release.ran_at(point.at)) {
                    continue;
                }
                if ring.len() == SAMPLES {
                    ring.pop_front();
                }
                ring.push_back(*point);
            }
        }
    }

    /// The statistics of those of `metrics` that have samples.
    pub(super) fn summaries(&self, metrics: &[Metric]) -> Vec<(Metric, Summary)> {
        let summary = |metric: &Metric| {
            let ring = self.rings.get(metric)?;
            let events = ring.iter().map(|point| point.weight).sum();
            Some((metric.clone(), Summary::of(ring.iter().map(|point| point.value), events)?))
        };
        metrics.iter().filter_map(summary).collect()
    }

    /// Learns where an incident stands: what a release measured that it condemns is not normal, from the
    /// moment it went live until its revert did.
    pub(super) fn heed(&mut self, incident: &Incident) {
        let Some(watch) = incident.watch.as_ref().filter(|_| !incident.condemned.is_empty()) else {
            return;
        };
        let runs = !incident.revert_live && !incident.phase.is_terminal();
        let ended = (!runs).then_some(incident.since);
        let (id, live_at) = (&incident.case.incident, watch.live_at);
        let known = |r: &&mut Condemned| r.incident == *id && r.live_at == live_at;
        match self.condemned.iter_mut().find(known) {
            Some(release) if runs == release.ended.is_none() => return,
            Some(release) => release.ended = ended,
            None => {
                if self.condemned.len() == CONDEMNED {
                    self.condemned.pop_front();
                }
                self.condemned.push_back(Condemned { incident: id.clone(), live_at, ended });
            }
        }
        for ring in self.rings.values_mut() {
            ring.retain(|point| !self.condemned.iter().any(|release| release.ran_at(point.at)));
        }
    }

    /// An incident that is driven here no more has nobody who says when its revert is live.
    pub(super) fn leave(&mut self, incident: &IncidentId, now: Timestamp) {
        for release in self.condemned.iter_mut().filter(|r| r.incident == *incident) {
            release.ended.get_or_insert(now);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::machine::{Entry, Opened, Record, Settings};
    use crate::model::{IncidentKind, Readings};
    use crate::testkit::mint;

    fn measured(normal: &mut Normal, at: i64, value: f64) {
        let point = Point::new(Timestamp::from_ms(at), value);
        normal.remember(&Samples::new(vec![(Metric::Cpu, Readings::Values(vec![point]))]));
    }

    fn median(normal: &Normal) -> Option<(u32, f64)> {
        let all = normal.summaries(&[Metric::Cpu]);
        all.first().map(|(_, summary)| (summary.count, summary.median))
    }

    /// A release that went live at 100, condemned.
    fn condemned() -> Incident {
        let case = mint::case("shop", "i1");
        let (id, first) = (case.incident.clone(), case.symptoms[0].clone());
        let kind = IncidentKind::Release;
        let mut opened = Opened::new(id, case.service.clone(), kind, first, Settings::default());
        let person = crate::model::Author::Person("kim".into());
        let revision = crate::id::Revision::new("r");
        let live_at = Timestamp::from_ms(100);
        opened.releases = vec![crate::model::Release::new(case.service, revision, live_at, person)];
        let record = Record::Opened(Box::new(opened));
        let mut incident = Incident::begin(&Entry { seq: 1, at: live_at, record }).unwrap();
        incident.condemned = vec![String::from("slow")];
        incident
    }

    #[test]
    fn what_a_condemned_release_measured_is_dropped_and_none_is_added_while_it_runs() {
        let (mut normal, mut incident) = (Normal::default(), condemned());
        for at in [80, 100, 120] {
            measured(&mut normal, at, if at > 100 { 0.9 } else { 0.2 });
        }
        normal.heed(&incident);
        measured(&mut normal, 140, 0.9);
        assert_eq!(median(&normal), Some((2, 0.2)));
        incident.revert_live = true;
        incident.since = Timestamp::from_ms(150);
        normal.heed(&incident);
        // What a source remembers of that time is no more normal when it is asked later.
        measured(&mut normal, 130, 0.9);
        measured(&mut normal, 160, 0.2);
        assert_eq!(median(&normal), Some((3, 0.2)));
    }

    #[test]
    fn a_release_whose_incident_left_does_not_stop_the_learning_for_ever() {
        let (mut normal, incident) = (Normal::default(), condemned());
        normal.heed(&incident);
        normal.leave(&incident.case.incident, Timestamp::from_ms(200));
        measured(&mut normal, 210, 0.3);
        assert_eq!(median(&normal), Some((1, 0.3)));
        // Driven here again, it is heeded again.
        normal.heed(&incident);
        assert_eq!(median(&normal), None);
    }

    #[test]
    fn samples_stay_bounded() {
        let mut normal = Normal::default();
        for at in 0..1_000 {
            measured(&mut normal, at, 0.1);
        }
        assert_eq!(median(&normal).map(|(count, _)| count), Some(240));
    }
}
