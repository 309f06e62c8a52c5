"""A world in which scenarios were played, for tests to tell one lie each about."""

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import heal_check
from stamps import START, iso, logged

AEGIS = "Aegis <aegis@localhost>"
PERSON = "A person <person@shop.example>"

# How long a scenario plays, in seconds.
SLOT = 100.0

# The mark of the commit before all others.
FIRST = ":1"

NOTHING = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}


@dataclass
class History:
    """A repository that is written in one go; a commit is known by its mark until then."""

    stream: list[str] = field(default_factory=list)
    # What was there before anything was played.
    first: dict[str, str] = field(default_factory=dict)
    heads: dict[str, str] = field(default_factory=dict)
    trees: dict[str, dict[str, str]] = field(default_factory=dict)

    def commit(
        self,
        branch: str,
        files: dict[str, str],
        at: float,
        subject: str = "Change",
        incident: str | None = None,
        who: str | None = None,
        brings: str | None = None,
        reverts: str | None = None,
    ) -> str:
        """A commit on a branch, which is cut from main where it is not there; its mark."""
        parent = self.heads.get(branch) or self.heads.get("main", FIRST)
        mark = f":{len(self.trees) + 2}"
        trailers = [f"Aegis-Incident: {incident}"] if incident else []
        trailers += [f"Aegis-Reverts: {reverts}"] if reverts else []
        message = "\n\n".join(filter(None, [subject, "\n".join(trailers)]))
        who = who or (AEGIS if incident else PERSON)
        lines = [f"commit refs/heads/{branch}", f"mark {mark}"]
        lines += [f"committer {who} {START + int(at)} +0000", _data(message)]
        lines.append(f"from {parent}")
        lines += [f"merge {self.heads[brings]}"] if brings else []
        lines += _inline(files)
        self.stream.append("\n".join(lines) + "\n")
        self.heads[branch] = mark
        self.trees[mark] = {**self.trees.get(parent, {}), **files}
        return mark

    def text(self, path: str) -> str:
        """A file as it is on main."""
        return (self.first | self.trees.get(self.heads.get("main"), {}))[path]

    def delete(self, branch: str) -> None:
        """Forget a branch."""
        self.stream.append(f"reset refs/heads/{branch}\nfrom {'0' * 40}\n\n")
        del self.heads[branch]

    def write(self, repo: Path) -> dict[str, str]:
        """The repository as files, and the id of each mark."""
        marks = repo.parent / "marks"
        start = ["commit refs/heads/main", f"mark {FIRST}"]
        start += [f"committer {PERSON} {START - 1000} +0000", _data("Open"), *_inline(self.first)]
        text = "\n".join(start) + "\n" + "".join(self.stream)
        for command in (
            ["git", "init", "-q", "--bare", "--template=", "-b", "main", str(repo)],
            ["git", "-C", str(repo), "fast-import", "--quiet", f"--export-marks={marks}"],
        ):
            subprocess.run(command, input=text, text=True, check=True, env=os.environ | NOTHING)
        return dict(line.split(" ") for line in marks.read_text().splitlines())


def _inline(files: dict[str, str]) -> list[str]:
    return [f"M 100644 inline {path}\n{_data(text)}" for path, text in files.items()]


def _data(text: str) -> str:
    return f"data {len(text.encode())}\n{text}"


def broken(name: str) -> str:
    """A file with a bug in it."""
    return f"def {name}():\n    first()\n    return 1 / 0\n\n\ndef other():\n    return 1\n"


