//! Asking GitHub: within its limits, within a time, and never twice what may not happen twice.

mod auth;
mod cache;
mod gate;
mod graphql;
mod pages;
mod refused;
mod rights;
mod wire;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aegis_core::error::root_cause;
use aegis_core::{Error, Result};
use bytes::Bytes;
use http::header::{ETAG, HeaderValue, LINK};
use http::{HeaderMap, Method};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use octocrab::Octocrab;
use reqwest::Url;
use rustls::crypto::ring;
use rustls_platform_verifier::BuilderVerifierExt as _;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::{Instant, timeout};

use self::auth::{Auth, Minted};
use self::cache::{Cache, Kept};
use self::gate::Gate;
pub(crate) use self::refused::{Failure, Refused, unless_missing};
pub(crate) use self::rights::Rights;
use self::rights::Told;
use self::wire::{from_cache, parse, request};
use crate::config::{Credentials, GitHubConfig};
use crate::graphql::Operation;

const JSON: &str = "application/vnd.github+json";
/// The version of the API whose shapes are read.
const VERSION: &str = "2022-11-28";

/// A connection to GitHub as somebody; cheap to clone.
///
/// Whatever shares it shares its limits: writes go one at a time and at a distance, and after GitHub
/// said to wait, nothing is asked until then.
#[derive(Debug, Clone)]
pub struct GitHub {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: GitHubConfig,
    crab: Octocrab,
    auth: Auth,
    gate: Gate,
    cache: Mutex<Cache>,
    told: Told,
}

/// What one exchange asks.
#[derive(Debug, Clone)]
struct Call {
    method: Method,
    url: Url,
    accept: &'static str,
    body: Option<Value>,
    /// Whether it may be made twice.
    again: bool,
    /// What is asked, where that is by GraphQL.
    operation: Option<&'static Operation>,
}

/// What came back, with a status of 2xx or 3xx.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

/// What one exchange came to.
enum Came {
    Answer(Answer),
    Refused(Refused),
    /// A limit: nothing happened, and nothing may be asked for so long.
    Limited(Duration),
    /// It is not known whether it happened.
    Lost(Error),
}

impl Call {
    fn read(url: Url, accept: &'static str) -> Self {
        Self { method: Method::GET, url, accept, body: None, again: true, operation: None }
    }

    fn is_write(&self) -> bool {
        self.operation.map_or(self.method != Method::GET, |operation| operation.writes)
    }

    /// As errors name it: without what may be long or private.
    fn name(&self) -> String {
        match self.operation {
            Some(operation) => format!("GraphQL {}", operation.name),
            None => format!("{} {}", self.method, self.url.path()),
        }
    }
}

impl GitHub {
    /// GitHub as `credentials` see it. Nothing is asked yet.
    ///
    /// # Errors
    ///
    /// `Invalid` for credentials that can't be any.
    pub fn new(credentials: Credentials, config: GitHubConfig) -> Result<Self> {
        let unbuilt = |e: Box<dyn std::error::Error + Send + Sync>| {
            Error::internal("the HTTP client can't be built").with_source(e).at("github")
        };
        let tls = rustls::ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|tls| tls.with_platform_verifier())
            .map_err(|e| unbuilt(e.into()))?
            .with_no_client_auth();
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(concat!("aegis/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(config.timeout)
            // Followed here: the credentials go to GitHub alone.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|e| unbuilt(e.into()))?;
        // Repeating is decided here too, by what may happen twice.
        let crab = Octocrab::builder().build_with_reqwest(http).map_err(|e| unbuilt(e.into()))?;
        let cache = Mutex::new(Cache::new(config.cache_bytes));
        let auth = Auth::new(credentials)?;
        let (gate, told) = (Gate::default(), Told::default());
        Ok(Self { inner: Arc::new(Inner { config, crab, auth, gate, cache, told }) })
    }

    /// Whether it is asked as a person, and not as an App.
    pub(crate) fn is_person(&self) -> bool {
        matches!(self.inner.auth, Auth::Token(_))
    }

    /// Reads JSON.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let (body, _) = self.read(path, JSON).await?;
        parse(&body, path).map_err(Failure::Failed)
    }

