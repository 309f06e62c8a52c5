//! What a failure opens, and what ends it.

use super::*;

#[tokio::test]
async fn a_failure_becomes_one_signal_with_what_failed() {
    let bed = Bed::new().await;
    bed.run(Run::failed(7, PYTEST));
    let mut events = bed.events();
    assert_eq!(events.name(), "github:acme/shop");
    let signal = signal(&mut events).await;
    let (_, text) = told(&signal);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[0],
        "ci.yml, job test: Run python -m pytest -q failed (exit code 1): \
         tests/test_cart.py::TestTotal::test_some and 3 more"
    );
    assert_eq!(lines[1], "cause: code");
    assert_eq!(Cause::told(text), Some(Cause::Code));
    for part in [
        "run: https://github.com/acme/shop/actions/runs/7, attempt 1",
        "failed job: test, step Test",
        "command: python -m pytest -q",
        "failed: tests/test_cart.py::test_total[prices0] (cart.py:2) ZeroDivisionError: division by zero",
        "log of test:",
    ] {
        assert!(lines.contains(&part), "{part}: {text}");
    }
    assert!(text.contains("= short test summary info =") && !text.contains("Post job"));
    assert_eq!(signal.source, "github:ci.yml");
    assert_eq!(signal.revision, Some(Revision::new(format!("{:040x}", 7))));
    assert_eq!(signal.at.as_ms(), NOW.as_ms() - 58 * 60_000 - 30_000);
    // Once, and not at the next look either.
    bed.quiet(&mut events).await;
    assert!(bed.all(&mut events).await.is_empty());
}

#[tokio::test]
async fn a_success_after_a_failure_says_that_it_is_over_and_a_run_again_counts_anew() {
    let bed = Bed::new().await;
    let mut events = bed.events();
    bed.run(Run::failed(1, PYTEST));
    let first = prints(&bed.all(&mut events).await);
    bed.run(Run::failed(2, CARGO));
    let second = prints(&bed.all(&mut events).await);
    assert_ne!(first, second);
    // The same again, as its second attempt: another sighting of the same failure.
    bed.run(Run { attempt: Some(2), ..Run::failed(2, CARGO) });
    assert_eq!(prints(&bed.all(&mut events).await), second);
    // An older run that is run again says nothing of what is there.
    bed.run(Run { attempt: Some(2), ..Run::ended(1, "success") });
    assert!(bed.all(&mut events).await.is_empty());
    bed.run(Run::ended(3, "cancelled"));
    assert!(bed.all(&mut events).await.is_empty());
    bed.run(Run { attempt: Some(3), ..Run::ended(2, "success") });
    let over = [&first[0], &second[0]].map(|print| format!("-{print}"));
    assert_eq!(prints(&bed.all(&mut events).await), over);
    bed.run(Run::ended(4, "success"));
    assert!(bed.all(&mut events).await.is_empty());
}

#[tokio::test]
async fn at_the_start_only_the_newest_outcome_of_each_workflow_counts() {
    let bed = Bed::new().await;
    bed.run(Run::failed(1, CARGO));
    bed.run(Run::ended(2, "success"));
    bed.run(Run::failed(3, PYTEST).of("nightly.yml", "Nightly"));
    bed.run(Run::failed(4, CARGO).of("nightly.yml", "Nightly"));
    bed.run(Run::ended(5, "cancelled").of("nightly.yml", "Nightly"));
    let found = bed.all(&mut bed.events()).await;
    // An earlier process may have told of what failed before a success.
    let [Event::Resolved(_, over), Event::Signal(signal)] = &found[..] else { panic!("{found:?}") };
    let failed = Bed::new().await;
    failed.run(Run::failed(1, CARGO));
    assert_eq!(prints(&failed.all(&mut failed.events()).await), [over.to_string()]);
    assert_eq!(signal.source, "github:nightly.yml");
    assert_eq!(signal.revision, Some(Revision::new(format!("{:040x}", 4))));
}

#[tokio::test]
async fn a_planner_opens_an_incident_of_a_pipeline_and_ends_it_with_the_next_success() {
    let bed = Bed::new().await;
    let mut events = bed.events();
    bed.run(Run::failed(1, CARGO));
    let failure = bed.all(&mut events).await.remove(0);
    bed.run(Run::ended(2, "success"));
    let over = bed.all(&mut events).await.remove(0);

    let shop = Shop::new(World::new(Arc::new(bed.clock.clone()), Revision::new("0".repeat(40))));
    let planner = honest(&shop, PolicyConfig::new(Autonomy::Observe))
        .service(aegis_core::planner::ServiceConfig::new("shop"))
        .clock(Arc::new(bed.clock.clone()));
    let handle = planner.build().unwrap().start().unwrap();
    let Receipt::Opened(id) = handle.report(failure.clone()).await.unwrap() else { panic!() };
    let case = handle.incident(&id).await.unwrap().case;
    assert_eq!(case.kind, aegis_core::model::IncidentKind::Pipeline);
    assert!(case.symptoms[0].title.as_str().starts_with("ci.yml, job test: "));
    assert_eq!(Cause::told(case.symptoms[0].detail.as_str()), Some(Cause::Code));
    assert_eq!(handle.report(failure).await.unwrap(), Receipt::Joined(id.clone()));
    assert_eq!(handle.report(over).await.unwrap(), Receipt::Joined(id.clone()));
    let ended = async || handle.incident(&id).await.unwrap().phase.is_terminal();
    soon("the incident is over", ended).await;
    handle.shutdown().await.unwrap();
}
