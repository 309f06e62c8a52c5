"""Fixes in Git: branches, merges, and the report of a run of crash bugs."""

from repository import Merge, Repository


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
