"""The evidence in Git: the service's repository, read by the git program."""

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from evidence import Unreadable

FIX_BRANCHES = "aegis/fix-"
BRANCHES = "aegis/"


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


@dataclass(frozen=True)
class Commit:
    """A commit and what it changed against its first parent."""

    id: str
    at: float
    parents: tuple[str, ...]
    subject: str
    committer: str
    # The trailers in which Aegis says for whom and what it acts; empty where there are none.
    incident: str
    reverts: str
    # Of each changed file the mode and object before and after.
    changes: dict[str, tuple[str, str]] = field(default_factory=dict, hash=False)

    @property
    def merges(self) -> bool:
        """Whether it brings a branch in."""
        return len(self.parents) > 1

    def as_merge(self) -> Merge:
        """It as a merge of a fix."""
        return Merge(self.id, self.at, self.parents, self.subject)

    @property
    def short(self) -> str:
        """For people."""
        return self.id[:10]


class Repository:
    """A Git repository, read by the git program."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def _git(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess:
        command = ["git", "-C", str(self._path), *arguments]
        # What a file holds need not be text.
        as_text = {"text": True, "encoding": "utf-8", "errors": "surrogateescape"}
        try:
            return subprocess.run(
                command, capture_output=True, check=False, input=given, **as_text
            )
        except FileNotFoundError as why:
            raise Unreadable("the git program is missing: apt-get install git") from why

    def _text(self, *arguments: str) -> str:
        done = self._git(*arguments)
        if done.returncode != 0:
            raise Unreadable(f"git {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def _read(self, *arguments: str) -> list[str]:
        return self._text(*arguments).splitlines()

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

    def branches(self, prefix: str) -> dict[str, str]:
        """The branches whose names begin so, and their heads."""
        form = "--format=%(refname:lstrip=2) %(objectname)"
        rows = self._read("for-each-ref", form, f"refs/heads/{prefix}*")
        return dict(row.split(" ") for row in rows)

    def fix_branches(self) -> dict[str, str]:
        """The branches of fixes and their heads."""
        return self.branches(FIX_BRANCHES)

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

    def released(self, base: str, head: str) -> list[str]:
        """The commits that the released branch stood at since base, oldest first."""
        return self._read("rev-list", "--first-parent", "--reverse", f"{base}..{head}")

    def commits(self, base: str, head: str) -> dict[str, Commit]:
        """Every commit since base on the released branch or a branch of Aegis'."""
        trailers = (f"%(trailers:key={key},valueonly,separator=%x20)" for key in TRAILERS)
        form = "--format=%x1e" + "%x1f".join(["%H", "%ct", "%P", "%s", "%cn <%ce>", *trailers])
        text = self._text(
            *("log", "--raw", "--no-abbrev", "--no-renames", "--diff-merges=first-parent", form),
            *(head, f"--glob=refs/heads/{BRANCHES}*", "--not", base),
        )
        return {commit.id: commit for commit in map(_commit, text.split("\x1e")[1:])}

    def patch_ids(self, base: str, head: str) -> dict[str, str]:
        """The stable patch id of what each commit of the released branch changed."""
        patches = self._text(
            *("log", "-p", "--first-parent", "--diff-merges=first-parent", "--no-color"),
            *("--no-ext-diff", "--no-textconv", f"{base}..{head}"),
        )
        return self._ids(patches)

    def undoes(self, revert: Commit, commit: Commit, path: str) -> bool:
        """Whether one commit changes a file back as the other changed it, wherever the lines are."""
        done = f"{commit.parents[0]}", commit.id
        undone = revert.id, f"{revert.parents[0]}"
        plain = ("-U0", "--no-renames", "--no-color", "--no-ext-diff", "--no-textconv")
        ids = [self._ids(self._text("diff", *plain, *pair, "--", path)) for pair in (done, undone)]
        return list(ids[0].values()) == list(ids[1].values())

    def _ids(self, patches: str) -> dict[str, str]:
        done = self._git("patch-id", "--stable", given=patches)
        rows = (line.split(" ") for line in done.stdout.splitlines())
        return {commit: patch for patch, commit in rows}


TRAILERS = ("Aegis-Incident", "Aegis-Reverts")


def _commit(text: str) -> Commit:
    head, *raw = text.strip("\n").split("\n")
    name, at, parents, subject, committer, incident, reverts = head.split("\x1f")
    changes = {}
    for line in filter(None, raw):
        facts, path = line.split("\t", 1)
        old_mode, new_mode, old, new, _ = facts[1:].split(" ")
        changes[path] = (f"{old_mode} {old}", f"{new_mode} {new}")
    known = (name, float(at), tuple(parents.split()), subject, committer, incident, reverts)
    return Commit(*known, changes)
