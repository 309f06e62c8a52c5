#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use super::*;

/// Answers `/ok`, answers `/bad` with a 500, never answers `/slow` and cuts `/cut` short.
async fn service() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                let mut first = String::new();
                stream.read_line(&mut first).await.unwrap();
                let mut line = String::new();
                while stream.read_line(&mut line).await.unwrap() > 2 {
                    line.clear();
                }
                let answer = match first.split(' ').nth(1).unwrap() {
                    "/ok" => "HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\n{\"ok\": 1}",
                    "/bad" => "HTTP/1.0 500 No\r\n\r\nbroken",
                    "/cut" => "HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\n{",
                    _ => return std::future::pending().await,
                };
                stream.write_all(answer.as_bytes()).await.unwrap();
            });
        }
    });
    address
}

fn config(address: SocketAddr, dir: &Path) -> TrafficConfig {
    TrafficConfig::new(address, dir.join("transcript.jsonl"))
        .with_per_second(1000.0)
        .with_timeout(Duration::from_millis(500))
}

async fn until(traffic: &Traffic, done: impl Fn(&Totals) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !done(&traffic.totals()) {
        assert!(Instant::now() < deadline, "still waiting at {:?}", traffic.totals());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn lines(dir: &Path) -> Vec<Value> {
    let text = fs::read_to_string(dir.join("transcript.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn each_request_is_a_line_and_counts() {
    let dir = tempfile::tempdir().unwrap();
    let requests = vec![
        Request::get("/ok", 3),
        Request::get("/bad", 2),
        Request::get("/cut", 1),
        Request::get("/never", 0),
    ];
    let traffic = Traffic::start(config(service().await, dir.path()), requests).unwrap();
    until(&traffic, |totals| totals.by_path.len() == 3 && totals.requests >= 50).await;
    let totals = traffic.stop().await.unwrap();

    let lines = lines(dir.path());
    assert_eq!(lines.len() as u64, totals.requests);
    let with = |path: &str| lines.iter().filter(|line| line["path"] == path).collect::<Vec<_>>();
    assert!(with("/ok").iter().all(|it| it["status"] == 200 && it["body"] == "{\"ok\": 1}"));
    assert!(with("/bad").iter().all(|it| it["status"] == 500 && it["body"] == "broken"));
    assert!(with("/cut").iter().all(|it| it["status"].is_null() && it["body"].is_null()));
    assert_eq!(totals.errors as usize, with("/bad").len());
    assert_eq!(totals.unanswered as usize, with("/cut").len());
    assert_eq!(totals.by_path["/ok"].requests as usize, with("/ok").len());
    assert!(with("/ok").len() > with("/cut").len());
    let at = lines[0]["at"].as_str().unwrap();
    assert!(at.len() == 24 && at.ends_with('Z') && at.as_bytes()[19] == b'.', "{at}");
    assert!(lines[0]["ms"].as_f64().unwrap() > 0.0);
}

#[tokio::test]
async fn what_does_not_answer_in_time_is_unanswered_and_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(service().await, dir.path())
        .with_in_flight(2)
        .with_timeout(Duration::from_millis(50));
    let traffic = Traffic::start(config, vec![Request::get("/slow", 1)]).unwrap();
    let started = Instant::now();
    until(&traffic, |totals| totals.requests >= 4).await;
    // Two at a time of 50 ms each: the third and fourth ended in a second round.
    assert!(started.elapsed() >= Duration::from_millis(100));
    let totals = traffic.stop().await.unwrap();
    assert_eq!(totals.unanswered, totals.requests);
}

#[tokio::test]
async fn a_service_that_is_down_is_unanswered_and_the_traffic_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let traffic = Traffic::start(config(closed, dir.path()), vec![Request::get("/ok", 1)]).unwrap();
    until(&traffic, |totals| totals.unanswered >= 3).await;
    assert_eq!(traffic.stop().await.unwrap().errors, 0);
}

#[tokio::test]
async fn requests_can_be_replaced_under_way() {
    let dir = tempfile::tempdir().unwrap();
    let traffic =
        Traffic::start(config(service().await, dir.path()), vec![Request::get("/ok", 1)]).unwrap();
    until(&traffic, |totals| totals.requests >= 3).await;
    assert_eq!(traffic.totals().errors, 0);
    traffic.replace(vec![Request::get("/bad", 1)]);
    until(&traffic, |totals| totals.errors >= 3).await;
    traffic.stop().await.unwrap();
}

#[tokio::test]
async fn a_second_run_appends() {
    let dir = tempfile::tempdir().unwrap();
    let address = service().await;
    let mut written = 0;
    for _ in 0..2 {
        let traffic =
            Traffic::start(config(address, dir.path()), vec![Request::get("/ok", 1)]).unwrap();
        until(&traffic, |totals| totals.requests >= 3).await;
        written += traffic.stop().await.unwrap().requests;
    }
    assert_eq!(lines(dir.path()).len() as u64, written);
}

#[tokio::test]
async fn a_transcript_without_a_folder_is_an_error_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(([127, 0, 0, 1], 1).into(), &dir.path().join("missing"));
    let error = Traffic::start(config, Vec::new()).unwrap_err();
    assert!(error.to_string().contains("transcript.jsonl"), "{error}");
}

#[test]
fn the_same_seed_gives_the_same_numbers() {
    // The first outputs for seed 0, from the reference implementation.
    let mut random = SplitMix(0);
    assert_eq!(random.next(), 0xe220_a839_7b1d_cdaf);
    assert_eq!(random.next(), 0x6e78_9e6a_a1b9_65f4);
}
