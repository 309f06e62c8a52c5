"""A run of many scenarios: all of the evidence, and which of it belongs to a row."""

from dataclasses import dataclass, field
from functools import cached_property

from evidence import Request
from report import Row
from repository import BRANCHES, Commit, Repository
from routes import Limits, routes_of

INFINITE = float("inf")


@dataclass
class Run:
    """What was read, once."""

    repo: Repository
    base: str
    branch: str
    rows: list[Row]
    sent: list[Request]
    logged: list[Request]
    limits: Limits
    # The routes of the scenarios' bugs, as a reader of the shop wrote them down.
    listed: dict[str, list[str]]
    # The routes of the bug that sleeps in a file.
    by_file: dict[str, list[str]]
    commits: dict[str, Commit] = field(init=False)
    released: list[Commit] = field(init=False)

    def __post_init__(self) -> None:
        self.commits = self.repo.commits(self.base, self.branch)
        order = self.repo.released(self.base, self.branch)
        self.released = [self.commits[name] for name in order]
        self._routes_for: dict[Row, list[str]] = {}
        self._places = {name: place for place, name in enumerate(order)}

    @cached_property
    def branches(self) -> dict[str, str]:
        """The branches of Aegis' and their heads."""
        return self.repo.branches(BRANCHES)

    @cached_property
    def patches(self) -> dict[str, str]:
        """The patch ids of the commits on the released branch."""
        return self.repo.patch_ids(self.base, self.branch)

    @cached_property
    def routes(self) -> dict[str, list[Request]]:
        """The requests of the transcript by route."""
        return routes_of(self.sent)

    @cached_property
    def end(self) -> float:
        """When the last request was sent."""
        return max(request.at for request in self.sent)

    def place(self, name: str | None) -> int | None:
        """Where a commit is on the released branch, None when it is not."""
        return self._places.get(name) if name else None

    def on_branch(self, name: str | None) -> Commit | None:
        """A commit of the released branch."""
        return self.commits[name] if name in self._places else None

    def later(self, commit: Commit) -> list[Commit]:
        """What came to the released branch after a commit."""
        return self.released[self._places[commit.id] + 1 :]

    def merges_of(self, row: Row) -> list[Commit]:
        """The merges of a row that are on the released branch, in its order."""
        found = [self.on_branch(one.merge) for one in row.merged]
        return [commit for commit in found if commit]

    def routes_for(self, row: Row) -> list[str]:
        """The failing routes that a row is about: those of its scenario's bug, else those of the bug
        in the file that its merge mended, else those that failed at its time."""
        if row not in self._routes_for:
            self._routes_for[row] = self._find_routes(row)
        return self._routes_for[row]

    def _find_routes(self, row: Row) -> list[str]:
        listed = self.listed.get(row.scenario)
        if listed:
            return [route for route in listed if self.errors(route)]
        start, stop = self.span(row)
        merges = self.merges_of(row)
        files = {path for merge in merges for path in merge.changes}
        if mended := [route for path in sorted(files) for route in self.by_file.get(path, [])]:
            return [route for route in mended if self.errors(route, start, stop)]
        others = {route for routes in self.listed.values() for route in routes}
        if row.closed is None:
            # It may be open long after; what it opened for failed then.
            stop = row.opened + self.limits.lead
        elif row.outcome == "Healed" and merges:
            # What was healed failed until its merge.
            start = max(start, merges[-1].at - self.limits.lead)
        free = (route for route in self.routes if route not in others)
        return [route for route in free if self.errors(route, start, stop)]

    def span(self, row: Row) -> tuple[float, float]:
        """When a row's failures are looked for: from before it opened to its end."""
        merges = self.merges_of(row)
        stop = self.end if row.closed is None else row.closed
        if row.outcome == "Healed" and merges:
            stop = merges[-1].at + self.limits.grace
        return row.opened - self.limits.lead, stop

    def errors(self, route: str, start: float = 0, stop: float = INFINITE) -> list[Request]:
        """The failures of a route in a time."""
        return [one for one in self._failures.get(route, []) if start <= one.at <= stop]

    @cached_property
    def _failures(self) -> dict[str, list[Request]]:
        return routes_of([request for request in self.sent if request.failed])

    def around(self, commit: Commit, most: float) -> tuple[float, float]:
        """The time before and after a commit that no other commit of the branch disturbs: from when
        the one before was live, to when the next one came."""
        place = self._places[commit.id]
        start, stop = commit.at - most, min(commit.at + most, self.end)
        if place > 0:
            before = self.released[place - 1].at
            start = max(start, before + min(self.limits.settle, (commit.at - before) / 2))
        if place + 1 < len(self.released):
            stop = min(stop, self.released[place + 1].at)
        return start, stop
