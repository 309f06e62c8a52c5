//! What GitHub sends by itself.

mod answer;
mod heard;
mod seen;
mod serve;
mod signature;

use std::sync::{Arc, Mutex, PoisonError};

use aegis_core::Result;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use secrecy::SecretString;
use tokio::sync::{Semaphore, watch};

pub use self::answer::{Refusal, Verdict};
pub use self::heard::Heard;
use self::seen::Seen;
use self::signature::Keys;
use crate::config::is_name;

/// GitHub sends no more.
const BODY: usize = 25 * 1_024 * 1_024;
/// Bodies that are read at the same time.
const AT_ONCE: usize = 4;

/// Hears what GitHub sends, and says so to who waits: a hint that something may be different, and no
/// more. Nothing of a payload is believed; the planner looks for itself. What is lost on the way is found
/// by looking now and then, which the planner does in any case.
///
/// In the settings of the repository or the App: content type `application/json`, a secret, and the
/// events that change what is waited for: pull requests and reviews, checks, statuses, workflow runs and
/// jobs, pushes, deployments, merge groups. Others are heard and wake nobody.
///
/// ```no_run
/// use aegis_core::planner::Handle;
/// use aegis_github::Webhooks;
///
/// # async fn run(handle: Handle, secret: String) -> Result<(), Box<dyn std::error::Error>> {
/// let webhooks = Webhooks::new(secret)?.with_repository("acme/shop")?;
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
/// let server = axum::serve(listener, webhooks.router("/github")).into_future();
/// let hints = async {
///     let mut seen = 0;
///     loop {
///         seen = webhooks.heard(seen).await;
///         handle.look_again();
///     }
/// };
/// tokio::select! {
///     ended = server => ended?,
///     () = hints => {}
/// }
/// # Ok(())
/// # }
/// ```
///
/// A host on another server gives headers and body to [`receive`](Self::receive). Clones are one webhook.
#[derive(Debug, Clone)]
pub struct Webhooks {
    keys: Keys,
    /// In small letters; where there are none, all.
    repositories: Vec<String>,
    body_bytes: usize,
    bodies: Arc<Semaphore>,
    seen: Arc<Mutex<Seen>>,
    heard: watch::Sender<u64>,
}

impl Webhooks {
    /// Hears what is signed with `secret`.
    ///
    /// # Errors
    ///
    /// `Invalid` where it has fewer than 16 bytes.
    pub fn new(secret: impl Into<SecretString>) -> Result<Self> {
        Ok(Self {
            keys: Keys::new(&secret.into())?,
            repositories: Vec::new(),
            body_bytes: BODY,
            bodies: Arc::new(Semaphore::new(AT_ONCE)),
            seen: Arc::default(),
            heard: watch::Sender::new(0),
        })
    }

    /// Hears what is signed with the secret before, too: until GitHub has the new one.
    ///
    /// # Errors
    ///
    /// `Invalid` where it has fewer than 16 bytes.
    pub fn with_previous_secret(mut self, secret: impl Into<SecretString>) -> Result<Self> {
        self.keys.add(&secret.into())?;
        Ok(self)
    }

    /// Wakes only for this repository (`owner/repository`) and others that are named so.
    ///
    /// # Errors
    ///
    /// `Invalid` for what is no name.
    pub fn with_repository(mut self, name: &str) -> Result<Self> {
        is_name(name)?;
        self.repositories.push(name.to_ascii_lowercase());
        Ok(self)
    }

    /// Takes bodies of so many bytes at most; 25 MiB unless set, as GitHub sends no more.
    #[must_use]
    pub fn with_body_bytes(mut self, most: usize) -> Self {
        self.body_bytes = most;
        self
    }

    /// Waits until something was heard after `seen`; how much was heard by then. Begin with 0.
    pub async fn heard(&self, seen: u64) -> u64 {
        // The sender lives as long as `self`, so the wait can't fail.
        self.heard.subscribe().wait_for(|heard| *heard > seen).await.map_or(seen, |heard| *heard)
    }

    /// Checks one delivery, remembers it, and wakes who waits. `body` is what came, byte by byte.
    ///
    /// Size and signature are checked first; only what is signed is remembered, and read.
    ///
    /// # Errors
    ///
    /// What to answer instead, with [`Refusal::status`].
    pub fn receive(&self, headers: &HeaderMap, body: &[u8]) -> Result<Verdict, Refusal> {
        let verdict = self.checked(headers, body);
        match &verdict {
            Ok(Verdict::Woke(heard)) => {
                self.heard.send_modify(|n| *n += 1);
                tracing::debug!(target: "aegis", ?heard, "a webhook");
            }
            Ok(other) => tracing::debug!(target: "aegis", verdict = ?other, "a webhook"),
            Err(refusal) => tracing::debug!(target: "aegis", %refusal, "a webhook was refused"),
        }
        verdict
    }

    fn checked(&self, headers: &HeaderMap, body: &[u8]) -> Result<Verdict, Refusal> {
        if body.len() > self.body_bytes {
            return Err(Refusal::TooLarge(self.body_bytes));
        }
        let header = |name: &str| headers.get(name).map(http::HeaderValue::as_bytes);
        let signature = header("x-hub-signature-256").unwrap_or_default();
        let signature = self.keys.verified(signature, body).ok_or(Refusal::Unsigned)?;
        let delivery = header("x-github-delivery").ok_or(Refusal::NoDelivery)?;
        let event = header("x-github-event").ok_or(Refusal::NoEvent)?;
        // Before it is remembered: GitHub may send it again, once its settings are right.
        if !header(CONTENT_TYPE.as_str()).is_none_or(is_json) {
            return Err(Refusal::NotJsonType);
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if !seen.remember(delivery, signature) {
            return Ok(Verdict::Repeated);
        }
        drop(seen);
        let heard = Heard::read(event, delivery, body).ok_or(Refusal::NotJson)?;
        Ok(match &heard.repository {
            _ if heard.is_ping() => Verdict::Ping(heard),
            of if heard.wakes() && self.looks_after(of.as_deref()) => Verdict::Woke(heard),
            _ => Verdict::Ignored(heard),
        })
    }

    fn looks_after(&self, repository: Option<&str>) -> bool {
        let named = |own: &String| repository.is_some_and(|name| own.eq_ignore_ascii_case(name));
        self.repositories.is_empty() || self.repositories.iter().any(named)
    }
}

fn is_json(content_type: &[u8]) -> bool {
    let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default();
    essence.trim_ascii().eq_ignore_ascii_case(b"application/json")
}
