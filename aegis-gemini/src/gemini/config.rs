//! Which Gemini, by whose key, and what Google may do with what it is sent.

use std::time::Duration;

use aegis_core::{Error, Result};
use reqwest::Url;
use secrecy::SecretString;
use serde::Deserialize;

use super::families::catalogue;
use crate::model::Catalogue;

const PUBLIC: &str = "https://generativelanguage.googleapis.com";

/// What the holder of the key accepts to happen with what is sent. It has no default: without it there
/// is no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataPolicy {
    /// The key is of a project that pays: Google trains on nothing. Where an answer shows that it is of
    /// the free tier after all, nothing more is sent.
    Paid,
    /// The key may be of the free tier: Google may train on what is sent, and people may read it.
    MayTrain,
}

/// A connection to Gemini as configured.
///
/// ```
/// use aegis_gemini::gemini::{DataPolicy, GeminiConfig};
///
/// let config = GeminiConfig::new("key", DataPolicy::Paid).with_api_version("v1beta");
/// assert!(!format!("{config:?}").contains("key\""));
///
/// let read = |json| serde_json::from_str::<GeminiConfig>(json);
/// assert!(read(r#"{"key": "key", "data_policy": "may_train"}"#).is_ok());
/// assert!(read(r#"{"key": "key"}"#).is_err());
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct GeminiConfig {
    /// The API key.
    pub key: SecretString,
    /// What may happen with what is sent.
    pub data_policy: DataPolicy,
    /// Where Gemini is; Google's own address unless set.
    #[serde(default = "public")]
    pub base: String,
    /// The version of the API; `v1` unless set. Names such as `gemini-flash-latest` need `v1beta`.
    #[serde(default = "v1")]
    pub api_version: String,
    /// What is known of its models; [`catalogue`] unless set.
    #[serde(default = "catalogue")]
    pub catalogue: Catalogue,
    /// How long one exchange may take at most, in milliseconds; 120,000 unless set. A request may
    /// shorten it.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u64,
    /// Most bytes of an answer; 4 MiB unless set.
    #[serde(default = "answer_bytes")]
    pub answer_bytes: usize,
}

fn public() -> String {
    PUBLIC.to_owned()
}

fn v1() -> String {
    String::from("v1")
}

fn timeout_ms() -> u64 {
    120_000
}

fn answer_bytes() -> usize {
    4 * 1_024 * 1_024
}

impl GeminiConfig {
    /// Google's Gemini by this key, under this policy.
    pub fn new(key: impl Into<SecretString>, data_policy: DataPolicy) -> Self {
        Self {
            key: key.into(),
            data_policy,
            base: public(),
            api_version: v1(),
            catalogue: catalogue(),
            timeout_ms: timeout_ms(),
            answer_bytes: answer_bytes(),
        }
    }

    /// Gemini at this address, as `https://proxy.example/gemini`.
    #[must_use]
    pub fn with_base(mut self, base: impl Into<String>) -> Self {
        self.base = base.into();
        self
    }

    /// By this version of the API.
    #[must_use]
    pub fn with_api_version(mut self, version: impl Into<String>) -> Self {
        self.api_version = version.into();
        self
    }

    /// Knows these models.
    #[must_use]
    pub fn with_catalogue(mut self, catalogue: Catalogue) -> Self {
        self.catalogue = catalogue;
        self
    }

    /// Lets one exchange take so long.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        self
    }

    /// Takes answers of so many bytes.
    #[must_use]
    pub fn with_answer_bytes(mut self, most: usize) -> Self {
        self.answer_bytes = most;
        self
    }

    /// The address that models are under.
    pub(super) fn models(&self) -> Result<Url> {
        let wrong = |why: &str| {
            let say = format!("{} is no address of Gemini: {why}; give https://HOST", self.base);
            Error::invalid(say).at("gemini")
        };
        let base = Url::parse(&self.base).map_err(|e| wrong(&e.to_string()))?;
        if !matches!(base.scheme(), "https" | "http") || base.host_str().is_none() {
            return Err(wrong("it needs https and a host"));
        }
        if !base.username().is_empty() || base.password().is_some() || base.query().is_some() {
            return Err(wrong("credentials and queries do not belong into it"));
        }
        if !is_plain(&self.api_version) {
            let say = format!("{:?} is no version of the API; give v1 or v1beta", self.api_version);
            return Err(Error::invalid(say).at("gemini"));
        }
        let mut url = base.clone();
        let path = base.path().trim_end_matches('/');
        url.set_path(&format!("{path}/{}/models/", self.api_version));
        Ok(url)
    }
}

/// Whether a name can stand in a path as it is.
pub(super) fn is_plain(name: &str) -> bool {
    let usual = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !name.is_empty() && name.chars().all(usual) && !name.starts_with('.')
}
