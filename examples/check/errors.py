"""Every error belongs to a row, and what was healed works."""

from dataclasses import dataclass

from evidence import Request
from report import Row
from routes import SECOND, check_log, check_recovery, routes_of
from run import INFINITE, Run

STORMS = ("storm", "storm-one-error")


@dataclass(frozen=True)
class Excuse:
    """A time in which routes may fail; no routes means any."""

    routes: frozenset[str] | None
    start: float
    stop: float

    def holds(self, route: str, at: float) -> bool:
        """Whether an error is excused."""
        return self.start <= at <= self.stop and (self.routes is None or route in self.routes)


def excuses(run: Run, row: Row) -> list[Excuse]:
    """When a row's routes may fail, and when all may: while something bad was released."""
    start, stop = run.span(row)
    found = []
    if row.scenario in STORMS:
        over = row.opened + run.limits.lead if row.closed is None else row.closed
        found.append(Excuse(None, start, over + run.limits.grace))
    if not row.release and (row.scenario not in STORMS or row.closed is None):
        stop = INFINITE if row.may_fail_at_the_end() else stop
        found.append(Excuse(frozenset(run.routes_for(row)), start, stop))
    for bad, revert in row.reverts:
        done, undone = run.on_branch(bad), run.on_branch(revert)
        # A release that only slows things down has no right to errors.
        if done and undone and not (row.release and "raises" not in row.scenario):
            found.append(Excuse(None, done.at, undone.at + run.limits.grace))
    return found


def unexcused(run: Run, rows: list[Row], errors: list[Request]) -> list[Request]:
    """The errors that none of the rows accounts for."""
    excused = [excuse for row in rows for excuse in excuses(run, row)]
    return [
        error
        for error in errors
        if not any(excuse.holds(error.route, error.at) for excuse in excused)
    ]


def check_errors(run: Run) -> list[str]:
    """No route fails at a time that no row accounts for."""
    findings = []
    for route in run.routes:
        stray = unexcused(run, run.rows, run.errors(route))
        if stray:
            since = run.end - stray[-1].at
            where = f"the last one {since:.0f} s before the end"
            findings.append(f"{route}: {len(stray)} errors that belong to no row, {where}")
    return findings


def check_logs(run: Run) -> list[str]:
    """The access log tells of each failing route what the transcript tells."""
    findings = []
    logged = routes_of(run.logged)
    healed = {r for row in run.rows if row.outcome == "Healed" for r in run.routes_for(row)}
    for route, sent in run.routes.items():
        seen = len(run.errors(route))
        lines = logged.get(route, [])
        if not seen:
            continue
        if route in healed:
            findings += [f"{route}: {why}" for why in check_log(sent, lines, run.limits)]
        elif (there := sum(line.failed for line in lines)) < seen:
            findings.append(f"{route}: the access log has {there} of the {seen} errors")
    return findings


def check_healed(run: Run, row: Row) -> tuple[list[str], list[str]]:
    """A healed row: its routes failed before the merge and were answered ever after."""
    mates = [one for one in run.rows if one.scenario == row.scenario and one.outcome == "Healed"]
    merges = [merge.as_merge() for mate in mates for merge in run.merges_of(mate)]
    merges.sort(key=lambda merge: merge.at)
    looked, findings = [], []
    routes = run.routes_for(row)
    if not routes:
        findings.append("Healed, but no route ever failed")
    for route in routes:
        sent = _undisturbed(run, row, route)
        errors = [request for request in sent if request.failed]
        if not errors:
            findings.append(f"{route}: Healed, but it did not fail")
            continue
        after = sum(one.succeeded for one in sent if one.at > errors[-1].at)
        looked.append(f"{route}: {len(errors)} errors, then {after} successes")
        # Traffic of one scenario may end before the run does.
        good = [one.at for one in sent if one.succeeded]
        end = good[-1] if good else run.end
        found = check_recovery(sent, merges, end, run.limits)
        findings += [f"{route}: {why}" for why in found]
    return looked, findings


def _undisturbed(run: Run, row: Row, route: str) -> list[Request]:
    """A route's answered requests since a row began, but for those in which something else was
    broken: another row's bad release or storm, or the same route again later."""
    start = min(run.span(one)[0] for one in run.rows if one.scenario == row.scenario)
    others = [one for one in run.rows if one.scenario != row.scenario]
    own = [merge.at for merge in run.merges_of(row)]
    since = own[-1] if own else start
    live = since + run.limits.grace
    storms = [e for one in others for e in excuses(run, one) if e.routes is None]
    again = [
        run.span(one)[0] for one in others if one.opened > since and _shares(run, one, route)
    ]
    stop = min(again, default=INFINITE)
    return [
        one
        for one in run.routes[route]
        if one.status
        and start <= one.at < stop
        and not (one.failed and one.at > live and any(e.holds(route, one.at) for e in storms))
    ]


def _shares(run: Run, row: Row, route: str) -> bool:
    return not row.release and row.scenario not in STORMS and route in run.routes_for(row)


def fails_within(run: Run, routes: list[str], start: float, stop: float) -> int:
    """How many errors the routes have in a time, its edges a second in."""
    return sum(len(run.errors(route, start + SECOND, stop)) for route in routes)
