//! As whom GitHub is asked: a token, or an App.

use std::process::Command;
use std::time::{Duration, SystemTime};

use aegis_core::ErrorKind;
use aegis_core::port::Repository as _;
use aegis_github::{AppKey, Credentials, GitHub, GitHubRepository};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::fake::{Fake, Fault, Shared, TOKEN, refused};

/// Gives a token to whoever proves to be the App.
pub(crate) async fn access_tokens(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let mut inside = shared.lock().unwrap();
    let Some((key, lasts)) = inside.app.clone() else { return refused(404, "Not Found") };
    let claims = headers.get(AUTHORIZATION).and_then(|bearer| claims(bearer.to_str().ok()?, &key));
    let Some(claims) = claims else { return refused(401, "A JSON web token could not be decoded") };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let (from, until) = (claims["iat"].as_u64().unwrap(), claims["exp"].as_u64().unwrap());
    if claims["iss"] != "12" || from > now || until < now || until - from > 600 {
        return refused(401, "'Issued at' claim ('iat') or 'exp' is wrong");
    }
    inside.minted += 1;
    let token = format!("ghs_{}", inside.minted);
    inside.tokens.push(token.clone());
    let ends = OffsetDateTime::from(SystemTime::now() + lasts).format(&Rfc3339).unwrap();
    Json(json!({ "token": token, "expires_at": ends })).into_response()
}

fn claims(bearer: &str, key: &[u8]) -> Option<Value> {
    let (signed, signature) = bearer.strip_prefix("Bearer ")?.rsplit_once('.')?;
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).ok()?;
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key);
    public.verify(signed.as_bytes(), &signature).ok()?;
    let (head, claims) = signed.split_once('.')?;
    let read = |part: &str| -> Option<Value> {
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).ok()?).ok()
    };
    (read(head)?["alg"] == "RS256").then(|| read(claims))?
}

/// A key of two thousand bits, as GitHub gives it (PKCS #1) or as others do (PKCS #8).
fn pem(words: &[&str]) -> String {
    let output = Command::new("openssl").args(words).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn pkcs8() -> String {
    pem(&["genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"])
}

fn trusts(fake: &Fake, pkcs8: &str, lasts: Duration) {
    let der = PrivatePkcs8KeyDer::from_pem_slice(pkcs8.as_bytes()).unwrap();
    let pair = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).unwrap();
    let mut inside = fake.inside.lock().unwrap();
    inside.app = Some((pair.public_key().as_ref().to_vec(), lasts));
    inside.tokens.clear();
}

fn app(fake: &Fake, pem: &str) -> GitHub {
    let key = AppKey::new("12", 7, pem);
    GitHub::new(Credentials::App(key), fake.config()).unwrap()
}

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn an_app_signs_in_once_for_all_that_ask_at_once() {
    let fake = Fake::start().await;
    let key = pkcs8();
    trusts(&fake, &key, HOUR);
    let repository = GitHubRepository::open(app(&fake, &key), "acme/shop").await.unwrap();
    let all = tokio::join!(repository.head(), repository.head(), repository.head());
    assert!(all.0.is_ok() && all.1.is_ok() && all.2.is_ok());
    assert_eq!(fake.inside.lock().unwrap().minted, 1);
    let calls = fake.calls();
    assert_eq!(calls.iter().filter(|call| call.path.starts_with("/app/")).count(), 1);
}

#[tokio::test]
async fn a_token_that_ends_soon_or_is_taken_back_is_fetched_anew() {
    let fake = Fake::start().await;
    let key = pkcs8();
    trusts(&fake, &key, Duration::from_secs(200));
    let repository = GitHubRepository::open(app(&fake, &key), "acme/shop").await.unwrap();
    let before = fake.inside.lock().unwrap().minted;
    repository.head().await.unwrap();
    assert_eq!(fake.inside.lock().unwrap().minted, before + 1, "five minutes before its end");

    trusts(&fake, &key, HOUR);
    repository.head().await.unwrap();
    fake.inside.lock().unwrap().tokens.clear();
    let before = fake.inside.lock().unwrap().minted;
    repository.head().await.unwrap();
    assert_eq!(fake.inside.lock().unwrap().minted, before + 1, "it was taken back");
}

#[tokio::test]
async fn a_key_of_github_s_own_form_is_taken_and_a_stranger_is_refused() {
    let fake = Fake::start().await;
    let key = pkcs8();
    trusts(&fake, &key, HOUR);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key.pem");
    std::fs::write(&file, &key).unwrap();
    let pkcs1 = pem(&["rsa", "-traditional", "-in", file.to_str().unwrap()]);
    assert!(pkcs1.starts_with("-----BEGIN RSA PRIVATE KEY-----"), "{pkcs1}");
    GitHubRepository::open(app(&fake, &pkcs1), "acme/shop").await.unwrap();

    let stranger = GitHubRepository::open(app(&fake, &pkcs8()), "acme/shop").await.unwrap_err();
    assert_eq!(stranger.kind(), ErrorKind::Denied, "{stranger}");
    assert!(stranger.to_string().contains("access_tokens"), "{stranger}");
}

#[tokio::test]
async fn a_personal_token_that_is_refused_is_not_tried_again() {
    let fake = Fake::start().await;
    let repository = fake.repository().await;
    fake.calls();
    fake.inside.lock().unwrap().tokens.clear();
    let error = repository.head().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(!error.to_string().contains(TOKEN), "{error}");
    assert_eq!(fake.calls().len(), 1);
    // Nor does a limit of an App's token end it.
    fake.fault("git/ref", Fault::Status(500, vec![], "Server Error"));
    repository.head().await.unwrap_err();
}
