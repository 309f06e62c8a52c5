#!/usr/bin/env python3
"""Was the service healed? Answered from Git, the access log and the transcript alone.

The checker shares no code with what it checks and asks it nothing. It reads the service's
repository, the log of the requests that the service answered, and what the traffic client wrote
down: time, request, status, milliseconds and body of each, as JSON Lines. A report is a claim that
is held against these. It prints a line for each thing that it looked at and for each finding; the
exit code is 0 when there is no finding, 1 when there is one, and 2 when the evidence can't be read.
"""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import ledger
import scenarios
from errors import check_errors, check_logs
from evidence import Unreadable, read_access_log, read_transcript, with_refusals
from fixes import check_branches, check_report, check_unmoved
from report import ASKED_FOR, WANTED, check_wanted, read_rows
from repository import Repository
from routes import (
    Limits,
    check_going_on,
    check_log,
    check_recovery,
    check_values,
    failing,
    routes_of,
)
from run import Run

Found = tuple[list[str], list[str]]


def read_json(path: Path) -> dict:
    """What a file of JSON holds."""
    try:
        return json.loads(path.read_text())
    except OSError as why:
        raise Unreadable(f"{path} can't be read: {why.strerror}") from why
    except ValueError as why:
        raise Unreadable(f"{path} is no JSON: {why}") from why


def read_claims(path: Path) -> list[dict]:
    """The rows of a report of crash bugs, as they are."""
    rows = read_json(path)
    try:
        return rows["incidents"]
    except (KeyError, TypeError) as why:
        raise Unreadable(f"the report {path} has no incidents") from why


def check_crashes(options: argparse.Namespace, repo: Repository, base: str, limits: Limits) -> Found:
    """A run of crash bugs: each route that failed was healed, and works to the end."""
    sent, logged = read(options)
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
    findings += check_values(routes_of(sent), set(broken), read_json(options.expect))
    findings += check_branches(repo, branches, merges)
    if options.report:
        rows = read_claims(options.report)
        looked.append(f"{len(rows)} rows in the report")
        findings += check_report(repo, rows, branches, merges)
    return looked, findings


def check_scenarios(
    options: argparse.Namespace, repo: Repository, base: str, limits: Limits
) -> Found:
    """A run of many scenarios: each row of the report is what Git and the visitors say."""
    if not options.report:
        raise Unreadable("the scenarios' rows are in the report: name it with --report")
    rows = read_rows(options.report)
    listed, by_file = read_routes(options.routes)
    sent, logged = read(options)
    known = WANTED | ASKED_FOR
    unknown = [name for name in options.scenarios if name not in known]
    if unknown:
        raise Unreadable(f"there is no scenario {', '.join(unknown)}")
    wanted = {name: known[name] for name in options.scenarios} or WANTED

    run = Run(repo, base, options.branch, rows, sent, logged, limits, listed, by_file)
    merges = sum(commit.merges for commit in run.released)
    looked = [
        f"{len(sent)} requests, {len(logged)} lines in the access log",
        f"{len(run.released)} commits on {options.branch}, {merges} of them merges",
    ]
    findings = check_wanted(rows, wanted)
    for row in rows:
        seen, found = scenarios.check_row(run, row)
        found += ledger.check_row(run, row)
        looked.append(f"{row}: {row.outcome}; {'; '.join(seen) or 'nothing looked at'}")
        findings += [f"{row}: {why}" for why in found]
    findings += ledger.check_git(run)
    findings += ledger.check_turns(run)
    findings += ledger.check_tests(run, options.tests)
    findings += check_errors(run)
    findings += check_logs(run)
    healed = {r for row in rows if row.outcome == "Healed" for r in run.routes_for(row)}
    findings += check_values(run.routes, healed, read_json(options.expect))
    return looked, findings


def read_routes(path: Path) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """The routes of each scenario that has its own, and of the bug in each file."""
    told = read_json(path)
    try:
        listed, by_file = (
            {name: [as_route(text) for text in routes] for name, routes in told[what].items()}
            for what in ("scenarios", "files")
        )
    except (KeyError, TypeError, AttributeError) as why:
        raise Unreadable(f"the routes {path} are not in the known form: {why!r}") from why
    return listed, by_file


def as_route(text: str) -> str:
    """Method and path; a path alone is asked for by GET."""
    return text if " " in text else f"GET {text}"


def read(options: argparse.Namespace) -> tuple[list, list]:
    """The transcript and the access log."""
    told = read_json(options.routes) if options.scenarios is not None else {}
    refusals = told.get("refusals", {})
    sent = with_refusals(read_transcript(options.transcript), refusals)
    logged = with_refusals(read_access_log(options.access_log), refusals)
    if not sent:
        raise Unreadable(f"{options.transcript} holds no request")
    return sent, logged


def check(options: argparse.Namespace) -> Found:
    """What was looked at, and what was found."""
    limits = Limits(options.successes, options.grace, options.tail, options.lead, options.window)
    repo = Repository(options.repo)
    base = repo.commit(options.base)
    if base is None or repo.commit(options.branch) is None:
        raise Unreadable(f"{options.repo} has no {options.base} or no {options.branch}")
    if options.scenarios is None:
        return check_crashes(options, repo, base, limits)
    return check_scenarios(options, repo, base, limits)


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
    add("--scenarios", nargs="*", help="many were played: all of them, or these alone")
    add("--routes", type=Path, default=here / "scenarios.json", help="which bug meets which routes")
    add("--branch", default="main", help="the branch that is released")
    add("--tests", default="tests", help="where the service keeps its tests")
    add("--successes", type=int, default=5, help="how many are needed after the last error")
    add("--grace", type=float, default=15, help="seconds from a merge to its effect")
    add("--tail", type=float, default=15, help="seconds that count as the end")
    add("--lead", type=float, default=10, help="seconds of errors before an incident opens")
    add("--window", type=float, default=300, help="seconds that a release is watched")
    try:
        looked, findings = check(parser.parse_args(arguments))
    except Unreadable as why:
        print(f"FINDING {why}")
        return 2
    for line in looked:
        print(f"  {line}")
    for line in findings:
        print(f"FINDING {line}")
    print(f"{len(findings)} findings" if findings else "everything holds")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
