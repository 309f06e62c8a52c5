//! Releases that are taken back, over a real repository.

use std::path::Path;
use std::sync::Arc;

use aegis_core::model::{
    Author, Case, Fix, FixKind, GateAnswer, Release, Reproduction, TestCounts, Verification,
};
use aegis_core::port::Repository as _;
use aegis_core::stage::{Deployer as _, Rollout, Verifier as _};
use aegis_core::testkit::conformance;
use aegis_core::{ErrorKind, Revision, Timestamp};
use aegis_local::git::TakenBack;
use aegis_local::service::ServiceSpec;
use aegis_local::verify::{PythonVerifier, VerifierConfig};

use super::folder;
use super::python::{traceback, venv};
use crate::git::workshop::{Workshop, ready};

const CODE: &str = "def mean(values: list) -> float:\n    if not values:\n        return 0.0\n    \
                    return sum(values) / len(values)\n";
const BROKEN: &str = "def mean(values: list) -> float:\n    return sum(values) / len(values)\n";
const TESTS: &str = "import stats\n\n\ndef test_mean():\n    assert stats.mean([2, 4]) == 3\n";

type Files<'a> = &'a [(&'a str, Option<&'a str>)];

struct Stand {
    shop: Workshop,
    previous: Revision,
    bad: Revision,
    scratch: tempfile::TempDir,
}

impl Stand {
    /// A service whose last release changed `files`.
    fn new(files: Files<'_>) -> Self {
        let shop = Workshop::new();
        let first = [
            ("stats.py", Some(CODE)),
            ("tests/test_stats.py", Some(TESTS)),
            ("pytest.ini", Some("[pytest]\npythonpath = .\n")),
        ];
        let previous = shop.commit(&first, "Begin to count");
        let bad = shop.commit(files, "Release");
        Self { shop, previous, bad, scratch: tempfile::tempdir().unwrap() }
    }

    fn fix(&self) -> Fix {
        let (service, at) = ("shop".into(), Timestamp::from_ms(1));
        let release = Release::new(service, self.bad.clone(), at, Author::Person("Ada".into()))
            .with_previous(Some(self.previous.clone()));
        Fix::new(FixKind::Revert(release), "Take the release back", "test")
            .with_meaning("the error was first seen right after this release")
    }

    fn release(&self) -> Release {
        match self.fix().kind {
            FixKind::Revert(release) => release,
            other => panic!("{other:?}"),
        }
    }

    async fn verifier(&self) -> PythonVerifier {
        let spec = ServiceSpec::new("shop", "false", "http://127.0.0.1:1/", "pytest -q");
        let mut config = VerifierConfig::default();
        config.scratch = Some(self.scratch.path().to_owned());
        let git = self.shop.repository().await;
        PythonVerifier::with_config(spec.with_python(venv()), Arc::new(git.clone()), config)
            .with_reverts(git)
    }

    async fn verify(&self, case: &Case) -> Verification {
        self.verifier().await.verify(case, &self.fix()).await.unwrap()
    }

    /// The case of what `call` raises at the head of the service's checkout.
    fn case(&self, call: &str) -> Case {
        folder::case(&traceback(&self.shop.path(), &format!("import stats\nstats.{call}")), &[])
    }
}

fn silent() -> Case {
    folder::case("no trace", &[])
}

fn answer<'v>(v: &'v Verification, gate: &str) -> Option<(GateAnswer, &'v str)> {
    v.gates.iter().find(|g| g.gate == gate).map(|g| (g.answer, g.reason.as_str()))
}

