//! How a server is asked, and what comes of what it answers.

use std::time::Duration;

use aegis_core::{ErrorKind, Result, Retry, Timestamp};
use aegis_prometheus::{Auth, Client, EndpointConfig, Method, Reply};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

const EMPTY: &str = r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#;
const AT: Timestamp = Timestamp::from_ms(1_700_000_000_007);

async fn server(template: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(template).mount(&server).await;
    server
}

async fn fine() -> MockServer {
    server(ResponseTemplate::new(200).set_body_string(EMPTY)).await
}

async fn answered(status: u16, body: &str) -> Result<Reply> {
    let server = server(ResponseTemplate::new(status).set_body_string(body)).await;
    Client::new(EndpointConfig::new(server.uri())).unwrap().query("up", AT).await
}

async fn only_request(server: &MockServer) -> Request {
    let mut all = server.received_requests().await.unwrap();
    assert_eq!(all.len(), 1);
    all.remove(0)
}

fn sent(request: &Request, name: &str) -> Option<String> {
    request.headers.get(name).map(|value| value.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_query_goes_as_a_form_and_with_all_that_is_configured() {
    let server = fine().await;
    let endpoint = EndpointConfig::new(format!("{}/prometheus/", server.uri()))
        .with_auth(Auth::Bearer("t0ken".into()))
        .with_header("X-Scope-OrgID", "shop")
        .with_timeout(Duration::from_millis(4_500));
    let client = Client::new(endpoint).unwrap().with_parameter("partial_response", "false");
    client.query("up{a=\"ü&=\"}", AT).await.unwrap();
    let request = only_request(&server).await;
    assert_eq!(request.method.as_str(), "POST");
    assert_eq!(request.url.path(), "/prometheus/api/v1/query");
    assert_eq!(request.url.query(), None);
    assert_eq!(
        String::from_utf8(request.body.clone()).unwrap(),
        "query=up%7Ba%3D%22%C3%BC%26%3D%22%7D&time=1700000000.007&timeout=4500ms&partial_response=false"
    );
    assert_eq!(sent(&request, "content-type").unwrap(), "application/x-www-form-urlencoded");
    assert_eq!(sent(&request, "authorization").unwrap(), "Bearer t0ken");
    assert_eq!(sent(&request, "x-scope-orgid").unwrap(), "shop");
}

#[tokio::test]
async fn a_range_goes_in_the_address_where_nothing_else_passes() {
    let server = fine().await;
    let basic = Auth::Basic { user: "kim".into(), password: "s3cret".into() };
    let endpoint = EndpointConfig::new(server.uri()).with_auth(basic);
    let client = Client::new(endpoint).unwrap().with_method(Method::Get);
    let start = AT.minus(Duration::from_secs(60));
    client.query_range("up", (start, AT), Duration::from_millis(1_500)).await.unwrap();
    let request = only_request(&server).await;
    assert_eq!(request.method.as_str(), "GET");
    assert_eq!(request.url.path(), "/api/v1/query_range");
    assert_eq!(
        request.url.query().unwrap(),
        "query=up&start=1699999940.007&end=1700000000.007&step=1.5&timeout=5000ms"
    );
    assert_eq!(sent(&request, "authorization").unwrap(), "Basic a2ltOnMzY3JldA==");
}

#[tokio::test]
async fn a_refusal_is_told_by_its_kind_and_its_words() {
    let said = |kind, why| format!(r#"{{"status":"error","errorType":"{kind}","error":"{why}"}}"#);
    for (status, body, kind) in [
        (400, said("bad_data", "parse error"), ErrorKind::Invalid),
        (422, said("execution", "many-to-many"), ErrorKind::Invalid),
        (503, said("timeout", "query timed out"), ErrorKind::Timeout),
        (503, said("canceled", "query was canceled"), ErrorKind::Unavailable),
        (500, said("internal", "no"), ErrorKind::Unavailable),
        (429, String::from("slow down"), ErrorKind::Unavailable),
        (502, String::from("<html>"), ErrorKind::Unavailable),
        (401, String::from("who are you"), ErrorKind::Denied),
        (403, String::from("no"), ErrorKind::Denied),
        (404, String::from("404 page not found"), ErrorKind::NotFound),
    ] {
        let error = answered(status, &body).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{status} {body}");
        assert!(error.to_string().contains(&status.to_string()), "{error}");
    }
    let error = answered(422, &said("execution", "many-to-many")).await.unwrap_err();
    assert!(error.to_string().contains("execution: many-to-many"), "{error}");
}

#[tokio::test]
async fn nobody_is_followed_elsewhere() {
    let elsewhere = fine().await;
    let moved = ResponseTemplate::new(307).insert_header("location", elsewhere.uri().as_str());
    let server = server(moved).await;
    let client = Client::new(EndpointConfig::new(server.uri())).unwrap();
    let error = client.query("up", AT).await.unwrap_err();
    assert!(error.to_string().contains("redirect"), "{error}");
    assert!(elsewhere.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_answer_beyond_its_bound_is_refused() {
    let server = fine().await;
    let small = EndpointConfig::new(server.uri()).with_answer_bytes(EMPTY.len() - 1);
    let error = Client::new(small).unwrap().query("up", AT).await.unwrap_err();
    assert!(error.to_string().contains("answer_bytes"), "{error}");
    let enough = EndpointConfig::new(server.uri()).with_answer_bytes(EMPTY.len());
    assert!(Client::new(enough).unwrap().query("up", AT).await.is_ok());
}

#[tokio::test]
async fn a_server_that_hangs_is_left_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let endpoint = EndpointConfig::new(base).with_timeout(Duration::from_millis(50));
    let client = Client::new(endpoint).unwrap();
    let held = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        // Ends once the other side hangs up.
        let _ = socket.read_to_end(&mut Vec::new()).await;
    };
    let (error, ()) = tokio::join!(client.query("up", AT), held);
    let error = error.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Timeout, Retry::Backoff));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = Client::new(EndpointConfig::new(base)).unwrap().query("up", AT).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("can't be reached"), "{error}");
}

#[test]
fn what_can_be_no_endpoint_is_refused_and_no_secret_is_shown() {
    for (base, why) in [
        ("prometheus:9090", "needs http"),
        ("ftp://prometheus", "needs http"),
        ("nowhere", "can't be read"),
        ("http://kim:s3cret@prometheus", "belong into `auth`"),
        ("http://prometheus?tenant=s3cret", "belongs into the parameters"),
    ] {
        let error = Client::new(EndpointConfig::new(base)).unwrap_err().to_string();
        assert!(error.contains(why) && !error.contains("s3cret"), "{error}");
    }
    let of = || EndpointConfig::new("http://prometheus");
    let bad = [
        of().with_auth(Auth::Bearer("s3cret\n".into())),
        of().with_header("X Tenant", "s3cret"),
        of().with_header("X-Tenant", "s3cret\n"),
        of().with_ca_file("/nowhere/s.pem"),
        of().with_ca_file("/dev/null"),
    ];
    for endpoint in bad {
        assert!(!format!("{endpoint:?}").contains("s3cret"));
        let error = Client::new(endpoint).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
}
