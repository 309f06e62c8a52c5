//! Who may send, compared in constant time.

use aegis_core::{Error, Result};
use ring::hmac;
use ring::rand::SystemRandom;
use secrecy::{ExposeSecret as _, SecretString};

use crate::http::Auth;

/// Fewer bytes than this could be guessed.
const SHORTEST: usize = 16;

/// What the header `Authorization` must be, as its code under a key that nobody else has: two codes
/// differ in no way that tells how the headers do.
#[derive(Debug)]
pub(super) struct Door(Option<(hmac::Key, hmac::Tag)>);

impl Door {
    pub(super) fn new(auth: &Auth) -> Result<Self> {
        let (Some(wanted), Some(secret)) = (auth.header(), secret(auth)) else {
            return Ok(Self(None));
        };
        let bytes = secret.expose_secret().len();
        if bytes < SHORTEST {
            return Err(Error::invalid(format!(
                "the secret of who may send has {bytes} bytes, and needs {SHORTEST} at least: make one \
                 with `openssl rand -hex 32`, and give it to Alertmanager and here"
            )));
        }
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .map_err(|_| Error::unavailable("the system has no random numbers"))?;
        let tag = hmac::sign(&key, wanted.expose_secret().as_bytes());
        Ok(Self(Some((key, tag))))
    }

    /// Whether who sends this header is let in.
    pub(super) fn opens(&self, header: Option<&[u8]>) -> bool {
        let Some((key, tag)) = &self.0 else { return true };
        header.is_some_and(|sent| hmac::verify(key, sent, tag.as_ref()).is_ok())
    }
}

fn secret(auth: &Auth) -> Option<&SecretString> {
    match auth {
        Auth::None => None,
        Auth::Basic { password: secret, .. } | Auth::Bearer(secret) => Some(secret),
    }
}
