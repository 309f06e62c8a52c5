//! A stage for each service.

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::error::{Error, Result};
use crate::id::{EffectKey, ServiceName};
use crate::model::{Case, Diagnosis, Evidence, Fix, Query, Samples, Verdict, Verification};
use crate::stage::{
    Deployer, Diagnoser, FixGenerator, MergeOrder, MetricSource, Order, RevertOrder, RollbackJudge,
    Rollout, Verifier,
};

/// See [`by_service`].
#[derive(Debug, Clone)]
pub struct ByService<S> {
    stages: BTreeMap<ServiceName, S>,
}

/// Routes every call to the stage of the service it is about.
///
/// A call about another service fails with `NotFound`, which names those that are known.
pub fn by_service<S>(stages: impl IntoIterator<Item = (ServiceName, S)>) -> ByService<S> {
    ByService { stages: stages.into_iter().collect() }
}

impl<S> ByService<S> {
    fn of(&self, service: &ServiceName) -> Result<&S> {
        self.stages.get(service).ok_or_else(|| {
            let known: Vec<&str> = self.stages.keys().map(ServiceName::as_str).collect();
            Error::not_found(format!("no stage for {service}, only for {}", known.join(", ")))
        })
    }
}

#[async_trait]
impl<S: MetricSource> MetricSource for ByService<S> {
    async fn sample(&self, query: &Query) -> Result<Samples> {
        self.of(&query.service)?.sample(query).await
    }
}

#[async_trait]
impl<S: Diagnoser> Diagnoser for ByService<S> {
    async fn diagnose(&self, case: &Case) -> Result<Diagnosis> {
        self.of(&case.service)?.diagnose(case).await
    }
}

#[async_trait]
impl<S: FixGenerator> FixGenerator for ByService<S> {
    async fn generate(&self, case: &Case, diagnosis: &Diagnosis) -> Result<Vec<Fix>> {
        self.of(&case.service)?.generate(case, diagnosis).await
    }
}

#[async_trait]
impl<S: Verifier> Verifier for ByService<S> {
    async fn verify(&self, case: &Case, fix: &Fix) -> Result<Verification> {
        self.of(&case.service)?.verify(case, fix).await
    }
}

#[async_trait]
impl<S: RollbackJudge> RollbackJudge for ByService<S> {
    async fn judge(&self, case: &Case, evidence: &Evidence) -> Result<Verdict> {
        self.of(&case.service)?.judge(case, evidence).await
    }
}

#[async_trait]
impl<S: Deployer> Deployer for ByService<S> {
    async fn submit(&self, order: &Order) -> Result<Rollout> {
        self.of(&order.key().service)?.submit(order).await
    }

    async fn lookup(&self, key: &EffectKey) -> Result<Option<Rollout>> {
        self.of(&key.service)?.lookup(key).await
    }

    async fn merge(&self, order: &MergeOrder) -> Result<Rollout> {
        self.of(&order.key().service)?.merge(order).await
    }

    async fn withdraw(&self, key: &EffectKey, why: &str) -> Result<Rollout> {
        self.of(&key.service)?.withdraw(key, why).await
    }

    async fn revert(&self, order: &RevertOrder) -> Result<Rollout> {
        self.of(&order.key().service)?.revert(order).await
    }

    async fn amend(&self, key: &EffectKey, body: &str) -> Result<()> {
        self.of(&key.service)?.amend(key, body).await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::id::Revision;
    use crate::stage::MockDiagnoser;
    use crate::testkit::mint;

    #[tokio::test]
    async fn a_call_reaches_the_stage_of_its_service_only() {
        let named = |author: &'static str| {
            let mut mock = MockDiagnoser::new();
            let made = move || Diagnosis::new(Revision::new("b"), author, Vec::new());
            mock.expect_diagnose().returning(move |_| Ok(made()));
            mock
        };
        let both = by_service([("a".into(), named("for a")), ("b".into(), named("for b"))]);
        assert_eq!(both.diagnose(&mint::case("b", "i")).await.unwrap().author, "for b");
        let error = both.diagnose(&mint::case("c", "i")).await.unwrap_err();
        assert_eq!(error.to_string(), "no stage for c, only for a, b");
    }
}
