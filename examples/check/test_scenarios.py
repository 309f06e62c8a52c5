"""Each scenario has a run in which all is well, and lies that must be found."""

import pytest

import scripts
from played import AEGIS, SLOT, Played, broken


@pytest.fixture
def world(tmp_path):
    """A shop in which nothing has been played."""
    return Played(tmp_path)


def test_a_whole_run_without_a_lie(world, capsys):
    scripts.whole(world)
    assert world.check() == 0, capsys.readouterr().out
    said = capsys.readouterr().out
    for row in world.rows:
        assert f"{row['scenario']}, incident {row['id']}: {row['outcome']}" in said


def test_a_missing_row(world, finds):
    scripts.held(world, "budget")
    scripts.handed_over(world)
    world.rows.pop()
    finds(
        world.check("no-template", "budget"),
        "no-template: 0 rows in the report, not 1: one is missing",
        "GET /no-template: 90 errors that belong to no row",
    )


def test_the_whole_table_is_wanted(world, finds):
    scripts.handed_over(world)
    finds(world.check(), "rows in the report, not 1: one is missing", "crash-bugs: 0 rows")


def test_an_extra_row(world, finds):
    scripts.handed_over(world)
    world.rows.append(world.rows[0] | {"id": "more"})
    finds(world.check("no-template"), "no-template: 2 rows in the report, not 1: one too many")


def test_a_row_of_a_scenario_that_was_not_played(world, finds):
    scripts.handed_over(world)
    scripts.held(world)
    finds(world.check("no-template"), "freeze, incident i1: a row of no scenario that was played")


def test_two_rows_of_one_incident(world, finds):
    scripts.handed_over(world)
    scripts.handed_over(world, "full-pool")["id"] = "h-no-template"
    finds(world.check("no-template", "full-pool"), "incident h-no-template: more than one row")


def test_a_scenario_that_nobody_knows(world, finds):
    scripts.handed_over(world)
    finds(world.check("rain"), "there is no scenario rain", unreadable=True)


def test_a_report_in_another_form(world, finds):
    row = scripts.handed_over(world)
    del row["scenario"]
    finds(world.check("no-template"), "is not in the known form", unreadable=True)


def test_routes_in_another_form(world, finds):
    scripts.handed_over(world)
    world.files = None
    finds(world.check("no-template"), "the routes", unreadable=True)


def test_two_rows_with_the_same_merge(world, finds):
    rows = scripts.crash_bugs(world)
    for name in ("merge_commit", "branch", "submissions"):
        rows[2][name] = rows[1][name]
    finds(
        world.check("crash-bugs"),
        "more than one row tells of it",
        "a merge that no row tells of",
        "aegis/fix-i2: a branch of no row's submissions",
        "incident i2: aegis/fix-i1 is not the branch of its attempt 1",
        "was made for incident i1",
        "incident i2: Healed, but no route ever failed",
        "GET /crash-bugs-2: 52 errors that belong to no row",
    )


def test_a_healed_row_without_a_merge(world, finds):
    row = scripts.healed(world, "crash-bugs")
    scripts.healed(world, "crash-bugs")
    scripts.healed(world, "crash-bugs")
    row |= {"submissions": [], "branch": None, "merge_commit": None}
    finds(
        world.check("crash-bugs"),
        "incident i0: Healed without a merge",
        "GET /crash-bugs-0: it recovered before the fix was merged",
        "a merge that no row tells of",
        "aegis/fix-i0: a branch of no row's submissions",
    )


def test_a_merge_that_is_not_on_the_branch(world, finds):
    row = scripts.held(world)
    row["merge_commit"] = row["submissions"][0]["merge_commit"] = "f" * 40
    finds(
        world.check("freeze"),
        "Healed without a merge",
        "ffff is no merge on the branch that is released",
        "a merge that no row tells of",
        "it recovered, but no fix was merged",
    )


def test_a_merge_of_another_branch(world, finds):
    row = scripts.held(world)
    world.git.commit(row["branch"], {"shop/more.py": "more\n"}, 41, "Fix more", row["id"])
    finds(world.check("freeze"), "does not bring the head of aegis/fix-i0")


def test_a_merge_commit_that_no_submission_has(world, finds):
    row = scripts.held(world)
    row["merge_commit"] = "f" * 40
    finds(world.check("freeze"), "its merge commit is ffff")


