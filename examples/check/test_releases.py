"""Releases of a person: lies about what they did, and about what became of them."""

import pytest

import scripts
from played import SLOT, broken


SLOW = {"release-latency-x2": 2, "release-latency-x1.3": 1.3, "release-slow-ramp": 2.5}


def test_a_release_that_is_still_there(world, finds):
    row = scripts.raises_none(world)
    row["reverted_by"] = None
    finds(
        world.check("release-raises-none"),
        "its release",
        "is still there",
        "a commit of Aegis' that no row tells of",
        "errors that belong to no row",
    )


def test_a_release_that_is_not_on_the_branch(world, finds):
    row = scripts.raises_none(world)
    row["release"] = "f" * 40
    finds(
        world.check("release-raises-none"),
        "its release ffff",
        "ffff, which it says was reverted, is not on the branch",
        "errors that belong to no row",
    )


def test_a_revert_before_its_release(world, finds):
    row = scripts.raises_none(world)
    row |= {"release": row["reverted_by"], "reverted_by": row["release"]}
    finds(
        world.check("release-raises-none"),
        "its revert is before its release",
        "is not on the branch after it",
        "errors that belong to no row",
    )


def test_a_revert_that_leaves_half(world, finds):
    scripts.raises_none(world, revert={"shop/stock.py": broken("stock")})
    finds(world.check("release-raises-none"), "leaves shop/shelf.py not as it was before")


def test_a_revert_that_gives_back_something_else(world, finds):
    files = {"shop/stock.py": broken("stock"), "shop/shelf.py": "nearly\n"}
    scripts.raises_none(world, revert=files)
    finds(world.check("release-raises-none"), "leaves shop/shelf.py not as it was before")


def with_later_work(world, back: str) -> None:
    """A file is worked on between its release and the revert."""
    row = scripts.released(world, "release-raises-none", {})
    world.git.commit("main", {"shop/stock.py": "raises-none\n\n\nlater = 1\n"}, 50, "Add later")
    files = {"shop/stock.py": f"{back}\n\nlater = 1\n", "shop/shelf.py": broken("shelf")}
    world.revert(row, row["release"], files, 60)
    world.visit("/stock", 0, SLOT, lambda t: 42 <= t < 62)


def test_a_revert_that_keeps_what_came_later(world):
    with_later_work(world, broken("stock"))
    assert world.check("release-raises-none") == 0


def test_a_revert_that_keeps_what_came_later_and_leaves_half(world, finds):
    with_later_work(world, broken("stock").replace("first", "second"))
    finds(world.check("release-raises-none"), "leaves shop/stock.py not as it was before")


def test_a_revert_of_a_release_that_changed_a_test(world):
    files = {"tests/test_shop.py": "assert 2\n", "shop/stock.py": "bad\n"}
    scripts.released(world, "release-raises-none", files=files)
    world.visit("/stock", 0, SLOT, lambda t: 42 <= t < 62)
    assert world.check("release-raises-none") == 0


def by_a_pull_request(world, given_back):
    """A release that changed a test, reverted on a branch of its own that is merged."""
    files = {"tests/test_shop.py": "assert 2\n", "shop/stock.py": "bad\n"}
    row = scripts.released(world, "release-raises-none", revert={}, files=files)
    back = {"shop/stock.py": broken("stock")} | given_back
    at, branch = world.now - SLOT + 60, f"aegis/revert-{row['id']}"
    world.git.commit(branch, back, at, "Revert", row["id"], reverts=row["release"])
    subject = f"Merge {branch}"
    row["reverted_by"] = world.git.commit("main", back, at, subject, row["id"], brings=branch)
    world.visit("/stock", 0, SLOT, lambda t: 42 <= t < 62)


def test_a_revert_by_a_pull_request_of_a_release_that_changed_a_test(world):
    by_a_pull_request(world, {"tests/test_shop.py": "assert True\n"})
    assert world.check("release-raises-none") == 0


def test_a_revert_by_a_pull_request_that_changes_another_test(world, finds):
    more = {"tests/test_shop.py": "assert True\n", "tests/test_more.py": "assert 3\n"}
    by_a_pull_request(world, more)
    finds(
        world.check("release-raises-none"),
        "changes tests/test_more.py",
        "tests/test_more.py: a test file of the service",
        "tests/test_more.py: a test file of the service",
    )


def test_a_release_that_came_back(world, finds):
    row = scripts.raises_none(world)
    files = {"shop/stock.py": "raises-none\n", "shop/shelf.py": "raises-none too\n"}
    world.git.commit("main", files, 90, "Release again")
    assert row["reverted_by"]
    finds(world.check("release-raises-none"), "is the same diff again")


