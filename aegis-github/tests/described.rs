//! Calls and answers, held against GitHub's own description of its API.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use aegis_core::EffectKind;
use aegis_core::model::Query;
use aegis_core::port::{Clock as _, EventSource as _, Repository as _, SystemClock};
use aegis_core::stage::{Deployer as _, MetricSource as _, Rollout};
use aegis_core::testkit::conformance::deploy::Bench as _;
use aegis_core::testkit::mint;
use aegis_github::testkit::{Call, Run};
use aegis_github::{Live, Pipelines};
use serde_json::{Value, json};

use crate::deployer::Desk;
use crate::waiting;
use crate::way::Way;

/// What is wrong with each call, and the operations that they are.
pub(crate) fn held(calls: &[Call]) -> (Vec<String>, BTreeSet<String>) {
    // Archives and logs come from another host.
    let ours = |call: &&Call| call.path.starts_with("/repos/") || call.path == "/graphql";
    let calls: Vec<&Call> = calls.iter().filter(ours).collect();
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let modules = here.join("../target/npm/node_modules");
    assert!(modules.join("ajv").is_dir(), "ajv is missing: run `make test-packages`");
    let mut node = Command::new("node")
        .arg(here.join("tests/npm/check.mjs"))
        .arg(&modules)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node runs: run `make test-packages`");
    let mut lines = String::new();
    for call in &calls {
        let Call { method, path, status, asked, answer, .. } = call;
        let line = json!({
            "method": method, "path": path, "status": status, "asked": asked, "answer": answer,
        });
        lines += &format!("{line}\n");
    }
    let mut input = node.stdin.take().unwrap();
    let writes = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = node.wait_with_output().unwrap();
    writes.join().unwrap().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let (mut wrong, mut operations) = (Vec::new(), BTreeSet::new());
    for (line, call) in said.lines().zip(&calls) {
        let line: Value = serde_json::from_str(line).unwrap();
        operations.extend(line["operation"].as_str().map(str::to_owned));
        let is = line["wrong"].as_array().unwrap().iter();
        wrong.extend(is.map(|is| format!("{} {}: {}", call.method, call.path, is)));
    }
    assert_eq!(said.lines().count(), calls.len(), "{said}");
    (wrong, operations)
}

