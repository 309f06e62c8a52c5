"""Rows and Git tell the same: lies about a row, a commit, a branch or a request."""

from pathlib import Path

import heal_check
import scripts
from heal_check import read_routes
from played import AEGIS, SLOT
from report import ASKED_FOR, WANTED
from scenarios import RULES


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


def test_a_row_of_a_scenario_that_nobody_knows(world, finds):
    scripts.handed_over(world)
    scripts.handed_over(world, "rain")
    finds(world.check("no-template"), "rain, incident h-rain: a row of no scenario")


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


def test_the_routes_of_the_shop_are_those_of_known_scenarios():
    listed, by_file = read_routes(Path(heal_check.__file__).parent / "scenarios.json")
    assert set(listed) < set(WANTED | ASKED_FOR)
    assert set(RULES) == set(WANTED | ASKED_FOR)
    routes = [route for routes in by_file.values() for route in routes]
    assert len(routes) == len(set(routes))


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


def test_a_branch_that_no_submission_has(world, finds):
    scripts.held(world)["branch"] = "aegis/fix-none"
    finds(world.check("freeze"), "its branch is aegis/fix-none, its last submission's differs")


def test_a_branch_without_a_submission(world, finds):
    scripts.handed_over(world)["branch"] = "aegis/fix-none"
    finds(world.check("no-template"), "its branch is aegis/fix-none, but it has no submission")


def test_a_revert_of_nothing(world, finds):
    scripts.handed_over(world)["reverted_by"] = "f" * 40
    finds(world.check("no-template"), "it was reverted by ffff", "but nothing of it was")


def test_a_submission_that_was_reverted_but_never_merged(world, finds):
    row = scripts.flapping(world)
    row["submissions"][2]["reverted_by"] = "f" * 40
    finds(world.check("flapping"), "aegis/fix-flap-3 was reverted, but never merged")


def test_a_branch_of_a_revert_that_no_row_tells_of(world, finds):
    scripts.held(world)
    world.git.heads["aegis/revert-i0"] = world.git.heads["main"]
    world.git.stream.append(f"reset refs/heads/aegis/revert-i0\nfrom {world.git.heads['main']}\n\n")
    finds(world.check("freeze"), "aegis/revert-i0: a branch of no row's reverts")


def test_a_branch_of_a_revert_that_a_row_tells_of(world):
    row = scripts.trap(world)
    world.git.stream.append(f"reset refs/heads/aegis/revert-trap\nfrom {row['reverted_by']}\n\n")
    assert world.check("trap") == 0


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


def test_a_merge_within_the_watch_of_another(world, finds):
    for _ in range(3):
        scripts.healed(world, "crash-bugs")
        world.now -= SLOT - 20
    finds(world.check("crash-bugs"), "was merged 20 s after")


def test_a_merge_right_after_a_revert(world):
    scripts.trap(world)
    world.now -= SLOT - 20
    scripts.healed(world, "freeze", held=[{"why": "freeze", "from": 38, "to": 59}])
    assert world.check("trap", "freeze") == 0
