//! Gemini, by its HTTP API.

mod answer;
mod body;
mod config;
mod families;
mod refused;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aegis_core::error::root_cause;
use aegis_core::{Error, Result};
use async_trait::async_trait;
use http::header::{CONTENT_TYPE, HeaderValue};
use reqwest::Url;
use rustls::crypto::ring;
use rustls_platform_verifier::BuilderVerifierExt as _;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;

pub use self::body::body;
pub use self::config::{DataPolicy, GeminiConfig};
pub use self::families::{catalogue, routes};
use crate::model::{Answer, LanguageModel, Refusal, RefusalKind, Request};

/// Characters that are kept of what Gemini says.
const SAID: usize = 500;
/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);

/// A connection to Gemini by one key, that is, to one project's quotas; cheap to clone.
///
/// One call is one exchange: waiting and repeating are the router's.
///
/// ```no_run
/// use aegis_core::redact::Redactor;
/// use aegis_gemini::gemini::{DataPolicy, Gemini, GeminiConfig};
/// use aegis_gemini::model::{LanguageModel as _, Request};
///
/// # async fn run(key: String) -> aegis_core::Result<()> {
/// let gemini = Gemini::new(GeminiConfig::new(key, DataPolicy::Paid))?;
/// let question = Redactor::standard().redact_str("Why does the sky turn red?");
/// let request = Request::new(Default::default()).ask(question);
/// let answer = gemini.complete("gemini-3.5-flash-lite", &request).await?;
/// println!("{}", answer.text.expose());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Gemini {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: GeminiConfig,
    models: Url,
    key: HeaderValue,
    http: reqwest::Client,
    /// Whether an answer showed that the key is of the free tier.
    free_tier: AtomicBool,
}

impl Gemini {
    /// Gemini as configured. Nothing is asked yet; what the data policy means is logged.
    ///
    /// # Errors
    ///
    /// `Invalid` for a key or an address that can't be any.
    pub fn new(config: GeminiConfig) -> Result<Self> {
        let models = config.models()?;
        let key = header(config.key.expose_secret())?;
        let http = client().map_err(|e| {
            Error::internal("the HTTP client can't be built").with_source(e).at("gemini")
        })?;
        match config.data_policy {
            DataPolicy::Paid => {
                tracing::info!("Gemini is asked by a key of the paid tier: it trains on nothing");
            }
            DataPolicy::MayTrain => tracing::warn!(
                "Gemini may train on what it is sent, as the data policy allows; secrets are redacted"
            ),
        }
        let free_tier = AtomicBool::new(false);
        Ok(Self { inner: Arc::new(Inner { config, models, key, http, free_tier }) })
    }

