//! Every fault that aimock injects.

use aegis_gemini::model::{LanguageModel as _, RefusalKind};

use super::*;

#[tokio::test]
async fn each_fault_is_the_kind_that_the_client_documents() {
    let aimock = start().await;
    let gemini = Gemini::new(config(&aimock)).unwrap();
    let short = Duration::from_millis(200);
    for (fault, kind, says) in [
        ("a limit", RefusalKind::Pace(None), "429"),
        ("an error", RefusalKind::Failed, "500"),
        ("a broken line", RefusalKind::Failed, "can't be reached"),
        ("nonsense", RefusalKind::Unreadable, "can't be read"),
        ("a delay", RefusalKind::Late, "no answer within"),
    ] {
        let request = request(&format!("Answer {LITE} with {fault}"));
        let request = if kind == RefusalKind::Late { request.with_within(short) } else { request };
        let refusal = gemini.complete(LITE, &request).await.unwrap_err();
        assert_eq!(refusal.kind, kind, "{fault}: {refusal}");
        assert!(refusal.message.contains(says), "{fault}: {refusal}");
    }
}

#[tokio::test]
async fn what_it_does_not_take_is_the_kind_that_the_client_documents() {
    let aimock = start().await;
    for (key, version, text, kind) in [
        ("another", "v1beta", "Answer too long", RefusalKind::Denied),
        (KEY, "v1", "Answer too long", RefusalKind::Gone),
        // It has no answer to this, which it says by a status of 503.
        (KEY, "v1beta", "Who?", RefusalKind::Failed),
    ] {
        let config = GeminiConfig::new(key, DataPolicy::Paid).with_base(&aimock.url);
        let gemini = Gemini::new(config.with_api_version(version)).unwrap();
        let request = &request(text);
        let refusal = gemini.complete(LITE, request).await.unwrap_err();
        assert_eq!(refusal.kind, kind, "{refusal}");
    }
}

#[tokio::test]
async fn what_fails_once_is_asked_of_the_same_model_again() {
    let aimock = start().await;
    let router = router(&aimock);
    for fault in ["a limit", "an error", "a broken line", "nonsense"] {
        let reply = ask(&router, &format!("Answer after {fault}")).await.unwrap();
        assert_eq!(reply.choice.model, LITE, "{fault}");
    }
    let (models, statuses): (Vec<_>, Vec<_>) = asked(&aimock).await.into_iter().unzip();
    assert!(models.iter().all(|model| model == LITE), "{models:?}");
    // What breaks off has no status, and what is nonsense one of success.
    assert_eq!(statuses, [429, 200, 500, 200, 0, 200, 200, 200]);
}

#[tokio::test]
async fn what_goes_on_failing_is_asked_of_the_next_model() {
    for (fault, asks) in [("a limit", 2), ("an error", 3), ("a broken line", 3)] {
        let aimock = start().await;
        let router = router(&aimock);
        let reply = ask(&router, &format!("Answer {LITE} with {fault}")).await.unwrap();
        assert_eq!(reply.choice.model, NEXT, "{fault}");
        assert_eq!(router.figures().requests, asks + 1, "{fault}");
    }
}

#[tokio::test]
async fn what_is_late_once_is_asked_of_the_same_model_again_and_then_of_the_next() {
    let aimock = start().await;
    // Enough for an answer that is not delayed.
    let router = router_within(&aimock, Duration::from_secs(3));
    for (text, model, requests) in [
        (String::from("Answer after a delay"), LITE, 2),
        (format!("Answer {LITE} with a delay"), NEXT, 2 + 4),
    ] {
        assert_eq!(ask(&router, &text).await.unwrap().choice.model, model);
        assert_eq!(router.figures().requests, requests);
    }
}

#[tokio::test]
async fn what_goes_on_being_nonsense_is_given_up() {
    let aimock = start().await;
    let router = router(&aimock);
    let refused = ask(&router, &format!("Answer {LITE} with nonsense")).await.unwrap_err();
    assert!(matches!(refused, Unanswered::Unreadable(_)), "{refused}");
    assert_eq!(asked(&aimock).await, [(LITE.to_owned(), 200), (LITE.to_owned(), 200)]);
}
