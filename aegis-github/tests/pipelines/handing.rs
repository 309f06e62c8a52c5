//! What a person gets of a workflow that can be mended.

use aegis_core::IncidentId;
use aegis_core::machine::{Incident, Phase, Why};
use aegis_core::planner::{Handle, ServiceConfig, notice};
use aegis_core::policy::ProtectedPaths;
use aegis_core::testkit::settle;
use aegis_github::testkit::text;
use aegis_github::{GitHubChecks, GitHubDeployer, Live, PipelineDiagnoser};

use super::mending::{CI, WORKFLOW, job};
use super::*;
use crate::deployer::Desk;

/// A real planner told of a job that no runner takes, until a person is needed.
async fn planned(desk: Desk, protected: ProtectedPaths) -> (Desk, ManualClock, Handle, Incident) {
    let clock = ManualClock::new(NOW);
    desk.fake.push("Workflow", &[(CI, WORKFLOW)]);
    let run = Run { jobs: vec![job("lint", None, None)], ..Run::ended(7, "failure") };
    desk.fake.inside().runs.push(run);
    let repository = desk.fake.repository().await;
    let pipelines = Pipelines::new(repository.clone()).with_clock(Arc::new(clock.clone()));
    let failure = pipelines.events("shop").next().await.unwrap().unwrap().event;
    let shop = Shop::new(World::new(Arc::new(clock.clone()), Revision::new("0".repeat(40))));
    let policy = PolicyConfig::new(Autonomy::Auto).with_protected(protected);
    let checks = GitHubChecks::all().with_settle(Duration::ZERO);
    let deployer = GitHubDeployer::builder(repository.clone())
        .checks(checks)
        .live(Live::deployments("production"));
    let planner = honest(&shop, policy)
        .diagnoser(PipelineDiagnoser::new(repository))
        .deployer(deployer.open().await.unwrap())
        .service(ServiceConfig::new("shop"))
        .clock(Arc::new(clock.clone()));
    let handle = planner.build().unwrap().start().unwrap();
    let Receipt::Opened(id) = handle.report(failure).await.unwrap() else { panic!() };
    let incident = parked(&clock, &handle, &id).await;
    (desk, clock, handle, incident)
}

async fn parked(clock: &ManualClock, handle: &Handle, id: &IncidentId) -> Incident {
    let parked = async || handle.incident(id).await.unwrap().phase == Phase::AwaitingHuman;
    let reached = settle(clock, handle, Duration::from_secs(600), parked).await;
    let incident = handle.incident(id).await.unwrap();
    assert!(reached, "{} {:?}", incident.phase, incident.held);
    incident
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_gets_the_change_of_the_workflow_as_a_diff() {
    let (desk, _, handle, incident) = planned(Desk::new().await, ProtectedPaths::default()).await;
    assert!(matches!(incident.why, Some(Why::NotCode(_))), "{:?}", incident.why);
    let told = notice(&incident).unwrap();
    let diff = told.diff.unwrap();
    assert!(diff.contains("-    runs-on: ubuntu-20.04\n+    runs-on: ubuntu-22.04\n"), "{diff}");
    assert_eq!(told.next[0], "apply the diff: Run job lint on ubuntu-22.04");
    assert!(desk.fake.inside().hub.pulls.is_empty());
    assert!(desk.fake.calls().iter().all(|call| call.method == "GET"));
    handle.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_host_opted_in_there_is_one_pull_request_that_only_a_person_merges() {
    let opted = ProtectedPaths::default().proposing_workflows();
    let (desk, clock, handle, incident) = planned(Desk::new().await, opted).await;
    assert_eq!(incident.why, Some(Why::Proposed));
    let id = incident.case.incident.clone();
    let fix = incident.fix().unwrap().digest();
    handle.approve(&id, fix, "kim").await.unwrap();
    let incident = parked(&clock, &handle, &id).await;
    assert_eq!(incident.why, Some(Why::Proposed));
    let (branch, body) = {
        let inside = desk.fake.inside();
        let [pull] = &inside.hub.pulls[..] else { panic!("{:?}", inside.hub.pulls) };
        assert!(pull.open && pull.merged.is_none());
        (pull.head.clone(), pull.body.clone())
    };
    assert!(
        body.contains("| trial | propose only |") && body.contains("Aegis never merges"),
        "{body}"
    );
    let on = |branch: &str| text(&desk.fake.inside(), branch, CI).unwrap().0;
    assert_eq!(on("main"), WORKFLOW);
    assert_eq!(on(&branch), WORKFLOW.replacen("ubuntu-20.04", "ubuntu-22.04", 1));
    assert!(desk.fake.calls().iter().all(|call| !call.path.ends_with("/merge")));
    handle.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_right_to_write_workflows_the_diff_is_left() {
    let desk = Desk::new().await;
    let message = "refusing to allow a GitHub App to create or update workflow \
                   `.github/workflows/ci.yml` without `workflows` permission";
    desk.fake.fault("POST /repos/acme/shop/git/refs", Fault::Status(403, vec![], message));
    let opted = ProtectedPaths::default().proposing_workflows();
    let (desk, _, handle, incident) = planned(desk, opted).await;
    let told = notice(&incident).unwrap();
    assert!(told.why.contains("without `workflows` permission"), "{}", told.why);
    assert_eq!(told.next[0], "apply the diff: Run job lint on ubuntu-22.04");
    assert!(told.diff.is_some() && desk.fake.inside().hub.pulls.is_empty());
    handle.shutdown().await.unwrap();
}
