//! One stage, and another where the first has nothing: of fix generators.

use async_trait::async_trait;

use crate::error::Result;
use crate::model::{Case, Diagnosis, Fix};
use crate::stage::FixGenerator;

/// Asks the second stage where the first has nothing: see [`fix::or_else`](super::fix::or_else) and
/// [`diagnose::or_else`](super::diagnose::or_else).
#[derive(Debug, Clone)]
pub struct OrElse<A, B> {
    pub(super) first: A,
    pub(super) second: B,
}

/// Asks `first`; where it offers nothing that was not tried, or fails, asks `second`.
///
/// An error of `first` is reported only where `second` has nothing to offer either.
pub fn or_else<A: FixGenerator, B: FixGenerator>(first: A, second: B) -> OrElse<A, B> {
    OrElse { first, second }
}

#[async_trait]
impl<A: FixGenerator, B: FixGenerator> FixGenerator for OrElse<A, B> {
    async fn generate(&self, case: &Case, diagnosis: &Diagnosis) -> Result<Vec<Fix>> {
        let first = self.first.generate(case, diagnosis).await.map(|fixes| untried(case, fixes));
        if let Ok(fixes) = &first
            && !fixes.is_empty()
        {
            return first;
        }
        let second = untried(case, self.second.generate(case, diagnosis).await?);
        if second.is_empty() { first } else { Ok(second) }
    }
}

fn untried(case: &Case, mut fixes: Vec<Fix>) -> Vec<Fix> {
    fixes.retain(|fix| !case.tried(&fix.digest()));
    fixes
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::error::Error;
    use crate::id::Revision;
    use crate::model::{Attempt, AttemptEnd, FixKind};
    use crate::patch::Patch;
    use crate::stage::MockFixGenerator;
    use crate::testkit::mint;

    fn fix(title: &str) -> Fix {
        let edit = crate::patch::Edit::Create { path: title.into(), text: "x\n".into() };
        Fix::new(FixKind::Patch(Patch::new(Revision::new("b"), vec![edit])), title, "test")
    }

    fn offers(titles: &'static [&'static str]) -> MockFixGenerator {
        let mut mock = MockFixGenerator::new();
        mock.expect_generate().returning(|_, _| Ok(titles.iter().map(|t| fix(t)).collect()));
        mock
    }

    async fn titles(stage: &impl FixGenerator, case: &Case) -> Vec<String> {
        let diagnosis = Diagnosis::new(Revision::new("b"), "test", Vec::new());
        let fixes = stage.generate(case, &diagnosis).await.unwrap();
        fixes.into_iter().map(|f| f.title).collect()
    }

    #[tokio::test]
    async fn the_second_is_asked_only_where_the_first_has_nothing_new() {
        let mut case = mint::case("shop", "i1");
        let stage = or_else(offers(&["a"]), offers(&["b"]));
        assert_eq!(titles(&stage, &case).await, ["a"]);
        case.attempts.push(Attempt::new(fix("a").digest(), "a", AttemptEnd::Rejected, "no"));
        assert_eq!(titles(&stage, &case).await, ["b"]);
    }

    #[tokio::test]
    async fn an_error_of_the_first_shows_only_where_the_second_has_nothing() {
        let fails = || {
            let mut mock = MockFixGenerator::new();
            mock.expect_generate().returning(|_, _| Err(Error::unavailable("the model is out")));
            mock
        };
        let case = mint::case("shop", "i1");
        assert_eq!(titles(&or_else(fails(), offers(&["b"])), &case).await, ["b"]);
        let diagnosis = Diagnosis::new(Revision::new("b"), "test", Vec::new());
        let both = or_else(fails(), offers(&[]));
        assert!(both.generate(&case, &diagnosis).await.is_err());
    }
}
