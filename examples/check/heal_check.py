#!/usr/bin/env python3
"""Was the service healed? Answered from Git, the access log and the transcript alone.

The checker shares no code with what it checks and asks it nothing. It reads the service's
repository, the log of the requests that the service answered, and what the traffic client wrote
down: time, request, status and body of each, as JSON Lines. It prints a line for each thing that
it looked at and for each finding; the exit code is 0 when there is no finding and 1 otherwise.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from evidence import Merge, Repository, Request, Unreadable, read_access_log, read_transcript

# Git keeps whole seconds, the transcript milliseconds.
SECOND = 1.0


@dataclass(frozen=True)
class Limits:
    """How much is asked for."""

    successes: int = 5
    grace: float = 15.0
    tail: float = 15.0


def routes_of(requests: list[Request]) -> dict[str, list[Request]]:
    """The requests by method and path, each in the order of time."""
    routes: dict[str, list[Request]] = {}
    for request in requests:
        routes.setdefault(request.route, []).append(request)
    return routes


def failing(requests: list[Request]) -> dict[str, list[Request]]:
    """The routes with an error at any time."""
    return {
        route: sent
        for route, sent in routes_of(requests).items()
        if any(request.failed for request in sent)
    }


def check_recovery(
    sent: list[Request], merges: list[Merge], end: float, limits: Limits
) -> list[str]:
    """One failing route: errors before a merge, none once it was live, and exercised to the end."""
    errors = [request for request in sent if request.failed]
    after = [request for request in sent if request.at > errors[-1].at]
    good = [request for request in after if request.succeeded]
    odd = [request for request in after if request.status and not request.succeeded]
    if not good:
        return ["it never recovered: no success after the last error"]
    findings = []
    if len(good) < limits.successes:
        findings.append(f"only {len(good)} successes after the last error, not {limits.successes}")
    if odd:
        findings.append(f"answered {odd[0].status} after the last error")
    if not after[-1].status:
        findings.append("the last request has no answer")
    if end - good[-1].at > limits.tail:
        quiet = end - good[-1].at
        findings.append(f"no success in the last {quiet:.0f} s, the end was not exercised")
    if not merges:
        return findings + ["it recovered, but no fix was merged"]
    before = [merge for merge in merges if merge.at + SECOND >= errors[0].at]
    in_time = [merge for merge in before if errors[-1].at <= merge.at + limits.grace]
    if not before:
        findings.append("there was no error before a fix was merged")
    elif not in_time:
        late = errors[-1].at - before[-1].at
        findings.append(f"the last error is {late:.0f} s after the last merge, no fix ended it")
    elif not any(merge.at <= good[0].at for merge in in_time):
        findings.append("it recovered before the fix was merged")
    return findings


def check_log(sent: list[Request], logged: list[Request], limits: Limits) -> list[str]:
    """One failing route in the access log: it tells the same as the transcript."""
    seen = sum(request.failed for request in sent)
    errors = [request for request in logged if request.failed]
    if len(errors) < seen:
        return [f"the access log has {len(errors)} of the {seen} errors that visitors saw"]
    last = max(request.at for request in sent if request.failed)
    findings = []
    if errors[-1].at > last + limits.grace:
        findings.append("the access log has errors after the last one that visitors saw")
    seen = sum(request.succeeded and request.at > last for request in sent)
    good = sum(request.succeeded and request.at >= errors[-1].at for request in logged)
    if good < min(seen, limits.successes):
        findings.append(f"the access log has {good} successes after the last error, not {seen}")
    return findings


def differs(expected: object, actual: object, where: str = "") -> str | None:
    """Where and how a value is not the expected one; fields that nobody expects are free."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        for name, value in expected.items():
            if name not in actual:
                return f"{where}{name} is missing"
            found = differs(value, actual[name], f"{where}{name}.")
            if found:
                return found
        return None
    # In Python True is 1; in JSON it is not.
    alike = isinstance(expected, bool) == isinstance(actual, bool)
    if alike and expected == actual:
        return None
    name = where.rstrip(".") or "the body"
    return f"{name} is {json.dumps(actual)}, not {json.dumps(expected)}"


def wrong_value(request: Request, expected: dict) -> str | None:
    """How a successful answer is not the expected one."""
    try:
        actual = json.loads(request.body or "")
    except ValueError:
        return "the body is no JSON"
    return differs(expected, actual)


def check_values(
    routes: dict[str, list[Request]], failing_routes: set[str], expected: dict
) -> list[str]:
    """Every success has the value that the service's own documentation gives."""
    findings = []
    for route, sent in routes.items():
        path = sent[0].path
        if path not in expected:
            if route in failing_routes:
                findings.append(f"{route}: nobody said what the right answer is")
            continue
        wrong = [
            why
            for request in sent
            if request.succeeded and (why := wrong_value(request, expected[path]))
        ]
        if wrong:
            findings.append(f"{route}: {wrong[0]} ({len(wrong)} answers are wrong)")
    return findings


def check_branches(repo: Repository, branches: dict[str, str], merges: list[Merge]) -> list[str]:
    """Each fix branch was merged exactly once, and no incident has two."""
    findings = []
    for name, head in branches.items():
        brought = [merge for merge in merges if repo.brings(merge, head)]
        named = [merge for merge in merges if merge.names(name)]
        times = max(len(brought), len(named))
        if not brought:
            findings.append(f"{name}: never merged")
        elif times > 1:
            findings.append(f"{name}: merged {times} times")
        first, _, number = name.rpartition("-")
        if number.isdigit() and first in branches:
            findings.append(f"{name}: a second branch for the incident of {first}")
    return findings


