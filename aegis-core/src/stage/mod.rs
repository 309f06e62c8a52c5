//! The six stages: what an adapter implements.
//!
//! Each trait is object-safe, works behind `Arc` and `Box`, and states its contract. A stage may
//! panic, block or hang: that costs the incident it was called for and nothing else.

mod deploy;
mod diagnose;
mod fix;
mod judge;
mod metrics;
mod verify;

pub use deploy::{Deployer, Feedback, MergeOrder, Order, RevertOrder, Rollout};
pub use diagnose::Diagnoser;
pub use fix::FixGenerator;
pub use judge::RollbackJudge;
pub use metrics::MetricSource;
pub use verify::Verifier;

#[cfg(any(test, feature = "mock"))]
pub use {
    deploy::MockDeployer, diagnose::MockDiagnoser, fix::MockFixGenerator, judge::MockRollbackJudge,
    metrics::MockMetricSource, verify::MockVerifier,
};

/// Implements a stage for `Arc<T>` and `Box<T>` by forwarding every method.
macro_rules! forward {
    ($trait:ident { $(fn $name:ident(&self $(, $arg:ident: $type:ty)*) -> $out:ty;)+ }) => {
        $crate::stage::forward!(@one $trait std::sync::Arc { $(fn $name(&self $(, $arg: $type)*) -> $out;)+ });
        $crate::stage::forward!(@one $trait Box { $(fn $name(&self $(, $arg: $type)*) -> $out;)+ });
    };
    (@one $trait:ident $($wrapper:ident)::+ {
        $(fn $name:ident(&self $(, $arg:ident: $type:ty)*) -> $out:ty;)+
    }) => {
        #[async_trait::async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<T: $trait + ?Sized> $trait for $($wrapper)::+<T> {
            $(async fn $name(&self $(, $arg: $type)*) -> $out {
                (**self).$name($($arg),*).await
            })+
        }
    };
}
pub(crate) use forward;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_is_object_safe() {
        fn _metrics(_: &dyn MetricSource) {}
        fn _diagnose(_: &dyn Diagnoser) {}
        fn _fix(_: &dyn FixGenerator) {}
        fn _verify(_: &dyn Verifier) {}
        fn _deploy(_: &dyn Deployer) {}
        fn _judge(_: &dyn RollbackJudge) {}
    }

    #[test]
    fn every_stage_works_behind_arc_and_box() {
        fn metrics<T: MetricSource>() {}
        fn deploy<T: Deployer>() {}
        metrics::<std::sync::Arc<dyn MetricSource>>();
        metrics::<Box<dyn MetricSource>>();
        deploy::<std::sync::Arc<dyn Deployer>>();
        deploy::<Box<std::sync::Arc<dyn Deployer>>>();
    }
}
