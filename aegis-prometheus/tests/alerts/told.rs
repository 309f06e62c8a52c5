//! What the planner is told of a delivery, and how often.

use super::*;

fn signal(event: &Event) -> &Signal {
    match event {
        Event::Signal(signal) => signal,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_alert_about_a_metric_is_what_its_detector_would_see() {
    let config =
        AlertsConfig::new(Auth::Bearer(TOKEN.into())).with_metric("SlowCart", Metric::LatencyP95);
    let bed = Bed::with(config);
    let slow = alert("b", "firing", json!({ "alertname": "SlowCart", "job": "shop" }));
    assert_eq!(
        bed.take(&group(&[errors("a", "firing"), slow])).await.unwrap(),
        "2 firing, 0 resolved, 0 told before"
    );
    let told = bed.told();
    let seen: Vec<(&str, Metric, f64, i64)> = told
        .iter()
        .map(|event| match signal(event) {
            Signal { service, at, observation: Observation::Anomaly(seen), .. } => {
                (service.as_str(), seen.metric.clone(), seen.measured, at.as_ms())
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        seen,
        [("shop", Metric::ErrorRate, 0.25, START), ("shop", Metric::LatencyP95, 0.25, START)]
    );
}

#[tokio::test]
async fn any_other_alert_says_that_the_service_is_unhealthy_and_its_text_is_not_trusted() {
    let bed = Bed::new();
    let labels = json!({ "alertname": "DiskFull", "service": "shop", "aegis_metric": "no_such", "disk": "sda" });
    bed.take(&group(&[alert("a", "firing", labels)])).await.unwrap();
    let told = bed.told();
    let Observation::Unhealthy(text) = &signal(&told[0]).observation else { panic!("{told:?}") };
    assert_eq!(text.expose().lines().next(), Some("DiskFull: too many errors"));
    assert!(text.expose().contains("disk: sda"));
    assert!(!format!("{told:?}").contains("sda"));
}

#[tokio::test]
async fn an_alert_is_told_once_and_again_where_it_still_fires_much_later() {
    let bed = Bed::new();
    let delivery = group(&[errors("a", "firing")]);
    bed.take(&delivery).await.unwrap();
    assert_eq!(bed.take(&delivery).await.unwrap(), "0 firing, 0 resolved, 1 told before");
    bed.clock.advance(Duration::from_secs(3_599));
    bed.take(&delivery).await.unwrap();
    assert_eq!(bed.told().len(), 1);
    bed.clock.advance(Duration::from_secs(1));
    bed.take(&delivery).await.unwrap();
    let told = bed.told();
    assert_eq!(signal(&told[0]).at.as_ms(), START + 5_000 + 3_600_000);
    // Another start is another alert, and so is another fingerprint.
    let mut later = errors("a", "firing");
    later["startsAt"] = json!("2026-07-01T12:30:00+00:00");
    bed.take(&group(&[later, errors("b", "firing")])).await.unwrap();
    assert_eq!(bed.told().len(), 2);
}

#[tokio::test]
async fn what_ended_resolves_its_trouble_once_nothing_else_of_it_fires() {
    let bed = Bed::new();
    let print = Fingerprint::of(["anomaly", "error rate"]);
    bed.take(&group(&[errors("a", "firing"), errors("b", "firing")])).await.unwrap();
    bed.told();
    let first = group(&[errors("a", "resolved"), errors("b", "firing")]);
    assert_eq!(bed.take(&first).await.unwrap(), "0 firing, 0 resolved, 2 told before");
    assert_eq!(bed.told().len(), 0);
    // One that begins in the same delivery takes the place of one that ends.
    let next = group(&[errors("b", "resolved"), errors("c", "firing")]);
    assert_eq!(bed.take(&next).await.unwrap(), "1 firing, 0 resolved, 1 told before");
    bed.told();
    bed.take(&group(&[errors("c", "resolved")])).await.unwrap();
    match &bed.told()[..] {
        [Event::Resolved(service, fingerprint)] => {
            assert_eq!((service.as_str(), fingerprint), ("shop", &print));
        }
        other => panic!("{other:?}"),
    }
    // What ended does not fire again under the same start.
    bed.take(&group(&[errors("c", "firing"), errors("c", "resolved")])).await.unwrap();
    assert_eq!(bed.told().len(), 0);
}

#[tokio::test]
async fn what_is_not_in_the_journal_is_sent_again_and_what_is_there_is_not_told_twice() {
    let bed = Bed::new();
    let delivery = group(&[errors("a", "firing"), errors("b", "firing")]);
    bed.fails(Error::unavailable("the journal is away"));
    let refusal = bed.take(&delivery).await.unwrap_err();
    assert_eq!(refusal.status(), 503);
    assert!(refusal.to_string().contains("the journal is away"), "{refusal}");
    assert_eq!(bed.told().len(), 1);
    assert_eq!(bed.take(&delivery).await.unwrap(), "1 firing, 0 resolved, 1 told before");
    assert_eq!(bed.told().len(), 1);
    // A planner that stops is one that starts again.
    bed.fails(Error::new(aegis_core::ErrorKind::Cancelled, "the planner has stopped"));
    assert_eq!(bed.take(&group(&[errors("c", "firing")])).await.unwrap_err().status(), 503);
}

#[tokio::test]
async fn an_alert_of_a_service_that_nobody_looks_after_is_not_sent_again() {
    let bed = Bed::new();
    let nameless = alert("b", "firing", json!({ "alertname": "Watchdog", "service": "" }));
    bed.fails(Error::not_found("no service \"shop\" is looked after"));
    // A name may hold what nobody is to see, and is answered and logged.
    let secret = format!("ghp_{}", "A1b2C3d4E5f6".repeat(3));
    let told = alert("d", "firing", json!({ "alertname": secret }));
    let delivery = group(&[errors("a", "firing"), nameless, errors("c", "firing"), told]);
    let refusal = bed.take(&delivery).await.unwrap_err();
    assert_eq!(refusal.status(), 422);
    let said = refusal.to_string();
    assert!(said.contains("looked after") && said.contains("\"Watchdog\" has none of"), "{said}");
    assert!(!said.contains(&secret), "{said}");
    assert_eq!(bed.told().len(), 1);
}

#[tokio::test]
async fn alerts_that_were_left_out_are_said() {
    let bed = Bed::new();
    let mut delivery = group(&[errors("a", "firing")]);
    delivery["truncatedAlerts"] = json!(7);
    let said = bed.take(&delivery).await.unwrap();
    assert!(said.contains("7 were left out: raise `max_alerts`"), "{said}");
}
