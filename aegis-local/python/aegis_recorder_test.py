"""What the recorder writes, and what it leaves alone; run by `python -m unittest`."""
import ast
import io
import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
import unittest
from unittest import mock

import aegis_recorder as recorder


def touched(*_):
    raise AssertionError("code of a value was called")


class Meta(type):
    __eq__ = __hash__ = __instancecheck__ = __getattribute__ = touched


class Hostile(metaclass=Meta):
    __repr__ = __str__ = __eq__ = __hash__ = __len__ = __iter__ = touched
    __bool__ = __getattribute__ = __format__ = touched


class Text(str):
    __repr__ = __str__ = __len__ = touched


class Items(dict):
    items = __iter__ = __len__ = touched


def failing(function, *args, **named):
    """Type and traceback of what a call raises, with no line of it written lately."""
    recorder._seen.clear()
    try:
        function(*args, **named)
    except Exception:
        return sys.exc_info()
    raise AssertionError("it does not fail")


def read(text):
    assert text.startswith(recorder.MARKER) and "\n" not in text, text
    return json.loads(text[len(recorder.MARKER):])


def recorded(function, *args, **named):
    kind, _, trace = failing(function, *args, **named)
    return read(recorder.line_of(kind, trace))


def values(call):
    return {a["name"]: a["value"] for a in call["arguments"]}


def divide(a, /, b, *rest, by=0, **more):
    local = a / by
    return local


def one(value):
    return value[1 / 0]


class Shop:
    def sell(self, count):
        return count / 0

    @classmethod
    def named(cls, name):
        return name / 0


class Recorded(unittest.TestCase):
    def test_the_parameters_are_written_as_literals(self):
        call = recorded(divide, 1, 2.5, "x", b"y", by=0, size=None)
        self.assertEqual((call["type"], call["function"]), ("ZeroDivisionError", "divide"))
        self.assertEqual(call["file"], __file__)
        self.assertEqual(call["line"], divide.__code__.co_firstlineno + 1)
        self.assertEqual(values(call), {"a": "1", "b": "2.5", "*rest": "('x', b'y')", "by": "0",
                                        "**more": "{'size': None}"})
        for value in ([1, (2,), ()], {"a": {1}}, set(), True, -1.5, "quote ' \" \\ \n é", b"\xff"):
            text = values(recorded(one, value))["value"]
            self.assertEqual(ast.literal_eval(text), value)

    def test_the_receiver_is_written_as_its_class(self):
        call = recorded(Shop().sell, 3)
        self.assertEqual(call["arguments"][0], {"name": "self", "value": None, "type": "Shop"})
        self.assertEqual(values(call)["count"], "3")
        call = recorded(Shop.named, 3)
        self.assertEqual(call["arguments"][0], {"name": "cls", "value": None, "type": "Shop"})

    def test_the_innermost_plain_function_of_the_service_counts(self):
        call = recorded(enclosing, [0])
        self.assertEqual((call["function"], values(call)), ("enclosing", {"items": "[0]"}))
        kind, _, trace = failing(lambda: 1 / 0)
        self.assertEqual(read(recorder.line_of(kind, trace))["function"], "failing")

    def test_secrets_are_dropped(self):
        call = recorded(secrets, "hunter2", "hunter2", "hunter2", "hunter2",
                        {"Authorization": "hunter2", "user": {"sessionId": "hunter2", "id": 1}},
                        monkey="m", cookies={"a": "hunter2"})
        self.assertNotIn("hunter2", json.dumps(call))
        self.assertEqual(values(call)["headers"],
                         "{'Authorization': 'hidden', 'user': {'sessionId': 'hidden', 'id': 1}}")
        self.assertEqual(values(call)["**more"], "{'monkey': 'm', 'cookies': 'hidden'}")
        for name in ("api_key", "APIKey", "X-Auth-Token", "dbPassword", "userpassword", "Set-Cookie"):
            self.assertTrue(recorder.is_secret(name), name)
        for name in ("keyboard", "monkey", "author", "compass", "value", "code", ""):
            self.assertFalse(recorder.is_secret(name), name)


def enclosing(items):
    return [1 / i for i in items]


def secrets(password, apiKey, auth_token, secret, headers, **more):
    return 1 / 0


