//! What the stand-in takes, and what it sees.

use aegis_gemini::gemini::{Gemini, catalogue};
use aegis_gemini::model::{Effort, Role};
use aegis_gemini::testkit::KEY;
use wiremock::http::Method;

use super::*;

/// The status and the answer that a body gets, sent as it is.
async fn raw(method: Method, path: &str, key: Option<&str>, body: &str) -> (u16, Value) {
    let stand = Stand::scripted([Said::text("Because.")]).unwrap();
    send(&stand, method, path, key, body).await
}

async fn send(
    stand: &Stand,
    method: Method,
    path: &str,
    key: Option<&str>,
    body: &str,
) -> (u16, Value) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let call = reqwest::Client::new().request(method, format!("{}{path}", stand.url()));
    let call = key.into_iter().fold(call, |call, key| call.header("x-goog-api-key", key));
    let answer = call.body(body.to_owned()).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

fn generate(model: &str) -> String {
    format!("/v1/models/{model}:generateContent")
}

#[tokio::test]
async fn an_answer_is_given_to_what_was_asked() {
    let (tell, told) = std::sync::mpsc::channel();
    let stand = Stand::start(move |asked| {
        tell.send(asked.clone()).unwrap();
        Said::text(asked.last().to_uppercase())
    })
    .unwrap();
    let request = why()
        .answered(text("I can't tell."))
        .ask(text("Try."))
        .with_schema(json!({ "type": "object" }))
        .with_output_tokens(300)
        .with_temperature(0.05)
        .with_effort(Effort::Low);
    let answer = stand.gemini().unwrap().complete(OLD, &request).await.unwrap();
    assert_eq!(answer.text.expose(), "TRY.");
    let asked = told.recv().unwrap();
    let turns = [(Role::User, "Why?"), (Role::Model, "I can't tell."), (Role::User, "Try.")];
    assert_eq!(asked.turns, turns.map(|(role, text)| (role, text.to_owned())));
    assert_eq!((asked.model.as_str(), asked.system.as_str()), (OLD, "Be brief."));
    assert_eq!(asked.schema, Some(json!({ "type": "object" })));
    assert_eq!(asked.generation["temperature"], 0.05);
    assert_eq!(asked.generation["maxOutputTokens"], 300);
    assert!(asked.holds("brief") && asked.holds("tell") && !asked.holds("TRY"));
}

#[tokio::test]
async fn tokens_are_counted_without_an_answer_of_the_test() {
    let stand = Stand::start(|_| panic!("nothing is generated")).unwrap();
    let count = stand.gemini().unwrap().count_tokens(LITE, &why()).await.unwrap();
    assert_eq!((count, stand.received().len()), (3 + 1, 1));
}

#[tokio::test]
async fn what_it_got_is_kept_with_what_it_refused() {
    let stand = Stand::scripted([Said::text("Because.")]).unwrap();
    let gemini = stand.gemini().unwrap();
    gemini.complete(LITE, &why().ask(text("say \"hi\"\nthen"))).await.unwrap();
    gemini.complete("gemini-9-ultra", &why()).await.unwrap_err();
    let paths: Vec<String> = stand.received().into_iter().map(|it| it.path).collect();
    assert_eq!(paths, [generate(LITE), generate("gemini-9-ultra")]);
    // In the path, in a header, in a body, and where JSON escapes it.
    for text in ["9-ultra", KEY, "Be brief.", "say \"hi\"\nthen"] {
        assert!(stand.got(text), "{text}");
    }
    assert!(!stand.got("hunter2"));
}