    /// Reads bytes as they are.
    pub(crate) async fn raw(&self, path: &str) -> Result<Bytes, Failure> {
        self.read(path, "application/vnd.github.raw+json").await.map(|(body, _)| body)
    }

    /// Follows the redirect that a path answers with, and reads what is there. Where that is another
    /// host, it is not told who asks.
    pub(crate) async fn download(&self, path: &str) -> Result<Bytes, Failure> {
        let url = self.inner.config.rest(path)?;
        let answer = self.call(&Call::read(url.clone(), JSON)).await?;
        let place = answer.headers.get(http::header::LOCATION).and_then(|v| v.to_str().ok());
        let Some(place) = place.filter(|_| answer.status >= 300) else { return Ok(answer.body) };
        let there = url.join(place).map_err(|e| {
            Failure::Failed(Error::unavailable(format!("{path} leads nowhere: {e}")).at("github"))
        })?;
        Ok(self.call(&Call::read(there, "*/*")).await?.body)
    }

    /// Writes what may be written twice: the second time changes nothing.
    pub(crate) async fn write_again<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Value,
    ) -> Result<T, Failure> {
        self.write(method, path, body, true).await
    }

    /// Writes once: where the answer is lost, nobody knows, and the caller looks.
    pub(crate) async fn write_once<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Value,
    ) -> Result<T, Failure> {
        self.write(method, path, body, false).await
    }

    async fn write<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Value,
        again: bool,
    ) -> Result<T, Failure> {
        let url = self.inner.config.rest(path)?;
        // A deletion says all in its path.
        let body = Some(body).filter(|body| !body.is_null());
        let call = Call { method, url, accept: JSON, body, again, operation: None };
        let answer = self.call(&call).await?;
        // No content is `null`.
        let body = if answer.body.is_empty() { &b"null"[..] } else { &answer.body };
        parse(body, path).map_err(Failure::Failed)
    }

    async fn read(
        &self,
        path: &str,
        accept: &'static str,
    ) -> Result<(Bytes, Option<String>), Failure> {
        let url = self.inner.config.rest(path)?;
        let answer = self.call(&Call::read(url, accept)).await?;
        let link = answer.headers.get(LINK).and_then(|v| v.to_str().ok()).map(str::to_owned);
        Ok((answer.body, link))
    }

    /// One call, with all that it may take: waiting for limits, repeating what may be repeated.
    async fn call(&self, call: &Call) -> Result<Answer, Failure> {
        let Inner { config, gate, .. } = &*self.inner;
        let until = Instant::now() + config.patience;
        let (mut repeats, mut fresh) = (0, false);
        loop {
            if let Some(wait) = gate.closed_for() {
                self.wait(wait, until, call).await?;
            }
            let turn = match call.is_write() {
                true => Some(gate.turn(config.write_gap).await),
                false => None,
            };
            let bearer = self.bearer(&call.url).await?;
            let came = self.exchange(call, bearer.clone()).await;
            drop(turn);
            match came {
                Came::Answer(answer) => return Ok(answer),
                Came::Refused(refused) if refused.status == 401 && !fresh => {
                    // An installation's token may end early; whoever has only one is refused.
                    fresh = true;
                    let another = match &bearer {
                        Some(bearer) => self.inner.auth.forget(bearer).await,
                        None => false,
                    };
                    if !another {
                        return Err(Failure::Refused(refused));
                    }
                }
                Came::Refused(refused) => return Err(Failure::Refused(refused)),
                Came::Limited(wait) => gate.close(wait),
                Came::Lost(error) => {
                    if !call.again || repeats >= config.repeats {
                        return Err(error.into());
                    }
                    let pause = config.backoff.saturating_mul(1 << repeats.min(10));
                    repeats += 1;
                    if Instant::now() + pause >= until {
                        return Err(error.into());
                    }
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    /// Waits where that ends in time; says when to come again otherwise.
    async fn wait(&self, wait: Duration, until: Instant, call: &Call) -> Result<()> {
        if Instant::now() + wait < until {
            tokio::time::sleep(wait).await;
            return Ok(());
        }
        let name = call.name();
        let say = format!("{name}: GitHub's limit is reached; it takes calls again in {wait:.0?}");
        Err(Error::unavailable(say).at("github").retry_after(wait))
    }

    /// The credentials, for GitHub itself and nobody else.
    async fn bearer(&self, url: &Url) -> Result<Option<HeaderValue>> {
        let Inner { config, auth, .. } = &*self.inner;
        if url.origin() != config.graphql().origin() {
            return Ok(None);
        }
        let mint = async |path: &str, assertion: HeaderValue| -> Result<Minted> {
            let url = config.rest(path)?;
            let method = Method::POST;
            let call = Call { method, url, accept: JSON, body: None, again: true, operation: None };
            match self.exchange(&call, Some(assertion)).await {
                Came::Answer(answer) => parse(&answer.body, path),
                Came::Refused(refused) => Err(refused.into()),
                Came::Lost(error) => Err(error),
                Came::Limited(wait) => {
                    let say = format!("GitHub gives no token for {wait:.0?}");
                    Err(Error::unavailable(say).at("github").retry_after(wait))
                }
            }
        };
        auth.header(mint).await.map(Some)
    }

    async fn exchange(&self, call: &Call, bearer: Option<HeaderValue>) -> Came {
        let config = &self.inner.config;
        let lost = |error: Error| Came::Lost(error.at("github"));
        let kept = match call.method == Method::GET && bearer.is_some() {
            true => self.cache().get(call.url.as_str()),
            false => None,
        };
        let request = match request(call, bearer, kept.as_ref()) {
            Ok(request) => request,
            Err(e) => return lost(Error::internal("no request can be made").with_source(e)),
        };
        let name = call.name();
        let exchange = async {
            let response = self.inner.crab.execute(request).await?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, config.answer_bytes).collect().await;
            Ok::<_, octocrab::Error>((parts, body.map(|body| body.to_bytes())))
        };
        let (parts, body) = match timeout(config.timeout, exchange).await {
            Err(_) => {
                let within = config.timeout;
                return lost(Error::timeout(format!("{name}: no answer within {within:?}")));
            }
            Ok(Err(e)) => {
                let say = format!("{name}: GitHub can't be reached: {}", root_cause(&e));
                return lost(Error::unavailable(say));
            }
            // It would be as long again.
            Ok(Ok((_, Err(e)))) if e.is::<LengthLimitError>() => {
                return Came::Refused(Refused::large(config.answer_bytes, name));
            }
            Ok(Ok((_, Err(e)))) => {
                return lost(Error::unavailable(format!("{name}: the answer broke off: {e}")));
            }
            Ok(Ok((parts, Ok(body)))) => (parts, body),
        };
        let (status, headers) = (parts.status.as_u16(), parts.headers);
        self.inner.told.hear(&headers);
        let refused = match (status, kept) {
            (304, Some(kept)) => return Came::Answer(from_cache(kept)),
            (200..400, _) => {
                let wrong = call.operation.and_then(|_| graphql::refusal(&headers, &body, &name));
                match wrong {
                    Some(Came::Refused(refused)) => refused,
                    Some(came) => return came,
                    None => {
                        self.keep(call, status, &headers, &body);
                        return Came::Answer(Answer { status, headers, body });
                    }
                }
            }
            (500.., _) => {
                return lost(Error::unavailable(format!("{name}: GitHub failed ({status})")));
            }
            // Nobody there takes GraphQL.
            (404 | 405, _) if call.operation.is_some() => Refused::unknown(name),
            _ => Refused::new(status, &headers, &body, name),
        };
        let limit = matches!(refused.status, 403 | 429).then(|| {
            let text = (refused.status == 429).then_some("rate limit");
            let text = text.unwrap_or(&refused.message);
            gate::wait(&headers, Some(text), config.cooldown, SystemTime::now())
        });
        limit.flatten().map_or(Came::Refused(refused), Came::Limited)
    }

    fn keep(&self, call: &Call, status: u16, headers: &HeaderMap, body: &Bytes) {
        let text = |name| headers.get(name).and_then(|v: &HeaderValue| v.to_str().ok());
        if call.method != Method::GET || status != 200 {
            return;
        }
        if let Some(etag) = text(ETAG) {
            let (etag, link) = (etag.to_owned(), text(LINK).map(str::to_owned));
            self.cache().put(call.url.as_str(), Kept { etag, body: body.clone(), link });
        }
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, Cache> {
        self.inner.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
