//! Samples that are asked at about the same time go out as one question.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use aegis_core::model::{Query, Readings, Samples};
use aegis_core::{Error, Result, ServiceName};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use super::Prometheus;

/// How much longer or shorter the steps of one question may be than the first one's: planners look a
/// tenth sooner or later than they are told to.
const STRETCH: f64 = 1.25;

/// The questions that others can still join.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    open: Mutex<Vec<Group>>,
}

/// A question that has not gone out.
#[derive(Debug)]
struct Group {
    /// That of the first, whose time and step hold for all.
    query: Query,
    wait: Duration,
    asked: Vec<Asked>,
    work: Weak<Work>,
}

/// One of those who ask.
#[derive(Debug)]
struct Asked {
    service: ServiceName,
    step: Duration,
    answer: oneshot::Sender<Result<Samples>>,
}

/// The work on a question, which ends once nobody waits for it.
#[derive(Debug)]
struct Work(AbortHandle);

impl Drop for Work {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Group {
    /// Whether what `query` asks is answered here too.
    fn takes(&self, query: &Query) -> bool {
        let stretch = query.step.as_secs_f64() / self.query.step.as_secs_f64();
        // Nobody is told what was not yet when he asked.
        query.now >= self.query.now
            && query.now.since(self.query.now) <= self.wait
            && (1.0 / STRETCH..=STRETCH).contains(&stretch)
            && self.query.metrics == query.metrics
    }
}

impl Gathering {
    /// The answer to `query`, one sample for its whole window, which goes out within `wait` with those like it.
    pub(super) async fn sample(
        &self,
        source: &Prometheus,
        query: &Query,
        wait: Duration,
    ) -> Result<Samples> {
        let (answer, answered) = oneshot::channel();
        let asked = Asked { service: query.service.clone(), step: query.step, answer };
        let _work = self.join(source, query, wait, asked);
        answered.await.unwrap_or_else(|_| Err(lost()))
    }

    fn join(&self, source: &Prometheus, query: &Query, wait: Duration, asked: Asked) -> Arc<Work> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        // What nobody waited for ended, and never closed its question.
        open.retain(|group| group.work.strong_count() > 0);
        let fit = open.iter_mut().filter(|group| group.takes(query));
        for group in fit {
            if let Some(work) = group.work.upgrade() {
                group.asked.push(asked);
                return work;
            }
        }
        // Nothing of the new one is looked for before this lock is released.
        let work = Arc::new_cyclic(|this: &Weak<Work>| {
            let (source, this) = (source.clone(), this.clone());
            let task = tokio::spawn(async move {
                tokio::time::sleep(wait).await;
                if let Some(group) = source.inner.gathering.close(&this) {
                    group.answer(&source).await;
                }
            });
            Work(task.abort_handle())
        });
        let (query, asked) = (query.clone(), vec![asked]);
        open.push(Group { query, wait, asked, work: Arc::downgrade(&work) });
        work
    }

    fn close(&self, work: &Weak<Work>) -> Option<Group> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let place = open.iter().position(|group| group.work.ptr_eq(work))?;
        Some(open.swap_remove(place))
    }
}

impl Group {
    async fn answer(mut self, source: &Prometheus) {
        self.asked.retain(|asked| !asked.answer.is_closed());
        let mut services: Vec<ServiceName> =
            self.asked.iter().map(|asked| asked.service.clone()).collect();
        services.sort_unstable();
        services.dedup();
        let found = source.sample_each(&services, &self.query).await;
        for Asked { service, step, answer } in self.asked {
            let own = match (&found, services.binary_search(&service)) {
                (Ok(all), Ok(place)) => Ok(within(all[place].clone(), step, self.query.step)),
                (Ok(_), Err(_)) => Err(lost()),
                (Err(e), _) => Err(Error::new(e.kind(), e.to_string()).with_retry(e.retry())),
            };
            // Whoever does not wait any more needs no answer.
            let _ = answer.send(own);
        }
    }
}

fn lost() -> Error {
    Error::internal("a sample was lost").at("prometheus")
}

/// `samples` with as many events as fall in `step`, where they were counted for a step of `counted`.
fn within(mut samples: Samples, step: Duration, counted: Duration) -> Samples {
    if step != counted {
        let share = step.as_secs_f64() / counted.as_secs_f64();
        for (_, readings) in &mut samples.series {
            let Readings::Values(points) = readings else { continue };
            for point in points {
                // Never negative, and saturating.
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                let weight = (point.weight as f64 * share).round() as u64;
                point.weight = weight;
            }
        }
    }
    samples
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::source::PrometheusConfig;
    use aegis_core::Timestamp;
    use aegis_core::model::Metric;

    #[tokio::test]
    async fn what_was_given_up_is_not_kept() {
        let endpoint = crate::EndpointConfig::new("http://localhost:9");
        let source = Prometheus::new(PrometheusConfig::new(endpoint)).unwrap();
        let (now, second) = (Timestamp::from_ms(1_700_000_000_000), Duration::from_secs(1));
        for n in 1..5 {
            let window = n * n * second;
            let query = Query::new("shop".into(), now, window, vec![Metric::Health]);
            let gathering = &source.inner.gathering;
            let asked = gathering.sample(&source, &query, second);
            assert!(tokio::time::timeout(Duration::ZERO, asked).await.is_err());
            assert_eq!(gathering.open.lock().unwrap().len(), 1);
        }
    }
}
