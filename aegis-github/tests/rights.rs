//! What credentials lack is said at the start, all of it, and where it is granted.

use aegis_core::{Error, ErrorKind, Result};
use aegis_github::testkit::{Fault, NAME};
use aegis_github::{ActionsVerifier, GitHub, GitHubChecks, GitHubDeployer, GitHubRepository, Live};

use crate::fake::Fake;
use crate::sign_in::{HOUR, app, pkcs8, trusts};

async fn deployer(github: GitHub) -> Result<GitHubDeployer> {
    let repository = GitHubRepository::open(github, NAME).await?;
    let builder = GitHubDeployer::builder(repository).checks(GitHubChecks::all());
    builder.live(Live::deployments("production")).open().await
}

async fn verifier(github: GitHub) -> Result<ActionsVerifier> {
    ActionsVerifier::builder(GitHubRepository::open(github, NAME).await?).open().await
}

fn says(error: &Error, parts: &[&str]) {
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    let said = error.to_string();
    for part in parts {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[tokio::test]
async fn an_app_is_told_all_that_it_lacks_and_nothing_is_asked_for_that() {
    let fake = Fake::start().await;
    let key = pkcs8();
    trusts(&fake, &key, HOUR);
    deployer(app(&fake, &key)).await.unwrap();
    // Its token, the repository twice and its head twice.
    assert_eq!(fake.calls().len(), 5);
    verifier(app(&fake, &key)).await.unwrap();
    {
        let granted = &mut fake.inside().granted;
        granted.remove("checks");
        granted.remove("deployments");
        granted.insert("contents", "read");
    }
    let where_ = "the App's settings under Permissions, and accept it where the App is installed";
    let error = deployer(app(&fake, &key)).await.unwrap_err();
    let all = "contents (read and write), checks (read), deployments (read) on acme/shop";
    says(&error, &[all, where_]);
    let error = verifier(app(&fake, &key)).await.unwrap_err();
    says(&error, &["contents (read and write), checks (read) on acme/shop", where_]);
}

#[tokio::test]
async fn a_classic_token_is_judged_by_its_scopes() {
    for (scopes, enough) in
        [("repo", true), ("gist, repo", true), ("public_repo", true), ("gist", false), ("", false)]
    {
        let fake = Fake::start().await;
        fake.inside().scopes = Some(scopes);
        let opened = deployer(fake.github()).await;
        assert_eq!(opened.is_ok(), enough, "{scopes:?}");
        assert_eq!(fake.calls().len(), 4, "{scopes:?}");
        let Err(error) = opened else { continue };
        says(&error, &["`repo`", &format!("{scopes:?}"), "Personal access tokens"]);
    }
}

#[tokio::test]
async fn a_fine_grained_token_is_tried_by_what_it_may_read() {
    let refused = || {
        let says = "Resource not accessible by personal access token";
        Fault::Status(403, vec![], says)
    };
    for (parts, list, place) in [
        (
            &["/pulls?", "/deployments?"][..],
            "pull_requests (read and write), deployments (read)",
            "on the token",
        ),
        (&["/check-runs?"], "checks (read)", "use a GitHub App, or a classic token"),
    ] {
        let fake = Fake::start().await;
        for part in parts {
            fake.fault(part, refused());
        }
        let error = deployer(fake.github()).await.unwrap_err();
        says(&error, &[list, place]);
        assert_eq!(fake.calls().len(), 8);
    }
    let fake = Fake::start().await;
    deployer(fake.github()).await.unwrap();
    assert_eq!(fake.calls().len(), 8);
    // That nobody can tell is no missing right.
    for _ in 0..3 {
        fake.fault("/check-runs?", Fault::Status(502, vec![], "Bad Gateway"));
    }
    let error = deployer(fake.github()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
}
