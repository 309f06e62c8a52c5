"""Each finding has a world that is wrong in just that."""

import json

import pytest

from evidence import read_access_log, read_transcript
from repository import Merge
from stamps import START, logged


def test_a_healed_world_has_no_finding(healed, capsys):
    assert healed.check() == 0, capsys.readouterr().out
    assert "everything holds" in capsys.readouterr().out


def test_a_report_is_not_needed(healed):
    assert healed.check(report=False) == 0


def test_an_unanswered_request_while_the_service_restarts_is_no_finding(healed):
    for path in ("/a", "/b", "/c"):
        healed.send(path, None, at=61.2)
    assert healed.check() == 0


def test_a_last_line_cut_short_is_left_out(healed):
    healed.check()
    transcript = healed.folder / "transcript.jsonl"
    transcript.write_text(transcript.read_text() + '{"at": "2025')
    assert len(read_transcript(transcript)) == len(healed.requests)


def test_no_error_at_all(healed, finds):
    healed.requests = [row for row in healed.requests if row["status"] == 200]
    finds(healed.check(), "no route ever failed")


def test_a_route_that_never_recovers(broken, finds):
    finds(broken.check(), "GET /a: it never recovered", "GET /b: it never recovered")


def test_an_error_long_after_the_merge(healed, finds):
    healed.send("/a", 500, at=100)
    finds(healed.check(), "GET /a: the last error is 40 s after the last merge")


def test_too_few_successes(healed, finds):
    healed.drop("/b", since=65)
    finds(healed.check("--tail", "1000"), "GET /b: only 3 successes after the last error, not 5")


def test_an_end_that_was_not_exercised(healed, finds):
    healed.drop("/a", since=90)
    finds(healed.check(), "GET /a: no success in the last 30 s")


def test_an_end_without_an_answer(healed, finds):
    healed.send("/a", None, at=121)
    finds(healed.check(), "GET /a: the last request has no answer")


def test_a_fix_that_turns_the_error_into_a_refusal(healed, finds):
    for row in healed.requests:
        if row["path"] == "/a" and row["at"] > 40 and int(row["at"]) % 2:
            row["status"] = 404
    finds(healed.check(), "GET /a: answered 404 after the last error")


def test_a_recovery_before_the_merge(healed, finds):
    for row in healed.requests:
        if row["path"] == "/a" and row["at"] > 20:
            row.update(status=200, body='{"value": 1.5}')
    finds(healed.check(), "GET /a: it recovered before the fix was merged")


def test_a_recovery_without_any_fix(broken, finds):
    broken.requests.clear()
    broken.traffic(live={"/a": 32})
    finds(broken.check(), "GET /a: it recovered, but no fix was merged")


def test_errors_that_a_fix_brought(healed, finds):
    healed.send("/c", 500, at=62.1)
    finds(healed.check(), "GET /c: there was no error before a fix was merged")


def test_errors_that_are_missing_from_the_access_log(healed, finds):
    healed.log = [logged(row) for row in healed.requests if row["status"] == 200]
    finds(healed.check(), "/a: the access log has 0 of the 32 errors", "/b: the access log has 0 of")


def test_errors_that_only_the_access_log_has(healed, finds):
    later = {"at": 110, "method": "GET", "path": "/a", "status": 500}
    healed.log = [logged(row) for row in [*healed.requests, later]]
    finds(
        healed.check(),
        "GET /a: the access log has errors after the last one",
    )


def test_successes_that_are_missing_from_the_access_log(healed, finds):
    healed.log = [logged(row) for row in healed.requests if row["at"] < 64]
    finds(healed.check(), "GET /b: the access log has 2 successes after the last error, not 58")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ('{"value": 0.0}', "value is 0.0, not 1.5"),
        ('{"value": null}', "value is null, not 1.5"),
        ('{"value": "1.5"}', 'value is "1.5", not 1.5'),
        ('{"other": 1}', "value is missing"),
        ("sorry", "the body is no JSON"),
        ("[]", 'the body is [], not {"value": 1.5}'),
    ],
)
def test_a_wrong_value(healed, finds, body, why):
    healed.send("/a", 200, at=100, body=body)
    finds(healed.check(), f"GET /a: {why}")


def test_a_wrong_value_on_a_route_that_never_failed(healed, finds):
    healed.send("/c", 200, at=100, body='{"fine": 1}')
    finds(healed.check(), "GET /c: fine is 1, not true")


def test_a_failing_route_without_an_expected_value(healed, finds):
    del healed.expected["/a"]
    finds(healed.check(), "GET /a: nobody said what the right answer is")


def test_a_changed_test_file(healed, finds):
    healed.fix("c0de", "tests/test_a.py", at=70)
    finds(healed.check(), "tests/test_a.py: a test file of the service was changed")


def test_a_branch_that_was_never_merged(healed, finds):
    healed.git("branch", "aegis/fix-c0de", at=70)
    healed.git("switch", "-q", "aegis/fix-c0de", at=70)
    healed.commit("c.py", "healed", at=70)
    finds(healed.check(), "aegis/fix-c0de: never merged")


