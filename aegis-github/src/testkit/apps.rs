//! Tokens for an App.

use std::collections::BTreeMap;
use std::time::SystemTime;

use axum::extract::State;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Shared, refused};

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/app/installations/7/access_tokens", post(access_tokens))
}

/// Gives a token to whoever proves to be the App.
async fn access_tokens(State(shared): State<Shared>, headers: HeaderMap) -> Response {
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
    let granted = &inside.granted;
    let told = json!({ "token": token, "expires_at": ends, "permissions": granted });
    (StatusCode::CREATED, Json(told)).into_response()
}

/// All that anything here needs.
pub(super) fn all() -> BTreeMap<&'static str, &'static str> {
    let read = ["metadata", "checks", "statuses", "deployments", "actions"].map(|p| (p, "read"));
    read.into_iter().chain([("contents", "write"), ("pull_requests", "write")]).collect()
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
