"""The evidence: a repository, an access log and a transcript."""

import json
import re
import subprocess
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

FIX_BRANCHES = "aegis/fix-"

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
        """Whether the service did what it was asked."""
        return self.status is not None and 200 <= self.status < 300


def read_transcript(path: Path) -> list[Request]:
    """The requests in the order in which they were sent."""
    requests = []
    lines = _lines(path)
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            at = datetime.fromisoformat(row["at"]).timestamp()
            requests.append(Request(at, row["method"], row["path"], row["status"], row["body"]))
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


@dataclass(frozen=True)
class Merge:
    """A merge commit on the released branch; Git keeps its time in whole seconds."""

    commit: str
    at: float
    parents: tuple[str, ...]
    subject: str

    def names(self, branch: str) -> bool:
        """Whether the first line of the message names that branch."""
        return re.search(rf"{re.escape(branch)}(?![\w.-]*\w)", self.subject) is not None


class Repository:
    """A Git repository, read by the git program."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def _git(self, *arguments: str) -> subprocess.CompletedProcess:
        command = ["git", "-C", str(self._path), *arguments]
        try:
            return subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError as why:
            raise Unreadable("the git program is missing: apt-get install git") from why

    def _read(self, *arguments: str) -> list[str]:
        done = self._git(*arguments)
        if done.returncode != 0:
            raise Unreadable(f"git {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout.splitlines()

    def commit(self, revision: str) -> str | None:
        """The commit of a revision, None when there is none."""
        name = f"{revision}^{{commit}}"
        done = self._git("rev-parse", "--verify", "--quiet", "--end-of-options", name)
        return done.stdout.strip() if done.returncode == 0 else None

    def contains(self, commit: str, other: str) -> bool:
        """Whether a commit is or has as ancestor the other."""
        return self._git("merge-base", "--is-ancestor", other, commit).returncode == 0

    def changed(self, base: str, head: str, folder: str) -> list[str]:
        """The files of a folder that differ between two revisions."""
        return self._read("diff", "--name-only", base, head, "--", folder)

    def fix_branches(self) -> dict[str, str]:
        """The branches of fixes and their heads."""
        form = "--format=%(refname:lstrip=2) %(objectname)"
        rows = self._read("for-each-ref", form, f"refs/heads/{FIX_BRANCHES}*")
        return dict(row.split(" ") for row in rows)

    def fix_merges(self, base: str, head: str, branches: dict[str, str]) -> list[Merge]:
        """The merges since base that bring or name a fix branch, oldest first."""
        form = "--format=%H%x1f%ct%x1f%P%x1f%s"
        merges = []
        for row in self._read("log", "--first-parent", "--reverse", form, f"{base}..{head}"):
            commit, at, parents, subject = row.split("\x1f")
            merge = Merge(commit, float(at), tuple(parents.split()), subject)
            if len(merge.parents) < 2:
                continue
            if FIX_BRANCHES in subject or any(self.brings(merge, it) for it in branches.values()):
                merges.append(merge)
        return merges

    def brings(self, merge: Merge, tip: str) -> bool:
        """Whether this is the merge by which a commit came in, or came in once more."""
        first, *others = merge.parents
        if tip in others:
            return True
        return self.contains(merge.commit, tip) and not self.contains(first, tip)
