//! What GitHub refuses, and when it wants to be left alone.

use std::time::{Duration, Instant};

use aegis_core::port::Repository as _;
use aegis_core::{ErrorKind, Retry};
use aegis_github::testkit::Fault;
use aegis_github::{Credentials, GitHub, GitHubRepository};

use crate::fake::Fake;

fn limited(wait: &str) -> Fault {
    let headers = vec![("retry-after", wait.to_owned())];
    Fault::Status(403, headers, "You have exceeded a secondary rate limit.")
}

#[tokio::test]
async fn a_limit_is_waited_out_where_that_is_in_time_and_asks_nothing_meanwhile() {
    let fake = Fake::start().await;
    let repository = fake.repository().await;
    fake.calls();
    fake.fault("git/ref", limited("1"));
    let began = Instant::now();
    // Two at once: one is refused, and the other asks nothing either until it may.
    let (one, two) = tokio::join!(repository.head(), repository.head());
    assert_eq!(one.unwrap(), two.unwrap());
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert!(fake.calls().len() <= 4);
}

#[tokio::test]
async fn a_limit_that_lasts_longer_says_when_to_come_again() {
    let fake = Fake::start().await;
    let repository = fake.repository().await;
    fake.calls();
    fake.fault("git/ref", limited("600"));
    let error = repository.head().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let Retry::AfterMs(ms) = error.retry() else { panic!("{error:?}") };
    assert!((590_000..=600_000).contains(&ms), "{ms}");
    assert_eq!(fake.calls().len(), 1);
    // Whatever shares the credentials asks nothing.
    repository.head().await.unwrap_err();
    assert!(fake.calls().is_empty());
}

#[tokio::test]
async fn a_failure_of_github_is_asked_again_and_a_refusal_is_not() {
    let fake = Fake::start().await;
    let repository = fake.repository().await;
    fake.calls();
    for status in [500, 502] {
        fake.fault("git/ref", Fault::Status(status, vec![], "Server Error"));
    }
    repository.head().await.unwrap();
    assert_eq!(fake.calls().len(), 3);

    let needs = vec![("x-accepted-github-permissions", String::from("contents=read"))];
    for (fault, kind, says) in [
        (Fault::Status(401, vec![], "Bad credentials"), ErrorKind::Denied, "has not ended"),
        (
            Fault::Status(403, needs, "Resource not accessible"),
            ErrorKind::Denied,
            "grant contents=read",
        ),
        (Fault::Status(404, vec![], "Not Found"), ErrorKind::NotFound, "renamed or deleted"),
        (Fault::Status(409, vec![], "Git Repository is empty."), ErrorKind::Conflict, "is empty"),
    ] {
        fake.fault("git/ref", fault);
        let error = repository.head().await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(says), "{error}");
        assert_eq!(fake.calls().len(), 1, "{error}");
    }
}

#[tokio::test]
async fn nobody_there_is_said_with_what_was_asked() {
    let fake = Fake::start().await;
    let config = fake.config();
    fake.stop().await;
    let github = GitHub::new(Credentials::token("hush"), config).unwrap();
    let error = GitHubRepository::open(github.clone(), "acme/shop").await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Unavailable, Retry::Backoff));
    assert!(error.to_string().contains("GET /repos/acme/shop"), "{error}");
    assert!(!format!("{github:?}").contains("hush"));
}
