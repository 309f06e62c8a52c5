//! What is changed in a workflow that broke its own pipeline.

use std::collections::BTreeMap;

use aegis_core::compose::diagnose::or_else;
use aegis_core::model::{
    Case, Cause as Blame, Diagnosis, IncidentKind, Remedy, SignalKind, Symptom,
};
use aegis_core::patch::{FileChange, apply};
use aegis_core::stage::Diagnoser as _;
use aegis_core::testkit::mint;
use aegis_core::testkit::stages::KnowsTheLine;
use aegis_github::PipelineDiagnoser;
use aegis_github::testkit::Job;

use super::*;

pub(super) const CI: &str = ".github/workflows/ci.yml";
/// Line ends, quotes, comments and a script that looks like a workflow stay as they are.
pub(super) const WORKFLOW: &str = "\
name: CI\r
on: [push]   # every push
jobs:
  lint:
    runs-on: ubuntu-20.04
    steps:
      - uses: actions/checkout@v9
  test:
    name: \"unit tests\"
    runs-on: 'ubuntu-20.04' # the oldest\r
    env: { A: 1 }
    steps:
    - uses: actions/checkout@v9
    - name: Write
      run: |
        cat > other.yml <<END
    #   runs-on: ubuntu-20.04
        uses: actions/cache@v2
        END
    -   uses: actions/cache@v2
        with:
            path: ~/.cache
    - run: pytest -q
    - name: Keep
      uses: actions/upload-artifact@v3 # what came out
      with:
        name: out
        path: out
";
const SETUP: &str = "2026-11-26T10:00:01.0000000Z Current runner version: '2.330.0'\n\
    2026-11-26T10:00:01.1000000Z ##[group]Operating System\n\
    2026-11-26T10:00:01.2000000Z Ubuntu\n\
    2026-11-26T10:00:01.3000000Z ##[endgroup]\n\
    2026-11-26T10:00:02.0000000Z Prepare all required actions\n\
    2026-11-26T10:00:02.1000000Z Getting action download info\n";

/// The log of a job that the runner could not set up.
fn refused(why: &str) -> Option<String> {
    Some(format!("{SETUP}2026-11-26T10:00:03.0000000Z ##[error]{why}\n"))
}

fn too_old(action: &str) -> Option<String> {
    refused(&format!(
        "This request has been automatically failed because it uses a deprecated version of \
         `{action}`. Learn more: https://github.blog/changelog/x/"
    ))
}

fn no_version(action: &str, version: &str) -> Option<String> {
    refused(&format!(
        "Unable to resolve action `{action}@{version}`, unable to find version `{version}`"
    ))
}

pub(super) fn job(name: &'static str, step: Option<&'static str>, log: Option<String>) -> Job {
    let steps = step.map(|step| (step, "failure")).into_iter().collect();
    Job { id: 71, name, conclusion: Some("failure"), steps, log }
}

/// What is diagnosed once `job` failed, where the repository holds `files`.
async fn diagnosed(files: &[(&str, &str)], jobs: Vec<Job>) -> Diagnosis {
    let bed = Bed::new().await;
    bed.fake.push("Workflows", files);
    bed.run(Run { jobs, ..Run::ended(7, "failure") });
    let seen = signal(&mut bed.events()).await;
    let mut case = mint::case("shop", "i1");
    case.kind = IncidentKind::Pipeline;
    let (print, text) = told(&seen);
    let title = mint::redacted(text.lines().next().unwrap());
    let symptom = Symptom::new(NOW, print.clone(), SignalKind::Pipeline(None), title);
    case.symptoms = vec![symptom.with_detail(mint::redacted(text)).with_source(seen.source)];
    let diagnoser = PipelineDiagnoser::new(bed.fake.repository().await);
    diagnoser.diagnose(&case).await.unwrap()
}

/// The text of the workflow once the remedy was applied.
fn mended(remedy: &Remedy, before: &str) -> String {
    let files = BTreeMap::from([(CI.to_owned(), before.to_owned())]);
    let changes = apply(&remedy.patch.edits, &files).unwrap();
    let [FileChange { path, after, .. }] = &changes[..] else { panic!("{changes:?}") };
    assert_eq!(path, CI);
    after.clone().unwrap()
}

