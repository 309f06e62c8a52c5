//! OpenAI's chat completions, as ollama, vLLM, llama.cpp and many others speak them.

mod stand_in;

use std::error::Error;
use std::time::Duration;

use aegis_core::redact::Untrusted;
use aegis_gemini::model::{
    Answer, Finish, LanguageModel, Refusal, RefusalKind, Request, Role, Usage,
};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};

pub use self::stand_in::StandIn;

/// Most bytes of an answer.
const MOST: usize = 1 << 20;

/// A server of chat completions. Each call is one exchange.
#[derive(Debug)]
pub struct ChatCompletions {
    url: String,
    http: reqwest::Client,
}

#[derive(Deserialize)]
struct Completion {
    id: Option<String>,
    model: Option<String>,
    choices: Vec<Chosen>,
    #[serde(default)]
    usage: Tokens,
}

#[derive(Deserialize)]
struct Chosen {
    message: Message,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Tokens {
    prompt_tokens: u64,
    completion_tokens: u64,
}

impl ChatCompletions {
    /// The server at this address, as `http://localhost:11434/v1`, with this key where it wants one.
    ///
    /// # Errors
    ///
    /// Where the key is none, or there can be no client.
    pub fn new(base: &str, key: Option<&str>) -> Result<Self, Box<dyn Error>> {
        // It may have been chosen already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut headers = HeaderMap::new();
        if let Some(key) = key {
            let mut value = HeaderValue::from_str(&format!("Bearer {key}"))
                .map_err(|_| "the key holds what no header can")?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let http = reqwest::Client::builder()
            .default_headers(headers)
            // The key would go along.
            .redirect(reqwest::redirect::Policy::none())
            // Repeating is the router's.
            .retry(reqwest::retry::never())
            .build()?;
        Ok(Self { url: format!("{}/chat/completions", base.trim_end_matches('/')), http })
    }

    async fn exchange(&self, model: &str, request: &Request) -> Result<Answer, Refusal> {
        let refuse = |kind, why: String| Refusal::new(kind, format!("{model}: {why}"));
        let broken = |e| refuse(RefusalKind::Failed, format!("can't be reached: {e}"));
        let call = self.http.post(&self.url).json(&body(model, request));
        let mut response = call.send().await.map_err(broken)?;
        let status = response.status().as_u16();
        let wait = response.headers().get("retry-after").and_then(|it| it.to_str().ok());
        let wait = wait.and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
        let mut said = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(broken)? {
            said.extend_from_slice(&piece);
            if said.len() > MOST {
                let why = format!("the answer is longer than {MOST} bytes");
                return Err(refuse(RefusalKind::Unreadable, why));
            }
        }
        if status != 200 {
            let text = String::from_utf8_lossy(&said);
            let kind = match status {
                // No time gives that back.
                429 if text.contains("insufficient_quota") => RefusalKind::Spent,
                429 => RefusalKind::Pace(wait),
                401 | 403 => RefusalKind::Denied,
                404 => RefusalKind::Gone,
                408 | 500.. => RefusalKind::Failed,
                _ => RefusalKind::Invalid,
            };
            let said: String = text.chars().filter(|c| !c.is_control()).take(300).collect();
            return Err(refuse(kind, format!("{status} {said}")));
        }
        let unreadable = |why: String| refuse(RefusalKind::Unreadable, why);
        let Completion { id, model: version, choices, usage } = serde_json::from_slice(&said)
            .map_err(|e| unreadable(format!("the answer can't be read: {e}")))?;
        let usage = Usage::new(usage.prompt_tokens, usage.completion_tokens, 0, 0);
        let Some(chosen) = choices.into_iter().next() else {
            return Err(unreadable("the answer holds no choice".into()).with_usage(usage));
        };
        let text = chosen.message.content.unwrap_or_default();
        let finish = match chosen.finish_reason.as_deref() {
            Some("stop") if !text.trim().is_empty() => Finish::Complete,
            Some("length") => Finish::Cut,
            Some("content_filter") => {
                let why = String::from("the answer was filtered");
                return Err(refuse(RefusalKind::Blocked, why).with_usage(usage));
            }
            other => {
                let why = format!("the answer is empty, or ended by {other:?}");
                return Err(unreadable(why).with_usage(usage));
            }
        };
        let answer = Answer::new(Untrusted::new(text)).with_finish(finish).with_usage(usage);
        Ok(answer.with_model_version(version).with_response_id(id))
    }
}

/// Of effort there is nothing that all of these servers take.
fn body(model: &str, request: &Request) -> Value {
    let system = Some(("system", &request.system)).filter(|(_, text)| !text.is_empty());
    let turns = request.turns.iter().map(|turn| match turn.role {
        Role::User => ("user", &turn.text),
        Role::Model => ("assistant", &turn.text),
    });
    let messages = system.into_iter().chain(turns);
    let messages = messages.map(|(role, text)| json!({ "role": role, "content": text.as_str() }));
    let mut body = json!({
        "model": model,
        "messages": messages.collect::<Vec<_>>(),
        "max_tokens": request.output_tokens,
    });
    if let Some(schema) = &request.schema {
        let schema = json!({ "name": "answer", "schema": schema, "strict": true });
        body["response_format"] = json!({ "type": "json_schema", "json_schema": schema });
    }
    if let Some(temperature) = request.temperature {
        body["temperature"] = temperature.into();
    }
    if let Some(seed) = request.seed {
        body["seed"] = seed.into();
    }
    body
}

#[async_trait::async_trait]
impl LanguageModel for ChatCompletions {
    async fn complete(&self, model: &str, request: &Request) -> Result<Answer, Refusal> {
        match tokio::time::timeout(request.within, self.exchange(model, request)).await {
            Ok(came) => came,
            Err(_) => {
                let why = format!("{model}: no answer within {:?}", request.within);
                Err(Refusal::new(RefusalKind::Late, why))
            }
        }
    }
}
