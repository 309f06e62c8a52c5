//! A server of chat completions that knows nothing: it quotes what it was asked.

use std::net::SocketAddr;

use axum::Json;
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Takes the last line of what it is asked that names an error for the cause. It ends with this.
#[derive(Debug)]
pub struct StandIn {
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl StandIn {
    /// Serves on a port that the system chooses.
    ///
    /// # Errors
    ///
    /// Where none can be had.
    pub async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let app = axum::Router::new().route("/v1/chat/completions", post(complete));
        let server = tokio::spawn(async move {
            // It ends with its task.
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self { address, server })
    }

    /// Where it is, up to its version.
    pub fn base(&self) -> String {
        format!("http://{}/v1", self.address)
    }
}

async fn complete(Json(asked): Json<Value>) -> Json<Value> {
    let messages = asked["messages"].as_array().map_or(&[][..], Vec::as_slice);
    let texts: Vec<&str> = messages.iter().filter_map(|one| one["content"].as_str()).collect();
    let lines = texts.last().map_or("", |text| text).lines();
    let error = lines.rev().find(|line| line.contains("Error")).unwrap_or_default().trim();
    let cause = error.split_once(": ").map_or(error, |(_, cause)| cause);
    let said = json!({ "because": error, "cause": cause, "confidence": 0.1 }).to_string();
    // A token is about four bytes.
    let tokens = |text: &str| text.len().div_ceil(4);
    let (prompt, answer) = (texts.iter().map(|text| tokens(text)).sum::<usize>(), tokens(&said));
    Json(json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 0, "model": asked["model"],
        "choices": [{
            "index": 0, "message": { "role": "assistant", "content": said }, "finish_reason": "stop",
        }],
        "usage": {
            "prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer,
        },
    }))
}
