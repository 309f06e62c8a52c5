"""The report of a run: the claim that is checked, and the rows that a whole run has."""

import json
from dataclasses import dataclass
from pathlib import Path

from evidence import Unreadable

# How many rows of each scenario a whole run has.
WANTED = {
    "crash-bugs": 3,
    "trap": 1,
    "trap-again": 1,
    "futile": 1,
    "no-template": 1,
    "full-pool": 1,
    "flapping": 1,
    "freeze": 1,
    "kill-switch": 1,
    "budget": 1,
    "approve": 1,
    "propose": 1,
    "release-raises-none": 1,
    "release-latency-x2": 1,
    "release-latency-x1.3": 1,
    "release-slow-ramp": 1,
    "release-cold-cache": 1,
    "storm-one-error": 1,
    "storm": 1,
    "bug-in-storm": 1,
}

# Those that a run has only where it is asked for them.
ASKED_FOR = {"model": 1}


@dataclass(frozen=True)
class Submission:
    """One attempt that was offered on a branch."""

    attempt: int
    branch: str
    merge: str | None
    reverted_by: str | None


@dataclass(frozen=True)
class Held:
    """A time in which a merge was held; seconds since the epoch, no end while it lasts."""

    start: float
    end: float | None
    why: str


@dataclass(frozen=True)
class Row:
    """One incident of the report; times in seconds since the epoch."""

    id: str
    scenario: str
    kind: str
    outcome: str
    branch: str | None
    merge: str | None
    reverted_by: str | None
    release: str | None
    opened: float
    closed: float | None
    submissions: tuple[Submission, ...]
    held: tuple[Held, ...]

    def __str__(self) -> str:
        return f"{self.scenario}, incident {self.id}"

    @property
    def merged(self) -> list[Submission]:
        """The attempts that say they were merged."""
        return [one for one in self.submissions if one.merge]

    @property
    def reverts(self) -> list[tuple[str, str]]:
        """What the row says was taken back, and by which commit."""
        pairs = [(one.merge, one.reverted_by) for one in self.merged if one.reverted_by]
        if self.release and self.reverted_by:
            pairs.append((self.release, self.reverted_by))
        return pairs

    def may_fail_at_the_end(self) -> bool:
        """Whether it says that nobody mended what failed."""
        return self.outcome not in ("Healed", "SelfResolved") and not self.release


def read_rows(path: Path) -> list[Row]:
    """The rows of a report, oldest first."""
    try:
        return [_row(row) for row in json.loads(path.read_text())["incidents"]]
    except OSError as why:
        raise Unreadable(f"the report {path} can't be read: {why.strerror}") from why
    except (ValueError, KeyError, TypeError, AttributeError) as why:
        raise Unreadable(f"the report {path} is not in the known form: {why!r}") from why


def _row(row: dict) -> Row:
    submissions = tuple(
        Submission(one["attempt"], one["branch"], one["merge_commit"], one["reverted_by"])
        for one in row["submissions"]
    )
    held = tuple(
        Held(one["from"] / 1000, _seconds(one["to"]), one["why"]) for one in row["held"]
    )
    return Row(
        id=row["id"],
        scenario=row["scenario"],
        kind=row["kind"],
        outcome=row["outcome"],
        branch=row["branch"],
        merge=row["merge_commit"],
        reverted_by=row["reverted_by"],
        release=row["release"],
        opened=row["opened_at"] / 1000,
        closed=_seconds(row["closed_at"]),
        submissions=submissions,
        held=held,
    )


def _seconds(ms: float | None) -> float | None:
    return None if ms is None else ms / 1000


def check_wanted(rows: list[Row], wanted: dict[str, int]) -> list[str]:
    """Exactly the rows of the scenarios that were played, and no incident twice."""
    findings = []
    for scenario, times in wanted.items():
        there = sum(row.scenario == scenario for row in rows)
        if there < times:
            findings.append(f"{scenario}: {there} rows in the report, not {times}: one is missing")
        if there > times:
            findings.append(f"{scenario}: {there} rows in the report, not {times}: one too many")
    for row in rows:
        if row.scenario not in wanted:
            findings.append(f"{row}: a row of no scenario that was played")
    ids = [row.id for row in rows]
    twice = sorted({name for name in ids if ids.count(name) > 1})
    return findings + [f"incident {name}: more than one row" for name in twice]
