//! The shop as a process: routes, logs, metrics, its end.

use std::fs;
use std::process::Command;

use aegis_examples::staging::script;
use aegis_examples::traffic::Request;
use serde_json::json;

use crate::support::{built, holds, until};

#[test]
fn the_suite_of_the_shop_is_green_and_fast() {
    let output = built().test();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    let last = said.trim().lines().last().unwrap();
    let (count, rest) = last.split_once(" passed in ").unwrap();
    assert!(count.parse::<u32>().unwrap() >= 70, "{last}");
    assert!(rest.trim_end_matches('s').parse::<f64>().unwrap() < 2.0, "{last}");
}

#[tokio::test]
async fn every_ordinary_route_answers_what_is_expected() {
    let built = built();
    let shop = built.start();
    for answered in shop.ask(script::ordinary()).await {
        assert_eq!(answered.status, 200, "{answered:?}");
        let expected = script::expected(&answered.path).unwrap();
        assert!(holds(&expected, &answered.json()), "{answered:?} is not {expected}");
    }
    assert!(!shop.stderr().contains("Traceback"), "{}", shop.stderr());
}

#[tokio::test]
async fn health_and_version_are_told() {
    let built = built();
    let shop = built.start();
    let answers = shop.ask(vec![Request::get("/health", 1), Request::get("/version", 1)]).await;
    assert_eq!(answers[0].json(), json!({"status": "ok"}));
    assert_eq!(answers[1].json(), json!({"revision": built.shop.head}));
}

#[tokio::test]
async fn metrics_count_by_status_and_time_in_seconds() {
    let built = built();
    let shop = built.start();
    shop.ask(vec![Request::get("/health", 1), Request::get("/nothing", 1)]).await;
    let metrics = shop.ask(vec![Request::get("/metrics", 1)]).await.remove(0).body;
    for line in [
        "# TYPE shop_http_requests_total counter",
        "shop_http_requests_total{status=\"200\"} ",
        "shop_http_requests_total{status=\"404\"} ",
        "# TYPE shop_http_request_duration_seconds histogram",
        "shop_http_request_duration_seconds_bucket{le=\"0.005\"} ",
        "shop_http_request_duration_seconds_bucket{le=\"+Inf\"} ",
        "shop_http_request_duration_seconds_sum 0.",
        "shop_http_request_duration_seconds_count ",
    ] {
        assert!(metrics.contains(line), "{line} is not in:\n{metrics}");
    }
}

#[tokio::test]
async fn each_request_is_a_line_in_the_access_log() {
    let built = built();
    let shop = built.start();
    let quote = "/quote?product=1&quantity=2&country=DE";
    shop.ask(vec![Request::get(quote, 1)]).await;
    let log = until("the request is logged", || {
        let log = fs::read_to_string(&shop.access_log).unwrap();
        log.ends_with('\n').then_some(log)
    });
    let line = log.lines().next().unwrap();
    assert!(line.starts_with("127.0.0.1 - - ["), "{line}");
    let (request, seconds) = line.rsplit_once(' ').unwrap();
    let end = format!("] \"GET {quote} HTTP/1.0\" 200 47 \"-\" \"visitor/1.0\"");
    assert!(request.ends_with(&end), "{line}");
    let (whole, decimals) = seconds.split_once('.').unwrap();
    assert!(whole.parse::<u32>().is_ok() && decimals.len() == 3, "{line}");
}

#[test]
fn a_term_signal_ends_it_well() {
    let built = built();
    let mut shop = built.start();
    let kill = format!("kill -TERM {}", shop.child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    let status = until("the shop ends", || shop.child.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
}