def test_a_fix_that_was_merged_for_a_release(world, finds):
    row = scripts.raises_none(world)
    revert = row["reverted_by"]
    world.merge(row, {"shop/shelf.py": "mended\n"}, 70)
    assert row["reverted_by"] == revert
    finds(world.check("release-raises-none"), "a fix was merged for it")


def test_a_revert_after_the_watch(world, finds):
    scripts.raises_none(world)
    finds(world.check("release-raises-none", "--window", "3"), "20 s after the release, not within")


def test_a_release_that_raised_nothing(world, finds):
    scripts.raises_none(world, live=0)
    finds(world.check("release-raises-none"), "no route failed between the release and its revert")


def test_errors_before_the_release(world, finds):
    scripts.raises_none(world)
    world.requests[5]["status"] = 500
    finds(
        world.check("release-raises-none"),
        "it failed before the release too",
        "1 errors that belong to no row",
    )


def test_errors_after_the_revert_was_live(world, finds):
    scripts.raises_none(world, live=85)
    finds(
        world.check("release-raises-none"),
        "errors after the revert was live",
        "errors that belong to no row",
    )


def test_a_route_that_nobody_asked_for_after_the_revert(world, finds):
    scripts.raises_none(world)
    world.requests = [request for request in world.requests if request["at"] < 60]
    finds(world.check("release-raises-none"), "no success after the revert")


def test_a_release_that_is_called_kept(world, finds):
    scripts.raises_none(world)["outcome"] = "Kept"
    finds(world.check("release-raises-none"), "its outcome is Kept, not RolledBack")


@pytest.mark.parametrize(("scenario", "factor"), SLOW.items())
@pytest.mark.parametrize("listed", [True, False])
def test_a_slow_release_that_was_taken_back(world, scenario, factor, listed):
    scripts.latency(world, scenario, factor)
    if listed:
        routes = ["/stock?product=1", "GET /stock?product=2"]
        world.routes[scenario] = routes
    assert world.check(scenario) == 0


@pytest.mark.parametrize("scenario", SLOW)
@pytest.mark.parametrize("listed", [True, False])
def test_a_release_that_was_not_slow(world, finds, scenario, listed):
    scripts.latency(world, scenario, 1.05)
    if listed:
        world.routes[scenario] = ["/stock?product=1", "/stock?product=2"]
    finds(world.check(scenario), "get slower by x" if listed else "no route got slower by x")


@pytest.mark.parametrize(("scenario", "factor"), SLOW.items())
def test_a_slow_route_after_the_revert(world, finds, scenario, factor):
    scripts.latency(world, scenario, factor, after=factor)
    # Of 40 ms, 10 % and 20 ms are more than the smallest release costs.
    far = ["its median at the end is"] if factor > 1.5 else []
    finds(world.check(scenario), "nearer to the slow release", *far)


def test_a_slow_route_that_nobody_asked_for_after_the_revert(world, finds):
    scripts.latency(world, "release-latency-x2", 2)
    world.requests = [r for r in world.requests if r["at"] < 62 or "stock" not in r["path"]]
    finds(world.check("release-latency-x2"), "only 0 requests tell how fast it is after the revert")


def test_errors_of_a_release_that_is_only_slow(world, finds):
    scripts.latency(world, "release-latency-x2", 2)
    world.requests[50]["status"] = 500
    finds(world.check("release-latency-x2"), "1 errors that belong to no row")


def test_a_kept_release(world):
    scripts.cold_cache(world)
    assert world.check("release-cold-cache") == 0


def test_a_kept_release_that_was_reverted(world, finds):
    row = scripts.cold_cache(world)
    files = {f"shop/{name}.py": broken(name) for name in ("stock", "shelf")}
    world.git.commit("main", files, 80, "Revert", row["id"], reverts=row["release"])
    finds(world.check("release-cold-cache"), "takes it back", "a commit of Aegis' that no row")


def test_a_kept_release_that_a_person_reverted_by_half(world, finds):
    scripts.cold_cache(world)
    world.git.commit("main", {"shop/shelf.py": broken("shelf")}, 80, "Simplify")
    finds(world.check("release-cold-cache"), "it was kept, but", "takes it back")


def test_a_kept_release_that_was_never_slow(world, finds):
    scripts.cold_cache(world, slow=0)
    finds(world.check("release-cold-cache"), "it was never slow")


def test_a_kept_release_that_is_slow_at_the_end(world, finds):
    scripts.cold_cache(world, end=50)
    finds(world.check("release-cold-cache"), "its median at the end is")


def test_a_kept_release_that_is_not_on_the_branch(world, finds):
    row = scripts.cold_cache(world)
    row["release"] = "f" * 40
    finds(world.check("release-cold-cache"), "is not on the branch that is released")