class Bounds(unittest.TestCase):
    def test_the_code_of_a_value_is_not_called(self):
        for value in (Hostile(), Hostile, Text("x"), Items(a=1), [Hostile()], {"a": Text("x")}):
            kind, _, trace = failing(one, value)
            call = read(recorder.line_of(kind, trace))
            self.assertEqual(values(call), {"value": None})
        call = recorded(one, Text("x"))
        self.assertEqual(call["arguments"][0]["type"], "Text")
        call = recorded(one, Hostile())
        self.assertEqual(call["arguments"][0]["type"], "Hostile")

    def test_what_is_too_large_is_left_out(self):
        loop = []
        loop.append(loop)
        deep = [[[[[1]]]]]
        for value in ("x" * 201, [0] * 51, loop, deep, 1 << 600, float("nan"), float("-inf"),
                      ["x" * 150] * 10, object(), {1: one}):
            self.assertIsNone(values(recorded(one, value))["value"])
        self.assertIsNotNone(values(recorded(one, "x" * 200))["value"])

    def test_a_line_stays_within_4_kib(self):
        names = ["a%d" % i for i in range(12)]
        space = {}
        source = "def wide(%s):\n    return 1 / 0\n" % ", ".join(names)
        exec(compile(source, __file__, "exec"), space)
        kind, _, trace = failing(space["wide"], *[["x" * 150] * 6] * 12)
        text = recorder.line_of(kind, trace)
        self.assertLessEqual(len(text.encode()), 4096)
        known = [v for v in values(read(text)).values() if v is not None]
        self.assertTrue(0 < len(known) < 12, len(known))

    def test_one_failure_is_written_once_a_second(self):
        with mock.patch.object(recorder.time, "monotonic") as clock:
            clock.return_value = 100.0
            kind, _, trace = failing(one, 1)
            other, _, elsewhere = failing(Shop().sell, 1)
            recorder._seen.clear()
            self.assertIsNotNone(recorder.line_of(kind, trace))
            clock.return_value = 100.9
            self.assertIsNone(recorder.line_of(kind, trace))
            self.assertIsNotNone(recorder.line_of(other, elsewhere))
            clock.return_value = 101.0
            self.assertIsNotNone(recorder.line_of(kind, trace))
            for n in range(1000):
                recorder._may_write(n)
            self.assertLessEqual(len(recorder._seen), recorder.MAX_FAILURES)

    def test_nothing_is_raised(self):
        for kind, trace in ((None, None), (ValueError, None), (ValueError, Hostile()), (1, 1)):
            self.assertIsNone(recorder.line_of(kind, trace))
        kind, _, trace = failing(one, 1)
        with mock.patch.object(sys, "stderr", None):
            recorder._print(kind, trace)
        with mock.patch.object(sys, "stderr", mock.Mock(write=touched)):
            recorder._seen.clear()
            recorder._print(kind, trace)


APP = """import logging, sys, threading, time
import helper
def late(code):
    raise ValueError(code)
def work(order):
    return order["x"]
def handled(order):
    try:
        work(order)
    except KeyError:
        logging.getLogger("shop").exception("no order")
if __name__ == "__main__":
    assert sys.argv[1:] == ["a", "b"], sys.argv
    import aegis_recorder
    aegis_recorder.install()
    thread = threading.Thread(target=late, args=("t",))
    thread.start()
    thread.join()
    logging.basicConfig(format="[%(levelname)s] %(message)s")
    handled({"y": 1})
    helper.late("m")
"""
HELPER = "def late(code):\n    raise ValueError(code)\n"


class Started(unittest.TestCase):
    def run_app(self, *arguments):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in (("app.py", APP), ("helper.py", HELPER)):
                with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                    file.write(text)
            env = dict(os.environ, PYTHONPATH=os.path.dirname(os.path.abspath(recorder.__file__)))
            done = subprocess.run([sys.executable, "-B", *arguments, "a", "b"], cwd=folder, env=env,
                                  capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 1, done.stderr)
        return done.stderr.splitlines()

    def test_threads_records_and_the_end_of_the_process_are_followed_by_a_line(self):
        for arguments in (["app.py"], ["-m", "aegis_recorder", "app.py"],
                          ["-m", "aegis_recorder", "-m", "app"]):
            lines = self.run_app(*arguments)
            at = [i for i, line in enumerate(lines) if line.startswith(recorder.MARKER)]
            self.assertEqual([lines[i - 1] for i in at],
                             ["ValueError: t", "KeyError: 'x'", "ValueError: m"], lines)
            calls = [read(lines[i]) for i in at]
            self.assertEqual([values(c) for c in calls],
                             [{"code": "'t'"}, {"order": "{'y': 1}"}, {"code": "'m'"}])
            self.assertFalse([line for line in lines if "aegis_recorder.py" in line], lines)
            self.assertFalse([line for line in lines if "runpy" in line], lines)

    def test_a_formatter_of_its_own_keeps_what_it_does(self):
        class Indented(logging.Formatter):
            def formatException(self, ei):
                return super().formatException(ei).replace("Traceback", "Trace")
        before = logging.Formatter.formatException, sys.excepthook, threading.excepthook
        try:
            recorder.install()
            hooked = logging.Formatter.formatException
            recorder.install()
            self.assertIs(logging.Formatter.formatException, hooked)
            log, out = logging.Logger("x"), io.StringIO()
            handler = logging.StreamHandler(out)
            handler.setFormatter(Indented())
            log.addHandler(handler)
            recorder._seen.clear()
            try:
                one(7)
            except ZeroDivisionError:
                log.exception("m")
            text = out.getvalue().splitlines()
            self.assertEqual(text[:2], ["m", "Trace (most recent call last):"])
            self.assertEqual(values(read(text[-1])), {"value": "7"})
        finally:
            logging.Formatter.formatException, sys.excepthook, threading.excepthook = before


if __name__ == "__main__":
    unittest.main()