fn look(diagnosis: &Diagnosis) -> (&str, &str) {
    let told = diagnosis.likely().unwrap();
    let Blame::Environment(look) = &told.cause else { panic!("{told:?}") };
    (look, &told.explanation)
}

/// The workflow with `job` failed is mended by putting `new` for the `n`th `old` and nothing else.
async fn mends(failed: Job, old: &str, n: usize, new: &str) {
    let nightly = "jobs:\n  night:\n    steps:\n      - uses: actions/checkout@v4\n";
    let files = [(CI, WORKFLOW), (".github/workflows/nightly.yaml", nightly)];
    let diagnosis = diagnosed(&files, vec![failed]).await;
    let remedy = diagnosis.remedy.as_ref().unwrap_or_else(|| panic!("{diagnosis:?}"));
    let (at, _) = WORKFLOW.match_indices(old).nth(n).unwrap();
    let expected = format!("{}{new}{}", &WORKFLOW[..at], &WORKFLOW[at + old.len()..]);
    assert_eq!(mended(remedy, WORKFLOW), expected);
    let line = 1 + WORKFLOW[..at].matches('\n').count();
    assert!(look(&diagnosis).0.starts_with(&format!("{CI}:{line}, job ")), "{diagnosis:?}");
    assert!(!diagnosis.likely().unwrap().evidence.is_empty());
}

const SET_UP: Option<&str> = Some("Set up job");

#[tokio::test]
async fn a_retired_image_is_replaced_by_the_oldest_that_is_left() {
    mends(job("unit tests", None, None), "ubuntu-20.04", 1, "ubuntu-22.04").await;
    mends(job("lint", None, None), "ubuntu-20.04", 0, "ubuntu-22.04").await;
    let brownout = refused("This is a scheduled Ubuntu 20.04 brownout.");
    mends(job("lint", SET_UP, brownout), "ubuntu-20.04", 0, "ubuntu-22.04").await;
}

#[tokio::test]
async fn an_action_that_is_refused_is_replaced_in_the_job_that_failed() {
    let (cache, artifact) = ("actions/cache: v2", "actions/upload-artifact: v3");
    let (old, new) = ("actions/cache@v2", "actions/cache@v4");
    mends(job("unit tests", SET_UP, too_old(cache)), old, 1, new).await;
    let (old, new) = ("actions/upload-artifact@v3", "actions/upload-artifact@v4");
    mends(job("unit tests", SET_UP, too_old(artifact)), old, 0, new).await;
}

#[tokio::test]
async fn a_version_that_does_not_exist_becomes_the_one_that_is_used_elsewhere() {
    let (old, new) = ("actions/checkout@v9", "actions/checkout@v4");
    mends(job("lint", SET_UP, no_version("actions/checkout", "v9")), old, 0, new).await;
}

#[tokio::test]
async fn all_jobs_that_no_runner_took_are_mended_at_once() {
    let jobs = vec![job("lint", None, None), Job { id: 72, ..job("unit tests", None, None) }];
    let diagnosis = diagnosed(&[(CI, WORKFLOW)], jobs).await;
    let after = mended(diagnosis.remedy.as_ref().unwrap(), WORKFLOW);
    let kept = "    #   runs-on: ubuntu-20.04";
    let expected = WORKFLOW.replace("ubuntu-20.04", "ubuntu-22.04");
    assert_eq!(after, expected.replace("    #   runs-on: ubuntu-22.04", kept));
}

