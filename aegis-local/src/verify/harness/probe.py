"""Calls around the failure: those that worked have to give what they gave, its siblings have to work.

`explore` makes many small calls and sorts them; `ask` makes named calls in their order and says what
each of them gave, as text that is compared elsewhere.
"""
import ast
import sys
import time

sys.path[:] = [p for p in sys.path if p != "/aegis"]
sys.path.insert(0, "/aegis")
import calls  # noqa: E402
import canon  # noqa: E402
import conduct  # noqa: E402

WORKED, FAILED, MOST_FUNCTIONS = 40, 20, 3


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


def refused(error):
    """A call that the function turns down on purpose: an answer too."""
    return calls.raised(error, {"kind": "", "path": "", "function": ""})["explicit"]


def explore(case):
    """Calls of each function on the way to the failure, the innermost first."""
    groups, seen = [], set()
    for target in case["targets"]:
        if len(groups) == MOST_FUNCTIONS:
            break
        try:
            module = calls.load(target["path"], 5.0)
            with open(target["path"], encoding="utf-8") as file:
                tree = ast.parse(file.read())
            node, names = calls.enclosing(tree, target["function"], target["line"])
            if (target["path"], tuple(names)) in seen:
                continue
            seen.add((target["path"], tuple(names)))
            made = calls.calls_of(node, names, module, tree, case["wanted"])
        except BaseException:
            continue
        group = {"path": target["path"], "calls": around(case, module, *made)}
        group["names"] = made[0].names
        if group["calls"]:
            groups.append(group)
    return {"groups": groups}


def around(case, module, make, expressions):
    found, counts = [], {"worked": 0, "failed": 0}
    deadline = time.monotonic() + case["seconds"]
    for made, (expression, plausible) in enumerate(expressions):
        if made >= case["calls"] or time.monotonic() > deadline:
            break
        _, error = calls.attempt(expression, calls.namespace(module, make.names))
        if error is not None and sibling(error, case["wanted"]):
            kind = "failed"
        elif error is None or refused(error):
            kind = "worked"
        else:
            continue
        if counts[kind] < (WORKED if kind == "worked" else FAILED):
            counts[kind] += 1
            found.append({"expression": expression, "plausible": plausible, "kind": kind})
    return found


def ask(case):
    watch = conduct.Conduct(calls.in_app)
    answers = []
    for group in case["groups"]:
        try:
            module = calls.load(group["path"], 5.0)
            space = calls.namespace(module, group["names"])
        except BaseException as error:
            return {"broken": repr(error)[:500], "answers": [], "conduct": []}
        for expression in group["expressions"]:
            answers.append(answer(expression, space, case["wanted"]))
    return {"broken": "", "answers": answers, "conduct": watch.all()}


def answer(expression, space, wanted):
    value, error = calls.attempt(expression, dict(space))
    if error is not None:
        return {"value": "", "raised": calls.raised(error, wanted)}
    try:
        return {"value": canon.text(value), "raised": None}
    except Exception as failure:
        return {"value": "no value: %s" % type(failure).__name__, "raised": None}


calls.serve("probe.json", lambda case: explore(case) if case["mode"] == "explore" else ask(case))
