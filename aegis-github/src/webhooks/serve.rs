//! The thin layer to axum.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use bytes::Bytes;
use http::StatusCode;
use http::header::CONTENT_LENGTH;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::json;

use super::{Refusal, Webhooks};

/// GitHub itself gives up after this.
const PATIENCE: Duration = Duration::from_secs(10);

impl Webhooks {
    /// Takes what is posted to `path`, and answers in JSON.
    ///
    /// # Panics
    ///
    /// As axum does, where `path` does not begin with `/`.
    pub fn router(&self, path: &str) -> Router {
        Router::new().route(path, post(take)).with_state(self.clone())
    }

    /// The whole body, as far as it comes in time and within its bound.
    async fn body(&self, request: Request) -> Result<Bytes, Refusal> {
        let too_large = Refusal::TooLarge(self.body_bytes);
        let told = request.headers().get(CONTENT_LENGTH).and_then(|told| told.to_str().ok());
        let told = told.and_then(|told| told.parse::<usize>().ok());
        if told.is_some_and(|told| told > self.body_bytes) {
            return Err(too_large);
        }
        let read = async {
            // Anybody may send: memory is bounded by how many are read at once. Nobody closes it.
            let _turn = self.bodies.acquire().await;
            let body: Limited<Body> = Limited::new(request.into_body(), self.body_bytes);
            body.collect().await
        };
        match tokio::time::timeout(PATIENCE, read).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(e)) if e.is::<LengthLimitError>() => Err(too_large),
            Ok(Err(_)) => Err(Refusal::Broken),
            Err(_) => Err(Refusal::Slow),
        }
    }
}

async fn take(State(webhooks): State<Webhooks>, request: Request) -> Response {
    let headers = request.headers().clone();
    let taken = match webhooks.body(request).await {
        Ok(body) => webhooks.receive(&headers, &body),
        Err(refusal) => Err(refusal),
    };
    let (status, message) = match taken {
        Ok(verdict) => (verdict.status(), verdict.to_string()),
        Err(refusal) => (refusal.status(), refusal.to_string()),
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, Json(json!({ "message": message }))).into_response()
}
