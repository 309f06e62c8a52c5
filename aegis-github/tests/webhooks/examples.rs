//! Every example that is published of a webhook.

use std::path::Path;

use aegis_github::{Verdict, Webhooks};
use serde_json::Value;

use super::{Delivery, SECRET, Served};

/// The examples that Octokit's people collected, by kind of event.
fn examples() -> Vec<(String, Value)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/npm/node_modules");
    let path = root.join("@octokit/webhooks-examples/api.github.com/index.json");
    let say = format!("{} is missing: run `make test-packages`", path.display());
    let kinds: Value = serde_json::from_slice(&std::fs::read(&path).expect(&say)).unwrap();
    let examples = |kind: &Value| {
        let name = kind["name"].as_str().unwrap().to_owned();
        let each = kind["examples"].as_array().unwrap().clone();
        each.into_iter().map(move |example| (name.clone(), example)).collect::<Vec<_>>()
    };
    kinds.as_array().unwrap().iter().flat_map(examples).collect()
}

#[tokio::test]
async fn every_example_of_a_webhook_is_heard_or_politely_ignored() {
    let examples = examples();
    assert_eq!(examples.len(), 329);
    let served = Served::new(Webhooks::new(SECRET).unwrap()).await;
    let (mut heard, mut ignored) = (0, 0);
    for (n, (event, example)) in examples.iter().enumerate() {
        let body = example.to_string();
        let delivery = Delivery::new(event, &n.to_string(), body.as_bytes());
        let (status, message) = served.post(&delivery).await;
        assert!(matches!(status, 200 | 202), "{event} {n}: {status} {message}");
        match message.as_str() {
            "heard" => heard += 1,
            "pong" | "heard before" => {}
            _ => ignored += 1,
        }
        let named = Webhooks::new(SECRET).unwrap();
        let read = match delivery.to(&named).unwrap() {
            Verdict::Woke(heard) | Verdict::Ping(heard) | Verdict::Ignored(heard) => heard,
            other => panic!("{event} {n}: {other:?}"),
        };
        assert_eq!(read.event, *event);
        assert_eq!(read.action.as_deref(), example["action"].as_str(), "{event} {n}");
        let repository = example["repository"]["full_name"].as_str();
        assert_eq!(read.repository.as_deref(), repository, "{event} {n}");
    }
    assert_eq!(served.woken().await, heard);
    assert!(heard > 50 && ignored > 200, "{heard} heard, {ignored} ignored");
}
