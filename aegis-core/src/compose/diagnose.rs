//! Wrappers over diagnosers: one, and another for what it knows nothing of.

use async_trait::async_trait;

pub use super::or_else::OrElse;
use crate::error::Result;
use crate::model::{Case, Diagnosis};
use crate::stage::Diagnoser;

/// Asks `first`; where its answer is inconclusive, or it fails, asks `second`.
///
/// An error of `first` is reported only where `second` is inconclusive too.
pub fn or_else<A: Diagnoser, B: Diagnoser>(first: A, second: B) -> OrElse<A, B> {
    OrElse { first, second }
}

#[async_trait]
impl<A: Diagnoser, B: Diagnoser> Diagnoser for OrElse<A, B> {
    async fn diagnose(&self, case: &Case) -> Result<Diagnosis> {
        let first = self.first.diagnose(case).await;
        if first.as_ref().is_ok_and(|found| found.likely().is_some()) {
            return first;
        }
        let second = self.second.diagnose(case).await?;
        match first {
            Err(e) if second.likely().is_none() => Err(e),
            _ => Ok(second),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::error::Error;
    use crate::id::{Confidence, Revision};
    use crate::model::{Cause, Hypothesis};
    use crate::stage::MockDiagnoser;
    use crate::testkit::mint;

    /// Answers so; without hypotheses where it knows nothing.
    fn says(author: &'static str, knows: bool) -> MockDiagnoser {
        let mut mock = MockDiagnoser::new();
        mock.expect_diagnose().returning(move |_| {
            let told = Hypothesis::new(Cause::Environment("x".into()), "x", Confidence::FULL);
            let told = if knows { vec![told] } else { Vec::new() };
            Ok(Diagnosis::new(Revision::new("b"), author, told))
        });
        mock
    }

    fn fails() -> MockDiagnoser {
        let mut mock = MockDiagnoser::new();
        mock.expect_diagnose().returning(|_| Err(Error::unavailable("it is away")));
        mock
    }

    async fn author(stage: impl Diagnoser) -> Option<String> {
        stage.diagnose(&mint::case("shop", "i1")).await.ok().map(|found| found.author)
    }

    #[tokio::test]
    async fn the_second_is_asked_only_where_the_first_knows_nothing() {
        let a = Some(String::from("a"));
        let b = Some(String::from("b"));
        assert_eq!(author(or_else(says("a", true), says("b", true))).await, a);
        assert_eq!(author(or_else(says("a", false), says("b", true))).await, b);
        assert_eq!(author(or_else(fails(), says("b", true))).await, b);
        assert_eq!(author(or_else(fails(), says("b", false))).await, None);
        assert_eq!(author(or_else(says("a", true), fails())).await, a);
    }
}
