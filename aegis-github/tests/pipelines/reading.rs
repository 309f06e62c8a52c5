//! Logs and calls that fail.

use std::future::poll_fn;
use std::task::Poll;

use super::*;

#[tokio::test]
async fn a_log_that_is_gone_or_too_long_is_left_out_and_said_to_be() {
    let bed = Bed::new().await;
    let mut gone = Run::failed(1, PYTEST);
    gone.jobs[1].log = None;
    bed.run(gone);
    let mut events = bed.events();
    let first = signal(&mut events).await;
    let (print, text) = told(&first);
    assert!(text.starts_with("ci.yml, job test: Test failed\ncause: unknown\n"), "{text}");
    assert!(text.ends_with("no log: GitHub has it no more"), "{text}");
    let print = print.clone();

    // The storage has it no more either.
    bed.run(Run::failed(2, PYTEST));
    bed.fake.fault("codeload/logs", Fault::Status(404, vec![], "The blob does not exist."));
    bed.clock.advance(MINUTE);
    assert_eq!(told(&signal(&mut events).await).0, &print);

    let mut config = bed.fake.config();
    config.answer_bytes = 1 << 20;
    let credentials = aegis_github::Credentials::token(aegis_github::testkit::TOKEN);
    let github = aegis_github::GitHub::new(credentials, config).unwrap();
    let repository = GitHubRepository::open(github, "acme/shop").await.unwrap();
    bed.run(Run::failed(3, &"x\n".repeat(1 << 20)));
    bed.fake.calls();
    let long = signal(&mut Pipelines::new(repository).events("shop")).await;
    let (_, text) = told(&long);
    assert!(text.ends_with("no log: the answer is longer than 1048576 bytes"), "{text}");
    let logs = bed.fake.calls().iter().filter(|call| call.path.starts_with("/codeload/")).count();
    assert_eq!(logs, 1, "it would be as long again");
}

#[tokio::test]
async fn the_host_that_has_the_log_is_not_told_who_asks() {
    let bed = Bed::new().await;
    bed.run(Run::failed(1, PYTEST));
    signal(&mut bed.events()).await;
    let calls = bed.fake.calls();
    let log = calls.iter().find(|call| call.path.starts_with("/codeload/logs/")).unwrap();
    assert!(log.host.starts_with("localhost") && !log.signed, "{log:?}");
    assert!(calls.iter().filter(|call| call.path.starts_with("/repos/")).all(|call| call.signed));
}

#[tokio::test]
async fn a_call_that_fails_costs_its_look_and_the_next_one_makes_it_good() {
    for part in ["actions/runs?", "/jobs?", "/logs", "codeload/logs"] {
        // A read that fails is repeated twice.
        for (status, times) in [(403, 1), (502, 3)] {
            let bed = Bed::new().await;
            let mut events = bed.events();
            bed.run(Run::failed(1, PYTEST));
            for _ in 0..times {
                bed.fake.fault(part, Fault::Status(status, vec![], "Not now"));
            }
            let error = events.next().await.unwrap_err();
            let kind = if status == 403 { ErrorKind::Denied } else { ErrorKind::Unavailable };
            assert_eq!(error.kind(), kind, "{part}: {error}");
            // Not before the next look, however often it is asked.
            bed.quiet(&mut events).await;
            let found = bed.all(&mut events).await;
            let [Event::Signal(signal)] = &found[..] else { panic!("{part}: {found:?}") };
            assert!(told(signal).1.contains("log of test:"));
            assert!(bed.all(&mut events).await.is_empty());
        }
    }
}

#[tokio::test]
async fn a_log_that_can_not_be_read_for_long_does_not_hold_up_what_failed() {
    let bed = Bed::new().await;
    let mut events = bed.events();
    bed.run(Run::failed(1, PYTEST));
    bed.run(Run::failed(2, CARGO).of("nightly.yml", "Nightly"));
    for _ in 0..3 {
        bed.fake.fault("jobs/11/logs", Fault::Status(403, vec![], "Blocked"));
    }
    for _ in 0..2 {
        events.next().await.unwrap_err();
        bed.clock.advance(MINUTE);
    }
    let first = signal(&mut events).await;
    let (_, text) = told(&first);
    assert!(text.contains("\nno log: ") && text.contains("Blocked"), "{text}");
    assert!(told(&signal(&mut events).await).1.contains("log of test:"));
}

#[tokio::test]
async fn what_is_dropped_while_it_reads_is_told_later() {
    let bed = Bed::new().await;
    bed.run(Run::failed(1, CARGO));
    bed.run(Run::failed(2, PYTEST).of("nightly.yml", "Nightly"));
    let mut events = bed.events();
    let mut found = HashSet::new();
    for part in ["actions/runs?", "/jobs?", "/logs", "codeload/logs"] {
        // It hangs there, and is dropped.
        bed.fake.fault(part, Fault::Hang);
        tokio::select! {
            told = events.next() => panic!("{part}: {told:?}"),
            () = soon("the call", async || {
                !bed.fake.inside().faults.iter().any(|(p, _)| p == part)
            }) => {}
        }
    }
    for _ in 0..2 {
        found.insert(told(&signal(&mut events).await).0.clone());
    }
    assert_eq!(found.len(), 2);
    bed.quiet(&mut events).await;
}

/// Polls the source so often, and drops what it is at then.
async fn polled(events: &mut PipelineEvents, polls: usize) -> Option<Event> {
    let (mut next, mut left) = (events.next(), polls);
    let told = poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        next.as_mut().poll(context).map(Some)
    });
    Some(told.await?.unwrap().unwrap().event)
}

#[tokio::test]
async fn no_event_is_lost_wherever_it_is_dropped() {
    let bed = Bed::new().await;
    bed.run(Run::failed(1, CARGO));
    bed.run(Run::failed(2, PYTEST).of("nightly.yml", "Nightly"));
    for polls in 1..60 {
        let mut events = bed.events();
        let mut found = Vec::from_iter(polled(&mut events, polls).await);
        found.extend(bed.all(&mut events).await);
        assert_eq!(prints(&found).len(), 2, "{polls}");
    }
}

#[tokio::test]
async fn it_looks_at_its_interval_and_never_too_often() {
    let bed = Bed::new().await;
    for (every, then) in [(0, 10), (30, 30)] {
        let pipelines = bed.pipelines.clone().every(Duration::from_secs(every));
        let mut events = pipelines.events("shop");
        tokio::select! {
            told = events.next() => panic!("{told:?}"),
            () = soon("its next look", async || {
                bed.clock.sleeps_until(NOW.plus(Duration::from_secs(then)))
            }) => {}
        }
    }
}
