//! The header that says as whom GitHub is asked.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aegis_core::{Error, Result};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::HeaderValue;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::config::{AppKey, Credentials};

/// A token is fetched anew this long before it ends.
const EARLY: Duration = Duration::from_secs(300);
/// What an App's own assertion lasts: GitHub takes ten minutes at most.
const ASSERTION: u64 = 540;
/// GitHub's clock may be behind this one.
const SKEW: u64 = 60;

/// As whom calls are made.
#[derive(Debug)]
pub(super) enum Auth {
    Token(SecretString),
    App(Box<App>),
}

#[derive(Debug)]
pub(super) struct App {
    key: AppKey,
    pair: RsaKeyPair,
    /// Held while one is fetched, so that only one is.
    token: tokio::sync::Mutex<Option<Installation>>,
}

#[derive(Debug, Clone)]
struct Installation {
    token: SecretString,
    ends: SystemTime,
    granted: Option<BTreeMap<String, String>>,
}

/// What GitHub answers to an App that asks for a token.
#[derive(Deserialize)]
pub(super) struct Minted {
    token: SecretString,
    expires_at: String,
    permissions: Option<BTreeMap<String, String>>,
}

impl Auth {
    pub(super) fn new(credentials: Credentials) -> Result<Self> {
        Ok(match credentials {
            Credentials::Token(token) => {
                header(&token)?;
                Self::Token(token)
            }
            Credentials::App(key) => {
                let pair = pair(&key)?;
                Self::App(Box::new(App { key, pair, token: tokio::sync::Mutex::default() }))
            }
        })
    }

    /// The header of a call; `mint` asks for an installation's token with the App's own assertion.
    pub(super) async fn header(
        &self,
        mint: impl AsyncFnOnce(&str, HeaderValue) -> Result<Minted>,
    ) -> Result<HeaderValue> {
        let app = match self {
            Self::Token(token) => return header(token),
            Self::App(app) => app,
        };
        let mut held = app.token.lock().await;
        let now = SystemTime::now();
        if let Some(token) = held.as_ref().filter(|token| token.ends > now + EARLY) {
            return header(&token.token);
        }
        let path = format!("app/installations/{}/access_tokens", app.key.installation);
        let minted = mint(&path, header(&app.assertion(now)?)?).await?;
        let ends = OffsetDateTime::parse(&minted.expires_at, &Rfc3339).map_err(|e| {
            let say = format!("GitHub says that a token ends at {}: {e}", minted.expires_at);
            Error::unavailable(say).at("github")
        })?;
        let (token, granted) = (minted.token, minted.permissions);
        let fresh = Installation { token, ends: ends.into(), granted };
        let header = header(&fresh.token);
        *held = Some(fresh);
        header
    }

    /// What the App was granted where it is installed, as it was told with its token.
    pub(super) async fn granted(&self) -> Option<BTreeMap<String, String>> {
        let Self::App(app) = self else { return None };
        app.token.lock().await.as_ref()?.granted.clone()
    }

    /// Forgets the token that was refused; whether another can be had.
    pub(super) async fn forget(&self, refused: &HeaderValue) -> bool {
        let Self::App(app) = self else { return false };
        let mut held = app.token.lock().await;
        // Another call may have fetched one meanwhile.
        if held.as_ref().is_some_and(|held| header(&held.token).ok().as_ref() == Some(refused)) {
            *held = None;
        }
        true
    }
}

impl App {
    /// A JSON Web Token that says who the App is, signed with its key (RS256).
    fn assertion(&self, now: SystemTime) -> Result<SecretString> {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let claims =
            json!({ "iat": now - SKEW, "exp": now - SKEW + ASSERTION, "iss": self.key.app });
        let part = |value: &serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let signed =
            format!("{}.{}", part(&json!({ "alg": "RS256", "typ": "JWT" })), part(&claims));
        let mut signature = vec![0; self.pair.public().modulus_len()];
        let random = SystemRandom::new();
        let done = self.pair.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature);
        done.map_err(|_| Error::internal("the App's key can't sign").at("github"))?;
        Ok(format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)).into())
    }
}

fn pair(key: &AppKey) -> Result<RsaKeyPair> {
    let wrong = |why: String| {
        let say = format!(
            "the private key of App {} can't be used: {why}; give the .pem file as GitHub made it",
            key.app
        );
        Error::invalid(say).at("github")
    };
    let der = PrivateKeyDer::from_pem_slice(key.private_key.expose_secret().as_bytes());
    let pair = match der.map_err(|e| wrong(e.to_string()))? {
        PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
        PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
        _ => return Err(wrong(String::from("it is no RSA key"))),
    };
    pair.map_err(|e| wrong(e.to_string()))
}

fn header(token: &SecretString) -> Result<HeaderValue> {
    let text = token.expose_secret();
    let value = HeaderValue::from_str(&format!("Bearer {text}"));
    let mut value =
        value.ok().filter(|_| !text.trim().is_empty() && text.trim() == text).ok_or_else(|| {
            let say = "the token is empty, or holds what no token holds; give it without blanks";
            Error::invalid(say).at("github")
        })?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_token_that_can_not_be_one_is_refused_and_not_shown() {
        for bad in ["", " ", "two words\n", "line\nbreak"] {
            let error = Auth::new(Credentials::token(bad)).unwrap_err();
            assert!(error.to_string().contains("without blanks"), "{error}");
        }
        let shown = format!("{:?}", header(&"hush".into()).unwrap());
        assert!(!shown.contains("hush"), "{shown}");
        for bad in [
            "",
            "-----BEGIN hush",
            "-----BEGIN EC PRIVATE KEY-----\naHVzaA==\n-----END EC PRIVATE KEY-----",
        ] {
            let key = AppKey::new("12", 1, bad);
            let error = Auth::new(Credentials::App(key)).unwrap_err();
            assert!(
                error.to_string().contains(".pem") && !error.to_string().contains("hush"),
                "{error}"
            );
        }
    }
}
