//! What goes over the wire, and what comes back.

use aegis_core::{Error, Result};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, IF_NONE_MATCH, LINK};
use http::{HeaderMap, Request};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::cache::Kept;
use super::{Answer, Call, VERSION};

pub(super) fn request(
    call: &Call,
    bearer: Option<HeaderValue>,
    kept: Option<&Kept>,
) -> Result<Request<String>, http::Error> {
    let mut request = Request::builder().method(&call.method).uri(call.url.as_str());
    request = request.header(ACCEPT, call.accept);
    if let Some(bearer) = bearer {
        request = request.header(AUTHORIZATION, bearer);
        request = request.header("x-github-api-version", VERSION);
    }
    if let Some(kept) = kept {
        request = request.header(IF_NONE_MATCH, &kept.etag);
    }
    let body = call.body.as_ref().map(Value::to_string);
    if body.is_some() {
        request = request.header(CONTENT_TYPE, "application/json");
    }
    request.body(body.unwrap_or_default())
}

pub(super) fn from_cache(kept: Kept) -> Answer {
    let mut headers = HeaderMap::new();
    if let Some(link) = kept.link.and_then(|link| HeaderValue::from_str(&link).ok()) {
        headers.insert(LINK, link);
    }
    Answer { status: 200, headers, body: kept.body }
}

pub(super) fn parse<T: DeserializeOwned>(body: &[u8], path: &str) -> Result<T> {
    serde_json::from_slice(body).map_err(|e| {
        let say = format!("{path}: GitHub's answer can't be read: {e}");
        Error::unavailable(say).at("github")
    })
}
