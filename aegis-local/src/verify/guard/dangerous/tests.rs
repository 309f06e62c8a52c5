#![allow(clippy::unwrap_used)]

use aegis_core::model::FixKind;
use aegis_core::patch::{Patch, Tier};
use aegis_core::testkit::mint;

use super::*;

const BASE: &str = "import json, os, sys\n\n\ndef f(x):\n    return x\n";

fn asked(rule: &DangerousCode, before: &str, after: &str) -> GateReport {
    let fix = Fix::new(FixKind::Patch(Patch::new("b".into(), Vec::new())), "t", "test");
    let (before, after) = (Some(before.to_owned()), Some(after.to_owned()));
    let changes = [FileChange { path: "a.py".into(), before, after, tier: Tier::Exact }];
    rule.inspect(&mint::case("s", "i"), &fix, &Touched::new(&changes, &[]))
}

/// What is said when `code` is added to a file that imports `json`, `os` and `sys`.
fn said(code: &str) -> GateReport {
    asked(&DangerousCode::new(), BASE, &format!("{BASE}{code}\n"))
}

use GateAnswer::{Cap, Deny, Pass};

/// Rule, answer, code.
const CASES: &[(&str, GateAnswer, &str)] = &[
    ("run-time-code", Deny, "eval(x)"),
    ("run-time-code", Deny, "run = exec"),
    ("run-time-code", Deny, "y = f\"{eval('x')}\""),
    ("run-time-code", Deny, "\u{ff45}val(x)"),
    ("import-by-name", Deny, "__import__('os')"),
    ("import-by-name", Deny, "import importlib as i\ni.import_module(x)"),
    ("reflection", Deny, "getattr(x, name)()"),
    ("reflection", Deny, "setattr(x, 'a' + b, 1)"),
    ("reflection", Deny, "globals()['f'] = g"),
    ("reflection", Deny, "vars(x)['y']"),
    ("reflection", Deny, "import operator\noperator.attrgetter(name)(x)"),
    ("reflection", Deny, "g = getattr"),
    ("reflection", Deny, "os.__dict__['system']('ls')"),
    ("module-as-value", Deny, "o = os\no.system('ls')"),
    ("module-as-value", Deny, "[json.codecs.sys]"),
    ("unverified-peers", Deny, "import ssl\nssl._create_unverified_context()"),
    ("unverified-peers", Deny, "from ssl import CERT_NONE as mode\nx.verify_mode = mode"),
    ("unverified-peers", Deny, "x.check_hostname = False"),
    ("unverified-peers", Deny, "x.get(u, verify=False)"),
    ("network", Deny, "import socket\nsocket.create_connection((h, 1))"),
    ("network", Deny, "from urllib.request import urlopen\nurlopen(u)"),
    ("network", Deny, "import requests as r\nr.post(u)"),
    ("network", Deny, "import http.client\nhttp.client.HTTPConnection(h)"),
    ("processes", Deny, "os.system('ls')"),
    ("processes", Deny, "getattr(os, 'sys' + 'tem')('ls')"),
    ("processes", Deny, "from os import popen\npopen('ls')"),
    ("processes", Deny, "import subprocess\nsubprocess.run(['ls'])"),
    ("processes", Deny, "json.codecs.os.system('ls')"),
    ("processes", Deny, "def g():\n    from shop import cart as os\nos.system('ls')"),
    ("becomes-another", Deny, "os.execv('/bin/sh', [])"),
    ("becomes-another", Deny, "if os.fork() == 0: pass"),
    ("becomes-another", Deny, "os.kill(os.getppid(), 9)"),
    ("ends-the-process", Deny, "os._exit(0)"),
    ("ends-the-process", Deny, "x.y['os']._exit(0)"),
    ("exit", Deny, "sys.exit(0)"),
    ("exit", Deny, "raise SystemExit(0)"),
    ("environment", Deny, "os.environ['A'] = '1'"),
    ("environment", Deny, "del os.environ['A']"),
    ("environment", Deny, "os.environ.update(a='1')"),
    ("environment", Deny, "os.putenv('A', '1')"),
    ("whole-environment", Deny, "for k in os.environ: print(k)"),
    ("whole-environment", Deny, "raise ValueError(f'no plan in {dict(os.environ)}')"),
    ("interpreter", Deny, "import sys\nsys.setrecursionlimit(9000)"),
    ("reflection", Deny, "getattr(x, 'a' + 'b', 0)"),
    ("reads-environment", Cap, "os.environ.get(name)"),
    ("reads-environment", Cap, "os.getenv(name)"),
    ("foreign-code", Deny, "import ctypes\nctypes.CDLL(None)"),
    ("unpickling", Deny, "import pickle\npickle.loads(x)"),
    ("unpickling", Deny, "import marshal\nmarshal.loads(x)"),
    ("unpickling", Deny, "import yaml\nyaml.load(x)"),
    ("at-exit", Deny, "import atexit\natexit.register(f)"),
    ("signals", Deny, "import signal\nsignal.alarm(1)"),
    ("threads", Deny, "import threading\nthreading.Thread(target=f).start()"),
    ("threads", Deny, "import multiprocessing\nmultiprocessing.Process(target=f).start()"),
    ("garbage-collector", Deny, "import gc\ngc.get_objects()"),
    ("frames", Deny, "sys._getframe(1)"),
    ("frames", Deny, "import inspect\ninspect.stack()"),
    ("frames", Deny, "e.__traceback__.tb_frame"),
    ("interpreter", Deny, "sys.modules['x'] = y"),
    ("interpreter", Deny, "json.codecs.sys.modules['os']"),
    ("interpreter", Deny, "sys.settrace(None)"),
    ("interpreter", Deny, "sys.meta_path.insert(0, x)"),
    ("interpreter", Deny, "sys.excepthook = f"),
    ("builtins", Deny, "import builtins\nbuiltins.len = f"),
    ("builtins", Deny, "__builtins__['len'] = f"),
    ("internals", Deny, "().__class__.__base__.__subclasses__()"),
    ("internals", Deny, "f.__globals__['x']"),
    ("internals", Deny, "getattr(f, '__code__')"),
    ("attributes-by-table", Cap, "x.__dict__['y'] = 1"),
    ("test-runner", Deny, "import pytest"),
    ("test-runner", Deny, "@unittest.skip('x')\ndef g(): pass"),
    ("test-runner", Deny, "pytest.skip('x')"),
    ("test-runner", Deny, "try:\n    f(1)\nexcept pytest.fail.Exception:\n    raise"),
    ("test-runner", Deny, "def pytest_runtest_call(item): return None"),
    ("test-environment", Deny, "if os.environ.get('PYTEST_CURRENT_TEST'): f(1)"),
    ("test-environment", Deny, "if 'PYTEST' + '_CURRENT_TEST' in os.environ: f(1)"),
    ("test-environment", Deny, "os.getenv('AEGIS_RUN')"),
    ("test-environment", Deny, "'pytest' in names"),
    ("test-environment", Deny, "\"\"\"PYTEST_DONT_REWRITE\"\"\""),
    ("arguments", Deny, "if 'x' in sys.argv[0]: f(1)"),
    ("debug-flag", Deny, "if __debug__: f(1)"),
    ("assertions", Deny, "try:\n    f(1)\nexcept AssertionError:\n    pass"),
    ("assertions", Deny, "import ast\nclass T(ast.NodeTransformer): pass"),
    ("coverage-pragma", Deny, "y = 1  # pragma: no cover"),
    ("coverage-pragma", Deny, "y = 1  #PRAGMA:NO  COVER"),
    ("writes-files", Deny, "open(p, 'w').write('x')"),
    ("writes-files", Deny, "open(p, mode='a')"),
    ("writes-files", Deny, "path.open('wb')"),
    ("writes-files", Deny, "path.write_text('x')"),
    ("writes-files", Deny, "os.rename(a, b)"),
    ("opens-unseen", Cap, "open(p, mode)"),
    ("opens-unseen", Cap, "o = open\no(p, 'w')"),
    ("deletes-files", Deny, "os.remove(p)"),
    ("deletes-files", Deny, "path.unlink()"),
    ("deletes-files", Deny, "import shutil\nshutil.rmtree(p)"),
    ("makes-folders", Cap, "os.makedirs(p, exist_ok=True)"),
    ("swallows-everything", Deny, "try:\n    f(1)\nexcept:\n    pass"),
    (
        "swallows-everything",
        Deny,
        "for i in x:\n    try:\n        f(1)\n    except BaseException:\n        continue",
    ),
    ("swallows-everything", Deny, "try:\n    f(1)\nexcept (ValueError, SystemExit):\n    pass"),
    (
        "swallows-everything",
        Deny,
        "def g():\n    try:\n        f(1)\n    finally:\n        return None",
    ),
    (
        "swallows-everything",
        Deny,
        "import contextlib\nwith contextlib.suppress(BaseException): f(1)",
    ),
    ("catches-everything", Cap, "try:\n    f(1)\nexcept BaseException as e:\n    log(e)"),
    ("swallows-errors", Cap, "try:\n    f(1)\nexcept Exception:\n    pass"),
    (
        "swallows-errors",
        Cap,
        "def g():\n    try:\n        f(1)\n    except Exception:\n        return -1",
    ),
    ("comparison-methods", Deny, "class A:\n    def __eq__(self, other): return True"),
    ("comparison-methods", Deny, "class A(type):\n    def __instancecheck__(c, o): return True"),
    ("comparison-methods", Deny, "class A:\n    __bool__ = f"),
    ("comparison-methods", Deny, "B = type('B', (), {'__eq__': f})"),
    ("comparison-methods", Deny, "class A:\n    def __del__(self): f(1)"),
    ("hooks", Cap, "class A:\n    def __getattr__(self, name): return 1"),
    ("monkeypatching", Deny, "json.loads = f"),
    ("monkeypatching", Deny, "setattr(json, 'loads', f)"),
    ("monkeypatching", Deny, "from shop.cart import Cart\nCart.total = f"),
    ("monkeypatching", Deny, "type(x).total = f"),
    ("monkeypatching", Deny, "x.__class__ = Y"),
    ("monkeypatching", Deny, "del json.loads"),
    ("patches-an-import", Cap, "from shop import db\ndb.timeout = 5"),
    ("rebinds-a-builtin", Deny, "isinstance = f"),
    ("rebinds-a-builtin", Deny, "class AssertionError(ValueError): pass"),
    ("class-machinery", Cap, "B = type('B', (), {})"),
    ("class-machinery", Cap, "from shop.all import *"),
    ("class-machinery", Cap, "class A(metaclass=M): pass"),
    ("silences-logs", Cap, "import logging\nlogging.disable(50)"),
    ("stops-for-a-person", Deny, "breakpoint()"),
    ("unread", Deny, "def ("),
];

