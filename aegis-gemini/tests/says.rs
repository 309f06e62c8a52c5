//! A model that says what a test has it say, and keeps what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use aegis_core::port::MemoryJournal;
use aegis_core::redact::Untrusted;
use aegis_gemini::gemini::routes;
use aegis_gemini::model::{Answer, LanguageModel, Refusal, RefusalKind, Request};
use aegis_gemini::router::Router;
use async_trait::async_trait;

/// Says one text after the other; out once there is none left.
#[derive(Debug, Default)]
pub(crate) struct Says {
    texts: Mutex<VecDeque<String>>,
    asked: Mutex<Vec<Asked>>,
}

/// One question.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) model: String,
    pub(crate) request: Request,
}

impl Asked {
    /// What the user said last.
    pub(crate) fn data(&self) -> &str {
        self.request.turns.last().unwrap().text.as_str()
    }
}

impl Says {
    pub(crate) fn new<T: ToString>(texts: impl IntoIterator<Item = T>) -> Arc<Self> {
        let texts = texts.into_iter().map(|text| text.to_string()).collect();
        Arc::new(Self { texts: Mutex::new(texts), asked: Mutex::default() })
    }

    /// The questions so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn router(self: &Arc<Self>) -> Arc<Router> {
        let router = Router::builder(routes("main"), Arc::new(MemoryJournal::default()));
        Arc::new(router.project("main", self.clone()).build().unwrap())
    }
}

#[async_trait]
impl LanguageModel for Says {
    async fn complete(&self, model: &str, request: &Request) -> Result<Answer, Refusal> {
        let asked = Asked { model: model.to_owned(), request: request.clone() };
        self.asked.lock().unwrap().push(asked);
        match self.texts.lock().unwrap().pop_front() {
            Some(text) => Ok(Answer::new(Untrusted::new(text))),
            None => Err(Refusal::new(RefusalKind::Gone, "nothing is left to say")),
        }
    }
}
