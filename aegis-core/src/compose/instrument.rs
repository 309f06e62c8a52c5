//! A tracing span around every call of a stage.

use async_trait::async_trait;
use tracing::Instrument as _;

use crate::error::Result;
use crate::id::{EffectKey, IncidentId};
use crate::model::{Case, Diagnosis, Evidence, Fix, Query, Samples, Verdict, Verification};
use crate::stage::{
    Deployer, Diagnoser, FixGenerator, MergeOrder, MetricSource, Order, RevertOrder, RollbackJudge,
    Rollout, Verifier,
};

/// See [`instrument`].
#[derive(Debug, Clone)]
pub struct Instrumented<S> {
    stage: S,
    name: &'static str,
}

/// Puts every call of `stage` into a span that carries `name` and the incident's id.
pub fn instrument<S>(name: &'static str, stage: S) -> Instrumented<S> {
    Instrumented { stage, name }
}

impl<S> Instrumented<S> {
    fn span(&self, call: &'static str, incident: Option<&IncidentId>) -> tracing::Span {
        let span = tracing::info_span!(
            target: "aegis", "stage", name = self.name, call, incident_id = tracing::field::Empty
        );
        if let Some(id) = incident {
            span.record("incident_id", tracing::field::display(id));
        }
        span
    }
}

#[async_trait]
impl<S: MetricSource> MetricSource for Instrumented<S> {
    async fn sample(&self, query: &Query) -> Result<Samples> {
        self.stage.sample(query).instrument(self.span("sample", None)).await
    }
}

#[async_trait]
impl<S: Diagnoser> Diagnoser for Instrumented<S> {
    async fn diagnose(&self, case: &Case) -> Result<Diagnosis> {
        let span = self.span("diagnose", Some(&case.incident));
        self.stage.diagnose(case).instrument(span).await
    }
}

#[async_trait]
impl<S: FixGenerator> FixGenerator for Instrumented<S> {
    async fn generate(&self, case: &Case, diagnosis: &Diagnosis) -> Result<Vec<Fix>> {
        let span = self.span("generate", Some(&case.incident));
        self.stage.generate(case, diagnosis).instrument(span).await
    }
}

#[async_trait]
impl<S: Verifier> Verifier for Instrumented<S> {
    async fn verify(&self, case: &Case, fix: &Fix) -> Result<Verification> {
        let span = self.span("verify", Some(&case.incident));
        self.stage.verify(case, fix).instrument(span).await
    }
}

#[async_trait]
impl<S: RollbackJudge> RollbackJudge for Instrumented<S> {
    async fn judge(&self, case: &Case, evidence: &Evidence) -> Result<Verdict> {
        let span = self.span("judge", Some(&case.incident));
        self.stage.judge(case, evidence).instrument(span).await
    }
}

#[async_trait]
impl<S: Deployer> Deployer for Instrumented<S> {
    async fn submit(&self, order: &Order) -> Result<Rollout> {
        let span = self.span("submit", Some(&order.key().incident));
        self.stage.submit(order).instrument(span).await
    }

    async fn lookup(&self, key: &EffectKey) -> Result<Option<Rollout>> {
        self.stage.lookup(key).instrument(self.span("lookup", Some(&key.incident))).await
    }

    async fn merge(&self, order: &MergeOrder) -> Result<Rollout> {
        let span = self.span("merge", Some(&order.key().incident));
        self.stage.merge(order).instrument(span).await
    }

    async fn withdraw(&self, key: &EffectKey, why: &str) -> Result<Rollout> {
        let span = self.span("withdraw", Some(&key.incident));
        self.stage.withdraw(key, why).instrument(span).await
    }

    async fn revert(&self, order: &RevertOrder) -> Result<Rollout> {
        let span = self.span("revert", Some(&order.key().incident));
        self.stage.revert(order).instrument(span).await
    }

    async fn amend(&self, key: &EffectKey, body: &str) -> Result<()> {
        self.stage.amend(key, body).instrument(self.span("amend", Some(&key.incident))).await
    }
}