#[test]
fn each_rule_finds_what_it_is_about() {
    for (rule, answer, code) in CASES {
        let report = said(code);
        let named = report.reason.contains(&format!("({rule})"));
        assert!(named && report.answer == *answer, "{rule}: {code:?}: {report:?}");
    }
}

#[test]
fn every_rule_has_a_case_and_a_reason() {
    for (name, why) in DangerousCode::rules() {
        assert!(!why.is_empty());
        let elsewhere = name == "comparison-bodies";
        assert!(elsewhere || CASES.iter().any(|(rule, ..)| *rule == name), "no case of {name}");
    }
    for (rule, ..) in CASES {
        assert!(DangerousCode::rules().any(|(name, _)| name == *rule), "no rule {rule}");
    }
}

#[test]
fn a_file_that_nests_too_deeply_is_not_read() {
    for code in ["(".repeat(100_000), format!("x = {}y", "not ".repeat(100_000))] {
        let report = said(&code);
        assert!(report.answer == Deny && report.reason.contains("(unread)"), "{report:?}");
    }
}

#[test]
fn honest_code_that_looks_alike_passes() {
    for code in [
        "getattr(user, 'name', None)",
        "if hasattr(x, 'items'): f(1)",
        "setattr(x, 'y', 1)",
        "import re\nre.compile('x')",
        "model.eval()",
        "self.exec(x)",
        "def compile_all(x): return x",
        "name = os.environ.get('FEATURE', 'off')",
        "name = os.environ['FEATURE']",
        "if 'FEATURE' in os.environ: f(1)",
        "os.getenv('FEATURE')",
        "os.path.join(a, b)",
        "sys.stderr.write('x')",
        "sys.maxsize",
        "from urllib.parse import quote\nquote(x)",
        "requests = load()\nrequests.append(1)",
        "socket.send(x)",
        "self.socket.close()",
        "coverage = policy.coverage\ncoverage.amount",
        "signal = compute()\nsignal.value",
        "ua.os.family",
        "from scipy import signal\nsignal.find_peaks(x)",
        "import threading\nlock = threading.Lock()",
        "import yaml\nyaml.safe_load(x)",
        "import pickle\npickle.dumps(x)",
        "import ast\nast.literal_eval(x)",
        "import inspect\ninspect.signature(f)",
        "open(p).read()",
        "open(p, 'r', encoding='utf-8')",
        "open(p, mode='rb')",
        "path.open()",
        "image.open('photo.png')",
        "try:\n    f(1)\nexcept (KeyError, ValueError):\n    pass",
        "try:\n    f(1)\nexcept Exception as e:\n    raise ValueError(x) from e",
        "try:\n    f(1)\nexcept BaseException:\n    close()\n    raise",
        "try:\n    f(1)\nexcept Exception:\n    logger.exception('x')\n    return_later(1)",
        "try:\n    f(1)\nfinally:\n    x.close()",
        "import contextlib\nwith contextlib.suppress(KeyError): f(1)",
        "class A:\n    def __init__(self): self.x = 1\n    def __repr__(self): return 'A'",
        "class A(dict):\n    def __missing__(self, key): return 0",
        "type(x).__name__",
        "x.__class__.__name__",
        "self.total = 1\norder.items = []",
        "def g(id, input_, type, max): return id",
        "print(repr(x))",
        "assert x is not None",
        "raise AssertionError(x)",
        "\"\"\"Used by pytest and unittest.\"\"\"",
        "message = 'run pytest first'",
        "y = 1  # no cover here",
        "import logging\nlogging.getLogger(__name__).warning('x')",
        "from __future__ import annotations",
        "@property\ndef g(self): return self.x",
        "x = {'code': 1, 'eval': 2}\nx['eval']",
        "import datetime\nasync def g(): return datetime.datetime.now()",
        "def g(s: 'str' = '') -> 'int': return len(s)",
    ] {
        let report = said(code);
        assert_eq!(report.answer, Pass, "{code:?}: {}", report.reason);
    }
}

