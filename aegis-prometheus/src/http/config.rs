//! Where a server is, and as whom it is asked.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use aegis_core::{Error, Result};
use reqwest::Url;
use secrecy::SecretString;
use serde::Deserialize;

/// As whom a server is asked.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Auth {
    /// As nobody.
    #[default]
    None,
    /// By a name and a password.
    Basic {
        /// The name.
        user: String,
        /// The password.
        password: SecretString,
    },
    /// By a token.
    Bearer(SecretString),
}

/// How a server is reached.
///
/// ```
/// use aegis_prometheus::{Auth, EndpointConfig};
///
/// let mimir = EndpointConfig::new("https://mimir.example/prometheus")
///     .with_auth(Auth::Bearer("token".into()))
///     .with_header("X-Scope-OrgID", "shop");
/// assert!(!format!("{mimir:?}").contains("token\""));
///
/// let read = |json| serde_json::from_str::<EndpointConfig>(json);
/// assert!(read(r#"{"base": "http://prometheus:9090"}"#).is_ok());
/// assert!(read(r#"{"base": "http://prometheus:9090", "pasword": ""}"#).is_err());
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct EndpointConfig {
    /// Its address, with the path before `/api`, where there is one:
    /// `https://mimir.example/prometheus`.
    pub base: String,
    /// As whom it is asked; as nobody unless set.
    #[serde(default)]
    pub auth: Auth,
    /// Headers that go along, as `X-Scope-OrgID`.
    #[serde(default)]
    pub headers: BTreeMap<String, SecretString>,
    /// A file of PEM certificates that are trusted beside those of the system.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// How long one exchange may take, in milliseconds; 5,000 unless set.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u64,
    /// Most bytes of an answer; 16 MiB unless set.
    #[serde(default = "answer_bytes")]
    pub answer_bytes: usize,
}

fn timeout_ms() -> u64 {
    5_000
}

fn answer_bytes() -> usize {
    16 * 1_024 * 1_024
}

impl EndpointConfig {
    /// The server at `base`, asked as nobody.
    pub fn new(base: impl Into<String>) -> Self {
        Self {
            base: base.into(),
            auth: Auth::None,
            headers: BTreeMap::new(),
            ca_file: None,
            timeout_ms: timeout_ms(),
            answer_bytes: answer_bytes(),
        }
    }

    /// Asks as this one.
    #[must_use]
    pub fn with_auth(mut self, auth: Auth) -> Self {
        self.auth = auth;
        self
    }

    /// Sends this header along.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: impl Into<SecretString>) -> Self {
        self.headers.insert(name.to_owned(), value.into());
        self
    }

    /// Trusts the certificates in this file, too.
    #[must_use]
    pub fn with_ca_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.ca_file = Some(file.into());
        self
    }

    /// Lets one exchange take so long.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout_ms = crate::ms(timeout);
        self
    }

    /// Takes answers of so many bytes.
    #[must_use]
    pub fn with_answer_bytes(mut self, most: usize) -> Self {
        self.answer_bytes = most;
        self
    }

    /// How long one exchange may take.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    /// The address, without a slash at its end.
    pub(super) fn url(&self) -> Result<Url> {
        // What may hold a password is not repeated.
        let wrong = |why: &str| Error::invalid(format!("the address {why}; give http(s)://HOST"));
        let mut url = Url::parse(&self.base).map_err(|e| wrong(&format!("can't be read: {e}")))?;
        if !matches!(url.scheme(), "https" | "http") || url.host_str().is_none() {
            return Err(wrong("needs http or https, and a host"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("holds credentials, which belong into `auth`"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("holds a query, which belongs into the parameters"));
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(url)
    }
}
