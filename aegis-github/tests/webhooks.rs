//! What GitHub sends: whom it wakes, and what is refused.

mod examples;

use std::net::SocketAddr;
use std::time::Duration;

use aegis_core::ErrorKind;
use aegis_github::{Refusal, Verdict, Webhooks};
use axum::http::{HeaderMap, HeaderName};
use ring::hmac;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

const SECRET: &str = "the secret of the tests";
const BEFORE: &str = "the secret before it";

fn signature(secret: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let digits = hmac::sign(&key, body);
    let digits = digits.as_ref().iter().map(|byte| format!("{byte:02x}"));
    digits.fold(String::from("sha256="), |all, digit| all + &digit)
}

/// A delivery as GitHub sends it; a test changes what it is about.
#[derive(Debug, Clone)]
struct Delivery {
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Delivery {
    fn new(event: &str, id: &str, body: &[u8]) -> Self {
        let headers = vec![
            ("content-type", String::from("application/json")),
            ("x-github-event", event.to_owned()),
            ("x-github-delivery", id.to_owned()),
            ("x-hub-signature-256", signature(SECRET, body)),
        ];
        Self { headers, body: body.to_owned() }
    }

    /// A finished check of a repository; its own for each id.
    fn check(repository: &str, id: &str) -> Self {
        let body = json!({
            "action": "completed", "check_run": { "id": id },
            "repository": { "full_name": repository },
        });
        Self::new("check_run", id, body.to_string().as_bytes())
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self = self.without(name);
        self.headers.push((name, value.into()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(own, _)| *own != name);
        self
    }

    fn headers(&self) -> HeaderMap {
        let each = self.headers.iter();
        each.map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    fn to(&self, webhooks: &Webhooks) -> Result<Verdict, Refusal> {
        webhooks.receive(&self.headers(), &self.body)
    }
}

/// A server that a host would run; it ends with it.
struct Served {
    webhooks: Webhooks,
    address: SocketAddr,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Served {
    async fn new(webhooks: Webhooks) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = webhooks.router("/github");
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { webhooks, address, server }
    }

    async fn of_shop() -> Self {
        Self::new(Webhooks::new(SECRET).unwrap().with_repository("acme/shop").unwrap()).await
    }

    /// Posts it; the status and the message of the answer.
    async fn post(&self, delivery: &Delivery) -> (u16, String) {
        let length = format!("content-length: {}", delivery.body.len());
        let (status, answer) = self.send(delivery, &length, &delivery.body).await;
        let answer: Value = serde_json::from_str(&answer).unwrap();
        (status, answer["message"].as_str().unwrap().to_owned())
    }

    /// The same in chunks, which tell no length.
    async fn stream(&self, delivery: &Delivery) -> u16 {
        let mut body = Vec::new();
        for chunk in delivery.body.chunks(300) {
            body.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
            body.extend([chunk, b"\r\n"].concat());
        }
        body.extend(b"0\r\n\r\n");
        self.send(delivery, "transfer-encoding: chunked", &body).await.0
    }

    /// Sends the head, one more header, and this body; the status and the body of the answer.
    async fn send(&self, delivery: &Delivery, last: &str, body: &[u8]) -> (u16, String) {
        let mut head = String::from("POST /github HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
        for (name, value) in &delivery.headers {
            head += &format!("{name}: {value}\r\n");
        }
        exchange(self.address, &[format!("{head}{last}\r\n\r\n").as_bytes(), body].concat()).await
    }

    async fn woken(&self) -> u64 {
        woken(&self.webhooks).await
    }
}

async fn exchange(address: SocketAddr, request: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
}

/// What was heard after `seen`; nothing where nothing comes.
async fn heard(webhooks: &Webhooks, seen: u64) -> Option<u64> {
    tokio::time::timeout(Duration::from_secs(10), webhooks.heard(seen)).await.ok()
}

/// How often it woke somebody.
async fn woken(webhooks: &Webhooks) -> u64 {
    let mut seen = 0;
    // What was heard is there at once.
    while let Ok(heard) = tokio::time::timeout(Duration::ZERO, webhooks.heard(seen)).await {
        seen = heard;
    }
    seen
}

#[tokio::test]
async fn a_signed_delivery_wakes_who_waits() {
    let served = Served::of_shop().await;
    let waits = {
        let webhooks = served.webhooks.clone();
        tokio::spawn(async move { heard(&webhooks, 0).await })
    };
    assert_eq!(served.post(&Delivery::check("acme/shop", "1")).await, (202, "heard".into()));
    assert_eq!(waits.await.unwrap(), Some(1));
    // However GitHub writes its name.
    assert_eq!(served.post(&Delivery::check("Acme/Shop", "2")).await.0, 202);
    assert_eq!(heard(&served.webhooks, 1).await, Some(2));
    assert_eq!(served.woken().await, 2);
}

#[tokio::test]
async fn what_is_not_signed_is_refused_without_saying_what_is_wrong_and_not_remembered() {
    let served = Served::of_shop().await;
    let good = Delivery::check("acme/shop", "1");
    let other = Delivery::check("acme/shop", "2");
    let mut changed = good.clone();
    changed.body[0] = b' ';
    let mut answers = Vec::new();
    for bad in [
        good.clone().without("x-hub-signature-256"),
        good.clone().with("x-hub-signature-256", ""),
        good.clone().with("x-hub-signature-256", signature("another secret, as long", &good.body)),
        good.clone().with("x-hub-signature-256", signature(SECRET, &other.body)),
        good.clone().with("x-hub-signature-256", "sha256=zz"),
        good.clone().with("x-hub-signature", "sha1=0").without("x-hub-signature-256"),
        changed,
        good.clone().without("x-hub-signature-256").without("x-github-delivery"),
    ] {
        answers.push(served.post(&bad).await);
    }
    let refused = (401, String::from("not signed with the secret of this webhook"));
    assert!(answers.iter().all(|answer| *answer == refused), "{answers:?}");
    assert_eq!(served.woken().await, 0);
    assert_eq!(served.post(&good).await.0, 202);
    assert_eq!(served.woken().await, 1);
}

#[tokio::test]
async fn a_delivery_that_comes_again_wakes_nobody_under_another_id_either() {
    let served = Served::of_shop().await;
    let first = Delivery::check("acme/shop", "1");
    served.post(&first).await;
    for again in [first.clone(), first.clone().with("x-github-delivery", "another")] {
        assert_eq!(served.post(&again).await, (200, "heard before".into()));
    }
    // The same id on another body is no delivery of GitHub's.
    let other = Delivery::check("acme/shop", "2").with("x-github-delivery", "1");
    assert_eq!(served.post(&other).await.0, 200);
    assert_eq!(served.woken().await, 1);
    assert_eq!(served.post(&Delivery::check("acme/shop", "3")).await.0, 202);
    assert_eq!(served.woken().await, 2);
}

#[tokio::test]
async fn a_body_is_bounded_whether_or_not_it_says_its_length() {
    let webhooks = Webhooks::new(SECRET).unwrap().with_body_bytes(1_000);
    let served = Served::new(webhooks.clone()).await;
    let body = |bytes: usize| format!("{{{}}}", " ".repeat(bytes - 2)).into_bytes();
    let (fits, large) = (Delivery::new("push", "1", &body(1_000)), body(1_001));
    let large = Delivery::new("push", "2", &large);
    assert_eq!(served.post(&large).await, (413, "the body has more than 1000 bytes".into()));
    assert_eq!(large.to(&webhooks), Err(Refusal::TooLarge(1_000)));
    // At once: it does not wait for what was announced, or for the end.
    assert_eq!(served.send(&large, "content-length: 1001", b"").await.0, 413);
    let endless = format!("3e9\r\n{}", " ".repeat(1_001));
    assert_eq!(served.send(&large, "transfer-encoding: chunked", endless.as_bytes()).await.0, 413);
    // Too large comes before not signed.
    assert_eq!(served.post(&large.clone().without("x-hub-signature-256")).await.0, 413);
    assert_eq!(served.stream(&large).await, 413);
    assert_eq!(served.stream(&fits).await, 202);
    assert_eq!(served.woken().await, 1);
}

#[tokio::test]
async fn a_large_delivery_of_githubs_is_taken() {
    let served = Served::of_shop().await;
    let body = json!({
        "commits": "x".repeat(24 * 1_024 * 1_024), "repository": { "full_name": "acme/shop" },
    });
    let large = Delivery::new("push", "1", body.to_string().as_bytes());
    assert_eq!(served.post(&large).await.0, 202);
    assert_eq!(served.woken().await, 1);
}

#[tokio::test]
async fn another_repository_another_kind_and_a_ping_wake_nobody() {
    let served = Served::of_shop().await;
    let ours = |event: &str, id: &str| {
        let delivery = Delivery::check("acme/shop", id);
        delivery.with("x-github-event", event)
    };
    let ignored = "ignored: nothing here waits for it";
    for (delivery, answer) in [
        (Delivery::check("acme/other", "1"), (202, ignored)),
        (Delivery::check("acme/shop2", "2"), (202, ignored)),
        (Delivery::new("check_run", "3", b"{}"), (202, ignored)),
        (ours("star", "4"), (202, ignored)),
        (ours("no such kind", "5"), (202, ignored)),
        (ours("ping", "6"), (200, "pong")),
        (Delivery::new("ping", "7", br#"{"zen": "Keep it logically awesome."}"#), (200, "pong")),
    ] {
        assert_eq!(served.post(&delivery).await, (answer.0, answer.1.into()), "{delivery:?}");
    }
    assert_eq!(served.woken().await, 0);
    let waking = "check_run check_suite deployment deployment_status merge_group pull_request \
                  pull_request_review push status workflow_job workflow_run";
    for (n, event) in waking.split_whitespace().enumerate() {
        assert_eq!(served.post(&ours(event, &format!("w{n}"))).await.1, "heard", "{event}");
        assert_eq!(served.woken().await, n as u64 + 1);
    }
}

#[tokio::test]
async fn where_no_repository_is_named_all_wake() {
    let webhooks = Webhooks::new(SECRET).unwrap();
    for (n, name) in ["acme/shop", "acme/other"].into_iter().enumerate() {
        let verdict = Delivery::check(name, name).to(&webhooks).unwrap();
        let Verdict::Woke(heard) = verdict else { panic!("{verdict:?}") };
        assert_eq!((heard.event.as_str(), heard.delivery.as_str()), ("check_run", name));
        assert_eq!(heard.repository.as_deref(), Some(name));
        assert_eq!(heard.action.as_deref(), Some("completed"));
        assert_eq!(woken(&webhooks).await, n as u64 + 1);
    }
}

#[tokio::test]
async fn while_a_secret_changes_both_are_taken() {
    let by = |secret: &str, id: &str| {
        let delivery = Delivery::check("acme/shop", id);
        let signature = signature(secret, &delivery.body);
        delivery.with("x-hub-signature-256", signature)
    };
    let one = Webhooks::new(SECRET).unwrap();
    assert_eq!(by(BEFORE, "1").to(&one), Err(Refusal::Unsigned));
    let both = Webhooks::new(SECRET).unwrap().with_previous_secret(BEFORE).unwrap();
    for (n, secret) in [SECRET, BEFORE].into_iter().enumerate() {
        assert!(matches!(by(secret, secret).to(&both), Ok(Verdict::Woke(_))));
        assert_eq!(woken(&both).await, n as u64 + 1);
    }
    assert_eq!(by("neither of the two", "3").to(&both), Err(Refusal::Unsigned));
}

#[tokio::test]
async fn what_is_signed_and_not_as_github_sends_it_is_refused_with_what_is_wrong() {
    let served = Served::of_shop().await;
    let check = Delivery::check("acme/shop", "1");
    let form = check.clone().with("content-type", "application/x-www-form-urlencoded");
    for (bad, status, says) in [
        (form, 415, "choose application/json"),
        (check.clone().without("x-github-delivery"), 400, "X-GitHub-Delivery"),
        (check.clone().without("x-github-event"), 400, "X-GitHub-Event"),
        (Delivery::new("push", "2", b"payload=%7B%7D"), 400, "no JSON object"),
        (Delivery::new("push", "3", b""), 400, "no JSON object"),
        (Delivery::new("push", "4", b"[]"), 400, "no JSON object"),
        (Delivery::new("push", "5", b"{\"a\": \"\xff\"}"), 400, "no JSON object"),
    ] {
        let (answered, message) = served.post(&bad).await;
        assert!(answered == status && message.contains(says), "{bad:?}: {answered} {message}");
    }
    assert_eq!(served.woken().await, 0);
    // Sent again once the settings are right.
    let right = check.with("content-type", "Application/JSON; charset=utf-8");
    assert_eq!(served.post(&right).await, (202, "heard".into()));
    // Nothing but a post is taken.
    let get = b"GET /github HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    assert_eq!(exchange(served.address, get).await.0, 405);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_comes_is_given_up_and_few_are_read_at_once() {
    let served = std::sync::Arc::new(Served::of_shop().await);
    let hung: Vec<_> = (0..4)
        .map(|_| {
            let served = std::sync::Arc::clone(&served);
            let check = Delivery::check("acme/shop", "never");
            tokio::spawn(async move { served.send(&check, "content-length: 9", b"").await })
        })
        .collect();
    let began = Instant::now();
    // Time stands still, but for where nothing else is left to do.
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(served.post(&Delivery::check("acme/shop", "1")).await.0, 202);
    assert_eq!(began.elapsed().as_secs(), 10);
    for hung in hung {
        let (status, answer) = hung.await.unwrap();
        assert!(status == 408 && answer.contains("did not come in time"), "{status} {answer}");
    }
}

#[test]
fn settings_that_cant_be_right_are_refused_with_what_to_do() {
    let good = || Webhooks::new(SECRET).unwrap();
    for (error, says) in [
        (Webhooks::new("").unwrap_err(), "openssl rand -hex 32"),
        (Webhooks::new("fifteen letters").unwrap_err(), "needs 16 at least"),
        (good().with_previous_secret("short").unwrap_err(), "openssl rand -hex 32"),
        (good().with_repository("shop").unwrap_err(), "give OWNER/NAME"),
    ] {
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains(says), "{error}");
    }
    assert!(!format!("{:?}", good()).contains(SECRET));
}
