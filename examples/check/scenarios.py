"""What each scenario's row must be, by evidence."""

from collections.abc import Callable

from errors import check_healed, fails_within
from latency import Pace
from ledger import of_aegis, traces
from releases import MINUTE, Found, check_kept, check_taken_back
from report import Row
from routes import SECOND
from run import Run


def crash(run: Run, row: Row) -> Found:
    """Healed by a merge that is still there."""
    findings = [] if run.merges_of(row) else ["Healed without a merge"]
    if row.merged and row.merged[-1].reverted_by:
        findings.append("Healed, but what healed it was reverted")
    looked, more = check_healed(run, row)
    return looked, findings + more


def held(run: Run, row: Row) -> Found:
    """Healed by a merge that was held back for a time."""
    looked, findings = crash(run, row)
    if not row.held:
        findings.append("its merge was never held")
    for one in row.held:
        stop = run.end if one.end is None else one.end
        looked.append(f"held for {stop - one.start:.0f} s ({one.why})")
        if stop <= one.start:
            findings.append("it was held for no time at all")
        findings += [
            f"{merge.short} was merged while merges were held ({one.why})"
            for merge in _merges(run, one.start + SECOND, stop - SECOND)
        ]
    merges = run.merges_of(row)
    if row.held and merges:
        end = row.held[-1].end
        if end is None or merges[-1].at < end - SECOND - SECOND:
            findings.append("its merge is not after the time in which it was held")
    return looked, findings


def proposed(run: Run, row: Row) -> Found:
    """Healed by a merge that a person made."""
    looked, findings = crash(run, row)
    for merge in run.merges_of(row):
        looked.append(f"merged by {merge.committer}")
        if of_aegis(run, merge):
            findings.append(f"{merge.short} was merged by Aegis, not by a person")
    return looked, findings


def trap(run: Run, row: Row) -> Found:
    """A merge and its revert."""
    looked = []
    for bad, revert in row.reverts:
        done, undone = run.on_branch(bad), run.on_branch(revert)
        if done and undone:
            start, _ = run.around(done, MINUTE)
            half = done.at + (undone.at - done.at) / 2
            slow = Pace.before(run, [], start, done.at).medians(run, half, undone.at + SECOND)
            route = max(slow, key=lambda one: slow[one], default=None)
            harm = sum(len(run.errors(one, done.at, undone.at)) for one in run.routes)
            slower = f", {route} x{slow[route]:.2f}" if route else ""
            took = f"merged, reverted after {undone.at - done.at:.0f} s"
            looked.append(f"{took}; meanwhile {harm} errors on any route{slower}")
    return looked, _merged_and_reverted(run, row)


def nothing_merged(run: Run, row: Row) -> Found:
    """Nothing merged, and the trap's diff nowhere once more."""
    findings = [f"{one.merge} was merged" for one in row.merged]
    for trapped in (row for row in run.rows if row.scenario == "trap"):
        for bad in run.merges_of(trapped):
            findings += [
                f"{again.short} merges the diff of the trap's merge {bad.short} again"
                for again in run.later(bad)
                if run.patches.get(again.id) == run.patches[bad.id]
            ]
    return ["nothing merged for it"], findings


def futile(run: Run, row: Row) -> Found:
    """A fix that mended nothing: its route goes on failing until the revert."""
    findings = _merged_and_reverted(run, row)
    looked = []
    routes = run.routes_for(row)
    for bad, revert in row.reverts:
        done, undone = run.on_branch(bad), run.on_branch(revert)
        if not done or not undone:
            continue
        # It takes a moment until a merge is live, so the second half counts.
        half = done.at + (undone.at - done.at) / 2
        # Git's time is the second's beginning.
        errors = fails_within(run, routes, half - SECOND, undone.at + SECOND)
        looked.append(f"{errors} errors between merge {done.short} and its revert")
        if not errors:
            findings.append(f"no error between the merge {done.short} and its revert")
    return looked, findings


def handed_over(run: Run, row: Row) -> Found:
    """Errors that nobody mended, and nothing in Git."""
    routes = run.routes_for(row)
    errors = fails_within(run, routes, row.opened - run.limits.lead, run.end)
    findings = [] if errors else ["no route failed, so there was nothing to hand over"]
    return [f"{errors} errors, nothing in Git"], findings + _nothing(run, row)


