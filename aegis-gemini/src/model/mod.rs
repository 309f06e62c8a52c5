//! A language model of any provider: what it is asked, what it answers, and how it refuses.

mod answer;
mod catalogue;
mod refusal;
mod request;

pub use answer::{Answer, Finish, Usage};
pub use catalogue::{Catalogue, Family, Price, Quota, Thinking};
pub use refusal::{Refusal, RefusalKind};
pub use request::{Effort, Request, Role, Turn};

use async_trait::async_trait;

/// A connection to a provider's models, on one account or project of it.
///
/// # Contract
///
/// One call is one request: an implementation repeats nothing and waits for no limit, since
/// [`Router`](crate::router::Router) does both and counts what goes out. It returns within
/// [`Request::within`], and what it can't read is a [`Refusal`], never a panic.
///
/// # Idempotency
///
/// Every call costs anew, also the same one.
///
/// # Cancellation
///
/// May be dropped at any await: the exchange is broken off. The provider may count it all the same.
///
/// # Errors
///
/// A [`Refusal`], whose kind says what helps.
///
/// ```
/// use aegis_core::redact::Untrusted;
/// use aegis_gemini::model::{Answer, LanguageModel, Refusal, Request};
///
/// /// Says what it was asked.
/// #[derive(Debug)]
/// struct Echo;
///
/// #[async_trait::async_trait]
/// impl LanguageModel for Echo {
///     async fn complete(&self, _model: &str, request: &Request) -> Result<Answer, Refusal> {
///         let said = request.turns.last().map_or("", |turn| turn.text.as_str());
///         Ok(Answer::new(Untrusted::new(said)))
///     }
/// }
/// ```
#[async_trait]
pub trait LanguageModel: std::fmt::Debug + Send + Sync + 'static {
    /// Asks `model`, as the provider names it.
    async fn complete(&self, model: &str, request: &Request) -> Result<Answer, Refusal>;
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_trait_is_object_safe_and_can_be_shared() {
        fn shared<T: ?Sized + Send + Sync>() {}
        shared::<dyn super::LanguageModel>();
    }
}
