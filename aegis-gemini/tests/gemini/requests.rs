//! What goes over the wire.

use aegis_gemini::model::{Effort, RefusalKind};

use super::*;

/// The path, the headers and the body that `request` makes of `model`.
async fn sent(model: &str, request: &Request) -> (wiremock::Request, Value) {
    let (server, gemini) = answering(ResponseTemplate::new(200).set_body_json(plain())).await;
    gemini.complete(model, request).await.unwrap();
    let sent = server.received_requests().await.unwrap().remove(0);
    let body = sent.body_json().unwrap();
    (sent, body)
}

fn full() -> Request {
    why()
        .answered(text("I can't tell."))
        .ask(text("Try."))
        .with_schema(json!({ "type": "object" }))
        .with_output_tokens(300)
        .with_temperature(0.05)
        .with_seed(7)
        .with_effort(Effort::Low)
}

#[tokio::test]
async fn an_older_family_is_told_of_sampling_and_a_budget_of_thinking() {
    let (sent, body) = sent("gemini-2.5-flash", &full()).await;
    assert_eq!(sent.url.path(), "/v1/models/gemini-2.5-flash:generateContent");
    assert_eq!(sent.url.query(), None);
    assert_eq!(sent.headers["x-goog-api-key"], KEY);
    assert_eq!(sent.headers["content-type"], "application/json");
    let exact = json!({
        "systemInstruction": { "parts": [{ "text": "Be brief." }] },
        "contents": [
            { "role": "user", "parts": [{ "text": "Why?" }] },
            { "role": "model", "parts": [{ "text": "I can't tell." }] },
            { "role": "user", "parts": [{ "text": "Try." }] },
        ],
        "generationConfig": {
            "maxOutputTokens": 300,
            "temperature": 0.05,
            "seed": 7,
            "responseMimeType": "application/json",
            "responseJsonSchema": { "type": "object" },
            "thinkingConfig": { "thinkingBudget": 1024 },
        },
    });
    assert_eq!(body, exact);
}

#[tokio::test]
async fn a_current_family_is_told_of_a_level_and_of_no_sampling() {
    let (_, body) = sent("gemini-3.6-flash", &full()).await;
    let exact = json!({
        "maxOutputTokens": 300,
        "responseMimeType": "application/json",
        "responseJsonSchema": { "type": "object" },
        "thinkingConfig": { "thinkingLevel": "low" },
    });
    assert_eq!(body["generationConfig"], exact);
    let (_, between) = sent("gemini-3.1-flash-lite", &full()).await;
    assert_eq!(between["generationConfig"]["temperature"], 0.05);
    assert_eq!(between["generationConfig"]["thinkingConfig"], json!({ "thinkingLevel": "low" }));
}

#[tokio::test]
async fn a_model_that_nobody_knows_is_sent_the_least() {
    let (_, body) = sent("gemini-9-ultra", &full().with_output_tokens(1 << 20)).await;
    let exact = json!({
        "maxOutputTokens": 1 << 20,
        "responseMimeType": "application/json",
        "responseJsonSchema": { "type": "object" },
    });
    assert_eq!(body["generationConfig"], exact);
}

#[tokio::test]
async fn plain_text_needs_no_schema_and_no_system_text() {
    let request = Request::new(text("")).ask(text("Why?")).with_output_tokens(1 << 20);
    let (_, body) = sent(LITE, &request).await;
    let exact = json!({
        "contents": [{ "role": "user", "parts": [{ "text": "Why?" }] }],
        "generationConfig": { "maxOutputTokens": 65_536 },
    });
    assert_eq!(body, exact);
}

#[tokio::test]
async fn address_and_version_are_as_configured() {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(200).set_body_json(plain());
    Mock::given(method("POST")).respond_with(answer).mount(&server).await;
    let config = GeminiConfig::new(KEY, DataPolicy::Paid)
        .with_base(format!("{}/proxy/", server.uri()))
        .with_api_version("v1beta");
    Gemini::new(config).unwrap().complete("gemini-flash-latest", &why()).await.unwrap();
    let sent = &server.received_requests().await.unwrap()[0];
    assert_eq!(sent.url.path(), "/proxy/v1beta/models/gemini-flash-latest:generateContent");
}

#[tokio::test]
async fn what_no_model_takes_is_not_sent() {
    let (server, gemini) = answering(ResponseTemplate::new(200).set_body_json(plain())).await;
    let unasked = Request::new(text("Be brief."));
    let answered_last = why().answered(text("Because."));
    let mute = why().with_output_tokens(0);
    for (model, request, says) in [
        (LITE, &unasked, "user's turn"),
        (LITE, &answered_last, "user's turn"),
        (LITE, &mute, "output_tokens"),
        ("../tunedModels/x", &why(), "name of a model"),
        ("", &why(), "name of a model"),
        ("m?key=1", &why(), "name of a model"),
    ] {
        let refusal = gemini.complete(model, request).await.unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Invalid);
        assert!(refusal.message.contains(says), "{refusal}");
    }
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn tokens_are_counted_with_the_system_text() {
    let answer = ResponseTemplate::new(200).set_body_json(json!({ "totalTokens": 11 }));
    let (server, gemini) = answering(answer).await;
    assert_eq!(gemini.count_tokens(LITE, &full()).await.unwrap(), 11);
    let sent = &server.received_requests().await.unwrap()[0];
    assert_eq!(sent.url.path(), "/v1/models/gemini-3.5-flash-lite:countTokens");
    let body: Value = sent.body_json().unwrap();
    let whole = &body["generateContentRequest"];
    assert_eq!(whole["model"], "models/gemini-3.5-flash-lite");
    assert_eq!(whole["systemInstruction"]["parts"][0]["text"], "Be brief.");
    assert_eq!(whole["contents"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn the_key_is_shown_nowhere() {
    let server = MockServer::start().await;
    let config = config(&server, DataPolicy::Paid);
    let shown = format!("{config:?}{:?}", Gemini::new(config.clone()).unwrap());
    assert!(!shown.contains(KEY), "{shown}");
    for bad in ["", " ", "two words ", "hush\nhush"] {
        let error = Gemini::new(GeminiConfig::new(bad, DataPolicy::Paid)).unwrap_err();
        assert!(error.to_string().contains("without blanks"), "{error}");
        assert!(!error.to_string().contains("hush"), "{error}");
    }
}

#[test]
fn what_is_no_address_is_refused_with_what_to_give() {
    for bad in ["gemini", "ftp://host", "https://me:hush@host", "https://host?key=hush"] {
        let config = GeminiConfig::new(KEY, DataPolicy::Paid).with_base(bad);
        let error = Gemini::new(config).unwrap_err();
        assert!(error.to_string().contains("https"), "{error}");
    }
    let config = GeminiConfig::new(KEY, DataPolicy::Paid).with_api_version("v1/../x");
    assert!(Gemini::new(config).unwrap_err().to_string().contains("v1beta"));
}