/// Everything that is ever asked, once.
async fn tour() -> Vec<Call> {
    let mut calls = Vec::new();
    // A fix from its submission to its revert, and the releases in between.
    let way = Way::new(Desk::new().await).await;
    way.desk.make_live().await;
    way.desk.deployer.submit(&way.order(true)).await.unwrap();
    let commit = way.merged().await;
    way.desk.make_live().await;
    let seen = way.look(EffectKind::Merge).await;
    assert!(matches!(seen, Some(Rollout::Live { .. })), "{seen:?}");
    way.desk.deployer.releases("shop").next().await.unwrap();
    way.desk.push_by_person().await;
    way.desk.deployer.revert(&way.revert(&commit)).await.unwrap();
    // What the source is read by.
    let repository = way.desk.fake.repository().await;
    let head = repository.head().await.unwrap();
    repository.history(&head, Some("app.py"), 5).await.unwrap();
    repository.read(&head, "app.py").await.unwrap();
    let into = tempfile::tempdir().unwrap();
    repository.export(&head, into.path()).await.unwrap();
    // Workflow runs.
    way.desk
        .fake
        .inside()
        .runs
        .push(Run::failed(1, "##[error]Process completed with exit code 1."));
    let pipelines = Pipelines::new(repository);
    pipelines.events("shop").next().await.unwrap();
    let metrics = vec![Pipelines::success_rate()];
    let now = SystemClock.now();
    let query = Query::new("shop".into(), now, Duration::from_secs(3_600), metrics);
    let _ = pipelines.sample(&query).await;
    calls.extend(way.desk.fake.calls());
    // One that is taken back before, and one whose merge a workflow's run would show.
    let by_runs = |b: aegis_github::GitHubDeployerBuilder| b.live(Live::workflow("deploy.yml"));
    let way = Way::new(Desk::with(by_runs).await).await;
    let second = way.desk.fix(1, &way.base);
    let order = mint::order(&way.case, 2, &second, &way.base, false).unwrap();
    way.desk.deployer.submit(&order).await.unwrap();
    let key = mint::key(&way.case, 2, EffectKind::Withdraw);
    way.desk.deployer.withdraw(&key, "for the tour").await.unwrap();
    way.merged().await;
    calls.extend(way.desk.fake.calls());
    // What only GraphQL does.
    let way = Way::new(Desk::signing().await).await;
    way.all().await;
    // All of them, for what was asked of the repository itself was told.
    calls.extend(way.desk.fake.inside().calls.clone());
    for behind in waiting::BOTH {
        let (way, _, _) = waiting::begun(behind).await;
        let key = way.key(EffectKind::Withdraw);
        way.desk.deployer.withdraw(&key, "for the tour").await.unwrap();
        calls.extend(way.desk.fake.calls());
    }
    calls
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_and_every_answer_is_as_github_describes_it() {
    let calls = tour().await;
    let (wrong, operations) = held(&calls);
    assert!(wrong.is_empty(), "{wrong:#?}");
    println!("{} calls of {} operations", calls.len(), operations.len());
    for operation in [
        "POST /repos/{owner}/{repo}/git/trees",
        "POST /repos/{owner}/{repo}/git/commits",
        "POST /repos/{owner}/{repo}/git/refs",
        "DELETE /repos/{owner}/{repo}/git/refs/{ref}",
        "POST /repos/{owner}/{repo}/pulls",
        "PATCH /repos/{owner}/{repo}/pulls/{pull_number}",
        "PUT /repos/{owner}/{repo}/pulls/{pull_number}/merge",
        "POST /repos/{owner}/{repo}/issues/{issue_number}/labels",
        "GET /repos/{owner}/{repo}/commits/{ref}/check-runs",
        "GET /repos/{owner}/{repo}/deployments/{deployment_id}/statuses",
        "GET /repos/{owner}/{repo}/actions/runs",
        "mutation createCommitOnBranch",
        "mutation enablePullRequestAutoMerge",
        "mutation disablePullRequestAutoMerge",
        "mutation enqueuePullRequest",
        "mutation dequeuePullRequest",
        "query node",
    ] {
        assert!(operations.contains(operation), "{operation} is not among {operations:#?}");
    }
}

#[test]
fn what_github_would_not_take_is_seen() {
    let call = |method: &str, path: &str, asked: Option<Value>| Call {
        method: method.into(),
        path: format!("/repos/acme/shop/{path}"),
        signed: true,
        status: 200,
        host: String::new(),
        asked,
        answer: None,
    };
    for (call, says) in [
        (call("GET", "nothing/of/this", None), "is no operation"),
        (call("GET", "pulls?haed=x", None), "?haed is no parameter"),
        (
            call("POST", "pulls", Some(json!({ "title": 3, "head": "a", "base": "b" }))),
            "/title must be",
        ),
        (call("POST", "git/refs", Some(json!({ "ref": "refs/heads/a" }))), "property 'sha'"),
        (
            call("PUT", "pulls/1/merge", Some(json!({ "merge_method": "octopus" }))),
            "allowed values",
        ),
    ] {
        let (wrong, _) = held(std::slice::from_ref(&call));
        assert!(wrong.iter().any(|wrong| wrong.contains(says)), "{says}: {wrong:?}");
    }
}

#[test]
fn what_graphql_would_not_take_is_seen() {
    let texts = operations();
    let create = texts.iter().find(|text| text.contains("createCommitOnBranch")).unwrap();
    let input = json!({ "input": { "expectedHeadOid": "a", "message": { "headline": "a" } } });
    let told = json!({ "data": { "createCommitOnBranch": { "commit": { "oid": null } } } });
    let whole = json!({ "input": {
        "expectedHeadOid": "a", "message": { "headline": "a" }, "branch": { "branchName": "a" },
    } });
    for (query, variables, answer, says) in [
        ("{ viewer { logn } }", json!({}), None, "Cannot query field"),
        ("mutation {", json!({}), None, "Syntax Error"),
        (create.as_str(), input, None, "was not provided"),
        (
            create.as_str(),
            whole,
            Some(told),
            "Cannot return null for non-nullable field Commit.oid",
        ),
    ] {
        let asked = json!({ "query": query, "variables": variables });
        let (wrong, _) = held(&[by_graphql(asked, answer)]);
        assert!(wrong.iter().any(|wrong| wrong.contains(says)), "{says}: {wrong:?}");
    }
}

#[test]
fn every_operation_of_graphql_is_as_github_describes_it() {
    let texts = operations();
    assert!(!texts.is_empty());
    let calls: Vec<Call> =
        texts.into_iter().map(|text| by_graphql(json!({ "query": text }), None)).collect();
    let (wrong, _) = held(&calls);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What is asked of GitHub by GraphQL.
fn operations() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/graphql");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|file| file.extension().is_some_and(|end| end == "graphql"));
    files.map(|file| std::fs::read_to_string(file).unwrap()).collect()
}

fn by_graphql(asked: Value, answer: Option<Value>) -> Call {
    Call {
        method: String::from("POST"),
        path: String::from("/graphql"),
        signed: true,
        status: 200,
        host: String::new(),
        asked: Some(asked),
        answer,
    }
}