#[tokio::test]
async fn a_key_and_a_place_are_needed_as_with_gemini() {
    let body = json!({ "contents": [{ "parts": [{ "text": "Why?" }] }] }).to_string();
    let post = || Method::POST;
    let lite = generate(LITE);
    assert_eq!(raw(post(), &lite, Some(KEY), &body).await.0, 200);
    let latest = "/v1beta/models/gemini-flash-latest:generateContent";
    assert_eq!(raw(post(), latest, Some(KEY), &body).await.0, 200);
    for (method, path, key, code, status) in [
        (post(), lite.as_str(), None, 403, "PERMISSION_DENIED"),
        (post(), &lite, Some("another"), 400, "INVALID_ARGUMENT"),
        (Method::GET, &lite, Some(KEY), 404, "NOT_FOUND"),
        (post(), &generate("gemini-9-ultra"), Some(KEY), 404, "NOT_FOUND"),
        (post(), &generate("gemini-3.6-flash-latest"), Some(KEY), 404, "NOT_FOUND"),
        (post(), &lite.replace("v1", "v2"), Some(KEY), 404, "NOT_FOUND"),
        (post(), &lite.replace("generate", "dream"), Some(KEY), 404, "NOT_FOUND"),
    ] {
        let (got, told) = raw(method, path, key, &body).await;
        assert_eq!((got, &told["error"]["status"]), (code, &json!(status)), "{path}: {told}");
        assert_eq!(told["error"]["code"], code);
    }
    let (_, told) = raw(post(), &lite, Some("another"), &body).await;
    assert_eq!(told["error"]["details"][0]["reason"], "API_KEY_INVALID");
}

#[tokio::test]
async fn a_body_that_gemini_refuses_is_refused_in_its_words() {
    let with = |field: &str, value: Value| {
        let mut body = json!({ "contents": [{ "role": "user", "parts": [{ "text": "Why?" }] }] });
        *body.pointer_mut(field).unwrap_or(&mut Value::Null) = value.clone();
        if let Some(name) = field.strip_prefix("/+") {
            body[name] = value;
        }
        body
    };
    let config = |value: Value| with("/+generationConfig", value);
    let turn = |role: &str| json!({ "role": role, "parts": [{ "text": "Why?" }] });
    for (model, body, says) in [
        (LITE, with("/+content", json!([])), "Unknown name \"content\""),
        (
            LITE,
            with("/contents/0", json!({ "role": "user", "text": "x" })),
            "Unknown name \"text\"",
        ),
        (LITE, with("/contents/0/parts/0", json!({ "txt": "x" })), "Unknown name \"txt\""),
        (LITE, with("/contents/0/parts/0", json!({})), "oneof field 'data'"),
        (LITE, with("/contents/0/parts", json!([])), "must not be empty"),
        (LITE, with("/contents", json!([])), "contents is not specified"),
        (LITE, with("/contents", json!([turn("user"), turn("assistant")])), "valid role"),
        (LITE, with("/contents", json!([turn("user"), turn("model")])), "end with a user turn"),
        (LITE, with("/+systemInstruction", json!({ "parts": [] })), "must not be empty"),
        (LITE, json!([]), "an object is expected"),
        (
            LITE,
            config(json!({ "max_tokens": 3 })),
            "Unknown name \"max_tokens\" at 'generation_config'",
        ),
        (LITE, config(json!({ "maxOutputTokens": 0 })), "max_output_tokens"),
        (LITE, config(json!({ "maxOutputTokens": 65_537 })), "[1, 65536]"),
        (LITE, config(json!({ "temperature": 0.05 })), "temperature is not supported"),
        (LITE, config(json!({ "seed": 1 })), "seed is not supported"),
        (LITE, config(json!({ "topP": 0.9 })), "top_p is not supported"),
        (OLD, config(json!({ "temperature": 2.5 })), "[0.0, 2.0]"),
        (OLD, config(json!({ "responseJsonSchema": {} })), "application/json"),
        (
            OLD,
            config(json!({
                "responseMimeType": "application/json", "responseSchema": {}, "responseJsonSchema": {},
            })),
            "only one of",
        ),
        (OLD, config(json!({ "thinkingConfig": { "thinkingLevel": "low" } })), "not supported"),
        (LITE, config(json!({ "thinkingConfig": { "thinkingLevel": "huge" } })), "Invalid value"),
        (LITE, config(json!({ "thinkingConfig": { "thinkingBudget": -2 } })), "is invalid"),
        (
            LITE,
            config(json!({ "thinkingConfig": { "thinkingBudget": 0, "thinkingLevel": "low" } })),
            "only one of thinking budget",
        ),
    ] {
        let (code, told) = raw(Method::POST, &generate(model), Some(KEY), &body.to_string()).await;
        assert_eq!((code, &told["error"]["status"]), (400, &json!("INVALID_ARGUMENT")), "{body}");
        assert!(told["error"]["message"].as_str().unwrap().contains(says), "{told}");
    }
    let (code, _) = raw(Method::POST, &generate(LITE), Some(KEY), "{").await;
    assert_eq!(code, 400);
    let config = json!({
        "temperature": 0.05, "seed": 1, "maxOutputTokens": 65_536,
        "responseMimeType": "application/json", "responseJsonSchema": {},
        "thinkingConfig": { "thinkingBudget": -1 },
    });
    let body = with("/+generationConfig", config);
    let (code, told) = raw(Method::POST, &generate(OLD), Some(KEY), &body.to_string()).await;
    assert_eq!(code, 200, "{told}");
}

