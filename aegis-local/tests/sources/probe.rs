use std::time::Duration;

use aegis_core::model::{Metric, Missing, Query, Readings};
use aegis_core::stage::MetricSource;
use aegis_core::{ErrorKind, Timestamp};
use aegis_local::sources::HealthProbe;

use super::server::{Reply, Server};

fn probe(server: &Server) -> HealthProbe {
    HealthProbe::new(&server.url("/health")).unwrap().allow_private()
}

#[tokio::test]
async fn an_answer_as_expected_is_health() {
    let server = Server::start(Reply::new(200, "all is well")).await;
    assert!(probe(&server).check().await.unwrap());
    assert!(probe(&server).with_body("well").check().await.unwrap());
    assert!(!probe(&server).with_body("fine").check().await.unwrap());
    assert!(!probe(&server).with_status(204..=204).check().await.unwrap());
    server.set("", Reply::new(503, ""));
    assert!(!probe(&server).check().await.unwrap());
    assert!(probe(&server).with_status(503..=503).check().await.unwrap());
}

#[tokio::test]
async fn no_answer_is_no_health() {
    let server = Server::start(Reply::new(200, "").after(Duration::from_secs(60))).await;
    let slow = probe(&server).with_timeout(Duration::from_millis(100));
    assert!(!slow.check().await.unwrap());
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gone = HealthProbe::new(&format!("http://{free}/health")).unwrap().allow_private();
    assert!(!gone.check().await.unwrap());
}

#[tokio::test]
async fn a_service_that_comes_back_is_seen_at_once() {
    let server = Server::start(Reply::new(200, "")).await;
    let (address, probe) = (server.address, probe(&server));
    assert!(probe.check().await.unwrap());
    drop(server);
    // The task that served ends on its own time.
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while probe.check().await.unwrap() {
        assert!(tokio::time::Instant::now() < deadline, "{address} still answers");
    }
}

#[tokio::test]
async fn what_it_does_not_measure_is_unsupported() {
    let server = Server::start(Reply::new(500, "")).await;
    let metrics = vec![Metric::Cpu, Metric::Health];
    let now = Timestamp::from_ms(7);
    let query = Query::new("shop".into(), now, Duration::from_secs(60), metrics);
    let samples = probe(&server).sample(&query).await.unwrap();
    assert_eq!(samples.series[0].1, Readings::Missing(Missing::Unsupported));
    let point = samples.series[1].1.last().unwrap();
    assert_eq!((point.at, point.value), (now, 0.0));
}

#[tokio::test]
async fn private_addresses_are_refused_unless_allowed() {
    let server = Server::start(Reply::new(200, "")).await;
    let strict = HealthProbe::new(&server.url("/health")).unwrap();
    assert_eq!(strict.check().await.unwrap_err().kind(), ErrorKind::Denied);
    let by_name = format!("http://localhost:{}/health", server.address.port());
    let strict = HealthProbe::new(&by_name).unwrap();
    assert_eq!(strict.check().await.unwrap_err().kind(), ErrorKind::Denied);
    assert!(server.asked().is_empty(), "a refused address was connected to");

    let listed = HealthProbe::new(&server.url("/health")).unwrap();
    assert!(listed.allow_address(server.address.ip()).check().await.unwrap());
}

#[tokio::test]
async fn the_metadata_service_is_refused_even_where_private_is_allowed() {
    for url in [
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:169.254.169.254]/",
        "http://2852039166/",
        "http://[fe80::1]/",
    ] {
        let probe = HealthProbe::new(url).unwrap().allow_private();
        assert_eq!(probe.check().await.unwrap_err().kind(), ErrorKind::Denied, "{url}");
    }
}

#[tokio::test]
async fn a_redirect_elsewhere_is_not_followed() {
    let other = Server::start(Reply::new(200, "secret")).await;
    let server = Server::start(Reply::new(302, "").with_header("location", other.url("/"))).await;
    assert!(!probe(&server).check().await.unwrap());
    assert!(other.asked().is_empty(), "the redirect was followed");

    server.set("/health", Reply::new(302, "").with_header("location", "http://169.254.169.254/"));
    assert!(!probe(&server).check().await.unwrap());
}

#[tokio::test]
async fn a_redirect_on_the_same_origin_is_followed() {
    let server = Server::start(Reply::new(200, "")).await;
    server.set("/health", Reply::new(302, "").with_header("location", "/healthz/"));
    server.set("/healthz", Reply::new(200, ""));
    assert!(probe(&server).check().await.unwrap());
    server.set("/healthz", Reply::new(302, "").with_header("location", "/health"));
    assert!(!probe(&server).check().await.unwrap(), "a loop is no health");
}

#[tokio::test]
async fn a_name_that_does_not_resolve_says_nothing_about_the_service() {
    let probe = HealthProbe::new("http://no-such-host.invalid/health").unwrap();
    let probe = probe.with_timeout(Duration::from_secs(5));
    assert_eq!(probe.check().await.unwrap_err().kind(), ErrorKind::Unavailable);
    let metrics = vec![Metric::Health];
    let window = Duration::from_secs(60);
    let query = Query::new("shop".into(), Timestamp::from_ms(0), window, metrics);
    let samples = probe.sample(&query).await.unwrap();
    let health = &samples.series[0].1;
    assert!(matches!(health, Readings::Missing(Missing::Failed(_))), "{health:?}");
}
