//! The thin layer to axum.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::json;

use super::{Alerts, Refusal};

/// How long a body may take to come.
const PATIENCE: Duration = Duration::from_secs(10);

impl Alerts {
    /// Takes what is posted to `path`, and answers in JSON.
    ///
    /// # Panics
    ///
    /// As axum does, where `path` does not begin with `/`.
    pub fn router(&self, path: &str) -> Router {
        Router::new().route(path, post(take)).with_state(self.clone())
    }

    /// The whole body, as far as it comes in time and within its bound.
    async fn body(&self, body: Body) -> Result<Bytes, Refusal> {
        let most = self.inner.config.body_bytes;
        let read = async {
            // Memory is bounded by how many are read at once. Nobody closes it.
            let _turn = self.inner.bodies.acquire().await;
            Limited::new(body, most).collect().await
        };
        match tokio::time::timeout(PATIENCE, read).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(e)) if e.is::<LengthLimitError>() => Err(Refusal::TooLarge(most)),
            Ok(Err(_)) => Err(Refusal::Broken),
            Err(_) => Err(Refusal::Slow),
        }
    }
}

async fn take(State(alerts): State<Alerts>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let taken = async {
        // Before anything is read of who may not send.
        alerts.let_in(&head.headers)?;
        let body = alerts.body(body).await?;
        alerts.receive(&head.headers, &body).await
    };
    let (status, message) = match taken.await {
        Ok(taken) => (200, taken.to_string()),
        Err(refusal) => (refusal.status(), refusal.to_string()),
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, Json(json!({ "message": message }))).into_response()
}
