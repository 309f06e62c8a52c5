"""Each row and Git tell the same, and Git holds nothing that no row tells."""

from itertools import pairwise

from report import Row, Submission
from repository import FIX_BRANCHES, Commit
from routes import SECOND
from run import Run

REVERT_BRANCHES = "aegis/revert-"


def check_row(run: Run, row: Row) -> list[str]:
    """A row's branches, merges and reverts are what Git has."""
    findings = []
    for one in row.submissions:
        findings += _check_submission(run, row, one)
    last = row.merged[-1].merge if row.merged else None
    if row.merge != last:
        findings.append(f"its merge commit is {row.merge}, that of its submissions {last}")
    if row.submissions and row.branch != row.submissions[-1].branch:
        findings.append(f"its branch is {row.branch}, its last submission's differs")
    if not row.submissions and row.branch:
        findings.append(f"its branch is {row.branch}, but it has no submission")
    known = {revert for _, revert in row.reverts} | {None}
    if row.reverted_by not in known:
        findings.append(f"it was reverted by {row.reverted_by}, but nothing of it was")
    for bad, revert in row.reverts:
        findings += check_revert(run, bad, revert)
    patches = [run.patches.get(merge.id) for merge in run.merges_of(row)]
    if len(patches) > len(set(patches)):
        findings.append("the same diff was merged twice for one incident")
    return findings


def _check_submission(run: Run, row: Row, one: Submission) -> list[str]:
    ending = f"-{one.attempt}" if one.attempt > 1 else ""
    findings = []
    if one.branch != f"{FIX_BRANCHES}{row.id}{ending}":
        findings.append(f"{one.branch} is not the branch of its attempt {one.attempt}")
    if not one.merge:
        if one.reverted_by:
            findings.append(f"{one.branch} was reverted, but never merged")
        return findings
    merge, head = run.on_branch(one.merge), run.branches.get(one.branch)
    if head is None:
        findings.append(f"its branch {one.branch} does not exist")
    if merge is None or not merge.merges:
        findings.append(f"{one.merge} is no merge on the branch that is released")
        return findings
    if head and head not in merge.parents[1:]:
        findings.append(f"the merge {merge.short} does not bring the head of {one.branch}")
    if merge.incident not in ("", row.id):
        findings.append(f"the merge {merge.short} was made for incident {merge.incident}")
    return findings


def check_revert(run: Run, bad: str, revert: str) -> list[str]:
    """A revert gives each file that the other commit touched back as it was before, and no other."""
    done, undone = run.on_branch(bad), run.on_branch(revert)
    if done is None:
        return [f"{bad}, which it says was reverted, is not on the branch that is released"]
    if undone is None or run.place(revert) <= run.place(bad):
        return [f"{revert}, its revert of {done.short}, is not on the branch after it"]
    between = run.later(done)[: run.place(revert) - run.place(bad) - 1]
    findings = []
    for path, (old, new) in done.changes.items():
        touched = any(path in commit.changes for commit in between)
        if undone.changes.get(path) == (new, old):
            continue
        if touched and path in undone.changes and run.repo.undoes(undone, done, path):
            continue
        findings.append(f"the revert {undone.short} leaves {path} not as it was before {done.short}")
    more = sorted(set(undone.changes) - set(done.changes))
    findings += [f"the revert {undone.short} changes {path}, {done.short} did not" for path in more]
    for again in run.later(undone):
        if run.patches.get(again.id) == run.patches.get(done.id):
            findings.append(f"{done.short} was reverted, {again.short} is the same diff again")
    return findings


def check_git(run: Run) -> list[str]:
    """Each merge, each commit of Aegis' and each branch of a fix belongs to one row."""
    claims: dict[str, int] = {}
    for row in run.rows:
        told = {one.merge for one in row.merged} | {revert for _, revert in row.reverts}
        for name in told | {row.release} - {None}:
            claims[name] = claims.get(name, 0) + 1
    findings = []
    for commit in run.released:
        times = claims.get(commit.id, 0)
        who = f"{commit.short} on {run.branch} ({commit.subject})"
        if times > 1:
            findings.append(f"{who}: more than one row tells of it")
        elif not times and commit.merges:
            findings.append(f"{who}: a merge that no row tells of")
        elif not times and of_aegis(run, commit):
            findings.append(f"{who}: a commit of Aegis' that no row tells of")
    submitted = {one.branch for row in run.rows for one in row.submissions}
    reverting = {row.id for row in run.rows if row.reverts}
    for name in run.branches:
        if name.startswith(FIX_BRANCHES) and name not in submitted:
            findings.append(f"{name}: a branch of no row's submissions")
        if name.startswith(REVERT_BRANCHES) and not _of_any(name, reverting):
            findings.append(f"{name}: a branch of no row's reverts")
    return findings


def check_turns(run: Run) -> list[str]:
    """One release of Aegis' at a time: a merge runs alone for a whole watch, or until its revert."""
    undone = {bad: run.on_branch(revert) for row in run.rows for bad, revert in row.reverts}
    ours = [one for one in run.released if one.merges and of_aegis(run, one)]
    findings = []
    for one, other in pairwise(ours):
        revert = undone.get(one.id)
        end = revert.at if revert else one.at + run.limits.window - 2 * SECOND
        if other.at < end:
            took = other.at - one.at
            findings.append(f"{other.short} was merged {took:.0f} s after {one.short}, in its watch")
    return findings


def _of_any(branch: str, incidents: set[str]) -> bool:
    name = branch.removeprefix(REVERT_BRANCHES)
    first, _, number = name.rpartition("-")
    return name in incidents or (number.isdigit() and first in incidents)


def of_aegis(run: Run, commit: Commit) -> bool:
    """Whether Aegis made a commit: it says so in a trailer, or is signed like one that does."""
    ours = {one.committer for one in run.commits.values() if one.incident}
    return bool(commit.incident) or commit.committer in ours


def check_tests(run: Run, folder: str) -> list[str]:
    """No commit of Aegis' touches a test; a revert may give back what its release changed."""
    undoes = {}
    for row in run.rows:
        for bad, revert in row.reverts:
            taken = run.commits.get(revert)
            # Where it comes by a pull request, its commit is what the merge brings.
            for commit in (revert, *(taken.parents[1:] if taken else ())):
                undoes[commit] = run.on_branch(bad)
    findings = []
    for commit in run.commits.values():
        if not of_aegis(run, commit):
            continue
        bad = undoes.get(commit.id)
        free = bad.changes if bad else {}
        touched = [path for path in commit.changes if path.startswith(f"{folder}/")]
        findings += [
            f"{path}: a test file of the service was changed by {commit.short}"
            for path in touched
            if path not in free
        ]
    return findings


def traces(run: Run, row: Row) -> list[str]:
    """What there is in Git of an incident."""
    prefix = f"{FIX_BRANCHES}{row.id}"
    names = [name for name in run.branches if name == prefix or name.startswith(f"{prefix}-")]
    commits = [one.short for one in run.commits.values() if one.incident == row.id]
    told = [one.branch for one in row.submissions] + [name for name in (row.merge,) if name]
    return sorted({*names, *commits, *told})
