use std::time::Duration;

use aegis_core::port::{Notice, Notifier, Urgency};
use aegis_core::{ErrorKind, IncidentId, Retry, Timestamp};
use aegis_local::notify::Webhook;
use serde_json::Value;

use super::server::{Reply, Server};

fn notice() -> Notice {
    let now = Timestamp::from_ms(7);
    let mut notice = Notice::new(
        IncidentId::new("i1"),
        "shop".into(),
        now,
        Urgency::Page,
        "a fix needs a person",
    );
    notice.why = "the tests <fail>".into();
    notice
}

#[tokio::test]
async fn a_notice_arrives_as_json() {
    let server = Server::start(Reply::new(200, "ok")).await;
    let hook = Webhook::new(&server.url("/hook")).unwrap().with_header("x-token", "t").unwrap();
    hook.notify(&notice()).await.unwrap();
    let asked = &server.asked()[0];
    assert_eq!(asked.path, "/hook");
    assert_eq!(asked.headers["x-token"], "t");
    assert_eq!(serde_json::from_slice::<Notice>(&asked.body).unwrap(), notice());
}

#[tokio::test]
async fn a_notice_arrives_as_a_slack_message() {
    let server = Server::start(Reply::new(200, "ok")).await;
    Webhook::slack(&server.url("/hook")).unwrap().notify(&notice()).await.unwrap();
    let body: Value = serde_json::from_slice(&server.asked()[0].body).unwrap();
    assert_eq!(body["text"], "[page] shop: a fix needs a person");
    assert_eq!(body["blocks"][1]["text"]["text"], "the tests &lt;fail&gt;");
}

#[tokio::test]
async fn an_answer_says_whether_to_try_again() {
    let server = Server::start(Reply::new(200, "")).await;
    let hook = Webhook::new(&server.url("/hook/secret")).unwrap();
    for (reply, kind, retry) in [
        (
            Reply::new(429, "").with_header("retry-after", "7"),
            ErrorKind::Exhausted,
            Retry::AfterMs(7000),
        ),
        (Reply::new(503, ""), ErrorKind::Unavailable, Retry::Backoff),
        (Reply::new(500, ""), ErrorKind::Unavailable, Retry::Backoff),
        (Reply::new(400, "no"), ErrorKind::Invalid, Retry::Never),
        (Reply::new(403, ""), ErrorKind::Denied, Retry::Never),
        (Reply::new(404, ""), ErrorKind::NotFound, Retry::Never),
        (
            Reply::new(302, "").with_header("location", "http://example.com/"),
            ErrorKind::Invalid,
            Retry::Never,
        ),
    ] {
        server.set("", reply.clone());
        let error = hook.notify(&notice()).await.unwrap_err();
        assert_eq!((error.kind(), error.retry()), (kind, retry), "{reply:?}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

#[tokio::test]
async fn a_webhook_that_is_slow_or_gone_is_tried_again() {
    let server = Server::start(Reply::new(200, "").after(Duration::from_secs(60))).await;
    let hook = Webhook::new(&server.url("/hook/secret")).unwrap();
    let slow = hook.with_timeout(Duration::from_millis(100));
    let error = slow.notify(&notice()).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Timeout, Retry::Backoff));
    assert!(!error.to_string().contains("secret"), "{error}");

    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gone = Webhook::new(&format!("http://{free}/hook/secret")).unwrap();
    let error = gone.notify(&notice()).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Unavailable, Retry::Backoff));
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[tokio::test]
async fn a_notice_never_goes_to_a_metadata_service() {
    let hook = Webhook::new("http://169.254.169.254/hook").unwrap();
    assert_eq!(hook.notify(&notice()).await.unwrap_err().kind(), ErrorKind::Denied);
}
