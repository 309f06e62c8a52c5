//! Several metric sources as one.

use std::sync::Arc;
use std::time::Duration;

use aegis_core::model::{Metric, Missing, Query, Readings, Samples};
use aegis_core::stage::MetricSource;
use aegis_core::{Error, Result};
use async_trait::async_trait;
use tokio::task::JoinSet;

/// Asks several sources at once and answers each metric from the first one that has values.
///
/// A source that fails, panics or takes longer than its deadline costs only the metrics that no
/// other source has; those are missing for the reason that says most: failed before no data before
/// unsupported.
///
/// ```
/// use std::sync::Arc;
/// use aegis_local::sources::{AccessLog, FirstOf, MachineLoad};
/// let source = FirstOf::new(vec![
///     Arc::new(AccessLog::new("access.log")),
///     Arc::new(MachineLoad::new()),
/// ]);
/// ```
#[derive(Debug, Clone)]
pub struct FirstOf {
    sources: Vec<Arc<dyn MetricSource>>,
    timeout: Duration,
}

impl FirstOf {
    /// Asks `sources`, the preferred one first. Each has 10 seconds.
    pub fn new(sources: Vec<Arc<dyn MetricSource>>) -> Self {
        Self { sources, timeout: Duration::from_secs(10) }
    }

    /// Bounds how long each source may take.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    async fn ask_all(&self, query: &Query) -> Vec<Result<Samples>> {
        let mut asked = JoinSet::new();
        for (i, source) in self.sources.iter().enumerate() {
            let (source, query, timeout) = (Arc::clone(source), query.clone(), self.timeout);
            asked.spawn(async move {
                let answer = tokio::time::timeout(timeout, source.sample(&query)).await;
                let late = |_| Err(Error::timeout(format!("no answer within {timeout:?}")));
                (i, answer.unwrap_or_else(late))
            });
        }
        let mut answers: Vec<Result<Samples>> = self
            .sources
            .iter()
            .map(|source| Err(Error::internal(format!("{source:?} panicked"))))
            .collect();
        while let Some(done) = asked.join_next().await {
            if let Ok((i, answer)) = done {
                answers[i] = answer;
            }
        }
        answers
    }
}

#[async_trait]
impl MetricSource for FirstOf {
    async fn sample(&self, query: &Query) -> Result<Samples> {
        let answers = self.ask_all(query).await;
        if !answers.is_empty() && answers.iter().all(Result::is_err) {
            return answers.into_iter().next().unwrap_or_else(|| Ok(Samples::default()));
        }
        let best = |metric: &Metric| {
            let mut best = Readings::Missing(Missing::Unsupported);
            for answer in &answers {
                let readings = match answer {
                    Ok(samples) => samples.get(metric).cloned().unwrap_or_else(left_out),
                    Err(e) => Readings::Missing(Missing::Failed(e.to_string())),
                };
                if rank(&readings) > rank(&best) {
                    best = readings;
                }
            }
            (metric.clone(), best)
        };
        Ok(Samples::new(query.metrics.iter().map(best).collect()))
    }
}

fn left_out() -> Readings {
    Readings::Missing(Missing::Failed(String::from("the source left the metric out")))
}

fn rank(readings: &Readings) -> u8 {
    match readings {
        Readings::Values(points) if !points.is_empty() => 3,
        Readings::Missing(Missing::Failed(_)) | Readings::Values(_) => 2,
        Readings::Missing(Missing::NoData) => 1,
        Readings::Missing(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use aegis_core::Timestamp;
    use aegis_core::model::Point;

    use super::*;

    #[derive(Debug)]
    enum Fake {
        Has(Metric, f64),
        NoData,
        Fails,
        Panics,
        Hangs,
        LeavesOut,
    }

    #[async_trait]
    impl MetricSource for Fake {
        async fn sample(&self, query: &Query) -> Result<Samples> {
            let answer = |metric: &Metric| {
                let readings = match self {
                    Self::Has(m, v) if m == metric => {
                        Readings::Values(vec![Point::new(query.now, *v)])
                    }
                    Self::NoData => Readings::Missing(Missing::NoData),
                    _ => Readings::Missing(Missing::Unsupported),
                };
                (metric.clone(), readings)
            };
            match self {
                Self::Fails => Err(Error::unavailable("down")),
                Self::Panics => panic!("on purpose"),
                Self::Hangs => std::future::pending().await,
                Self::LeavesOut => Ok(Samples::default()),
                _ => Ok(Samples::new(query.metrics.iter().map(answer).collect())),
            }
        }
    }

    async fn ask(sources: Vec<Fake>) -> Result<Samples> {
        let sources = sources.into_iter().map(|s| Arc::new(s) as Arc<dyn MetricSource>).collect();
        let query = Query::new(
            "shop".into(),
            Timestamp::from_ms(0),
            Duration::from_secs(60),
            vec![Metric::Cpu, Metric::Memory],
        );
        FirstOf::new(sources).with_timeout(Duration::from_millis(50)).sample(&query).await
    }

    fn value(samples: &Samples, metric: &Metric) -> Option<f64> {
        samples.get(metric).unwrap().last().map(|p| p.value)
    }

    #[tokio::test]
    async fn the_first_source_with_values_answers() {
        let sources = vec![
            Fake::NoData,
            Fake::Has(Metric::Cpu, 1.0),
            Fake::Has(Metric::Cpu, 2.0),
            Fake::Has(Metric::Memory, 3.0),
        ];
        let samples = ask(sources).await.unwrap();
        assert_eq!(value(&samples, &Metric::Cpu), Some(1.0));
        assert_eq!(value(&samples, &Metric::Memory), Some(3.0));
    }

    #[tokio::test]
    async fn a_broken_source_costs_its_own_metrics_only() {
        for broken in [Fake::Fails, Fake::Panics, Fake::Hangs, Fake::LeavesOut] {
            let samples = ask(vec![broken, Fake::Has(Metric::Cpu, 1.0)]).await.unwrap();
            assert_eq!(value(&samples, &Metric::Cpu), Some(1.0));
            let memory = samples.get(&Metric::Memory).unwrap();
            assert!(matches!(memory, Readings::Missing(Missing::Failed(_))), "{memory:?}");
        }
    }

    #[tokio::test]
    async fn only_when_every_source_fails_is_it_an_error() {
        assert!(ask(vec![Fake::Fails, Fake::Hangs]).await.is_err());
        let none = ask(Vec::new()).await.unwrap();
        assert_eq!(none.get(&Metric::Cpu), Some(&Readings::Missing(Missing::Unsupported)));
    }
}
