"""Releases of a person: taken back where they did harm, kept where they did none."""

from collections.abc import Iterable
from statistics import median

from errors import unexcused
from latency import ALONE, TOGETHER, Pace, p95
from report import Row
from repository import Commit
from run import Run

MINUTE = 60.0

# By which factor the slow routes are at least slower.
FACTORS = {
    "release-latency-x2": 1.5,
    "release-latency-x1.3": 1.15,
    "release-slow-ramp": 1.15,
    "release-cold-cache": 1.15,
}

Found = tuple[list[str], list[str]]


def check_taken_back(run: Run, row: Row) -> Found:
    """RolledBack: the release was on the branch, did harm, and was reverted within the watch."""
    if row.merged:
        return [], [f"a fix was merged for it: {row.merge}"]
    release, revert = run.on_branch(row.release), run.on_branch(row.reverted_by)
    if release is None:
        return [], [f"its release {row.release} is not on the branch that is released"]
    if revert is None:
        return [], [f"its release {release.short} is still there, nothing on the branch reverts it"]
    if run.place(revert.id) <= run.place(release.id):
        return [], ["its revert is before its release"]
    took = revert.at - release.at
    looked = [f"release {release.short}, reverted by {revert.short} after {took:.0f} s"]
    findings = []
    if took > run.limits.window + run.limits.grace:
        findings.append(f"the revert came {took:.0f} s after the release, not within its watch")
    if row.scenario in FACTORS:
        more, found = _slower(run, row, release, revert)
    else:
        more, found = _raised(run, row, release, revert)
    return looked + more, findings + found


def _raised(run: Run, row: Row, release: Commit, revert: Commit) -> Found:
    """Errors between the release and its revert, none before and none after."""
    start, _ = run.around(release, MINUTE)
    live = revert.at + run.limits.grace
    rows = [one for one in run.rows if one is not row]
    others = {r for one in rows if not one.release for r in run.routes_for(one)}
    routes = run.listed.get(row.scenario) or [r for r in run.routes if r not in others]
    broken = [route for route in routes if run.errors(route, release.at, live)]
    if not broken:
        return [], ["no route failed between the release and its revert"]
    during = sum(len(run.errors(route, release.at, live)) for route in broken)
    looked = [f"{during} errors between the release and its revert on {_named(broken)}"]
    findings = []
    for route in broken:
        if unexcused(run, rows, run.errors(route, start, release.at)):
            findings.append(f"{route}: it failed before the release too")
        _, calm = run.around(revert, MINUTE)
        if late := unexcused(run, rows, run.errors(route, live, calm)):
            findings.append(f"{route}: {len(late)} errors after the revert was live")
        if not any(one.succeeded and one.at > revert.at for one in run.routes[route]):
            findings.append(f"{route}: no success after the revert")
    return looked, findings


def _slower(run: Run, row: Row, release: Commit, revert: Commit) -> Found:
    """Slow routes between the release and its revert, as fast as before afterwards."""
    factor = FACTORS[row.scenario]
    start, _ = run.around(release, MINUTE)
    pace = Pace.before(run, run.listed.get(row.scenario, []), start, release.at)
    # It takes a moment until a release is live, so its second half counts.
    half = release.at + (revert.at - release.at) / 2
    stop = revert.at + 1
    medians = pace.medians(run, half, stop)
    if row.scenario not in run.listed:
        pace = pace.only([route for route, ratio in medians.items() if ratio >= factor])
    during = pace.ratios(run, half, stop)
    if len(during) < ALONE:
        worst = max(medians.values(), default=1.0)
        return [], [f"no route got slower by x{factor}; the most was x{worst:.2f}"]
    middle, tail = median(during), p95(during)
    if middle < factor and tail < factor * pace.spread:
        return [], [f"its routes did not get slower by x{factor}, but x{middle:.2f}"]
    _, calm = run.around(revert, MINUTE)
    since = revert.at + min(run.limits.settle, (calm - revert.at) / 2)
    after = pace.ratios(run, since, calm)
    looked = [f"x{middle:.2f} (P95 x{tail:.2f}) between the two on {_named(pace.normal)}"]
    if len(after) < TOGETHER:
        return looked, [f"only {len(after)} requests tell how fast it is after the revert"]
    looked.append(f"x{median(after):.2f} after the revert, in {len(after)} requests")
    findings = pace.still_slow(run, since, calm)
    # On fast routes 20 ms hide what the release cost; nearer to before than to it shows.
    if middle >= factor and median(after) > (1 + middle) / 2:
        findings.append(f"x{median(after):.2f} after the revert is nearer to the slow release")
    return looked, findings


def _named(routes: Iterable[str]) -> str:
    first, *others = sorted(routes)
    return f"{first} and {len(others)} more" if others else first


def check_kept(run: Run, row: Row) -> Found:
    """Kept: the release stays, and what was slow at first is normal at the end."""
    release = run.on_branch(row.release)
    if release is None:
        return [], [f"its release {row.release} is not on the branch that is released"]
    if row.merged or row.submissions:
        return [], ["a fix was submitted for a release that was kept"]
    findings = []
    for commit in run.later(release):
        back = any(
            commit.changes.get(path) == (new, old) for path, (old, new) in release.changes.items()
        )
        if back or commit.reverts == release.id or row.reverted_by == commit.id:
            findings.append(f"it was kept, but {commit.short} takes it back")
    start, calm = run.around(release, MINUTE + run.limits.window)
    start = max(start, release.at - MINUTE)
    pace = Pace.before(run, run.listed.get(row.scenario, []), start, release.at)
    end = min(row.closed if row.closed else calm, calm)
    last = end - (end - release.at) / 4
    peak = max(pace.ratios(run, release.at, last), default=0.0)
    most = max(FACTORS[row.scenario], 1.15 * pace.spread)
    if peak < most:
        findings.append(f"it was never slow: at most x{peak:.2f}, x{pace.spread:.2f} before")
    stop = min(calm, end + MINUTE)
    at_end = pace.ratios(run, last, stop)
    if len(at_end) < TOGETHER:
        findings.append(f"only {len(at_end)} requests tell how fast it is at the end")
    else:
        findings += pace.still_slow(run, last, stop)
    middle = median(at_end) if at_end else 0.0
    looked = f"release {release.short} kept: x{peak:.2f} at first, x{middle:.2f} at the end"
    return [looked], findings
