"""What visitors saw on each route, and whether it recovered."""

import json
from dataclasses import dataclass

from evidence import Request
from repository import Merge

# Git keeps whole seconds, the transcript milliseconds.
SECOND = 1.0


@dataclass(frozen=True)
class Limits:
    """How much is asked for."""

    successes: int = 5
    grace: float = 15.0
    tail: float = 15.0
    lead: float = 10.0
    window: float = 300.0

    @property
    def settle(self) -> float:
        """Seconds after a commit in which latencies tell nothing: the grace is for the slowest."""
        return self.grace / 3


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
