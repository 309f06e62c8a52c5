//! The suites that adapters run: honest stages pass, and each sentence can be broken.

mod deploy;
mod diagnose;
mod fix;
mod judge;
mod metrics;
mod verify;

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use aegis_core::model::{
    Case, Diagnosis, Evidence, Fix, Query, Samples, SignalKind, Verdict, Verification,
};
use aegis_core::stage::{Diagnoser, FixGenerator, MetricSource, RollbackJudge, Verifier};
use aegis_core::testkit::{ManualClock, World, mint};
use aegis_core::trace::{Exception, Frame, Language, Trace};
use aegis_core::{Result, Revision, Timestamp};
use async_trait::async_trait;

const NOW: Timestamp = Timestamp::from_ms(1_700_000_000_000);

/// A stage whose answers are changed.
struct Spoilt<S, F>(S, F);

impl<S: fmt::Debug, F> fmt::Debug for Spoilt<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Spoilt").field(&self.0).finish()
    }
}

macro_rules! spoilt {
    ($name:ident: $trait:ident.$method:ident($($arg:ident: $type:ty),+) -> $out:ty) => {
        fn $name<S: $trait, F>(stage: S, spoil: F) -> Spoilt<S, F>
        where
            F: Fn($(&$type,)+ $out) -> $out + Send + Sync + 'static,
        {
            Spoilt(stage, spoil)
        }

        #[async_trait]
        impl<S: $trait, F> $trait for Spoilt<S, F>
        where
            F: Fn($(&$type,)+ $out) -> $out + Send + Sync + 'static,
        {
            async fn $method(&self, $($arg: &$type),+) -> Result<$out> {
                let out = self.0.$method($($arg),+).await?;
                Ok((self.1)($($arg,)+ out))
            }
        }
    };
}

spoilt!(metrics: MetricSource.sample(query: Query) -> Samples);
spoilt!(diagnoser: Diagnoser.diagnose(case: Case) -> Diagnosis);
spoilt!(fixes: FixGenerator.generate(case: Case, diagnosis: Diagnosis) -> Vec<Fix>);
spoilt!(verifier: Verifier.verify(case: Case, fix: Fix) -> Verification);
spoilt!(judge: RollbackJudge.judge(case: Case, evidence: Evidence) -> Verdict);

/// Runs a suite that has to fail with this sentence of the contract.
async fn breaks(sentence: &str, suite: impl Future<Output = ()> + Send + 'static) {
    let Err(failed) = tokio::spawn(suite).await else {
        panic!("the suite passed a stage that breaks: {sentence}");
    };
    let panic = failed.into_panic();
    let text = panic.downcast_ref::<String>().expect("a suite panics with a message");
    assert!(text.starts_with("the contract is broken: "), "{text}");
    assert!(text.lines().next().is_some_and(|line| line.contains(sentence)), "{sentence}: {text}");
}

fn base() -> Revision {
    Revision::new("0".repeat(40))
}

fn world() -> World {
    World::new(Arc::new(ManualClock::new(NOW)), base())
}

/// A case whose trace ends on the line that [`KnowsTheLine`] blames.
fn case() -> Case {
    let mut case = mint::case("shop", "conformance");
    let frame = Frame::new("mean.py", Some(2), "mean");
    let exception = Exception::new("ZeroDivisionError", "division by zero", vec![frame]);
    case.symptoms[0].kind = SignalKind::Error(Some(Trace::new(Language::Python, vec![exception])));
    case
}