def flapping(run: Run, row: Row) -> Found:
    """Errors before, between and after exactly two merges."""
    merges = run.merges_of(row)
    if len(merges) != 2:
        return [], [f"{len(merges)} merges, not two"]
    routes = run.routes_for(row)
    first, second = merges[0].at, merges[1].at
    spans = {
        "before the first merge": (row.opened - run.limits.lead, first),
        "between the merges": (first + (second - first) / 2 - SECOND, second),
        "after the second merge": (second + SECOND, run.end),
    }
    errors = {when: fails_within(run, routes, *span) for when, span in spans.items()}
    looked = [", ".join(f"{count} errors {when}" for when, count in errors.items())]
    return looked, [f"no error {when}" for when, count in errors.items() if not count]


def storm(run: Run, row: Row) -> Found:
    """A storm: nothing is merged while it lasts."""
    findings = [] if row.kind == "storm" else [f"its kind is {row.kind}, not storm"]
    stop = run.end if row.closed is None else row.closed
    findings += [
        f"{merge.short} was merged within the storm"
        for merge in _merges(run, row.opened, stop - SECOND)
    ]
    return [f"{stop - row.opened:.0f} s without a merge"], findings + _nothing(run, row)


def one_error(run: Run, row: Row) -> Found:
    """One error, however often: one row and nothing in Git."""
    start, stop = run.span(row)
    errors = sum(len(run.errors(route, start, stop)) for route in run.routes)
    findings = [] if errors else ["no route failed"]
    return [f"{errors} errors, one row"], findings + _nothing(run, row)


def bug_in_storm(run: Run, row: Row) -> Found:
    """Healed, once the storm was over."""
    looked, findings = crash(run, row)
    for other in run.rows:
        if other.scenario != "storm":
            continue
        merges = run.merges_of(row)
        # Git's time is the second's beginning.
        if other.closed is None or any(merge.at + SECOND < other.closed for merge in merges):
            findings.append("merged before the storm was over")
    return looked, findings


def _merges(run: Run, start: float, stop: float) -> list:
    return [one for one in run.released if one.merges and start <= one.at <= stop]


def _merged_and_reverted(run: Run, row: Row) -> list[str]:
    if not run.merges_of(row):
        return ["no fix was merged for it"]
    return [f"{one.merge} was not reverted" for one in row.merged if not one.reverted_by]


def _nothing(run: Run, row: Row) -> list[str]:
    return [f"{trace}: there may be nothing in Git for it" for trace in traces(run, row)]


ANY = ("RolledBack", "Kept", "AwaitingHuman", "SelfResolved", "Abandoned")

# The outcomes that a row may have, and what is looked at.
RULES: dict[str, tuple[tuple[str, ...], Callable[[Run, Row], Found]]] = {
    "crash-bugs": (("Healed",), crash),
    "trap": (("RolledBack",), trap),
    "trap-again": (("AwaitingHuman",), nothing_merged),
    "futile": (ANY, futile),
    "no-template": (("AwaitingHuman",), handed_over),
    "full-pool": (("AwaitingHuman",), handed_over),
    "flapping": (("AwaitingHuman",), flapping),
    "freeze": (("Healed",), held),
    "kill-switch": (("Healed",), held),
    "budget": (("Healed",), held),
    "approve": (("Healed",), held),
    "propose": (("Healed",), proposed),
    "release-raises-none": (("RolledBack",), check_taken_back),
    "release-latency-x2": (("RolledBack",), check_taken_back),
    "release-latency-x1.3": (("RolledBack",), check_taken_back),
    "release-slow-ramp": (("RolledBack",), check_taken_back),
    "release-cold-cache": (("Kept",), check_kept),
    "storm-one-error": (ANY, one_error),
    "storm": (ANY, storm),
    "bug-in-storm": (("Healed",), bug_in_storm),
    "model": (("Healed",), crash),
}


def check_row(run: Run, row: Row) -> Found:
    """What was looked at for a row, and what was found."""
    if row.scenario not in RULES:
        return [], []
    outcomes, rule = RULES[row.scenario]
    looked, findings = rule(run, row)
    if row.outcome not in outcomes:
        findings.insert(0, f"its outcome is {row.outcome}, not {' or '.join(outcomes)}")
    return looked, findings
