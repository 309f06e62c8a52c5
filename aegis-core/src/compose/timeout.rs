//! A deadline of its own for a stage that only reads.

use std::future::Future;
use std::time::Duration;

use async_trait::async_trait;

use crate::error::{Error, Result};
use crate::model::{Case, Diagnosis, Evidence, Fix, Query, Samples, Verdict, Verification};
use crate::stage::{Diagnoser, FixGenerator, MetricSource, RollbackJudge, Verifier};

/// See [`timeout`].
#[derive(Debug, Clone)]
pub struct Timeout<S> {
    stage: S,
    limit: Duration,
}

/// Drops a call that takes longer than `limit`, on the machine's clock.
///
/// For stages that only read: a deployer's writes run to their end, so it has no `Timeout`.
pub fn timeout<S>(stage: S, limit: Duration) -> Timeout<S> {
    Timeout { stage, limit }
}

impl<S> Timeout<S> {
    async fn within<T>(&self, call: impl Future<Output = Result<T>> + Send) -> Result<T> {
        tokio::time::timeout(self.limit, call)
            .await
            .unwrap_or_else(|_| Err(Error::timeout(format!("no answer within {:?}", self.limit))))
    }
}

#[async_trait]
impl<S: MetricSource> MetricSource for Timeout<S> {
    async fn sample(&self, query: &Query) -> Result<Samples> {
        self.within(self.stage.sample(query)).await
    }
}

#[async_trait]
impl<S: Diagnoser> Diagnoser for Timeout<S> {
    async fn diagnose(&self, case: &Case) -> Result<Diagnosis> {
        self.within(self.stage.diagnose(case)).await
    }
}

#[async_trait]
impl<S: FixGenerator> FixGenerator for Timeout<S> {
    async fn generate(&self, case: &Case, diagnosis: &Diagnosis) -> Result<Vec<Fix>> {
        self.within(self.stage.generate(case, diagnosis)).await
    }
}

#[async_trait]
impl<S: Verifier> Verifier for Timeout<S> {
    async fn verify(&self, case: &Case, fix: &Fix) -> Result<Verification> {
        self.within(self.stage.verify(case, fix)).await
    }
}

#[async_trait]
impl<S: RollbackJudge> RollbackJudge for Timeout<S> {
    async fn judge(&self, case: &Case, evidence: &Evidence) -> Result<Verdict> {
        self.within(self.stage.judge(case, evidence)).await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::error::ErrorKind;
    use crate::testkit::mint;

    #[derive(Debug)]
    struct Hangs;

    #[async_trait]
    impl Diagnoser for Hangs {
        async fn diagnose(&self, _case: &Case) -> Result<Diagnosis> {
            std::future::pending().await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stage_that_hangs_is_dropped() {
        let stage = timeout(Hangs, Duration::from_secs(5));
        let error = stage.diagnose(&mint::case("shop", "i1")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
    }
}
