//! Samples that go out together.

use std::time::Duration;

use aegis_core::model::{Metric, Query, Samples};
use aegis_core::stage::MetricSource as _;
use aegis_core::{ErrorKind, Timestamp};
use aegis_prometheus::{EndpointConfig, Prometheus as Source, PrometheusConfig};
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::bed::{PATIENCE, SECOND, until};

const NOW: Timestamp = Timestamp::from_ms(1_700_000_000_000);
const SERVICES: i64 = 40;

/// The numbers of the services that a request asks for: its matcher names one, or some.
fn asked(request: &Request) -> Vec<i64> {
    let form: Vec<(String, String)> = form_of(&request.body);
    let query = &form.iter().find(|(name, _)| name == "query").unwrap().1;
    let names = query.split("service=").nth(1).unwrap().trim_start_matches('~');
    let names = names.split('"').nth(1).unwrap().split('|');
    names.map(|name| name.trim_start_matches('s').parse().unwrap()).collect()
}

fn form_of(body: &[u8]) -> Vec<(String, String)> {
    let url = reqwest::Url::parse(&format!("http://x/?{}", String::from_utf8_lossy(body))).unwrap();
    url.query_pairs().into_owned().collect()
}

/// What answers each service with its own number of requests a second.
async fn server(delay: Duration) -> MockServer {
    let server = MockServer::start().await;
    let answer = move |request: &Request| {
        let newest = String::from_utf8_lossy(&request.body).contains("timestamp");
        let one = |n: i64| {
            let value = if newest { NOW.as_ms() / 1_000 } else { n };
            let at = NOW.as_ms() / 1_000;
            json!({ "metric": { "service": format!("s{n}") }, "value": [at, value.to_string()] })
        };
        let result: Vec<_> = asked(request).into_iter().map(one).collect();
        let data = json!({ "resultType": "vector", "result": result });
        let body = json!({ "status": "success", "data": data });
        ResponseTemplate::new(200).set_body_json(body).set_delay(delay)
    };
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

fn source(server: &MockServer) -> Source {
    Source::new(PrometheusConfig::new(EndpointConfig::new(server.uri()))).unwrap()
}

/// The look at service `n` of a planner that looks each four seconds, a tenth sooner or later.
fn look(n: i64) -> Query {
    let window = Duration::from_millis(u64::try_from(3_600 + (n * 37) % 800).unwrap());
    let now = NOW.plus(Duration::from_millis(u64::try_from(n).unwrap()));
    Query::new(format!("s{n}").as_str().into(), now, window, vec![Metric::RequestRate])
}

/// All looks at the same time.
fn all(source: &Source) -> JoinSet<(i64, aegis_core::Result<Samples>)> {
    let mut looks = JoinSet::new();
    for n in 0..SERVICES {
        let source = source.clone();
        looks.spawn(async move { (n, source.sample(&look(n)).await) });
    }
    looks
}

async fn requests(server: &MockServer) -> Vec<Request> {
    server.received_requests().await.unwrap()
}

#[tokio::test]
async fn looks_of_a_planner_at_many_services_are_one_question() {
    let server = server(Duration::ZERO).await;
    let source = source(&server);
    let mut looks = all(&source);
    while let Some(look_at) = looks.join_next().await {
        let (n, samples) = look_at.unwrap();
        let samples = samples.unwrap();
        let point = samples.get(&Metric::RequestRate).unwrap().last().unwrap();
        assert_eq!(point.value as i64, n);
        // As many events as its own step has, where they were counted for that of the first.
        let share = look(n).step.as_secs_f64() / look(0).step.as_secs_f64();
        assert_eq!(point.weight, (n as f64 * share).round() as u64, "service {n}");
    }
    // The newest sample, the rate, and the events behind it.
    assert_eq!(requests(&server).await.len(), 3);
    // Once it is out, nobody can join it.
    source.sample(&look(0)).await.unwrap();
    assert_eq!(requests(&server).await.len(), 6);
}

#[tokio::test]
async fn what_differs_goes_out_apart() {
    let server = server(Duration::ZERO).await;
    let source = source(&server);
    let mut longer = look(2);
    (longer.window, longer.step) = (8 * SECOND, 8 * SECOND);
    let mut other = look(3);
    other.metrics = vec![Metric::Health];
    let mut past = look(4);
    past.now = NOW.minus(SECOND);
    let mut later = look(5);
    later.now = NOW.plus(SECOND);
    let mut finer = look(6);
    finer.window = SECOND;
    let own = look(1);
    let six = tokio::join!(
        source.sample(&own),
        source.sample(&finer),
        source.sample(&later),
        source.sample(&longer),
        source.sample(&other),
        source.sample(&past),
    );
    for one in [six.0, six.1, six.2, six.3, six.4, six.5] {
        one.unwrap();
    }
    for request in requests(&server).await {
        assert_eq!(asked(&request).len(), 1, "{request:?}");
    }
    let mut config = PrometheusConfig::new(EndpointConfig::new(server.uri()));
    config = config.with_gather(Duration::ZERO);
    let alone = Source::new(config).unwrap();
    let mut looks = all(&alone);
    while let Some(look_at) = looks.join_next().await {
        look_at.unwrap().1.unwrap();
    }
    assert!(requests(&server).await.iter().all(|request| asked(request).len() == 1));
}

#[tokio::test]
async fn who_gives_up_takes_nothing_from_the_others() {
    let server = server(Duration::from_millis(300)).await;
    let source = source(&server);
    let (mut early, mut late, mut rest) = (all(&source), JoinSet::new(), JoinSet::new());
    let ask = |n: i64| {
        let source = source.clone();
        async move { source.sample(&look(n)).await }
    };
    for n in 0..SERVICES / 2 {
        late.spawn(ask(n));
        rest.spawn(ask(n));
    }
    tokio::task::yield_now().await;
    early.shutdown().await;
    until("the question", async || (requests(&server).await.len() == 3).then_some(())).await;
    late.abort_all();
    // Nobody can join it now.
    rest.spawn(ask(0));
    while let Some(one) = rest.join_next().await {
        one.unwrap().unwrap();
    }
    let requests = requests(&server).await;
    assert_eq!(requests.len(), 6);
    let mut services = asked(&requests[0]);
    services.sort_unstable();
    assert_eq!(services, (0..SERVICES / 2).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_nobody_waits_for_is_not_asked() {
    let server = server(Duration::ZERO).await;
    let source = source(&server);
    let mut looks = all(&source);
    tokio::task::yield_now().await;
    looks.shutdown().await;
    // A later one begins anew, and is not left with those who gave up.
    source.sample(&look(1)).await.unwrap();
    let requests = requests(&server).await;
    assert_eq!(requests.len(), 3);
    assert!(requests.iter().all(|request| asked(request) == [1]), "{requests:?}");
}

#[tokio::test]
async fn what_nobody_waits_for_any_more_is_ended() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let endpoint = EndpointConfig::new(base).with_timeout(10 * PATIENCE);
    let source = Source::new(PrometheusConfig::new(endpoint)).unwrap();
    let mut looks = all(&source);
    let (mut asked, _) = listener.accept().await.unwrap();
    looks.shutdown().await;
    let mut rest = Vec::new();
    let ended = asked.read_to_end(&mut rest);
    // Whether it is closed or reset is the system's.
    let _ = tokio::time::timeout(PATIENCE, ended).await.unwrap();
}

#[tokio::test]
async fn an_error_is_everyones() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(401)).mount(&server).await;
    let source = source(&server);
    let mut looks = all(&source);
    while let Some(look_at) = looks.join_next().await {
        let e = look_at.unwrap().1.unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Denied, "{e}");
        assert_eq!(e.to_string().matches("prometheus: ").count(), 1, "{e}");
    }
    assert_eq!(requests(&server).await.len(), 3);
}