def check_report(
    repo: Repository, rows: list[dict], branches: dict[str, str], merges: list[Merge]
) -> list[str]:
    """The report's rows and Git tell the same."""
    findings = []
    shipped = [row for row in rows if row.get("outcome") == "Healed" or row.get("merge_commit")]
    if len(shipped) != len(merges):
        findings.append(f"the report has {len(shipped)} merged fixes, Git has {len(merges)}")
    for name in ("branch", "merge_commit"):
        values = [row[name] for row in shipped if row.get(name)]
        for value in sorted({value for value in values if values.count(value) > 1}):
            findings.append(f"the report names the {name} {value} more than once")
    on_main = {merge.commit for merge in merges}
    for row in shipped:
        who = f"incident {row.get('id')}"
        branch, commit = row.get("branch"), row.get("merge_commit")
        if not branch or not commit:
            findings.append(f"{who}: {row.get('outcome')} without a branch and a merge commit")
            continue
        head = branches.get(branch) or repo.commit(f"refs/heads/{branch}")
        merged = repo.commit(commit)
        if head is None:
            findings.append(f"{who}: its branch {branch} does not exist")
        if merged is None:
            findings.append(f"{who}: its merge commit {commit} does not exist")
        elif merged not in on_main:
            findings.append(f"{who}: {commit} is no merge of a fix on the branch that is released")
        if head and merged and not repo.contains(merged, head):
            findings.append(f"{who}: the merge commit does not contain the head of {branch}")
    return findings


def check_unmoved(repo: Repository, base: str, branch: str) -> list[str]:
    """Observe mode: the repository is as it was."""
    moved = [branch] if repo.commit(branch) != base else []
    return [
        *(f"{name} moved, though nothing may change" for name in moved),
        *(f"{name}: a branch, though nothing may change" for name in repo.fix_branches()),
    ]


def check_going_on(sent: list[Request], logged: list[Request], limits: Limits) -> list[str]:
    """Observe mode: the errors go on to the end."""
    findings = []
    by_route = routes_of(logged)
    end = max(request.at for request in sent)
    for route, requests in failing(sent).items():
        answered = [request for request in requests if request.status]
        errors = [request for request in requests if request.failed]
        if not answered[-1].failed:
            findings.append(f"{route}: its errors ended, though nothing may change")
        elif end - errors[-1].at > limits.tail:
            findings.append(f"{route}: no error in the last {end - errors[-1].at:.0f} s")
        if sum(request.failed for request in by_route.get(route, [])) < len(errors):
            findings.append(f"{route}: the access log misses errors that visitors saw")
    return findings


def check(options: argparse.Namespace) -> tuple[list[str], list[str]]:
    """What was looked at, and what was found."""
    limits = Limits(options.successes, options.grace, options.tail)
    repo = Repository(options.repo)
    base = repo.commit(options.base)
    if base is None or repo.commit(options.branch) is None:
        raise Unreadable(f"{options.repo} has no {options.base} or no {options.branch}")
    sent = read_transcript(options.transcript)
    logged = read_access_log(options.access_log)
    if not sent:
        raise Unreadable(f"{options.transcript} holds no request")

    broken = failing(sent)
    looked = [f"{len(sent)} requests, {len(logged)} lines in the access log"]
    findings = [] if broken else ["no route ever failed, so nothing could be healed"]
    changed = repo.changed(base, options.branch, options.tests)
    findings += [f"{path}: a test file of the service was changed" for path in changed]
    if options.observe:
        looked += [f"{route} goes on failing" for route in broken]
        findings += check_unmoved(repo, base, options.branch)
        return looked, findings + check_going_on(sent, logged, limits)

    branches = repo.fix_branches()
    merges = repo.fix_merges(base, options.branch, branches)
    looked += [f"merge {merge.commit[:10]}: {merge.subject}" for merge in merges]
    end = max(request.at for request in sent)
    log_routes = routes_of(logged)
    for route, requests in broken.items():
        errors = sum(request.failed for request in requests)
        looked.append(f"{route}: {errors} errors in {len(requests)} requests")
        found = check_recovery(requests, merges, end, limits)
        found += check_log(requests, log_routes.get(route, []), limits)
        findings += [f"{route}: {why}" for why in found]
    try:
        expected = json.loads(options.expect.read_text())
        rows = json.loads(options.report.read_text())["incidents"] if options.report else None
    except (OSError, ValueError, KeyError) as why:
        raise Unreadable(f"the expected values or the report can't be read: {why}") from why
    findings += check_values(routes_of(sent), set(broken), expected)
    findings += check_branches(repo, branches, merges)
    if rows is not None:
        looked.append(f"{len(rows)} rows in the report")
        findings += check_report(repo, rows, branches, merges)
    return looked, findings


def main(arguments: list[str] | None = None) -> int:
    """The exit code."""
    here = Path(__file__).parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--repo", type=Path, required=True, help="the service's repository")
    add("--access-log", type=Path, required=True, help="in the combined log format")
    add("--transcript", type=Path, required=True, help="what the traffic client wrote down")
    add("--base", required=True, help="the revision before any fix")
    add("--expect", type=Path, default=here / "expected.json", help="path to expected fields")
    add("--report", type=Path, help="the report to hold against Git")
    add("--observe", action="store_true", help="nothing may have changed")
    add("--branch", default="main", help="the branch that is released")
    add("--tests", default="tests", help="where the service keeps its tests")
    add("--successes", type=int, default=5, help="how many are needed after the last error")
    add("--grace", type=float, default=15, help="seconds from a merge to its effect")
    add("--tail", type=float, default=15, help="seconds that count as the end")
    try:
        looked, findings = check(parser.parse_args(arguments))
    except Unreadable as why:
        looked, findings = [], [str(why)]
    for line in looked:
        print(f"  {line}")
    for line in findings:
        print(f"FINDING {line}")
    print(f"{len(findings)} findings" if findings else "everything holds")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
