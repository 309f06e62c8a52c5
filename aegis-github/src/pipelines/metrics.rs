//! How the runs of a window did.

use std::time::Duration;

use aegis_core::model::{Metric, Missing, Point, Query, Readings, Samples};
use aegis_core::stage::MetricSource;
use aegis_core::{Error, Result};
use async_trait::async_trait;

use super::runs::Run;
use super::{Conclusion, Pipelines};

/// Runs that one answer is made of; GitHub lists no more of a search.
const RUNS: usize = 1_000;
/// How long before the window a run may have been made that completes in it.
const SLACK: Duration = Duration::from_secs(24 * 3_600);

/// One point for the whole window, over the runs that completed in it and were made at most 24 hours
/// before it; of more than 1,000, the newest. Its weight is their number.
#[async_trait]
impl MetricSource for Pipelines {
    async fn sample(&self, query: &Query) -> Result<Samples> {
        let known = [Self::success_rate(), Self::duration()];
        let unsupported = || Readings::Missing(Missing::Unsupported);
        if !query.metrics.iter().any(|metric| known.contains(metric)) {
            let none = |metric: &Metric| (metric.clone(), unsupported());
            return Ok(Samples::new(query.metrics.iter().map(none).collect()));
        }
        let runs = self.runs(Some(query.since().minus(SLACK)), RUNS).await.map_err(Error::from)?;
        let within = |run: &&Run| {
            let ended = run.ended_at();
            run.conclusion() != Conclusion::Silent
                && ended.is_some_and(|at| query.since() <= at && at < query.now)
        };
        let runs: Vec<&Run> = runs.iter().filter(within).collect();
        let read = |metric: &Metric| {
            let values: Vec<f64> = if *metric == known[0] {
                runs.iter().map(|run| f64::from(u8::from(!run.conclusion().is_failure()))).collect()
            } else if *metric == known[1] {
                runs.iter().filter_map(|run| run.seconds()).collect()
            } else {
                return unsupported();
            };
            let value = if *metric == known[0] { mean(&values) } else { median(values.clone()) };
            value.map_or(Readings::Missing(Missing::NoData), |value| {
                let weight = u64::try_from(values.len()).unwrap_or(u64::MAX);
                Readings::Values(vec![Point::new(query.now, value).with_weight(weight)])
            })
        };
        Ok(Samples::new(query.metrics.iter().map(|m| (m.clone(), read(m))).collect()))
    }
}

fn mean(values: &[f64]) -> Option<f64> {
    let count = u32::try_from(values.len()).ok().filter(|count| *count > 0)?;
    Some(values.iter().sum::<f64>() / f64::from(count))
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let (half, odd) = (values.len() / 2, values.len() % 2 == 1);
    let upper = *values.get(half)?;
    Some(if odd { upper } else { f64::midpoint(values[half - 1], upper) })
}
