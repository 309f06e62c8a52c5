//! A service whose suite is unittest's: as much is proven by it as by pytest.

use std::sync::Arc;

use aegis_core::model::{Fix, GateAnswer, TestCounts, Verification};
use aegis_core::stage::Verifier;
use aegis_local::service::ServiceSpec;
use aegis_local::verify::{BaseSuite, PythonVerifier, VerifierConfig};

use super::folder::{base, case, fix, folder};
use super::gates::denied_by;
use super::python::venv;

const STATS: &str = "import os\n\n\ndef total(values: list[float]) -> float:\n    return \
                     float(sum(values))\n\n\ndef mean(values: list[float]) -> float:\n    return \
                     total(values) / len(values)\n";

const TESTS: &str = r#"import unittest

from stats import mean, total


class Mean(unittest.TestCase):
    def test_mean(self):
        self.assertEqual(mean([1, 3]), 2.0)

    def test_empty(self):
        self.assertEqual(mean([]), 0.0)


class Total(unittest.TestCase):
    def test_total(self):
        self.assertEqual(total([]), 0.0)
"#;

const TRACE: &str = r#"Traceback (most recent call last):
  File "/srv/releases/1/stats.py", line 9, in mean
    return total(values) / len(values)
ZeroDivisionError: float division by zero
"#;

const DIVISION: &str = "    return total(values) / len(values)\n";
const GUARDED: &str =
    "    if not values:\n        return 0.0\n    return total(values) / len(values)\n";

const NAMED: &str = "def total(values: list[float]) -> float:\n";
const OTHER: &str = "def sum_of(values: list[float]) -> float:\n";

const DISCOVER: &str = "python -m unittest discover -s tests";

fn verifier(files: &[(&str, &str)], test: &str) -> PythonVerifier {
    let spec = ServiceSpec::new("s", "false", "http://127.0.0.1:1/", test).with_python(venv());
    let mut config = VerifierConfig::default();
    (config.suite_ms, config.base_runs, config.faults) = (20_000, 1, 0);
    let folder = folder(files.iter().copied());
    PythonVerifier::with_config(spec, Arc::new(folder), config)
}

fn stats(test: &str) -> PythonVerifier {
    verifier(&[("stats.py", STATS), ("tests/test_stats.py", TESTS)], test)
}

