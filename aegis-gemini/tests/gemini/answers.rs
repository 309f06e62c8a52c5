//! What is read of an answer.

use aegis_gemini::model::{Finish, RefusalKind, Usage};

use super::*;

#[tokio::test]
async fn an_answer_is_its_text_without_thoughts_and_what_it_took() {
    let body = json!({
        "candidates": [{
            "content": { "role": "model", "parts": [
                { "text": "Let me see.", "thought": true },
                { "text": "Be" }, { "text": "cause.", "thoughtSignature": "c2ln" },
            ] },
            "finishReason": "STOP", "index": 0, "aFieldOfTomorrow": {},
        }],
        "usageMetadata": {
            "promptTokenCount": 20, "candidatesTokenCount": 3, "thoughtsTokenCount": 5,
            "cachedContentTokenCount": 8, "totalTokenCount": 28,
        },
        "modelVersion": "gemini-3.5-flash-lite-001", "responseId": "r1",
    });
    let answer = answered(200, body).await.unwrap();
    assert_eq!(answer.text.expose(), "Because.");
    assert_eq!(answer.finish, Finish::Complete);
    assert_eq!(answer.usage, Usage::new(20, 3, 5, 8));
    assert_eq!(answer.model_version.as_deref(), Some("gemini-3.5-flash-lite-001"));
    assert_eq!(answer.response_id.as_deref(), Some("r1"));
    assert!(!format!("{answer:?}").contains("Because"));
}

#[tokio::test]
async fn a_cut_answer_is_one_also_where_it_has_no_more_than_thoughts() {
    for (parts, text) in [(json!([{ "text": "Bec" }]), "Bec"), (json!([]), "")] {
        let body = json!({ "candidates": [
            { "content": { "parts": parts }, "finishReason": "MAX_TOKENS" },
        ] });
        let answer = answered(200, body).await.unwrap();
        assert_eq!((answer.text.expose(), answer.finish), (text, Finish::Cut));
    }
}

#[tokio::test]
async fn what_is_blocked_says_so_and_what_it_took() {
    let usage = json!({ "promptTokenCount": 9 });
    let ended = |reason: &str| {
        json!({
            "candidates": [{ "finishReason": reason, "finishMessage": "a\nreason" }],
            "usageMetadata": usage,
        })
    };
    let prompt = json!({
        "promptFeedback": { "blockReason": "A_REASON_OF_TOMORROW" }, "usageMetadata": usage,
    });
    for (body, says) in [
        (ended("SAFETY"), "the answer is blocked (SAFETY): a reason"),
        (ended("RECITATION"), "(RECITATION)"),
        (ended("PROHIBITED_CONTENT"), "(PROHIBITED_CONTENT)"),
        (prompt, "the prompt is blocked (A_REASON_OF_TOMORROW)"),
    ] {
        let refusal = answered(200, body).await.unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Blocked);
        assert_eq!(refusal.usage, Some(Usage::new(9, 0, 0, 0)));
        assert!(refusal.message.contains(says), "{refusal}");
    }
}

#[tokio::test]
async fn what_nobody_can_read_is_no_answer() {
    let with = |text: &str, reason: &str| {
        json!({ "candidates": [
            { "content": { "parts": [{ "text": text }] }, "finishReason": reason },
        ] })
    };
    for (body, says) in [
        (with("Because.", "A_REASON_OF_TOMORROW"), "A_REASON_OF_TOMORROW"),
        (with(" \n", "STOP"), "is empty"),
        (json!({ "candidates": [{ "finishReason": "STOP" }] }), "is empty"),
        (json!({ "candidates": [{ "content": {} }] }), "not known"),
        (json!({}), "no candidate"),
        (json!({ "candidates": "x" }), "can't be read"),
        (json!(3), "can't be read"),
    ] {
        let refusal = answered(200, body).await.unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Unreadable);
        assert!(refusal.message.contains(says), "{refusal}");
    }
}
