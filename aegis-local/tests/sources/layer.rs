use std::time::Duration;

use aegis_core::Revision;
use aegis_core::model::{Event, Observation, Signal};
use aegis_core::port::EventSource;
use aegis_local::sources::{ErrorLayer, LayerSource};
use tracing_subscriber::prelude::*;

async fn next(source: &mut LayerSource) -> Signal {
    let next = tokio::time::timeout(Duration::from_secs(10), source.next());
    let Some(delivery) = next.await.expect("an error within 10 s").unwrap() else {
        panic!("the source has ended");
    };
    match delivery.event {
        Event::Signal(signal) => signal,
        other => panic!("{other:?}"),
    }
}

fn text(signal: &Signal) -> &str {
    match &signal.observation {
        Observation::Error(text) => text.expose(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_error_event_is_reported_with_its_fields() {
    let (layer, source) = ErrorLayer::new("shop");
    let mut source = source.with_revision(Revision::new("abc"));
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        let span = tracing::info_span!("checkout");
        let _in = span.enter();
        tracing::info!("nothing to see");
        tracing::warn!("still nothing");
        let cause = std::io::Error::other("disk full");
        tracing::error!(target: "shop::orders", order = 7, error = &cause as &dyn std::error::Error, "lost");
    });
    let signal = next(&mut source).await;
    assert_eq!(signal.service.as_str(), "shop");
    assert_eq!(signal.revision, Some(Revision::new("abc")));
    let text = text(&signal);
    assert!(text.starts_with("ERROR shop::orders: lost order=7 error=disk full\n"), "{text}");
    assert!(text.contains("layer.rs:") && text.contains("in checkout"), "{text}");
    let ended = tokio::time::timeout(Duration::from_secs(10), source.next()).await;
    assert!(ended.unwrap().unwrap().is_none(), "the source ends with its layer");
}

#[tokio::test]
async fn what_aegis_says_itself_is_not_reported() {
    let (layer, mut source) = ErrorLayer::new("shop");
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        tracing::error!(target: "aegis", "own");
        tracing::error!(target: "aegis::notify", "own");
        tracing::error!(target: "aegis_core::planner", "own");
        let span = tracing::info_span!(target: "aegis_core::planner", "heal");
        span.in_scope(|| tracing::error!(target: "hyper", "inside"));
        tracing::error!(target: "aegistical", "not own");
    });
    assert!(text(&next(&mut source).await).contains("not own"));
    assert!(source.next().await.unwrap().is_none());
}

#[tokio::test]
async fn a_flood_is_dropped_and_counted_and_never_blocks() {
    let (layer, mut source) = ErrorLayer::new("shop");
    let counter = layer.clone();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        (0..1500).for_each(|i| tracing::error!("error {i}"));
    });
    assert_eq!((counter.dropped(), source.dropped()), (476, 476));
    assert!(text(&next(&mut source).await).contains("error 0"));
}

#[derive(Clone)]
struct Panics;

impl std::fmt::Debug for Panics {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("while formatting a field")
    }
}

#[derive(Clone)]
struct Recursive;

impl std::fmt::Debug for Recursive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        tracing::error!("while formatting");
        f.write_str("recursive")
    }
}

#[tokio::test]
async fn a_field_that_logs_while_it_is_formatted_does_no_harm() {
    let (layer, mut source) = ErrorLayer::new("shop");
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        tracing::error!(value = ?Recursive, "outer");
    });
    assert!(text(&next(&mut source).await).contains("outer value=recursive"));
    assert!(source.next().await.unwrap().is_none());
}

#[tokio::test]
async fn a_panic_is_reported_and_the_hook_before_is_called() {
    static CALLED: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    let original = std::panic::take_hook();
    // Other tests of this process panic on purpose too: only this thread's panic counts.
    std::panic::set_hook(Box::new(|panic| {
        if panic.payload_as_str() == Some("out of stock: 7") {
            CALLED.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
    }));
    let (layer, mut source) = ErrorLayer::new("shop");
    layer.install_panic_hook();
    let run = |name: &str| {
        let thread = std::thread::Builder::new().name(name.to_owned());
        thread.spawn(|| panic!("out of stock: {}", 7)).unwrap().join().unwrap_err();
    };
    run("aegis-stage");
    run("worker");
    let reporting = tracing_subscriber::registry().with(layer);
    let nested = std::thread::spawn(|| {
        tracing::subscriber::with_default(reporting, || tracing::error!(value = ?Panics, "outer"));
    });
    nested.join().unwrap_err();
    run("last");
    let _ = std::panic::take_hook();
    std::panic::set_hook(original);
    let mut seen = Vec::new();
    while !seen.iter().any(|text: &String| text.contains("thread 'last'")) {
        let signal = next(&mut source).await;
        assert_eq!(signal.source, "panic");
        seen.push(text(&signal).to_owned());
    }
    let of = |what: &str| seen.iter().filter(|text| text.contains(what)).count();
    assert_eq!(of("aegis-stage"), 0);
    assert_eq!(of("while formatting a field"), 0, "reported from inside a report");
    let worker = seen.iter().find(|text| text.contains("thread 'worker'")).unwrap();
    assert!(worker.contains("layer.rs:") && worker.contains(":\nout of stock: 7"), "{worker}");
    assert_eq!(CALLED.load(std::sync::atomic::Ordering::SeqCst), 3);
}