def test_a_branch_that_does_not_exist(world, finds):
    row = scripts.held(world)
    world.git.delete(row["branch"])
    finds(world.check("freeze"), "its branch aegis/fix-i0 does not exist")


def test_a_branch_of_no_row(world, finds):
    scripts.held(world)
    world.git.commit("aegis/fix-i0-2", {"shop/more.py": "more\n"}, 50, incident="i0")
    finds(world.check("freeze"), "aegis/fix-i0-2: a branch of no row's submissions")


def test_a_commit_of_aegis_that_no_row_tells_of(world, finds):
    scripts.held(world)
    world.git.commit("main", {"shop/more.py": "more\n"}, 90, "Tidy up", who=AEGIS)
    finds(world.check("freeze"), "(Tidy up): a commit of Aegis' that no row tells of")


def test_a_fix_that_changes_a_test(world, finds):
    row = scripts.held(world)
    world.git.commit(row["branch"], {"tests/test_shop.py": "pass\n"}, 41, "Fix", row["id"])
    finds(
        world.check("freeze"),
        "tests/test_shop.py: a test file of the service was changed",
        "does not bring the head",
    )


def test_a_release_of_a_person_may_change_a_test(world):
    scripts.held(world)
    world.git.commit("main", {"tests/test_shop.py": "assert 1\n"}, 90, "Test more")
    assert world.check("freeze") == 0


def test_a_route_that_fails_again_after_it_was_healed(world, finds):
    scripts.held(world)
    world.requests[-10]["status"] = 500
    finds(
        world.check("freeze"),
        "the last error is 50 s after the last merge",
        "GET /freeze-0: 1 errors that belong to no row",
    )


def test_a_route_of_nobody_that_fails(world, finds):
    scripts.held(world)
    world.visit("/products", 0, SLOT, lambda t: t > 95)
    finds(world.check("freeze"), "GET /products: 5 errors that belong to no row")


def test_a_healed_row_whose_routes_never_failed(world, finds):
    scripts.held(world)
    for request in world.requests:
        request |= {"status": 200, "body": '{"path": "/freeze-0"}'}
    finds(world.check("freeze"), "Healed, but no route ever failed")


def test_a_wrong_value_after_the_heal(world, finds):
    scripts.held(world)
    world.requests[-10]["body"] = '{"path": null}'
    finds(world.check("freeze"), "GET /freeze-0: path is null")


def test_a_wrong_value_on_an_ordinary_route(world, finds):
    scripts.held(world)
    world.visit("/products", 0, SLOT)
    world.requests[-10]["body"] = "{}"
    finds(world.check("freeze"), "GET /products: path is missing")


def test_an_access_log_without_the_errors(world, finds):
    scripts.handed_over(world)
    world.log = []
    finds(world.check("no-template"), "the access log has 0 of the 90 errors")


def test_a_trap_that_was_not_reverted(world, finds):
    row = scripts.trap(world)
    row["reverted_by"] = row["submissions"][0]["reverted_by"] = None
    finds(
        world.check("trap"),
        "was not reverted",
        "a commit of Aegis' that no row tells of",
        "GET /warehouse: 11 errors that belong to no row",
    )


def test_a_trap_that_is_called_healed(world, finds):
    scripts.trap(world)["outcome"] = "Healed"
    finds(
        world.check("trap"),
        "its outcome is Healed, not RolledBack",
        "GET /wrap: 45 errors that belong to no row",
    )


def test_a_revert_that_changes_more(world, finds):
    row = scripts.trap(world)
    revert = row["reverted_by"]
    world.git.stream[-1] += "M 100644 inline shop/extra.py\ndata 1\nx\n"
    assert world.git.heads["main"] == revert
    finds(world.check("trap"), "changes shop/extra.py", "did not")


def test_a_trap_that_is_merged_again_for_another_page(world, finds):
    scripts.trap(world)
    row = scripts.trap_again(world)
    world.merge(row, {"shop/wrapping.py": "held up\n"}, world.now - 50)
    finds(
        world.check("trap", "trap-again"),
        "merges the diff of the trap's merge",
        "was merged",
        "is the same diff again",
    )


def test_a_trap_that_is_met_again_and_left_alone(world):
    scripts.trap(world)
    scripts.trap_again(world)
    assert world.check("trap", "trap-again") == 0


def test_a_futile_fix_that_is_called_healed(world, finds):
    row = scripts.futile(world)
    row["outcome"] = "Healed"
    finds(
        world.check("futile"),
        "its outcome is Healed, not RolledBack or",
        "GET /delivery: 35 errors that belong to no row",
    )