#[tokio::test]
async fn what_is_not_certain_is_only_told() {
    let swap = |old: &str, new: &str| WORKFLOW.replace(old, new);
    let upload = || too_old("actions/upload-artifact: v3");
    let checkout = || no_version("actions/checkout", "v9");
    let second = "jobs:\n  a:\n    steps:\n      - uses: actions/checkout@v4\n      - uses: actions/checkout@v5\n";
    let twice = WORKFLOW.to_owned()
        + "  more:\n    steps:\n    - uses: actions/upload-artifact@v3\n      with:\n        name: out\n";
    let matrix = swap("    env: { A: 1 }", "    strategy: { matrix: { a: [1, 2] } }");
    let cases: Vec<(&str, String, Job, &str)> = vec![
        ("a step ran", WORKFLOW.into(), job("lint", Some("Test"), refused("no")), ""),
        ("a log that says nothing", WORKFLOW.into(), job("lint", None, refused("no")), ""),
        (
            "another job's image",
            swap("'ubuntu-20.04'", "ubuntu-24.04"),
            job("unit tests", None, None),
            "",
        ),
        (
            "an expression",
            swap("'ubuntu-20.04'", "${{ matrix.os }}"),
            job("unit tests", None, None),
            "",
        ),
        ("no such job", WORKFLOW.into(), job("deploy", None, None), ""),
        (
            "two of the name",
            swap("  lint:", "  lint:\n    name: unit tests"),
            job("unit tests", None, None),
            "",
        ),
        (
            "one upload a leg",
            matrix,
            job("unit tests (1)", SET_UP, upload()),
            "more than one upload",
        ),
        ("two of one name", twice, job("unit tests", SET_UP, upload()), "more than one upload"),
        (
            "another version",
            swap("artifact@v3", "artifact@v4"),
            job("unit tests", SET_UP, upload()),
            "broke it",
        ),
        (
            "nobody's action",
            swap("actions/cache@v2", "acme/cache@v2"),
            job("unit tests", SET_UP, too_old("acme/cache: v2")),
            "too old",
        ),
        ("no other version", WORKFLOW.into(), job("lint", SET_UP, checkout()), "no version v9"),
        (
            "two others",
            second.to_owned() + &WORKFLOW[WORKFLOW.find("  lint").unwrap()..],
            job("lint", SET_UP, checkout()),
            "no version v9",
        ),
        ("a program's word", WORKFLOW.into(), job("lint", Some("Test"), checkout()), "broke it"),
    ];
    for (what, workflow, failed, says) in cases {
        let diagnosis = diagnosed(&[(CI, &workflow)], vec![failed]).await;
        assert!(diagnosis.remedy.is_none(), "{what}: {diagnosis:?}");
        match says {
            "" => assert!(diagnosis.likely().is_none(), "{what}: {diagnosis:?}"),
            says => assert!(look(&diagnosis).1.contains(says), "{what}: {diagnosis:?}"),
        }
    }
}

#[tokio::test]
async fn a_command_that_does_not_exist_is_told_with_what_would_install_it() {
    let log = |command: &str| {
        Some(format!(
            "{SETUP}##[group]Run pytest -q\npytest -q\nshell: bash\n##[endgroup]\n\
             /home/runner/x.sh: line 1: {command}: command not found\n\
             ##[error]Process completed with exit code 127.\n"
        ))
    };
    let list = "requests==2.32\npytest>=8  # tests\n";
    let files = |workflow| [(CI, workflow), ("requirements-dev.txt", list)];
    let failed = |command| vec![job("unit tests", Some("Run pytest -q"), log(command))];
    let installs = WORKFLOW.replace(
        "    - run: pytest -q",
        "    - run: pip install -r requirements-dev.txt\n    - run: pytest -q",
    );
    for (workflow, command, place, says) in [
        (
            WORKFLOW,
            "pytest",
            format!("{CI}:8, job unit tests"),
            "installs nothing of requirements-dev.txt",
        ),
        (&installs, "pytest", format!("{CI}:23, job unit tests"), "not on its path"),
        (
            WORKFLOW,
            "protoc",
            format!("{CI}, job unit tests, step Run pytest -q, run https://"),
            "broke it",
        ),
    ] {
        let diagnosis = diagnosed(&files(workflow), failed(command)).await;
        let (at, explanation) = look(&diagnosis);
        assert!(at.starts_with(&place) && explanation.contains(says), "{diagnosis:?}");
        assert!(diagnosis.remedy.is_none());
    }
}

#[tokio::test]
async fn what_is_no_pipeline_s_or_the_code_s_is_another_s_to_diagnose() {
    let code = Run::failed(7, PYTEST).jobs;
    assert!(diagnosed(&[(CI, WORKFLOW)], code).await.likely().is_none());
    let bed = Bed::new().await;
    let diagnoser = PipelineDiagnoser::new(bed.fake.repository().await);
    let crash: Case = mint::case("shop", "i1");
    assert!(diagnoser.diagnose(&crash).await.unwrap().likely().is_none());
    let world = World::new(Arc::new(bed.clock.clone()), Revision::new("0".repeat(40)));
    let both = or_else(diagnoser, KnowsTheLine(world));
    assert_eq!(both.diagnose(&crash).await.unwrap().author, "test");
}
