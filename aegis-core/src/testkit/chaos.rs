//! A wrapper that makes stages misbehave on purpose.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use crate::error::{Error, Result};
use crate::model::{Case, Diagnosis, Evidence, Fix, Query, Samples, Verdict, Verification};
use crate::stage::{Diagnoser, FixGenerator, MetricSource, RollbackJudge, Verifier};

/// What a stage does instead of answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mischief {
    /// Fails in a way that can be retried.
    Fail,
    /// Panics.
    Panic,
    /// Never answers.
    Hang,
    /// Blocks its thread for this long.
    Block(Duration),
}

/// Does mischief on the first calls, then behaves.
#[derive(Debug)]
pub struct Chaos<S> {
    stage: S,
    mischief: Mischief,
    left: AtomicU64,
}

impl<S> Chaos<S> {
    /// Does `mischief` on the first `calls` calls of `stage`.
    pub fn new(stage: S, mischief: Mischief, calls: u64) -> Self {
        Self { stage, mischief, left: AtomicU64::new(calls) }
    }

    /// Calls left that will do mischief; one that has begun no longer counts.
    pub fn left(&self) -> u64 {
        self.left.load(Ordering::SeqCst)
    }

    async fn act(&self) -> Result<()> {
        let take = |left: u64| left.checked_sub(1);
        if self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_err() {
            return Ok(());
        }
        match self.mischief {
            Mischief::Fail => Err(Error::unavailable("mischief")),
            Mischief::Panic => panic!("mischief"),
            Mischief::Hang => std::future::pending().await,
            Mischief::Block(time) => {
                std::thread::sleep(time);
                Err(Error::unavailable("mischief"))
            }
        }
    }
}

#[async_trait]
impl<S: MetricSource> MetricSource for Chaos<S> {
    async fn sample(&self, query: &Query) -> Result<Samples> {
        self.act().await?;
        self.stage.sample(query).await
    }
}

#[async_trait]
impl<S: Diagnoser> Diagnoser for Chaos<S> {
    async fn diagnose(&self, case: &Case) -> Result<Diagnosis> {
        self.act().await?;
        self.stage.diagnose(case).await
    }
}

#[async_trait]
impl<S: FixGenerator> FixGenerator for Chaos<S> {
    async fn generate(&self, case: &Case, diagnosis: &Diagnosis) -> Result<Vec<Fix>> {
        self.act().await?;
        self.stage.generate(case, diagnosis).await
    }
}

#[async_trait]
impl<S: Verifier> Verifier for Chaos<S> {
    async fn verify(&self, case: &Case, fix: &Fix) -> Result<Verification> {
        self.act().await?;
        self.stage.verify(case, fix).await
    }
}

#[async_trait]
impl<S: RollbackJudge> RollbackJudge for Chaos<S> {
    async fn judge(&self, case: &Case, evidence: &Evidence) -> Result<Verdict> {
        self.act().await?;
        self.stage.judge(case, evidence).await
    }
}