/// Without the guardrails, so that the run alone has to see it.
async fn unguarded(test: &str, fix: &Fix) -> Verification {
    let verifier = stats(test).with_guardrails(Vec::new());
    verifier.verify(&case(TRACE, &[]), fix).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_fix_is_proven_by_a_unittest_suite_with_its_coverage() {
    for test in [DISCOVER, "A=1 python -m unittest tests.test_stats -v --failfast"] {
        let v = stats(test).verify(&case(TRACE, &[]), &fix("stats.py", DIVISION, GUARDED)).await;
        let v = v.unwrap();
        assert_eq!(v.answer(), GateAnswer::Pass, "{test}: {:?}", v.gates);
        let (before, after) = (v.tests.before.unwrap(), v.tests.after.unwrap());
        assert_eq!((before, after), (TestCounts::new(2, 1), TestCounts::new(3, 0)), "{test}");
        assert_eq!(v.score.coverage.bps(), 10_000, "{test}: {:?}", v.notes);
        let reason = |gate: &str| &v.gates.iter().find(|g| g.gate == gate).unwrap().reason;
        assert_eq!(reason("canaries"), "9 tests that have to fail do", "{test}");
        assert_eq!(reason("renamed-test"), "1 that failed pass under other names too", "{test}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn discovery_without_arguments_and_a_suite_without_tests_are_told_apart() {
    let plain = [("stats.py", STATS), ("test_stats.py", TESTS)];
    let ran = verifier(&plain, "python -m unittest").warm(&base()).await.unwrap();
    let failing = vec![String::from("test_stats.Mean::test_empty")];
    assert_eq!(ran, BaseSuite::Ran { counts: TestCounts::new(2, 1), failing, flaky: Vec::new() });
    let none = verifier(&[("stats.py", STATS)], "python -m unittest").warm(&base()).await.unwrap();
    assert_eq!(none, BaseSuite::Empty);
    let unknown = verifier(&plain, "python -m unittest --unknown").warm(&base()).await.unwrap();
    assert!(matches!(unknown, BaseSuite::Broken(_)), "{unknown:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_in_which_a_test_ends_is_reported_under_the_tests_own_id() {
    let tests = r#"import unittest

from unittest import expectedFailure, skip


class Ends(unittest.TestCase):
    def test_passes(self):
        with self.subTest(n=1):
            pass

    def test_subtest(self):
        for n in range(3):
            with self.subTest(n=n):
                self.assertNotEqual(n, 1)

    @expectedFailure
    def test_expected(self):
        self.fail()

    @expectedFailure
    def test_unexpected(self):
        pass

    @skip("why")
    def test_skipped(self):
        self.fail()

    def test_torn(self):
        self.addCleanup(self.fail)


class SetUp(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        raise OSError("no database")

    def test_a(self):
        pass

    def test_b(self):
        pass


class SkippedSetUp(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        raise unittest.SkipTest("no database")

    def test_a(self):
        pass


class TearDown(unittest.TestCase):
    @classmethod
    def tearDownClass(cls):
        raise OSError("no database")

    def test_a(self):
        pass

    def test_b(self):
        pass
"#;
    let module = "import unittest\n\n\ndef setUpModule():\n    raise OSError\n\n\nclass \
                  M(unittest.TestCase):\n    def test_a(self):\n        pass\n";
    let files = [
        ("tests/test_ends.py", tests),
        ("tests/test_module.py", module),
        ("tests/test_import.py", "import nowhere\n"),
    ];
    let ran = verifier(&files, DISCOVER).warm(&base()).await.unwrap();
    let BaseSuite::Ran { counts, failing, .. } = ran else { panic!("{ran:?}") };
    let expected = [
        "test_ends.Ends::test_subtest",
        "test_ends.Ends::test_torn",
        "test_ends.Ends::test_unexpected",
        "test_ends.SetUp::test_a",
        "test_ends.SetUp::test_b",
        "test_ends.TearDown::test_b",
        "test_module.M::test_a",
        "unittest.loader._FailedTest::test_import",
    ];
    assert_eq!(failing, expected);
    assert_eq!(counts, TestCounts::new(2, 8));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_import_a_skip_and_an_end_before_the_end_are_denied() {
    let v = unguarded(DISCOVER, &fix("stats.py", NAMED, OTHER)).await;
    denied_by(&v, "tests", "_FailedTest::test_stats");
    let skips = "    import unittest\n    raise unittest.SkipTest('later')\n";
    let v = unguarded(DISCOVER, &fix("stats.py", "    return float(sum(values))\n", skips)).await;
    denied_by(&v, "tests", "passed before and is skipped: test_stats.Mean::test_mean");
    let ends = "    os._exit(0)\n";
    let v = unguarded(DISCOVER, &fix("stats.py", DIVISION, ends)).await;
    denied_by(&v, "tests", "the run left no report");
    let stops = "    import gc\n    import unittest\n    for found in gc.get_objects():\n        if \
                 isinstance(found, unittest.TestResult):\n            found.stop()\n    return 0.0\n";
    let v = unguarded(DISCOVER, &fix("stats.py", DIVISION, stops)).await;
    denied_by(&v, "tests", "the report holds");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patch_that_takes_unittest_over_does_not_hide_its_canaries() {
    let assertion = "import unittest\n\nunittest.TestCase.assertEqual = lambda *a, **k: None\n\n\n";
    let run = "import unittest\n\n\ndef run(self, result=None):\n    result.startTest(self)\n    \
               result.addSuccess(self)\n    result.stopTest(self)\n    return result\n\n\n\
               unittest.TestCase.run = run\n\n\n";
    let outcome = "import unittest\n\nunittest.TestCase.failureException = type('None_', \
                   (Exception,), {})\nunittest.TextTestResult.addFailure = lambda *a: \
                   None\nunittest.TextTestRunner.resultclass = unittest.TextTestResult\n\n\n";
    for (taken, held) in [(assertion, "8"), (run, "0"), (outcome, "9")] {
        let v = unguarded(DISCOVER, &fix("stats.py", "import os\n\n\n", taken)).await;
        let canaries = v.gates.iter().find(|g| g.gate == "canaries").unwrap();
        match held {
            "9" => assert_eq!(canaries.answer, GateAnswer::Pass, "{:?}", v.gates),
            n => denied_by(&v, "canaries", &format!("9 are reported and {n} fail")),
        }
    }
}
