//! Refusals, by what helps.

use std::time::Duration;

use aegis_gemini::model::RefusalKind;

use super::*;

fn error(status: &str, message: &str, details: Value) -> Value {
    json!({ "error": { "code": 0, "message": message, "status": status, "details": details } })
}

/// A refusal for a quota, with the delay that Google adds to all of them.
fn quota(id: &str, value: &str, message: &str) -> Value {
    let details = json!([
        { "@type": "type.googleapis.com/google.rpc.Help", "links": [] },
        {
            "@type": "type.googleapis.com/google.rpc.QuotaFailure",
            "violations": [{ "quotaMetric": "m", "quotaId": id, "quotaValue": value }],
        },
        { "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "38.2s" },
    ]);
    error("RESOURCE_EXHAUSTED", message, details)
}

#[tokio::test]
async fn each_refusal_is_known_by_what_helps() {
    let minute = "GenerateRequestsPerMinutePerProjectPerModel";
    let day = "GenerateRequestsPerDayPerProjectPerModel";
    let pace = RefusalKind::Pace(Some(Duration::from_millis(38_200)));
    let bad_key = json!([{ "@type": "x/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID" }]);
    let none = json!([]);
    for (status, body, kind) in [
        (429, quota(minute, "10", "slow"), pace),
        (429, quota(day, "20", "spent"), RefusalKind::Spent),
        (429, quota(minute, "0", "none"), RefusalKind::Gone),
        (429, quota(day, "20", "limit: 0, model: m"), RefusalKind::Gone),
        (429, error("RESOURCE_EXHAUSTED", "busy", none.clone()), RefusalKind::Pace(None)),
        (404, error("NOT_FOUND", "no such model", none.clone()), RefusalKind::Gone),
        (401, error("UNAUTHENTICATED", "who", none.clone()), RefusalKind::Denied),
        (403, error("PERMISSION_DENIED", "leaked", none.clone()), RefusalKind::Denied),
        (400, error("INVALID_ARGUMENT", "API key not valid", bad_key), RefusalKind::Denied),
        (400, error("FAILED_PRECONDITION", "location", none.clone()), RefusalKind::Denied),
        (400, error("INVALID_ARGUMENT", "bad schema", none.clone()), RefusalKind::Invalid),
        (413, json!({}), RefusalKind::Invalid),
        (302, json!({}), RefusalKind::Invalid),
        (500, error("INTERNAL", "oops", none.clone()), RefusalKind::Failed),
        (502, json!("<html>"), RefusalKind::Failed),
        (503, error("UNAVAILABLE", "overloaded", none.clone()), RefusalKind::Failed),
        (504, error("DEADLINE_EXCEEDED", "slow", none), RefusalKind::Failed),
    ] {
        let refusal = answered(status, body).await.unwrap_err();
        assert_eq!(refusal.kind, kind, "{refusal}");
        let shown = refusal.to_string();
        assert!(shown.contains(LITE) && shown.contains(&status.to_string()), "{shown}");
    }
}

#[tokio::test]
async fn a_sampling_field_is_blamed_only_where_one_was_sent() {
    let by_message = error("INVALID_ARGUMENT", "Temperature is no longer supported.", json!([]));
    let by_field = error(
        "INVALID_ARGUMENT",
        "Bad request",
        json!([{
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [{ "field": "generation_config.seed", "description": "unknown" }],
        }]),
    );
    for (body, request) in
        [(by_message, why().with_temperature(0.05)), (by_field, why().with_seed(1))]
    {
        let template = ResponseTemplate::new(400).set_body_json(body);
        let (_server, gemini) = answering(template).await;
        let refusal = gemini.complete(LITE, &request).await.unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Sampling, "{refusal}");
        let refusal = gemini.complete(LITE, &why()).await.unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Invalid, "{refusal}");
    }
}

#[tokio::test]
async fn a_key_of_the_free_tier_is_sent_no_more_unless_that_is_allowed() {
    let body = quota("GenerateRequestsPerMinutePerProjectPerModel-FreeTier", "10", "slow");
    for (policy, reached) in [(DataPolicy::Paid, 1), (DataPolicy::MayTrain, 2)] {
        let server = MockServer::start().await;
        let template = ResponseTemplate::new(429).set_body_json(&body);
        Mock::given(method("POST")).respond_with(template).mount(&server).await;
        let gemini = Gemini::new(config(&server, policy)).unwrap();
        gemini.complete(LITE, &why()).await.unwrap_err();
        let refusal = gemini.complete(LITE, &why()).await.unwrap_err();
        assert_eq!(refusal.kind == RefusalKind::Denied, policy == DataPolicy::Paid, "{refusal}");
        assert_eq!(server.received_requests().await.unwrap().len(), reached);
    }
}

#[tokio::test]
async fn nothing_is_repeated() {
    let (server, gemini) = answering(ResponseTemplate::new(503)).await;
    gemini.complete(LITE, &why()).await.unwrap_err();
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = MockServer::start().await;
    let template = ResponseTemplate::new(307).insert_header("location", elsewhere.uri());
    let (_server, gemini) = answering(template).await;
    gemini.complete(LITE, &why()).await.unwrap_err();
    assert!(elsewhere.received_requests().await.unwrap().is_empty());
}
