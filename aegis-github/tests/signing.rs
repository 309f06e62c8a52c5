//! Commits that GitHub makes, and what else is asked by GraphQL.

use aegis_core::stage::{Deployer as _, Rollout};
use aegis_core::testkit::conformance::deploy::Bench as _;
use aegis_core::{EffectKind, ErrorKind};
use aegis_github::testkit::Fault;
use aegis_github::{GitHubChecks, GitHubDeployer, Live};

use crate::deployer::Desk;
use crate::way::Way;

const BESIDE: &str = "aegis/unsigned/fix-i1";

fn is_signed(desk: &Desk, head: &str) -> bool {
    desk.fake.git(&["fetch", "-q", "../shop.git", head]);
    desk.fake.git(&["cat-file", "commit", head]).contains("\ngpgsig ")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_submitted_and_what_takes_it_back_is_signed() {
    let way = Way::new(Desk::signing().await).await;
    let head = way.ready().await;
    assert!(is_signed(&way.desk, head.as_str()));
    let message = way.desk.fake.git(&["log", "-1", "--format=%B", head.as_str()]);
    let key = "\n\nIt is better so.\n\nAegis-Incident: i1\nAegis-Key: shop/i1/1/submit\n";
    assert!(message.starts_with("Change app.py") && message.contains(key), "{message}");
    let commit = way.merged().await;
    way.desk.deployer.revert(&way.revert(&commit)).await.unwrap();
    let back = way.desk.branches().await["aegis/revert-i1"].clone();
    assert!(is_signed(&way.desk, back.as_str()));
    way.is_once("signed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_s_commits_are_signed_unless_that_is_not_wanted() {
    for (wanted, expected) in [(None, true), (Some(false), false)] {
        let mut desk = Desk::new().await;
        let builder = GitHubDeployer::builder(desk.fake.repository().await)
            .checks(GitHubChecks::none())
            .live(Live::deployments("production"));
        let builder = match wanted {
            Some(signed) => builder.signed(signed),
            None => builder,
        };
        desk.deployer = builder.open().await.unwrap().into();
        let way = Way::new(desk).await;
        let head = way.ready().await;
        assert_eq!(is_signed(&way.desk, head.as_str()), expected, "{wanted:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_signs_nothing_gets_commits_all_the_same() {
    for endpoint in [false, true] {
        let way = Way::new(Desk::signing().await).await;
        if endpoint {
            way.desk.fake.inside().hub.no_graphql.push("createCommitOnBranch");
        } else {
            way.desk.fake.fault("POST /graphql", Fault::Status(404, vec![], "Not Found"));
        }
        let head = way.ready().await;
        assert!(!is_signed(&way.desk, head.as_str()));
        assert_eq!(way.desk.branches().await.len(), 1, "nothing is left beside");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_exactly_our_commit_is_taken_up_again() {
    let way = Way::new(Desk::signing().await).await;
    let head = way.ready().await;
    // The same words about something else, as whoever may push could leave it.
    let git = |words: &[&str]| way.desk.fake.git(words);
    git(&["fetch", "-q", "../shop.git", head.as_str()]);
    git(&["checkout", "-q", "-B", "other", way.base.as_str()]);
    way.desk.fake.write("evil.py", b"x = 1\n");
    git(&["add", "-A"]);
    git(&["commit", "-q", "-C", head.as_str()]);
    git(&["push", "-q", "origin", &format!("other:{BESIDE}"), ":aegis/fix-i1"]);
    way.desk.fake.inside().hub.pulls.clear();
    let found = way.desk.deployer.submit(&way.order(false)).await.unwrap_err();
    assert_eq!(found.kind(), ErrorKind::Conflict, "{found}");
    let head = way.ready().await;
    git(&["fetch", "-q", "../shop.git", head.as_str()]);
    let changed = git(&["diff", "--name-only", way.base.as_str(), head.as_str()]);
    assert_eq!(changed, "app.py");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_leaves_beside_goes_with_the_withdrawal() {
    let way = Way::new(Desk::signing().await).await;
    way.desk.fake.git(&["push", "-q", "origin", &format!("main:{BESIDE}")]);
    let key = way.key(EffectKind::Withdraw);
    let seen = way.desk.deployer.withdraw(&key, "tidying").await.unwrap();
    assert_eq!(seen, Rollout::Withdrawn);
    assert!(way.desk.branches().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_of_graphql_means_what_its_type_says() {
    for (kind, expected) in [
        ("FORBIDDEN", Some(ErrorKind::Denied)),
        ("NOT_FOUND", Some(ErrorKind::NotFound)),
        ("UNPROCESSABLE", Some(ErrorKind::Invalid)),
        // The branch is where it was: the next call goes on.
        ("STALE_DATA", Some(ErrorKind::Conflict)),
        // Asked again within the same call.
        ("INTERNAL", None),
    ] {
        let way = Way::new(Desk::signing().await).await;
        way.desk.fake.fault("POST /graphql", Fault::Refuse(kind, "It is \u{1b}[1mso."));
        let seen = way.desk.deployer.submit(&way.order(false)).await;
        assert_eq!(seen.as_ref().err().map(aegis_core::Error::kind), expected, "{kind}: {seen:?}");
        if let Err(error) = seen.map_err(|error| error.to_string()) {
            assert!(!error.contains('\u{1b}'), "{error}");
        }
        way.ready().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_that_graphql_tells_is_obeyed_by_every_call() {
    let way = Way::new(Desk::signing().await).await;
    way.desk.fake.fault("POST /graphql", Fault::Refuse("RATE_LIMITED", "API rate limit exceeded"));
    let refused = way.desk.deployer.submit(&way.order(false)).await.unwrap_err();
    assert!(refused.to_string().contains("limit is reached"), "{refused}");
    let calls = way.desk.fake.inside().calls.len();
    let next = way.desk.deployer.lookup(&way.key(EffectKind::Submit)).await.unwrap_err();
    assert!(matches!(next.retry(), aegis_core::Retry::AfterMs(_)), "{next}");
    assert_eq!(way.desk.fake.inside().calls.len(), calls, "nothing is asked meanwhile");
}
