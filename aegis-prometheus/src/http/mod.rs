//! One server over HTTP: within a time, within a size, by nobody's redirect.

mod config;
mod tls;

use aegis_core::error::root_cause;
use aegis_core::{Error, Result};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{RequestBuilder, Url};
use secrecy::{ExposeSecret as _, SecretString};

pub use self::config::{Auth, EndpointConfig};

/// Characters that are kept of what a server says.
const SAID: usize = 500;

/// A server that is asked.
#[derive(Debug, Clone)]
pub(crate) struct Http {
    config: EndpointConfig,
    base: Url,
    client: reqwest::Client,
}

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Http {
    pub(crate) fn new(config: EndpointConfig) -> Result<Self> {
        let base = config.url()?;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::trusting(config.ca_file.as_deref())?)
            .user_agent(concat!("aegis/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers(&config)?)
            .connect_timeout(config.timeout())
            // Credentials would go along.
            .redirect(reqwest::redirect::Policy::none())
            // What fails is asked again at the next tick.
            .retry(reqwest::retry::never())
            .build()
            .map_err(|e| Error::internal("the HTTP client can't be built").with_source(e))?;
        Ok(Self { config, base, client })
    }

    /// The address of `path`, which begins with a slash.
    pub(crate) fn at(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        url
    }

    pub(crate) fn client(&self) -> &reqwest::Client {
        &self.client
    }

    /// One exchange. A redirect and a refusal of who asks are errors here; other statuses are the
    /// caller's.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Answered> {
        let within = self.config.timeout();
        let Answered { status, body } =
            tokio::time::timeout(within, self.exchange(request)).await.map_err(|_| {
                Error::timeout(format!("{} did not answer within {within:?}", self.base))
            })??;
        match status {
            300..=399 => Err(Error::invalid(format!(
                "{} answers with a redirect ({status}), which is not followed; give the address that \
                 it leads to",
                self.base
            ))),
            401 | 403 => Err(Error::denied(format!(
                "{} answers {status}: {}; check `auth` and `headers`",
                self.base,
                said(&String::from_utf8_lossy(&body))
            ))),
            _ => Ok(Answered { status, body }),
        }
    }

    async fn exchange(&self, request: RequestBuilder) -> Result<Answered> {
        let broken = |e: reqwest::Error| {
            Error::unavailable(format!("{} can't be reached: {}", self.base, root_cause(&e)))
        };
        let mut response = request.send().await.map_err(broken)?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(broken)? {
            if body.len() + piece.len() > self.config.answer_bytes {
                let most = self.config.answer_bytes;
                return Err(Error::invalid(format!(
                    "the answer of {} is longer than {most} bytes; ask for less, or raise \
                     `answer_bytes`",
                    self.base
                )));
            }
            body.extend_from_slice(&piece);
        }
        Ok(Answered { status, body })
    }
}

impl Auth {
    /// The value of the header `Authorization`.
    pub(crate) fn header(&self) -> Option<SecretString> {
        match self {
            Self::None => None,
            Self::Basic { user, password } => {
                let pair = BASE64_STANDARD.encode(format!("{user}:{}", password.expose_secret()));
                Some(format!("Basic {pair}").into())
            }
            Self::Bearer(token) => Some(format!("Bearer {}", token.expose_secret()).into()),
        }
    }
}

fn headers(config: &EndpointConfig) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in &config.headers {
        let wrong =
            |what| Error::invalid(format!("the {what} of the header {name:?} can't be any"));
        let name = HeaderName::try_from(name).map_err(|_| wrong("name"))?;
        headers.insert(name, sensitive(value).ok_or_else(|| wrong("value"))?);
    }
    if let Some(value) = config.auth.header() {
        let value = sensitive(&value).ok_or_else(|| {
            Error::invalid("the token holds what no header can; give it without blanks")
        })?;
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}

fn sensitive(value: &SecretString) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(value.expose_secret()).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// What a server says, as a part of one line.
pub(crate) fn said(text: &str) -> String {
    text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(SAID).collect()
}
