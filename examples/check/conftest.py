"""A small world that was healed, for tests to break in one place each."""

import copy
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

import heal_check
from played import Played
from stamps import START, iso, logged

GOOD = {"/a": '{"value": 1.5, "other": "x"}', "/b": '{"names": ["guest"]}', "/c": '{"fine": true}'}
EXPECTED = {"/a": {"value": 1.5}, "/b": {"names": ["guest"]}, "/c": {"fine": True}}


class World:
    """A repository with two merged fixes, and two minutes of traffic on three routes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repo = folder / "repo"
        self.repo.mkdir()
        self.git("init", "-q", "-b", "main", "--template=", ".", at=0)
        self.base = self.commit("a.py", "broken", at=-1000)
        self.base = self.commit("tests/test_a.py", "assert", at=-900)
        self.requests: list[dict] = []
        self.log: list[str] | None = None
        self.rows: list[dict] = []
        self.expected = dict(EXPECTED)

    def copy(self, folder: Path) -> "World":
        """The same world in another folder."""
        world = copy.deepcopy(self)
        world.folder = folder
        world.repo = folder / "repo"
        shutil.copytree(self.repo, world.repo)
        return world

    def git(self, *arguments: str, at: float) -> str:
        """Run git at a time, in seconds from the start."""
        date = f"{START + int(at)} +0000"
        who = {"NAME": "t", "EMAIL": "t@example.com", "DATE": date}
        stamps = {f"GIT_AUTHOR_{key}": value for key, value in who.items()}
        stamps |= {f"GIT_COMMITTER_{key}": value for key, value in who.items()}
        nothing = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.repo,
            env=os.environ | stamps | nothing,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def commit(self, path: str, text: str, at: float) -> str:
        """Write and commit a file."""
        file = self.repo / path
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        self.git("add", "-A", at=at)
        self.git("commit", "-q", "-m", f"Change {path}", at=at)
        return self.git("rev-parse", "HEAD", at=at)

    def fix(self, incident: str, path: str, at: float, text: str = "healed") -> None:
        """Commit a fix on its branch, merge it and report it."""
        branch = f"aegis/fix-{incident}"
        self.git("switch", "-q", "-c", branch, "main", at=at)
        self.commit(path, text, at=at)
        self.git("switch", "-q", "main", at=at)
        merge = self.merge(branch, at)
        row = {"id": incident, "outcome": "Healed", "branch": branch, "merge_commit": merge}
        self.rows.append(row)

    def merge(self, branch: str, at: float) -> str:
        """Merge a branch, even where there is nothing to merge."""
        tree = self.git("merge-tree", "--write-tree", "main", branch, at=at)
        parents = ["-p", "main", "-p", branch]
        commit = self.git("commit-tree", tree, *parents, "-m", f"Merge branch '{branch}'", at=at)
        self.git("reset", "-q", "--hard", commit, at=at)
        return commit

    def send(self, path: str, status: int | None, at: float, body: str | None = None) -> None:
        """One request of a visitor."""
        answers = {200: GOOD[path], None: None}
        body = answers.get(status, '{"error": "x"}') if body is None else body
        self.requests.append(
            {"at": at, "method": "GET", "path": path, "status": status, "ms": 1.0, "body": body}
        )

    def traffic(self, live: dict[str, float], seconds: int = 120) -> None:
        """One request a second for each route, failing until its fix is live."""
        for second in range(seconds):
            for path in GOOD:
                healed = second + 0.5 >= live.get(path, 0)
                self.send(path, 200 if healed else 500, second + 0.5)

    def drop(self, path: str, since: float) -> None:
        """Forget the requests for a path since a moment."""
        self.requests = [
            row for row in self.requests if row["path"] != path or row["at"] < since
        ]

    def check(self, *more: str, report: bool = True) -> int:
        """Write the evidence down and run the checker on it."""
        transcript = self.folder / "transcript.jsonl"
        access_log = self.folder / "access.log"
        lines = [json.dumps(row | {"at": iso(row["at"])}) for row in self.requests]
        transcript.write_text("".join(f"{line}\n" for line in lines))
        log = self.log
        if log is None:
            log = [logged(row) for row in self.requests if row["status"]]
        access_log.write_text("".join(f"{line}\n" for line in log))
        (self.folder / "expected.json").write_text(json.dumps(self.expected))
        (self.folder / "report.json").write_text(json.dumps({"incidents": self.rows}))
        arguments = [
            *("--repo", str(self.repo), "--access-log", str(access_log)),
            *("--transcript", str(transcript), "--base", self.base),
            *("--expect", str(self.folder / "expected.json")),
            *more,
        ]
        if report:
            arguments += ["--report", str(self.folder / "report.json")]
        return heal_check.main(arguments)


@pytest.fixture(scope="session")
def broken_once(tmp_path_factory):
    """A world in which two routes fail and nobody does anything."""
    world = World(tmp_path_factory.mktemp("broken"))
    world.traffic(live={"/a": 1e9, "/b": 1e9})
    return world


@pytest.fixture(scope="session")
def healed_once(tmp_path_factory):
    """A world in which two routes failed and were healed, one after the other."""
    world = World(tmp_path_factory.mktemp("healed"))
    world.fix("7f3a", "a.py", at=30)
    world.fix("91bc", "b.py", at=60)
    world.traffic(live={"/a": 32, "/b": 62})
    return world


@pytest.fixture
def broken(broken_once, tmp_path):
    """A copy of the broken world to change."""
    return broken_once.copy(tmp_path)


@pytest.fixture
def healed(healed_once, tmp_path):
    """A copy of the healed world to change."""
    return healed_once.copy(tmp_path)


@pytest.fixture
def world(tmp_path):
    """A shop in which no scenario has been played."""
    return Played(tmp_path)


@pytest.fixture
def finds(capsys):
    """The findings of a check: each text is in one of them, and there is no other."""

    def finds(code: int, *texts: str, unreadable: bool = False) -> None:
        said = capsys.readouterr().out
        findings = [line for line in said.splitlines() if line.startswith("FINDING ")]
        assert code == (2 if unreadable else 1), said
        for text in texts:
            assert any(text in line for line in findings), said
        for line in findings:
            assert any(text in line for text in texts), said

    return finds
