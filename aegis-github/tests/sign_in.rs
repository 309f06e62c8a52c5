//! As whom GitHub is asked: a token, or an App.

use std::process::Command;
use std::time::Duration;

use aegis_core::ErrorKind;
use aegis_core::port::Repository as _;
use aegis_github::testkit::{Fault, TOKEN};
use aegis_github::{
    AppKey, Credentials, GitHub, GitHubChecks, GitHubDeployer, GitHubRepository, Live,
};
use ring::signature::{KeyPair as _, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;

use crate::deployer::Desk;
use crate::fake::Fake;
use crate::way::Way;

/// A key of two thousand bits, as GitHub gives it (PKCS #1) or as others do (PKCS #8).
fn pem(words: &[&str]) -> String {
    let output = Command::new("openssl").args(words).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn pkcs8() -> String {
    pem(&["genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"])
}

pub(crate) fn trusts(fake: &Fake, pkcs8: &str, lasts: Duration) {
    let der = PrivatePkcs8KeyDer::from_pem_slice(pkcs8.as_bytes()).unwrap();
    let pair = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).unwrap();
    let mut inside = fake.inside();
    inside.app = Some((pair.public_key().as_ref().to_vec(), lasts));
    inside.tokens.clear();
}

pub(crate) fn app(fake: &Fake, pem: &str) -> GitHub {
    let key = AppKey::new("12", 7, pem);
    GitHub::new(Credentials::App(key), fake.config()).unwrap()
}

pub(crate) const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn an_app_signs_in_once_for_all_that_ask_at_once() {
    let fake = Fake::start().await;
    let key = pkcs8();
    trusts(&fake, &key, HOUR);
    let repository = GitHubRepository::open(app(&fake, &key), "acme/shop").await.unwrap();
    let all = tokio::join!(repository.head(), repository.head(), repository.head());
    assert!(all.0.is_ok() && all.1.is_ok() && all.2.is_ok());
    assert_eq!(fake.inside().minted, 1);
    let calls = fake.calls();
    assert_eq!(calls.iter().filter(|call| call.path.starts_with("/app/")).count(), 1);
}

#[tokio::test]
async fn a_token_that_ends_soon_or_is_taken_back_is_fetched_anew() {
    let fake = Fake::start().await;
    let key = pkcs8();
    trusts(&fake, &key, Duration::from_secs(200));
    let repository = GitHubRepository::open(app(&fake, &key), "acme/shop").await.unwrap();
    let before = fake.inside().minted;
    repository.head().await.unwrap();
    assert_eq!(fake.inside().minted, before + 1, "five minutes before its end");

    trusts(&fake, &key, HOUR);
    repository.head().await.unwrap();
    fake.inside().tokens.clear();
    let before = fake.inside().minted;
    repository.head().await.unwrap();
    assert_eq!(fake.inside().minted, before + 1, "it was taken back");
}

#[tokio::test]
async fn a_key_of_github_s_own_form_is_taken_and_a_stranger_is_refused() {
    let fake = Fake::start().await;
    let key = pkcs8();
    trusts(&fake, &key, HOUR);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key.pem");
    std::fs::write(&file, &key).unwrap();
    let pkcs1 = pem(&["rsa", "-traditional", "-in", file.to_str().unwrap()]);
    assert!(pkcs1.starts_with("-----BEGIN RSA PRIVATE KEY-----"), "{pkcs1}");
    GitHubRepository::open(app(&fake, &pkcs1), "acme/shop").await.unwrap();

    let stranger = GitHubRepository::open(app(&fake, &pkcs8()), "acme/shop").await.unwrap_err();
    assert_eq!(stranger.kind(), ErrorKind::Denied, "{stranger}");
    assert!(stranger.to_string().contains("access_tokens"), "{stranger}");
}

#[tokio::test]
async fn a_personal_token_that_is_refused_is_not_tried_again() {
    let fake = Fake::start().await;
    let repository = fake.repository().await;
    fake.calls();
    fake.inside().tokens.clear();
    let error = repository.head().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(!error.to_string().contains(TOKEN), "{error}");
    assert_eq!(fake.calls().len(), 1);
    // Nor does a limit of an App's token end it.
    fake.fault("git/ref", Fault::Status(500, vec![], "Server Error"));
    repository.head().await.unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_commits_by_git_s_objects_which_github_signs_anyway() {
    let mut desk = Desk::new().await;
    let key = pkcs8();
    trusts(&desk.fake, &key, HOUR);
    let repository = GitHubRepository::open(app(&desk.fake, &key), "acme/shop").await.unwrap();
    let builder = GitHubDeployer::builder(repository).checks(GitHubChecks::none());
    desk.deployer = builder.live(Live::deployments("production")).open().await.unwrap().into();
    let way = Way::new(desk).await;
    way.ready().await;
    let calls = way.desk.fake.calls();
    assert!(calls.iter().all(|call| call.path != "/graphql"), "{calls:#?}");
    assert!(calls.iter().any(|call| call.path.ends_with("/git/commits") && call.method == "POST"));
}
