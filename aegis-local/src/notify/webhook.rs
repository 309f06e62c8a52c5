//! Notices to a webhook.

use std::fmt;
use std::time::Duration;

use aegis_core::port::{Notice, Notifier};
use aegis_core::{Error, ErrorKind, Result, Timestamp};
use async_trait::async_trait;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Url};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use super::slack;
use crate::http::{Answer, Http, Reach, describe, parse_url, unresolved};

/// Bytes of an answer that are read.
const BODY: usize = 4 * 1024;
/// The longest wait that the other side can ask for.
const MAX_WAIT: Duration = Duration::from_secs(3600);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Slack,
}

/// Posts each notice to a URL, as JSON or as a Slack message.
///
/// The URL is a secret: it is in no `Debug` and no error. Private addresses are allowed, link-local and
/// metadata ones are not; a redirect elsewhere is refused; the proxy of the environment is used.
///
/// Errors: a 429 is `Exhausted` and to be retried after what it says; a timeout, a failed connection, a
/// 408 and a 5xx can be retried; any other answer than 2xx is final.
///
/// ```
/// use aegis_local::notify::Webhook;
/// let hook = Webhook::slack("https://hooks.slack.com/services/T0/B0/secret")?;
/// assert!(!format!("{hook:?}").contains("secret"));
/// # Ok::<(), aegis_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Webhook {
    url: Url,
    form: Form,
    headers: HeaderMap,
    timeout: Duration,
}

impl Webhook {
    /// Posts the notice itself as JSON to `url`.
    ///
    /// # Errors
    ///
    /// `Invalid` where `url` is not `http` or `https` with a host.
    pub fn new(url: &str) -> Result<Self> {
        Self::of(url, Form::Json)
    }

    /// Posts a Slack message to an incoming webhook.
    ///
    /// # Errors
    ///
    /// `Invalid` where `url` is not `http` or `https` with a host.
    pub fn slack(url: &str) -> Result<Self> {
        Self::of(url, Form::Slack)
    }

    fn of(url: &str, form: Form) -> Result<Self> {
        let url = parse_url(url).map_err(|e| e.at("webhook"))?;
        Ok(Self { url, form, headers: HeaderMap::new(), timeout: Duration::from_secs(10) })
    }

    /// Bounds the whole exchange; 10 s by default.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Adds a header, such as one that authenticates; its value is kept as a secret.
    ///
    /// # Errors
    ///
    /// `Invalid` where name or value can't be a header's.
    pub fn with_header(mut self, name: &str, value: &str) -> Result<Self> {
        let bad = |what| Error::invalid(format!("{what} can't be a header's")).at("webhook");
        let name = HeaderName::try_from(name).map_err(|_| bad("the name"))?;
        let mut value = HeaderValue::try_from(value).map_err(|_| bad("the value"))?;
        value.set_sensitive(true);
        self.headers.insert(name, value);
        Ok(self)
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.url.host_str().unwrap_or_default();
        f.debug_struct("Webhook")
            .field("host", &host)
            .field("form", &self.form)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Notifier for Webhook {
    async fn notify(&self, notice: &Notice) -> Result<()> {
        let mut reach = Reach::public();
        reach.allow_private();
        let http = Http::new(reach, self.timeout, true)?;
        let request = http.request(Method::POST, self.url.clone()).map_err(|e| e.at("webhook"))?;
        let request = match self.form {
            Form::Json => request.json(notice),
            Form::Slack => request.json(&slack::message(notice)),
        };
        match Http::send(request.headers(self.headers.clone()), BODY).await {
            Ok(answer) => judge(&answer, now()).map_err(|e| e.at("webhook")),
            Err(e) => Err(failed(e).at("webhook")),
        }
    }
}

fn failed(error: reqwest::Error) -> Error {
    if let Some(why) = unresolved(&error) {
        return why;
    }
    let kind = if error.is_timeout() { ErrorKind::Timeout } else { ErrorKind::Unavailable };
    Error::new(kind, format!("the notice was not delivered: {}", describe(error)))
}

fn judge(answer: &Answer, now: Timestamp) -> Result<()> {
    let status = answer.status;
    let message = || format!("the webhook answered {status}");
    match status {
        200..=299 => Ok(()),
        429 => {
            let error = Error::new(ErrorKind::Exhausted, message());
            let wait = answer.headers.get(RETRY_AFTER).and_then(|v| retry_after(v, now));
            Err(error.retry_after(wait.unwrap_or(Duration::from_secs(1)).min(MAX_WAIT)))
        }
        408 => Err(Error::timeout(message())),
        500..=599 => {
            let error = Error::unavailable(message());
            match answer.headers.get(RETRY_AFTER).and_then(|v| retry_after(v, now)) {
                Some(wait) => Err(error.retry_after(wait.min(MAX_WAIT))),
                None => Err(error),
            }
        }
        401 | 403 => Err(Error::denied(message())),
        404 | 410 => Err(Error::not_found(message())),
        _ => Err(Error::invalid(message())),
    }
}

/// Seconds, or a date (RFC 9110, section 10.2.3).
fn retry_after(value: &HeaderValue, now: Timestamp) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = OffsetDateTime::parse(text, &Rfc2822).ok()?;
    let at = Timestamp::from_ms(i64::try_from(date.unix_timestamp_nanos() / 1_000_000).ok()?);
    Some(at.since(now))
}

fn now() -> Timestamp {
    use aegis_core::port::{Clock, SystemClock};
    SystemClock.now()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_wait_is_seconds_or_a_date() {
        let now = Timestamp::from_ms(784_111_777_000);
        let wait = |text: &'static str| retry_after(&HeaderValue::from_static(text), now);
        assert_eq!(wait("120"), Some(Duration::from_secs(120)));
        assert_eq!(wait("Sun, 06 Nov 1994 08:50:37 GMT"), Some(Duration::from_secs(60)));
        assert_eq!(wait("Sun, 06 Nov 1994 08:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("soon"), None);
    }

    #[test]
    fn the_url_and_the_headers_are_kept_out_of_debug() {
        let hook = Webhook::new("https://u:pw@example.com/hook/token?key=1").unwrap();
        let hook = hook.with_header("Authorization", "Bearer token").unwrap();
        let text = format!("{hook:?}");
        for secret in ["token", "pw", "key", "Bearer"] {
            assert!(!text.contains(secret), "{text}");
        }
        assert!(text.contains("example.com"));
    }
}