#[test]
fn only_added_lines_count() {
    let rule = DangerousCode::new();
    let old = "import os\n\n\ndef f(x):\n    os._exit(1)\n    y = 1\n    return x\n";
    assert_eq!(asked(&rule, old, &old.replace("return x", "return x or 0")).answer, Pass);
    assert_eq!(asked(&rule, old, &old.replace("    y = 1\n", "")).answer, Pass);
    let again = old.replace("    return x\n", "    return x or 0\n    os._exit(1)\n");
    assert_eq!(asked(&rule, old, &again).answer, Deny);
    // A part of a call is a part of the call.
    let trick = "import os\nos._exit(\n    0,\n)\n";
    assert_eq!(asked(&rule, trick, &trick.replace("    0", "    1")).answer, Deny);
}

#[test]
fn what_a_file_is_for_it_may_go_on_doing_but_for_tricks() {
    let rule = DangerousCode::new();
    let of = |used: &str, added: &str| {
        let before = format!("{BASE}import subprocess, pickle, requests, atexit\n{used}\n");
        asked(&rule, &before, &format!("{before}{added}\n")).answer
    };
    assert_eq!(of("open(a, 'w')", "open(b, 'a')"), Pass);
    assert_eq!(of("subprocess.run(a)", "subprocess.run(b)"), Pass);
    assert_eq!(of("subprocess.run(a)", "subprocess.Popen(b)"), Cap);
    assert_eq!(of("requests.get(a)", "try:\n    f(1)\nexcept requests.Timeout:\n    g(1)"), Pass);
    assert_eq!(of("pickle.loads(a)", "pickle.loads(b)"), Cap);
    assert_eq!(of("eval(a)", "eval(b)"), Cap);
    assert_eq!(of("sys.argv[1]", "sys.argv[2]"), Cap);
    assert_eq!(of("os._exit(0)", "os._exit(1)"), Deny);
    assert_eq!(of("sys.modules[a]", "sys.modules[b]"), Deny);
    assert_eq!(of("atexit.register(a)", "atexit.register(b)"), Deny);
    assert_eq!(of("os.environ.get('PYTEST_X')", "os.environ.get('PYTEST_Y')"), Deny);
}

