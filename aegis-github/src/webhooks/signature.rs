//! Whether GitHub itself sent a body.

use aegis_core::{Error, Result};
use ring::hmac;
use secrecy::{ExposeSecret as _, SecretString};

/// Fewer bytes than this could be guessed.
const SHORTEST: usize = 16;

/// What GitHub signs with.
#[derive(Debug, Clone)]
pub(super) struct Keys(Vec<hmac::Key>);

impl Keys {
    pub(super) fn new(secret: &SecretString) -> Result<Self> {
        Ok(Self(vec![key(secret)?]))
    }

    /// Takes this one as well.
    pub(super) fn add(&mut self, secret: &SecretString) -> Result<()> {
        self.0.push(key(secret)?);
        Ok(())
    }

    /// The signature in `header`, `sha256=` and 64 digits, where it is one of `body` by one of the keys.
    pub(super) fn verified(&self, header: &[u8], body: &[u8]) -> Option<[u8; 32]> {
        let signature = unhex(header.strip_prefix(b"sha256=")?)?;
        // Each is tried, and each compares in constant time.
        let ours = |by: &hmac::Key| hmac::verify(by, body, &signature).is_ok();
        self.0.iter().fold(false, |known, by| known | ours(by)).then_some(signature)
    }
}

fn key(secret: &SecretString) -> Result<hmac::Key> {
    let secret = secret.expose_secret().as_bytes();
    if secret.len() < SHORTEST {
        let say = format!(
            "the webhook's secret has {} bytes, and needs {SHORTEST} at least: make one with `openssl \
             rand -hex 32`, and give it to GitHub and here",
            secret.len()
        );
        return Err(Error::invalid(say).at("webhooks"));
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, secret))
}

fn unhex(digits: &[u8]) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if digits.len() != 2 * bytes.len() {
        return None;
    }
    let value =
        |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    // The example of GitHub's documentation, "Validating webhook deliveries".
    const SECRET: &str = "It's a Secret to Everybody";
    const BODY: &[u8] = b"Hello, World!";
    const SIGNED: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    #[test]
    fn the_example_of_githubs_documentation_is_right() {
        let keys = Keys::new(&SECRET.into()).unwrap();
        assert!(keys.verified(SIGNED.as_bytes(), BODY).is_some());
        assert!(keys.verified(SIGNED.as_bytes(), b"Hello, world!").is_none());
    }

    #[test]
    fn whatever_else_stands_there_is_no_signature() {
        let keys = Keys::new(&SECRET.into()).unwrap();
        let digits = SIGNED.strip_prefix("sha256=").unwrap();
        let mut changed = SIGNED.to_owned().into_bytes();
        for bad in ["", "sha256=", "sha256=75", digits, &format!("sha1={digits}")] {
            assert!(keys.verified(bad.as_bytes(), BODY).is_none(), "{bad}");
        }
        for bad in [format!("{SIGNED}00"), SIGNED.replace('7', "g"), SIGNED.replace('7', "\u{e9}")]
        {
            assert!(keys.verified(bad.as_bytes(), BODY).is_none(), "{bad}");
        }
        for at in "sha256=".len()..SIGNED.len() {
            let digit = std::mem::replace(&mut changed[at], b'f');
            assert_eq!(keys.verified(&changed, BODY).is_some(), digit == b'f', "{at}");
            changed[at] = digit;
        }
    }

    #[test]
    fn a_secret_that_can_be_guessed_is_refused_and_none_is_shown() {
        for short in ["", "fifteen letters"] {
            let error = Keys::new(&short.into()).unwrap_err().to_string();
            assert!(error.contains("openssl rand -hex 32"), "{error}");
            assert!(short.is_empty() || !error.contains(short), "{error}");
        }
        let keys = Keys::new(&SECRET.into()).unwrap();
        assert!(!format!("{keys:?}").contains("Everybody"));
    }
}
