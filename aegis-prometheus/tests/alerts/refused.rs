//! What is not taken, and from whom.

use super::*;

#[tokio::test]
async fn what_is_no_delivery_is_refused_with_what_is_wrong() {
    let bed = Bed::new();
    let with = |field: &str, value: Value| {
        let mut alert = errors("a", "firing");
        alert[field] = value;
        group(&[alert])
    };
    let mut older = group(&[]);
    older["version"] = json!("3");
    for (body, why) in [
        (json!([]), "invalid"),
        (json!({ "version": "4" }), "missing field `alerts`"),
        (older, "version \"3\" is not known"),
        (with("status", json!("burning")), "unknown variant `burning`"),
        (with("startsAt", json!("yesterday")), "startsAt is no time"),
        (with("fingerprint", json!("")), "1 to 64"),
        (with("fingerprint", json!("f".repeat(65))), "1 to 64"),
        (with("labels", json!({ "service": 3 })), "expected a string"),
    ] {
        let refusal = bed.take(&body).await.unwrap_err();
        assert_eq!(refusal.status(), 400, "{body}");
        assert!(refusal.to_string().contains(why), "{why}: {refusal}");
    }
    assert_eq!(bed.told().len(), 0);
}

#[tokio::test]
async fn a_delivery_that_takes_too_long_is_sent_again() {
    #[derive(Debug)]
    struct Busy;
    #[async_trait]
    impl Intake for Busy {
        async fn report(&self, _event: Event) -> Result<Receipt> {
            std::future::pending().await
        }
    }
    let config = AlertsConfig::new(Auth::None).with_bounds(10_000, Duration::from_millis(20));
    let alerts = Alerts::new(config, Arc::new(Busy)).unwrap();
    let body = group(&[errors("a", "firing")]).to_string();
    let refusal = alerts.receive(&HeaderMap::new(), body.as_bytes()).await.unwrap_err();
    assert_eq!(refusal.status(), 503);
    assert!(refusal.to_string().contains("longer than 20 ms"), "{refusal}");
}

#[tokio::test]
async fn only_who_may_send_is_let_in() {
    let bed = Bed::new();
    let body = group(&[errors("a", "firing")]).to_string();
    let basic = HeaderMap::from_iter([(
        AUTHORIZATION,
        HeaderValue::from_static("Basic a2ltOnNpeHRlZW4gbGV0dGVycyE="),
    )]);
    let wrong = TOKEN.replace('a', "b");
    let short = &TOKEN[..5];
    for headers in [HeaderMap::new(), headers(""), headers(&wrong), headers(short), basic.clone()] {
        let refusal = bed.alerts.receive(&headers, body.as_bytes()).await.unwrap_err();
        assert_eq!(refusal, Refusal::Unauthorized, "{headers:?}");
    }
    assert_eq!(bed.told().len(), 0);
    let kim = Auth::Basic { user: "kim".into(), password: "sixteen letters!".into() };
    let bed = Bed::with(AlertsConfig::new(kim));
    bed.alerts.receive(&basic, body.as_bytes()).await.unwrap();
    assert!(bed.alerts.receive(&headers(TOKEN), body.as_bytes()).await.is_err());
    for short in ["", "fifteen letters"] {
        let config = AlertsConfig::new(Auth::Bearer(short.into()));
        let error = Alerts::new(config, Arc::new(Planner::default())).unwrap_err().to_string();
        assert!(error.contains("openssl rand -hex 32"), "{error}");
    }
}

/// Posts so much of a body to a receiver on a socket: the status, and all that is answered.
async fn posted(alerts: &Alerts, token: &str, length: usize, body: &str) -> (u16, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut socket = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let router = alerts.router("/alerts");
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let head = format!(
        "POST /alerts HTTP/1.1\r\nhost: aegis\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\
         content-length: {length}\r\n\r\n{body}"
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    server.abort();
    (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
}

#[tokio::test]
async fn a_body_beyond_its_bound_is_not_read() {
    let body = group(&[errors("a", "firing")]).to_string();
    let bound = |most| {
        let config = AlertsConfig::new(Auth::Bearer(TOKEN.into()));
        Bed::with(config.with_bounds(most, Duration::from_secs(10)))
    };
    let small = bound(body.len() - 1);
    assert_eq!(posted(&small.alerts, TOKEN, body.len(), &body).await.0, 413);
    let refusal = small.alerts.receive(&headers(TOKEN), body.as_bytes()).await.unwrap_err();
    assert_eq!(refusal.status(), 413);
    let enough = bound(body.len());
    let (status, said) = posted(&enough.alerts, TOKEN, body.len(), &body).await;
    assert_eq!(status, 200);
    assert!(said.ends_with("{\"message\":\"1 firing, 0 resolved, 0 told before\"}"), "{said}");
    let (status, said) = posted(&enough.alerts, TOKEN, 1, "{").await;
    assert!(status == 400 && said.contains("no delivery of Alertmanager"), "{said}");
    // Of who may not send nothing is waited for.
    assert_eq!(posted(&enough.alerts, "nobody", 1_000, "{").await.0, 401);
}
