//! Rates, durations, and which runs count.

use super::*;

#[tokio::test]
async fn rates_and_durations_are_of_the_runs_that_completed_in_the_window() {
    let bed = Bed::new().await;
    for run in [
        at(1, "success", "09:00:00", "09:59:59"),
        at(2, "success", "09:58:00", "10:00:00"),
        at(3, "failure", "10:00:00", "10:00:10"),
        at(4, "timed_out", "10:10:00", "10:16:00"),
        at(5, "startup_failure", "10:20:00", "10:20:00"),
        at(6, "success", "10:30:00", "10:31:00"),
        at(7, "success", "10:50:00", "11:00:00"),
    ] {
        bed.run(run);
    }
    for (id, silent) in (10..).zip(["cancelled", "skipped", "neutral", "action_required", "stale"])
    {
        bed.run(at(id, silent, "10:00:00", "10:59:00"));
    }
    let query = asked(Duration::from_secs(3_600));
    let samples = bed.pipelines.sample(&query).await.unwrap();
    let names: Vec<&Metric> = samples.series.iter().map(|(metric, _)| metric).collect();
    assert_eq!(names, query.metrics.iter().collect::<Vec<_>>());
    let [rate, cpu, duration] = &samples.series[..] else { panic!("{samples:?}") };
    let rate = rate.1.last().unwrap();
    assert_eq!((rate.value, rate.weight, rate.at), (0.4, 5, NOW));
    assert_eq!(cpu.1, Readings::Missing(Missing::Unsupported));
    // 0, 10, 60, 120 and 360 s.
    assert_eq!(duration.1.last().unwrap().value, 60.0);
    assert_eq!(Pipelines::duration().unit(), Unit::Seconds);
    conformance::metrics::test_all(&bed.pipelines, &query).await;
}

#[tokio::test]
async fn no_run_is_no_data_and_what_can_not_be_read_is_an_error() {
    let bed = Bed::new().await;
    bed.run(at(1, "cancelled", "10:00:00", "10:30:00"));
    bed.run(at(2, "success", "07:00:00", "07:30:00"));
    let query = asked(Duration::from_secs(3_600));
    assert_eq!(bed.rate(&query).await, Readings::Missing(Missing::NoData));
    bed.fake.fault("actions/runs", Fault::Status(403, vec![], "Resource not accessible"));
    let error = bed.pipelines.sample(&query).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    bed.fake.calls();
    let nothing = Query::new("shop".into(), NOW, MINUTE, vec![Metric::Cpu]);
    bed.pipelines.sample(&nothing).await.unwrap();
    assert!(bed.fake.calls().is_empty(), "what it does not know is not asked for");
}

#[tokio::test]
async fn runs_are_read_over_their_pages() {
    let bed = Bed::new().await;
    for id in 1..=250 {
        bed.run(at(id, if id <= 50 { "failure" } else { "success" }, "10:00:00", "10:30:00"));
    }
    let rate = bed.rate(&asked(Duration::from_secs(3_600))).await.last().unwrap();
    assert_eq!((rate.value, rate.weight), (0.8, 250));
}

#[tokio::test]
async fn workflows_are_told_apart_and_may_be_chosen_by_file_or_name() {
    let bed = Bed::new().await;
    let mut events = bed.events();
    bed.run(Run::failed(1, CARGO));
    bed.run(Run::failed(2, CARGO).of("nightly.yml", "Nightly"));
    let both = prints(&bed.all(&mut events).await);
    assert_eq!(both.len(), 2);
    assert_ne!(both[0], both[1]);
    bed.run(Run::ended(3, "success").of("nightly.yml", "Nightly"));
    assert_eq!(prints(&bed.all(&mut events).await), [format!("-{}", both[1])]);
    for (named, runs) in [("ci.yml", 1), ("Nightly", 2), ("nightly.yml", 2), ("other.yml", 0)] {
        let chosen = bed.pipelines.clone().watch(named);
        let samples = chosen.sample(&asked(Duration::from_secs(7_200))).await.unwrap();
        let known = samples.series[0].1.last().map_or(0, |point| point.weight);
        assert_eq!(known, runs, "{named}");
    }
    let named = bed.pipelines.clone().watch("Nightly").watch("ci.yml");
    let found = prints(&bed.all(&mut named.events("shop")).await);
    assert_eq!(found, [both[0].clone(), format!("-{}", both[1])], "the nightly one is good again");
}

#[tokio::test]
async fn other_branches_and_what_strangers_offer_are_left_out() {
    let bed = Bed::new().await;
    let mut events = bed.events();
    let named = |name: &str| Some(name.to_owned());
    bed.run(Run { branch: named("topic"), ..Run::failed(1, CARGO) });
    bed.run(Run { event: "pull_request", ..Run::failed(2, CARGO) });
    bed.run(Run { event: "pull_request_target", ..Run::failed(3, CARGO) });
    bed.run(Run { repository: named("mallory/shop"), ..Run::failed(4, CARGO) });
    // Of a fork that is gone, on a branch that is not said.
    bed.run(Run { repository: None, branch: None, ..Run::failed(5, CARGO) });
    assert!(bed.all(&mut events).await.is_empty());
    let rate = bed.rate(&asked(Duration::from_secs(3_600))).await;
    assert_eq!(rate, Readings::Missing(Missing::NoData));

    // The branch of the handle, whatever it is called.
    bed.fake.git(&["push", "-q", "origin", "main:refs/heads/rel/1"]);
    let other = GitHubRepository::open_branch(bed.fake.github(), "acme/shop", "rel/1").await;
    bed.run(Run { branch: named("rel/1"), ..Run::failed(6, CARGO) });
    let other = Pipelines::new(other.unwrap()).with_clock(Arc::new(bed.clock.clone()));
    assert_eq!(bed.all(&mut other.events("shop")).await.len(), 1);
}

#[tokio::test]
async fn what_github_leaves_open_is_read_too() {
    let bed = Bed::new().await;
    let bare =
        Run { attempt: None, name: None, repository: None, started: None, ..Run::failed(1, CARGO) };
    bed.run(bare);
    bed.run(Run { conclusion: None, ..Run::ended(2, "success") });
    let found = bed.all(&mut bed.events()).await;
    let [Event::Signal(signal)] = &found[..] else { panic!("{found:?}") };
    assert!(told(signal).1.starts_with("ci.yml, job test: "));
    let query = asked(Duration::from_secs(3_600));
    let samples = bed.pipelines.sample(&query).await.unwrap();
    assert_eq!(samples.series[0].1.last().unwrap().value, 0.0);
    assert_eq!(samples.series[2].1, Readings::Missing(Missing::NoData));
}