    /// How many tokens the prompt of `request` has. It is free of charge.
    ///
    /// # Errors
    ///
    /// As those of [`complete`](LanguageModel::complete).
    pub async fn count_tokens(&self, model: &str, request: &Request) -> Result<u64, Refusal> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Count {
            total_tokens: u64,
        }
        let body = self.body(model, request)?;
        // Beside bare turns only a whole request is taken, with the model in it.
        let mut whole = json!({ "model": format!("models/{model}") });
        for part in ["contents", "systemInstruction"] {
            if let Some(value) = body.get(part) {
                whole[part] = value.clone();
            }
        }
        let body = json!({ "generateContentRequest": whole });
        let answer = self.exchange(model, "countTokens", &body, request).await?;
        let count = serde_json::from_slice::<Count>(&answer).map_err(|e| {
            let say = format!("{model}: the count of tokens can't be read: {e}");
            Refusal::new(RefusalKind::Unreadable, say)
        })?;
        Ok(count.total_tokens)
    }

    fn body(&self, model: &str, request: &Request) -> Result<Value, Refusal> {
        body(self.inner.config.catalogue.of(model), request)
    }

    /// One exchange, within its time and its size.
    async fn exchange(
        &self,
        model: &str,
        method: &str,
        body: &Value,
        request: &Request,
    ) -> Result<Vec<u8>, Refusal> {
        let Inner { config, free_tier, .. } = &*self.inner;
        let refuse = |kind, why: &str| Err(Refusal::new(kind, format!("{model}: {why}")));
        if config.data_policy == DataPolicy::Paid && free_tier.load(Ordering::Relaxed) {
            let why = "nothing is sent: the key is of the free tier, where Google may train on it; give \
                       a key of a project that pays, or the data policy may_train";
            return refuse(RefusalKind::Denied, why);
        }
        let within = request.within.min(Duration::from_millis(config.timeout_ms));
        let (status, answer) = match timeout(within, self.send(&self.address(model, method)?, body))
            .await
        {
            Err(_) => return refuse(RefusalKind::Late, &format!("no answer within {within:?}")),
            Ok(Err(Broken::Large)) => {
                let why = format!("the answer is longer than {} bytes", config.answer_bytes);
                return refuse(RefusalKind::Unreadable, &why);
            }
            Ok(Err(Broken::Unreached(e))) => {
                let why = format!("Gemini can't be reached: {}", root_cause(&e));
                return refuse(RefusalKind::Failed, &why);
            }
            Ok(Ok(came)) => came,
        };
        if status == 200 {
            return Ok(answer);
        }
        let refused = refused::read(model, status, &answer, request);
        free_tier.fetch_or(refused.free_tier, Ordering::Relaxed);
        Err(refused.refusal)
    }

    fn address(&self, model: &str, method: &str) -> Result<Url, Refusal> {
        let wrong = || {
            let say = format!("{model:?} is no name of a model; give one as gemini-3.5-flash-lite");
            Refusal::new(RefusalKind::Invalid, say)
        };
        let name = Some(model).filter(|model| config::is_plain(model)).ok_or_else(wrong)?;
        // `join` would read the colon as the end of a scheme.
        let mut url = self.inner.models.clone();
        url.set_path(&format!("{}{name}:{method}", self.inner.models.path()));
        Ok(url)
    }

    async fn send(&self, url: &Url, body: &Value) -> Result<(u16, Vec<u8>), Broken> {
        let Inner { config, key, http, .. } = &*self.inner;
        let request = http
            .post(url.clone())
            .header("x-goog-api-key", key)
            .header(CONTENT_TYPE, "application/json")
            .body(body.to_string());
        let mut response = request.send().await.map_err(Broken::Unreached)?;
        let status = response.status().as_u16();
        let mut answer = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(Broken::Unreached)? {
            if answer.len() + piece.len() > config.answer_bytes {
                return Err(Broken::Large);
            }
            answer.extend_from_slice(&piece);
        }
        Ok((status, answer))
    }
}

#[async_trait]
impl LanguageModel for Gemini {
    async fn complete(&self, model: &str, request: &Request) -> Result<Answer, Refusal> {
        let body = self.body(model, request)?;
        let answer = self.exchange(model, "generateContent", &body, request).await?;
        answer::read(model, &answer)
    }
}

/// Why an exchange came to nothing.
enum Broken {
    Unreached(reqwest::Error),
    Large,
}

fn client() -> Result<reqwest::Client, Box<dyn std::error::Error + Send + Sync>> {
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_platform_verifier()?
        .with_no_client_auth();
    Ok(reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(concat!("aegis/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT)
        // The key would go along.
        .redirect(reqwest::redirect::Policy::none())
        // Repeating is the router's: a repeat in here would be counted by nobody.
        .retry(reqwest::retry::never())
        .build()?)
}

fn header(key: &str) -> Result<HeaderValue> {
    let value = HeaderValue::from_str(key).ok();
    let mut value = value.filter(|_| !key.is_empty() && key.trim() == key).ok_or_else(|| {
        let say = "the API key is empty, or holds what no key holds; give it without blanks";
        Error::invalid(say).at("gemini")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// What Gemini says, as a part of one line.
fn said(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SAID).collect()
}