class Played:
    """A shop, and what became of it so far."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git = History()
        self.git.first["tests/test_shop.py"] = "assert True\n"
        self.requests: list[dict] = []
        self.rows: list[dict] = []
        self.routes: dict[str, list[str]] = {}
        self.files: dict[str, list[str]] = {}
        self.refusals: dict[str, int] = {}
        self.expected: dict[str, dict] = {}
        self.log: list[str] | None = None
        self.now = 0.0
        self.answer = 200

    def begin(self, *files: str) -> float:
        """The next scenario's time, its files in place before it."""
        at = self.now
        self.now += SLOT
        for file in files:
            self.git.first[f"shop/{file}.py"] = broken(file)
        return at

    def row(self, incident: str, scenario: str, outcome: str, **more) -> dict:
        """A row of the report, times in seconds."""
        row = {
            "id": incident,
            "service": "shop",
            "fingerprint": f"print-{incident}",
            "kind": "crash",
            "outcome": outcome,
            "scenario": scenario,
            "branch": None,
            "merge_commit": None,
            "reverted_by": None,
            "release": None,
            "submissions": [],
            "held": [],
            "closed_at": None,
        } | more
        self.rows.append(row)
        return row

    def offer(self, row: dict, files: dict[str, str], at: float) -> dict:
        """The row's next attempt on its branch."""
        attempt = len(row["submissions"]) + 1
        ending = f"-{attempt}" if attempt > 1 else ""
        branch = f"aegis/fix-{row['id']}{ending}"
        self.git.commit(branch, files, at, "Fix", incident=row["id"])
        one = {"attempt": attempt, "branch": branch, "merge_commit": None, "reverted_by": None}
        row["submissions"].append(one)
        row["branch"] = branch
        return one

    def merge(self, row: dict, files: dict[str, str], at: float, person: bool = False) -> dict:
        """The row's next attempt, merged."""
        one = self.offer(row, files, at)
        who, incident = (PERSON, None) if person else (AEGIS, row["id"])
        subject = f"Merge {one['branch']}: Fix"
        mark = self.git.commit("main", files, at, subject, incident, who, brings=one["branch"])
        one["merge_commit"] = row["merge_commit"] = mark
        return one

    def revert(self, row: dict, bad: str, files: dict[str, str], at: float) -> str:
        """A commit that takes another back, as far as the files go."""
        mark = self.git.commit("main", files, at, "Revert", incident=row["id"], reverts=bad)
        row["reverted_by"] = mark
        if row["submissions"] and row["submissions"][-1]["merge_commit"] == bad:
            row["submissions"][-1]["reverted_by"] = mark
        return mark

    def visit(
        self,
        path: str,
        start: float,
        stop: float,
        fails: Callable[[float], bool] = lambda at: False,
        ms: Callable[[float], float] = lambda at: 2.0,
    ) -> None:
        """A request a second for a path."""
        self.expected[path] = {"path": path}
        at = start + 0.5
        while at < stop:
            status = 500 if fails(at) else self.answer
            body = json.dumps({"error": "x"} if fails(at) else {"path": path})
            asked = {"at": at, "method": "GET", "path": path, "status": status}
            self.requests.append(asked | {"ms": ms(at), "body": body})
            at += 1

    def check(self, *more: str) -> int:
        """Write the evidence down and run the checker on it."""
        marks = self.git.write(self.folder / "repo")

        def write(name: str, text: str) -> str:
            file = self.folder / name
            file.write_text(text)
            return str(file)

        def known(value: object) -> object:
            return marks.get(value, value) if isinstance(value, str) else value

        def told(row: dict) -> dict:
            times = {key: _ms(row[key]) for key in ("opened_at", "closed_at")}
            held = [one | {"from": _ms(one["from"]), "to": _ms(one["to"])} for one in row["held"]]
            tries = [{key: known(it) for key, it in one.items()} for one in row["submissions"]]
            plain = {key: known(it) for key, it in row.items()}
            return plain | times | {"held": held, "submissions": tries}

        self.requests.sort(key=lambda row: row["at"])
        lines = [json.dumps(row | {"at": iso(row["at"])}) for row in self.requests]
        log = [logged(row) for row in self.requests] if self.log is None else self.log
        routes = {"scenarios": self.routes, "files": self.files, "refusals": self.refusals}
        report = {"incidents": [told(row) for row in self.rows]}
        return heal_check.main(
            [
                *("--repo", str(self.folder / "repo"), "--base", marks[FIRST]),
                *("--transcript", write("transcript.jsonl", "\n".join(lines))),
                *("--access-log", write("access.log", "\n".join(log))),
                *("--expect", write("expected.json", json.dumps(self.expected))),
                *("--routes", write("routes.json", json.dumps(routes))),
                *("--report", write("report.json", json.dumps(report))),
                *("--window", "30", "--scenarios", *more),
            ]
        )


def _ms(at: float | None) -> int | None:
    return None if at is None else int((START + at) * 1000)
