"""Calls around the failure: those that worked have to give what they gave, its siblings have to work.

`explore` makes many small calls and sorts them; `ask` makes named calls in their order and says what
each of them gave, as text that is compared elsewhere.
"""
import ast
import json
import os
import sys
import time

sys.path[:] = [p for p in sys.path if p != "/aegis"]
sys.path.insert(0, "/aegis")
import calls  # noqa: E402
import canon  # noqa: E402

WORKED, FAILED = 40, 20


def sibling(error, wanted):
    """The same failure on another input; a key that the failing line itself names is another one."""
    if not calls.same(error, wanted):
        return False
    if not isinstance(error, KeyError) or not wanted["source"]:
        return True
    try:
        line = ast.parse(wanted["source"].strip().rstrip(":"))
    except SyntaxError:
        return True
    named = {repr(n.value) for n in ast.walk(line) if isinstance(n, ast.Constant)}
    return wanted["message"] not in named or str(error) == wanted["message"]


def explore(case):
    wanted, deadline = case["wanted"], time.monotonic() + case["seconds"]
    for target in case["targets"]:
        found = {"path": target["path"], "names": {}, "calls": []}
        counts = {"worked": 0, "failed": 0}
        try:
            module = calls.load(target["path"], 5.0)
            with open(target["path"], encoding="utf-8") as file:
                tree = ast.parse(file.read())
            node, names = calls.enclosing(tree, target["function"], target["line"])
            make, expressions = calls.calls_of(node, names, module, tree, wanted)
        except BaseException:
            continue
        for made, (expression, plausible) in enumerate(expressions):
            if made >= case["calls"] or time.monotonic() > deadline:
                break
            _, error = calls.attempt(expression, calls.namespace(module, make.names))
            kind = "worked" if error is None else "failed" if sibling(error, wanted) else None
            if kind and counts[kind] < (WORKED if kind == "worked" else FAILED):
                counts[kind] += 1
                found["calls"].append({"expression": expression, "plausible": plausible, "kind": kind})
        found["names"] = make.names
        if found["calls"]:
            return found
    return {"path": "", "names": {}, "calls": []}


def ask(case):
    answers = []
    try:
        module = calls.load(case["path"], 5.0)
        space = calls.namespace(module, case["names"])
    except BaseException as error:
        return {"broken": repr(error)[:500], "answers": []}
    for expression in case["expressions"]:
        value, error = calls.attempt(expression, dict(space))
        if error is None:
            try:
                answers.append({"value": canon.text(value), "raised": None})
            except Exception as failure:
                answers.append({"value": repr(failure), "raised": None})
        else:
            answers.append({"value": "", "raised": calls.raised(error, case["wanted"])})
    return {"broken": "", "answers": answers}


def main():
    with open("/aegis/case.json", encoding="utf-8") as file:
        case = json.load(file)
    calls.begin()
    report = explore(case) if case["mode"] == "explore" else ask(case)
    with open("/out/probe.json", "w", encoding="utf-8") as file:
        json.dump(report, file)
    os._exit(0)


main()