#[tokio::test]
async fn a_count_names_its_model_within() {
    let bare = json!({ "contents": [{ "parts": [{ "text": "Why?" }] }] });
    let mut whole = bare.clone();
    whole["model"] = json!(format!("models/{LITE}"));
    let path = format!("/v1/models/{LITE}:countTokens");
    let mut both = bare.clone();
    both["generateContentRequest"] = whole.clone();
    let mut system = bare.clone();
    system["systemInstruction"] = json!({ "parts": [{ "text": "x" }] });
    for (body, code) in [
        (bare.clone(), 200),
        (json!({ "generateContentRequest": whole }), 200),
        (json!({ "generateContentRequest": bare }), 400),
        (both, 400),
        (system, 400),
    ] {
        let (got, told) = raw(Method::POST, &path, Some(KEY), &body.to_string()).await;
        assert_eq!(got, code, "{body}: {told}");
    }
}

#[tokio::test]
async fn a_client_that_takes_a_family_to_sample_is_told_that_it_does_not() {
    let stand = Stand::scripted([Said::text("Because.")]).unwrap();
    let mut family = catalogue().of(LITE).unwrap().clone();
    family.sampling = true;
    let config = stand.config().with_catalogue(catalogue().with(family));
    let gemini = Gemini::new(config).unwrap();
    for request in [why().with_temperature(0.05), why().with_seed(1)] {
        let refusal = gemini.complete(LITE, &request).await.unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Sampling, "{refusal}");
    }
}

#[tokio::test]
async fn no_request_is_overlooked_where_no_more_are_kept() {
    let stand = Stand::scripted([Said::text("Because.")]).unwrap();
    let (gemini, request) = (stand.gemini().unwrap(), why());
    for _ in 0..2_000 {
        gemini.complete(LITE, &request).await.unwrap();
    }
    let refusal = gemini.complete(LITE, &request).await.unwrap_err();
    assert!(refusal.message.contains("start another one"), "{refusal}");
    assert_eq!(stand.received().len(), 2_000);
}

#[tokio::test]
async fn a_request_that_is_too_large_for_gemini_is_refused_and_kept() {
    let stand = Stand::scripted([Said::text("Because.")]).unwrap();
    let long = json!({ "contents": [{ "parts": [{ "text": "why ".repeat(5 * 1_024 * 1_024) }] }] });
    let (code, told) =
        send(&stand, Method::POST, &generate(LITE), Some(KEY), &long.to_string()).await;
    assert_eq!(code, 400);
    assert!(told.to_string().contains("payload size exceeds"), "{told}");
    assert_eq!(stand.received().len(), 1);
}
