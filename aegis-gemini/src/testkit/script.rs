//! Answers in their order.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Refused, Said};

/// Answers in their order, of which the last one repeats; clones share it. One without any fails.
///
/// ```
/// use aegis_gemini::testkit::{Said, Script, Stand};
///
/// let (causes, patches) = (Script::new([Said::text("{}")]), Script::new([Said::text("diff")]));
/// let stand = Stand::start(move |asked| match asked.schema {
///     Some(_) => causes.next(),
///     None => patches.next(),
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Script(Arc<Mutex<VecDeque<Said>>>);

impl Script {
    /// These answers.
    pub fn new(answers: impl IntoIterator<Item = Said>) -> Self {
        Self(Arc::new(Mutex::new(answers.into_iter().collect())))
    }

    /// The next answer.
    pub fn next(&self) -> Said {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let next = if left.len() > 1 { left.pop_front() } else { left.front().cloned() };
        next.unwrap_or(Said::Refused(Refused::Internal))
    }

    /// Goes on with `said`, which then repeats.
    pub fn then(&self, said: Said) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(said);
    }
}