fn objects(git: &Path) -> usize {
    let entries = std::fs::read_dir(git).unwrap().map(|e| e.unwrap());
    entries.map(|e| if e.file_type().unwrap().is_dir() { objects(&e.path()) } else { 1 }).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revert_is_proven_on_the_tree_that_is_shipped_and_its_tests_may_go() {
    let more = "import stats\n\n\ndef test_one():\n    assert stats.mean([1]) == 1\n";
    let stand = Stand::new(&[("stats.py", Some(BROKEN)), ("tests/test_new.py", Some(more))]);
    stand.shop.commit(&[("later.py", Some("x = 1\n"))], "Go on");
    let before = objects(&stand.shop.path().join(".git/objects"));
    let v = stand.verify(&stand.case("mean([])")).await;
    assert_eq!(objects(&stand.shop.path().join(".git/objects")), before, "only read");

    assert_eq!(v.answer(), GateAnswer::Pass, "{:?}", v.gates);
    let names: Vec<&str> = v.gates.iter().map(|g| g.gate.as_str()).collect();
    let asked = [
        "isolation",
        "clean-merge",
        "syntax",
        "canaries",
        "tests",
        "reproduction",
        "reproduction-fixed",
    ];
    assert_eq!(names, asked);
    assert_eq!(v.base, stand.shop.head());
    assert_eq!(v.tests.before, Some(TestCounts::new(2, 0)));
    assert_eq!(v.tests.after, Some(TestCounts::new(1, 0)));
    assert!(matches!(v.reproduction, Reproduction::Reproduced(_)), "{:?}", v.reproduction);
    assert_eq!(v.score.coverage.bps(), 10_000, "the call runs what came back: {:?}", v.notes);
    assert!(v.confidence().bps() >= 8_000, "{}", v.confidence());

    let git = stand.shop.repository().await;
    let into = tempfile::tempdir().unwrap();
    let taken = git.take_back(&stand.release(), &v.base, into.path()).await.unwrap();
    let deployer = stand.shop.deployer().await;
    let head = ready(deployer.submit(&stand.shop.order("i1", &stand.fix())).await.unwrap());
    let shipped = git.tree(&head).await.unwrap();
    assert!(matches!(&taken, TakenBack::Clean { tree, .. } if *tree == shipped), "{taken:?}");
    let text = std::fs::read_to_string(into.path().join("stats.py")).unwrap();
    assert_eq!(text, stand.shop.text(&head, "stats.py").unwrap());
    assert!(
        into.path().join("later.py").exists() && !into.path().join("tests/test_new.py").exists()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ran_before_needs_no_failure_that_happens_again() {
    let stand = Stand::new(&[("stats.py", Some(BROKEN)), ("rates.json", Some("1\n"))]);
    let v = stand.verify(&silent()).await;
    assert_eq!(v.answer(), GateAnswer::Pass, "{:?}", v.gates);
    assert!(matches!(v.reproduction, Reproduction::NotReproduced(_)));
    assert_eq!((v.score.coverage.bps(), v.score.quality.bps()), (10_000, 6_500), "{:?}", v.notes);

    stand.shop.commit(&[("later.py", Some("x = 1\n"))], "Go on");
    let mixed = stand.verify(&silent()).await;
    assert_eq!(mixed.score.quality.bps(), 1_500, "{:?}", mixed.notes);
    assert!(mixed.score.coverage < v.score.coverage, "{:?}", mixed.notes);
}

#[tokio::test(flavor = "multi_thread")]
async fn later_work_that_needs_the_release_denies_its_revert() {
    let longer = format!("{BROKEN}\n\ndef total(values):\n    return sum(values)\n");
    let stand = Stand::new(&[("stats.py", Some(&longer))]);
    let later = "import stats\n\n\ndef test_total():\n    assert stats.total([1]) == 1\n";
    stand.shop.commit(&[("tests/test_later.py", Some(later))], "Test it");
    let v = stand.verify(&silent()).await;
    let (answer, why) = answer(&v, "tests").unwrap();
    assert!(answer == GateAnswer::Deny && why.contains("test_total"), "{:?}", v.gates);
    assert_eq!(v.confidence().bps(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn later_work_on_the_same_lines_is_denied_without_a_run() {
    let stand = Stand::new(&[("stats.py", Some(BROKEN))]);
    let other = BROKEN.replace("len(values)", "max(1, len(values))");
    stand.shop.commit(&[("stats.py", Some(&other))], "Change it again");
    let v = stand.verify(&silent()).await;
    let (answer, why) = answer(&v, "clean-merge").unwrap();
    assert!(answer == GateAnswer::Deny && why.contains("the same lines"), "{why}");
    assert_eq!((v.test_ms, v.tests.after), (0, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_back_already_is_neither_proven_nor_shipped() {
    let stand = Stand::new(&[("stats.py", Some(BROKEN))]);
    stand.shop.commit(&[("stats.py", Some(CODE))], "Back to before");
    let v = stand.verify(&silent()).await;
    let (answer, why) = answer(&v, "clean-merge").unwrap();
    assert!(answer == GateAnswer::Deny && why.contains("nothing"), "{why}");
    let order = stand.shop.order("i1", &stand.fix());
    assert_eq!(stand.shop.deployer().await.submit(&order).await.unwrap(), Rollout::Conflict);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_the_release_did_not_bring_denies_its_revert() {
    let stand = Stand::new(&[("other.py", Some("x = 1\n"))]);
    stand.shop.commit(&[("stats.py", Some(BROKEN))], "Break it later");
    let v = stand.verify(&stand.case("mean([])")).await;
    let (answer, why) = answer(&v, "reproduction-fixed").unwrap();
    assert!(answer == GateAnswer::Deny && why.contains("still"), "{:?}", v.gates);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_came_with_the_release_fails_no_longer_once_it_is_gone() {
    let longer = format!("{CODE}\n\ndef first(values: list):\n    return values[0]\n");
    let stand = Stand::new(&[("stats.py", Some(&longer))]);
    let v = stand.verify(&stand.case("first([])")).await;
    let (answer, why) = answer(&v, "reproduction-fixed").unwrap();
    assert!(answer == GateAnswer::Pass && why.contains("no longer be called"), "{:?}", v.gates);
    assert_eq!(v.answer(), GateAnswer::Pass);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_failure_in_place_of_the_first_is_for_a_person_to_look_at() {
    let before = "def pick(values: dict):\n    return values['a'].real\n";
    let after = "def pick(values: dict):\n    return 1 / len(values)\n";
    let stand = Stand::new(&[("other.py", Some("x = 1\n"))]);
    let previous = stand.shop.commit(&[("stats.py", Some(before))], "Pick");
    let bad = stand.shop.commit(&[("stats.py", Some(after))], "Pick another way");
    stand.shop.commit(&[("tests/test_stats.py", Some("def test():\n    pass\n"))], "Test less");
    let stand = Stand { previous, bad, ..stand };
    let v = stand.verify(&stand.case("pick({})")).await;
    let (answer, why) = answer(&v, "reproduction-fixed").unwrap();
    assert!(answer == GateAnswer::Cap && why.contains("KeyError"), "{:?}", v.gates);
    assert_eq!(v.answer(), GateAnswer::Cap);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_broke_its_own_suite_can_be_taken_back() {
    let stand = Stand::new(&[("conftest.py", Some("import no_such_module\n"))]);
    let v = stand.verify(&silent()).await;
    assert_eq!(v.answer(), GateAnswer::Pass, "{:?}", v.gates);
    assert_eq!((v.tests.before, v.tests.after), (None, Some(TestCounts::new(1, 0))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revert_that_leaves_no_test_is_capped() {
    let stand = Stand::new(&[]);
    let previous = stand.shop.commit(&[("tests/test_stats.py", None)], "Without tests");
    let bad = stand.shop.commit(&[("tests/test_stats.py", Some(TESTS))], "With tests");
    let v = Stand { previous, bad, ..stand }.verify(&silent()).await;
    assert_eq!(v.answer(), GateAnswer::Cap, "{:?}", v.gates);
}

#[tokio::test]
async fn without_its_repository_a_revert_can_not_be_proven() {
    let stand = Stand::new(&[("stats.py", Some(BROKEN))]);
    let spec = ServiceSpec::new("shop", "false", "http://127.0.0.1:1/", "pytest -q");
    let verifier = PythonVerifier::new(spec, Arc::new(stand.shop.repository().await));
    let error = verifier.verify(&silent(), &stand.fix()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("with_reverts"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn reverts_keep_the_contract_of_a_verifier() {
    let stand = Stand::new(&[("stats.py", Some(BROKEN))]);
    let case = stand.case("mean([])");
    let needed = stand.shop.commit(&[("needed.py", Some("x = 1\n"))], "Another release");
    let uses = "import needed\n\n\ndef test_x():\n    assert needed.x\n";
    stand.shop.commit(&[("tests/test_needed.py", Some(uses))], "Build on it");
    let good = stand.fix();
    let verifier = stand.verifier().await;
    let bad = Stand { previous: stand.bad.clone(), bad: needed, ..stand };
    conformance::verify::test_all(&verifier, &case, &good, &bad.fix()).await;
}
