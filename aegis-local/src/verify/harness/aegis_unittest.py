"""Runs unittest as it was asked for, with a junit report and the coverage of a few files.

Arguments: the coverage to write, the files to measure with commas between them, the report to write,
then unittest's own arguments. Where there are canaries they come after every selection of the suite's
own, at its start, at its end and at one place between two modules.
"""
import importlib.util
import os
import re
import sys
import unittest
from xml.sax.saxutils import quoteattr

import aegis_coverage
import aegis_planting

PASSED, SKIPPED, FAILED = range(3)
#: What a fixture's error names: `setUpClass (tests.test_a.Case)`.
FIXTURE = re.compile(r"(setUp|tearDown)(Class|Module) \((.*)\)")


def key(test):
    """The module and class of a test, and its name."""
    case = getattr(test, "test_case", test)
    owner, _, name = case.id().rpartition(".")
    return owner, name


def place(test):
    return type(test).__module__


def file_of(test):
    # What stands for a module that can't be loaded has no file.
    if isinstance(test, unittest.loader._FailedTest):
        return None
    path = getattr(sys.modules.get(place(test)), "__file__", None)
    return os.path.relpath(path) if path else None


def leaves(suite):
    """The tests of a suite, whatever suites it is made of."""
    if isinstance(suite, unittest.BaseTestSuite):
        for part in suite:
            yield from leaves(part)
    elif suite is not None:
        yield suite


def parts(suite):
    """What a suite runs; a suite of the service's own kind stays whole."""
    if type(suite) is unittest.TestSuite:
        for part in suite:
            yield from parts(part)
    else:
        yield suite


def planted(name, tests):
    path = os.path.join(aegis_planting.HERE, name + ".py")
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return [getattr(module, "Case_" + test)(test) for test in tests]


class Record:
    """How each test ended, by its key: the worst that is said of it."""

    def __init__(self):
        self.ends = {}
        #: The file of each test that was planned or ran.
        self.files = {}

    def plan(self, suite):
        for test in leaves(suite):
            self.files[key(test)] = file_of(test)

    def note(self, test, end):
        if isinstance(test, unittest.suite._ErrorHolder):
            fixture = FIXTURE.fullmatch(test.id())
            if fixture:
                self.fixture(*fixture.groups(), end)
                return
        name = key(test)
        self.files.setdefault(name, None)
        self.ends[name] = max(self.ends.get(name, PASSED), end)

    def fixture(self, when, what, owner, end):
        """A fixture counts for the tests that it is for, so that a test keeps its id."""

        def is_for(name):
            return name[0] == owner or what == "Module" and name[0].startswith(owner + ".")

        if when == "setUp":
            names = [name for name in self.files if is_for(name) and name not in self.ends]
        else:
            names = [name for name in self.ends if is_for(name)][-1:]
        for name in names or [(owner, when + what)]:
            self.files.setdefault(name, None)
            self.ends[name] = max(self.ends.get(name, PASSED), end)

    def write(self, path):
        """Every test that was planned is counted, those that ran are listed."""
        tags = {PASSED: "", SKIPPED: "<skipped/>", FAILED: "<failure/>"}
        with open(path, "w", encoding="utf-8", errors="backslashreplace") as out:
            out.write('<testsuites><testsuite name="unittest" tests="%d">\n' % len(self.files))
            for (owner, name), end in self.ends.items():
                file = self.files[owner, name]
                attributes = "classname=%s name=%s" % (quoteattr(owner), quoteattr(name))
                if file:
                    attributes += " file=" + quoteattr(file)
                out.write("<testcase %s>%s</testcase>\n" % (attributes, tags[end]))
            out.write("</testsuite></testsuites>\n")

    def code(self):
        if not self.files:
            return 5
        return int(FAILED in self.ends.values())


class Result(unittest.TextTestResult):
    record = Record()

    def addSuccess(self, test):
        self.record.note(test, PASSED)
        super().addSuccess(test)

    def addError(self, test, err):
        self.record.note(test, FAILED)
        super().addError(test, err)

    def addFailure(self, test, err):
        self.record.note(test, FAILED)
        super().addFailure(test, err)

    def addSkip(self, test, reason):
        self.record.note(test, SKIPPED)
        super().addSkip(test, reason)

    def addExpectedFailure(self, test, err):
        self.record.note(test, SKIPPED)
        super().addExpectedFailure(test, err)

    def addUnexpectedSuccess(self, test):
        self.record.note(test, FAILED)
        super().addUnexpectedSuccess(test)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.record.note(test, FAILED)
        super().addSubTest(test, subtest, err)


class Runner(unittest.TextTestRunner):
    resultclass = Result


class Program(unittest.TestProgram):
    def runTests(self):
        # A suite that stops at its first failure would stop at the first of ours.
        self.failfast = False
        if os.path.exists(aegis_planting.CASE):
            # Between two classes of a module, the module's own fixtures would run once more.
            items = aegis_planting.among(list(parts(self.test)), place, planted)
            self.test = unittest.TestSuite(items)
        Result.record.plan(self.test)
        super().runTests()


def main():
    lines, files, report, *arguments = sys.argv[1:]
    sys.path[0] = os.getcwd()
    sys.argv = ["python -m unittest"] + arguments
    with aegis_coverage.measured(files, lines):
        Program(module=None, argv=sys.argv, testRunner=Runner, exit=False)
    Result.record.write(report)
    sys.exit(Result.record.code())


main()
