"""Each scenario has a run in which all is well, and lies that must be found."""

import pytest

import scripts
from played import SLOT, broken


def test_a_whole_run_without_a_lie(world, capsys):
    scripts.whole(world)
    assert world.check() == 0, capsys.readouterr().out
    said = capsys.readouterr().out
    for row in world.rows:
        assert f"{row['scenario']}, incident {row['id']}: {row['outcome']}" in said


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
    mended(world, 51)
    finds(world.check("futile"), "no error between the merge")


def test_a_futile_fix_that_fails_in_the_second_of_its_revert(world):
    scripts.futile(world)
    mended(world, 50)
    assert world.check("futile") == 0


def mended(world, until: float) -> None:
    """The route works from the merge on."""
    for request in world.requests:
        if 32 < request["at"] < until:
            request |= {"status": 200, "body": '{"path": "/delivery"}'}


@pytest.mark.parametrize(("play", "scenario"), [(scripts.trap, "trap"), (scripts.futile, "futile")])
def test_a_row_that_tells_of_no_merge(world, finds, play, scenario):
    play(world)
    world.rows[0] |= {"submissions": [], "branch": None, "merge_commit": None, "reverted_by": None}
    finds(
        world.check(scenario),
        "no fix was merged for it",
        "a merge that no row tells of",
        "a commit of Aegis' that no row tells of",
        "a branch of no row's submissions",
        *(["GET /warehouse: 11 errors that belong to no row"] if scenario == "trap" else []),
    )


def test_a_futile_fix_whose_revert_is_not_on_the_branch(world, finds):
    row = scripts.futile(world)
    row["submissions"][0]["reverted_by"] = row["reverted_by"] = "f" * 40
    finds(world.check("futile"), "is not on the branch after it", "a commit of Aegis' that no row")


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
    world.merge(row, {"shop/customs.py": "mended once\n"}, 92)
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


def test_what_has_to_be_refused_is_healed_by_a_refusal(world, finds, capsys):
    world.answer = 400
    scripts.healed(world, "model")
    finds(world.check("model"), "it never recovered")
    world.refusals = {"/model-0": 400}
    assert world.check("model") == 0, capsys.readouterr().out
    world.refusals = {"/model-0": 404}
    finds(world.check("model"), "it never recovered")