def test_a_branch_that_was_merged_twice(healed, finds):
    healed.merge("aegis/fix-7f3a", at=80)
    finds(healed.check(report=False), "aegis/fix-7f3a: merged 2 times")


def test_a_branch_that_moved_and_was_merged_again(healed, finds):
    healed.git("switch", "-q", "aegis/fix-7f3a", at=80)
    healed.commit("a.py", "healed again", at=80)
    healed.git("switch", "-q", "main", at=80)
    healed.merge("aegis/fix-7f3a", at=81)
    finds(healed.check(report=False), "aegis/fix-7f3a: merged 2 times")


def test_a_second_branch_for_an_incident(healed, finds):
    healed.fix("7f3a-2", "c.py", at=80)
    finds(healed.check(), "aegis/fix-7f3a-2: a second branch for the incident of aegis/fix-7f3a")


def test_a_fix_that_is_missing_from_the_report(healed, finds):
    healed.rows.pop()
    finds(healed.check(), "the report has 1 merged fixes, Git has 2")


def test_a_healed_row_without_a_merge(healed, finds):
    healed.rows[0].update(branch=None, merge_commit=None)
    finds(healed.check(), "incident 7f3a: Healed without a branch and a merge commit")


def test_a_row_that_did_not_ship_needs_no_merge(healed):
    healed.rows.append({"id": "dead", "outcome": "AwaitingHuman", "branch": None})
    assert healed.check() == 0


def test_a_row_whose_branch_does_not_exist(healed, finds):
    healed.rows[0]["branch"] = "aegis/fix-none"
    finds(healed.check(), "incident 7f3a: its branch aegis/fix-none does not exist")


def test_a_row_whose_merge_commit_does_not_exist(healed, finds):
    healed.rows[0]["merge_commit"] = "0" * 40
    finds(healed.check(), "incident 7f3a: its merge commit 0000", "does not exist")


def test_a_row_whose_merge_commit_is_another_commit(healed, finds):
    healed.rows[0]["merge_commit"] = healed.base
    finds(
        healed.check(),
        "is no merge of a fix on the branch that is released",
        "incident 7f3a: the merge commit does not contain the head of aegis/fix-7f3a",
    )


def test_two_rows_with_one_merge(healed, finds):
    healed.rows[1] = healed.rows[0] | {"id": "91bc"}
    finds(healed.check(), "the branch aegis/fix-7f3a more than once", "names the merge_commit")


def test_observing_leaves_everything_as_it_was(broken):
    assert broken.check("--observe") == 0


def test_observing_may_not_move_main(broken, finds):
    broken.commit("a.py", "healed", at=50)
    finds(broken.check("--observe"), "main moved")


def test_observing_may_not_leave_a_branch(broken, finds):
    broken.git("branch", "aegis/fix-7f3a", at=50)
    finds(broken.check("--observe"), "aegis/fix-7f3a: a branch")


def test_observing_may_not_end_the_errors(broken, finds):
    broken.requests.clear()
    broken.traffic(live={"/a": 50, "/b": 1e9})
    finds(broken.check("--observe"), "GET /a: its errors ended")


def test_observed_errors_go_on_to_the_end(broken, finds):
    broken.drop("/b", since=60)
    finds(broken.check("--observe"), "GET /b: no error in the last 60 s")


def test_observed_errors_are_in_the_access_log(broken, finds):
    broken.log = []
    finds(broken.check("--observe"), "/a: the access log misses", "/b: the access log misses")


@pytest.mark.parametrize("name", ["--repo", "--access-log", "--transcript", "--report", "--expect"])
def test_evidence_that_is_missing(healed, finds, name):
    code = healed.check(name, str(healed.folder / "nothing"), report=False)
    finds(code, "nothing", unreadable=True)


def test_a_damaged_transcript(healed, finds):
    healed.requests[3]["status"] = 200
    del healed.requests[3]["path"]
    healed.log = []
    finds(healed.check(), "transcript.jsonl, line 4", unreadable=True)


def test_an_unknown_base(healed, finds):
    healed.base = "f" * 40
    finds(healed.check(), "has no ffff", unreadable=True)


def test_lines_that_are_no_requests_are_skipped(tmp_path):
    log = tmp_path / "access.log"
    line = logged({"at": 0, "method": "GET", "path": "/a?b=%22", "status": 503})
    log.write_text(f"started\n{line}\n")
    (found,) = read_access_log(log)
    assert (found.route, found.status, found.at) == ("GET /a?b=%22", 503, START)
    assert json.dumps(found.body) == "null"


def test_a_branch_is_not_named_by_a_longer_one():
    merge = Merge("c", 0.0, ("a", "b"), "Merge branch 'aegis/fix-7f3a-2'")
    assert merge.names("aegis/fix-7f3a-2")
    assert not merge.names("aegis/fix-7f3a")