#[test]
fn the_body_of_a_comparison_that_was_there_is_for_a_person() {
    let old = "class A:\n    def __eq__(self, other):\n        return self.x == other.x\n";
    let new = old.replace("self.x == other.x", "True");
    let report = asked(&DangerousCode::new(), old, &new);
    assert!(report.answer == Cap && report.reason.contains("(comparison-bodies)"), "{report:?}");
    let twice = format!("{old}class B:\n    def __eq__(self, other): return True\n");
    assert_eq!(asked(&DangerousCode::new(), old, &twice).answer, Deny);
}

#[test]
fn every_finding_is_named_with_its_place_the_worst_first() {
    let report = said("try:\n    f(1)\nexcept Exception:\n    pass\nos._exit(0)");
    let (exit, swallow) = (report.reason.find("a.py:10: "), report.reason.find("a.py:8: "));
    assert!(exit.is_some() && swallow.is_some() && exit < swallow, "{report:?}");
    assert_eq!(report.answer, Deny);
}

#[test]
fn a_rule_can_be_left_out_and_no_other_language_is_read() {
    let rule = DangerousCode::new().with_allowed("exit");
    let after = format!("{BASE}sys.exit(1)\n");
    assert_eq!(asked(&rule, BASE, &after).answer, Pass);
    assert!(serde_json::from_str::<DangerousCode>(r#"{"denied": []}"#).is_err());
    let text = serde_json::to_string(&rule).unwrap();
    assert_eq!(serde_json::from_str::<DangerousCode>(&text).unwrap(), rule);
}