def test_a_futile_fix_that_was_not_futile(world, finds):
    scripts.futile(world)
    for request in world.requests:
        if 32 < request["at"] < 50:
            request |= {"status": 200, "body": '{"path": "/delivery"}'}
    finds(world.check("futile"), "no error between the merge")


def test_a_futile_fix_that_is_still_there(world, finds):
    row = scripts.futile(world)
    row["submissions"][0]["reverted_by"] = row["reverted_by"] = None
    finds(world.check("futile"), "was not reverted", "a commit of Aegis' that no row tells of")


@pytest.mark.parametrize("scenario", ["no-template", "full-pool"])
def test_something_in_git_of_what_was_handed_over(world, finds, scenario):
    row = scripts.handed_over(world, scenario)
    world.offer(row, {"shop/guess.py": "guess\n"}, 50)
    finds(world.check(scenario), "there may be nothing in Git for it")


def test_what_was_handed_over_but_never_failed(world, finds):
    scripts.handed_over(world)
    for request in world.requests:
        request |= {"status": 200, "body": '{"path": "/no-template"}'}
    finds(world.check("no-template"), "no route failed, so there was nothing to hand over")


def test_a_third_merge_of_what_flaps(world, finds):
    row = scripts.flapping(world)
    world.merge(row, {"shop/customs.py": "mended for good\n"}, 90)
    finds(world.check("flapping"), "3 merges, not two")


def test_the_same_diff_twice_for_one_incident(world, finds):
    row = scripts.flapping(world)
    world.git.commit("main", {"shop/customs.py": broken("customs")}, 70, "Undo by hand")
    row["submissions"].pop()
    row["submissions"][1]["merge_commit"] = None
    world.git.delete("aegis/fix-flap-3")
    world.merge(row, {"shop/customs.py": "mended once\n"}, 75)
    finds(
        world.check("flapping"),
        "the same diff was merged twice for one incident",
        "a merge that no row tells of",
    )


def test_what_flaps_but_never_failed_again(world, finds):
    scripts.flapping(world)
    for request in world.requests:
        if request["at"] > 61:
            request |= {"status": 200, "body": '{"path": "/customs"}'}
    finds(world.check("flapping"), "no error after the second merge")


@pytest.mark.parametrize("scenario", ["freeze", "kill-switch", "budget", "approve"])
def test_a_merge_while_merges_were_held(world, finds, scenario):
    row = scripts.held(world, scenario)
    row["held"][0]["to"] = 45
    finds(
        world.check(scenario),
        "was merged while merges were held",
        "its merge is not after the time",
    )


def test_a_merge_that_was_never_held(world, finds):
    scripts.held(world)["held"] = []
    finds(world.check("freeze"), "its merge was never held")


def test_a_merge_that_was_held_for_no_time(world, finds):
    row = scripts.held(world)
    row["held"][0]["to"] = row["held"][0]["from"]
    finds(world.check("freeze"), "it was held for no time at all")


def test_a_healed_row_whose_merge_was_reverted(world, finds):
    row = scripts.held(world)
    before = {"shop/freeze-0.py": broken("freeze-0")}
    world.revert(row, row["merge_commit"], before, 90)
    finds(world.check("freeze"), "Healed, but what healed it was reverted")


def test_a_proposal_that_aegis_merged(world, finds):
    scripts.healed(world, "propose")
    finds(world.check("propose"), "was merged by Aegis, not by a person")


def test_a_bug_that_was_healed_within_the_storm(world, finds):
    scripts.storm(world)
    scripts.bug_in_storm(world)
    world.rows[0]["closed_at"] = 60
    finds(
        world.check("storm", "bug-in-storm"),
        "was merged within the storm",
        "merged before the storm was over",
    )


def test_a_bug_in_a_storm_and_the_storm_are_told_apart(world):
    scripts.storm(world)
    scripts.bug_in_storm(world)
    assert world.check("storm", "bug-in-storm") == 0


def test_a_storm_of_another_kind(world, finds):
    scripts.storm(world)["kind"] = "crash"
    world.now += SLOT
    finds(world.check("storm"), "its kind is crash, not storm")


def test_something_in_git_of_one_error(world, finds):
    row = scripts.one_error(world)
    world.offer(row, {"shop/guess.py": "guess\n"}, 30)
    finds(world.check("storm-one-error"), "there may be nothing in Git for it")
