"""Looks for a small call that raises the exception of a trace at its place, or makes one again."""
import ast
import sys
import time

sys.path[:] = [p for p in sys.path if p != "/aegis"]
sys.path.insert(0, "/aegis")
import calls  # noqa: E402
import inputs  # noqa: E402
import lines  # noqa: E402

#: A failure that stays away once may come back: each go makes the call so often.
TIMES = 12


def search(case):
    """The first call that raises what is wanted, within the number of calls and the time."""
    deadline = time.monotonic() + case["seconds"]
    report = {"found": None, "tried": 0, "why": ""}
    wanted = dict(case["wanted"], recorded=inputs.literals(case["arguments"]))
    for target in case["targets"]:
        try:
            module = calls.load(target["path"], deadline - time.monotonic())
        except BaseException as error:
            if calls.same(error, wanted):
                report["found"] = {"path": target["path"], "expression": "", "names": {}}
                return report
            report["why"] = "%s can't be imported: %r" % (target["path"], error)
            continue
        with open(target["path"], encoding="utf-8") as file:
            tree = ast.parse(file.read())
        node, names = calls.enclosing(tree, target["function"], target["line"])
        if node is None:
            report["why"] = "no function around %(path)s:%(line)s" % target
            continue
        try:
            make, found = calls.calls_of(node, names, module, tree, wanted)
        except Exception as error:
            report["why"] = "%s can't be called: %r" % (".".join(names), error)
            continue
        for expression, _ in found:
            if report["tried"] >= case["calls"] or time.monotonic() > deadline:
                report["why"] = "the search reached its limit"
                return report
            report["tried"] += 1
            _, error = calls.attempt(expression, calls.namespace(module, make.names))
            if error is not None and calls.same(error, wanted):
                report["found"] = {"path": target["path"], "expression": expression,
                                   "function": names[-1], "names": make.names}
                return report
        report["why"] = "no small input raises it"
    return report


def again(case):
    """Makes the found call several times more and says how it ended, the first failure of them."""
    call = case["call"]
    files = sorted(set(case["files"] + [call["path"]]))
    watch = lines.Watch(files, call.get("function", ""), "/out/lines.tsv")
    watch.start()
    value, error = None, None
    try:
        module = calls.load(call["path"], 5.0)
        space = calls.namespace(module, call["names"])
        for _ in range(TIMES if call["expression"] else 0):
            value, error = calls.attempt(call["expression"], dict(space))
            if error is not None:
                break
    except BaseException as failure:
        error = failure
    watch.stop()
    return {"raised": None if error is None else calls.raised(error, case["wanted"]),
            "value": repr(value)[:2000]}


calls.serve("search.json", lambda case: again(case) if case["mode"] == "call" else search(case))
