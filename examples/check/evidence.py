"""The evidence of visitors: an access log and a transcript."""

import json
import re
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

# Quotes inside the request line are escaped by servers, as \" or as %22.
COMBINED = re.compile(r'\S+ \S+ \S+ \[([^\]]+)\] "(\S+) (\S+)[^"]*" (\d{3}) ')


class Unreadable(Exception):
    """A piece of evidence is missing or damaged."""


@dataclass(frozen=True)
class Request:
    """One request: in the transcript when it was sent, in the log when it was answered."""

    at: float
    method: str
    path: str
    status: int | None
    body: str | None = None
    ms: float | None = None
    # The status that refuses it, where refusing it is right.
    refusal: int | None = None

    @property
    def route(self) -> str:
        """Method and path."""
        return f"{self.method} {self.path}"

    @property
    def failed(self) -> bool:
        """Whether the service answered with an error of its own."""
        return self.status is not None and self.status >= 500

    @property
    def succeeded(self) -> bool:
        """Whether the service did what it was asked, or refused what it has to refuse."""
        if self.status is None:
            return False
        return 200 <= self.status < 300 or self.status == self.refusal


def with_refusals(requests: list[Request], refusals: dict[str, int]) -> list[Request]:
    """The requests, those that have to be refused by the status that does it."""
    return [replace(one, refusal=refusals.get(one.path)) for one in requests]


def read_transcript(path: Path) -> list[Request]:
    """The requests in the order in which they were sent."""
    requests = []
    lines = _lines(path)
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            at = datetime.fromisoformat(row["at"]).timestamp()
            asked = row["method"], row["path"]
            requests.append(Request(at, *asked, row["status"], row["body"], row["ms"]))
        except (ValueError, KeyError, TypeError) as why:
            # The client may have been killed within its last line.
            if number == len(lines):
                break
            raise Unreadable(f"{path}, line {number}: {why!r}") from why
    return sorted(requests, key=lambda request: request.at)


def read_access_log(path: Path) -> list[Request]:
    """The requests in the order of the log. Lines in no known format are no requests."""
    requests = []
    for line in _lines(path):
        found = COMBINED.match(line)
        if found:
            at = datetime.strptime(found[1], "%d/%b/%Y:%H:%M:%S %z").timestamp()
            requests.append(Request(at, found[2], found[3], int(found[4])))
    return requests


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(errors="replace").splitlines()
    except OSError as why:
        raise Unreadable(f"{path} can't be read: {why.strerror}") from why
